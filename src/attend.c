/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn attend: attention of tensors in files.  */

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "commands.h"
#include "json.h"
#include "message.h"
#include "tensor_file.h"

typedef struct attend {
  call c;
  const char *out, *lse;
  bool json;
} attend;

enum { OPT_JSON = 'j', OPT_LSE = 1 };

static const struct argp_option options[] = {
  { "output", 'o', "OUT", 0, "where out goes: FILE.npy or FILE.h5:/dataset, in q's axes", 0 },
  { "lse", OPT_LSE, "OUT", 0, "where lse goes (natural logarithm)", 0 },
  { "json", OPT_JSON, NULL, 0, "one JSON object on standard output", 0 },
  { 0 }
};

static error_t parse(int key, char *text, struct argp_state *state) {
  attend *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &a->c; break;
  case 'o': a->out = text; break;
  case OPT_LSE: a->lse = text; break;
  case OPT_JSON: a->json = true; break;
  case ARGP_KEY_ARG: argp_error(state, "'%s' is more than expected", text); break;
  default: return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

static void summary(const attend *a, const segattn_events *e) {
  const size_t *q = a->c.tensor[TENSOR_Q].shape;
  const struct { const char *name; uint64_t n; } event[] = {
    { "rescales", e->rescales }, { "underflow", e->underflow }, { "overflow", e->overflow }, { "nan", e->nan },
    { "inf", e->inf }, { "masked_rows", e->masked_rows }
  };
  if (a->json) {
    printf("{\"batch\":%zu,\"heads\":%zu,\"queries\":%zu,\"keys\":%zu,\"segments\":%zu,\"arithmetic\":", q[0], q[1], q[2],
           a->c.tensor[TENSOR_K].shape[2], a->c.n_segments);
    json_text(stdout, a->c.arithmetic);
    fputs(",\"isa\":", stdout);
    json_text(stdout, segattn_plan_isa(a->c.w.plan));
    fputs(",\"events\":{", stdout);
  }
  for (size_t i = 0; i < sizeof event / sizeof *event; i++)
    if (a->json)
      printf("%s\"%s\":%" PRIu64, i ? "," : "", event[i].name, event[i].n);
    else if (event[i].n && strcmp(event[i].name, "rescales") && strcmp(event[i].name, "underflow"))
      note("%s: %" PRIu64, event[i].name, event[i].n);
  if (a->json)
    puts("}}");
}

static int write_outputs(const attend *a, const side *s) {
  const char *axes = *a->c.axes[TENSOR_OUT] ? a->c.axes[TENSOR_OUT] : *a->c.axes[TENSOR_Q] ? a->c.axes[TENSOR_Q] : NULL;
  int status = a->out ? tensor_write(a->out, &s->out, axes, NULL) : DONE;
  return status || !a->lse ? status : tensor_write(a->lse, &s->lse, NULL, "e");
}

int command_attend(int argc, char **argv) {
  static const struct argp_child children[] = { { &call_argp, 0, NULL, 0 }, { 0 } };
  const struct argp argp = { options, parse, NULL, "Attention of the queries, keys and values of three files.  The output is "
                             "the same for every choice of segments, threads and instruction set.", children, NULL, NULL };
  attend a = { 0 };
  segattn_events events = { 0 };
  side s = { 0 };
  call_init(&a.c);
  argp_err_exit_status = USAGE;
  if (argp_parse(&argp, argc, argv, 0, NULL, &a))
    return USAGE;
  if (!a.out && !a.lse)
    return fail(USAGE, "-o OUT is missing: where should the output go?");
  if (a.out && a.lse && !strcmp(a.out, a.lse))
    return fail(USAGE, "-o and --lse both name %s: one would overwrite the other", a.out);
  int status = call_read(&a.c);
  if (!status)
    status = work_attend(&a.c.w, &s, &events);
  if (!status)
    status = write_outputs(&a, &s);
  if (!status)
    summary(&a, &events);
  array_free(&s.out);
  array_free(&s.lse);
  array_free(&s.M);
  array_free(&s.S);
  call_free(&a.c);
  return status;
}
