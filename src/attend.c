/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn attend: attention of tensors in files, all keys at once, or with --state some of them after others.  */

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "carry.h"
#include "commands.h"
#include "events.h"
#include "file.h"
#include "json.h"
#include "message.h"
#include "tensor_file.h"

typedef struct attend {
  call c;
  carry state;
  const char *out, *lse;
  bool json;
} attend;

enum { OPT_JSON = 'j', OPT_LSE = 1, OPT_STATE, OPT_K_START };

static const struct argp_option options[] = {
  { "output", 'o', "OUT", 0, "where out goes: FILE.npy or FILE.h5:/dataset, in q's axes", 0 },
  { "lse", OPT_LSE, "OUT", 0, "where lse goes (natural logarithm)", 0 },
  { "state", OPT_STATE, "FILE", 0, "what keys that came before have left: read if it is there, written at the end", 0 },
  { "k-start", OPT_K_START, "N", 0, "position of key 0 (default: where the state ends; without one 0)", 0 },
  { "json", OPT_JSON, NULL, 0, "one JSON object on standard output", 0 },
  { 0 }
};

static void k_start_option(attend *a, const char *text, struct argp_state *state) {
  size_t n = 0;
  if (!parse_size(&n, text) || n > (size_t)1 << 61)
    argp_error(state, "--k-start: '%s': expected a whole number from 0 to 2^61", text);
  a->state.start = (int64_t)n;
  a->state.start_given = true;
}

static error_t parse(int key, char *text, struct argp_state *state) {
  attend *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &a->c; break;
  case 'o': a->out = text; break;
  case OPT_LSE: a->lse = text; break;
  case OPT_STATE: a->state.file = text; break;
  case OPT_K_START: k_start_option(a, text, state); break;
  case OPT_JSON: a->json = true; break;
  case ARGP_KEY_ARG: argp_error(state, "'%s' is more than expected", text); break;
  default: return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

static void summary(const attend *a, const segattn_events *e) {
  const size_t *q = a->c.tensor[TENSOR_Q].shape;
  char text[1024];
  if (a->json) {
    printf("{\"batch\":%zu,\"heads\":%zu,\"queries\":%zu,\"keys\":%zu,\"segments\":%zu,\"arithmetic\":", q[0], q[1], q[2],
           a->c.tensor[TENSOR_K].shape[2], a->c.n_segments);
    json_text(stdout, a->c.arithmetic);
    fputs(",\"isa\":", stdout);
    json_text(stdout, segattn_plan_isa(a->c.w.plan));
    printf(",\"k_start\":%" PRId64 ",\"events\":", a->state.start);
    events_json(stdout, e, q[SEGATTN_HEAD]);
    puts("}");
    return;
  }
  events_text(text, sizeof text, e, q[SEGATTN_HEAD]);
  if (*text)
    note("%s", text);
}

/* Both or none.  */
static int write_outputs(const attend *a, const side *s) {
  const char *axes = *a->c.axes[TENSOR_OUT] ? a->c.axes[TENSOR_OUT] : *a->c.axes[TENSOR_Q] ? a->c.axes[TENSOR_Q] : NULL;
  int status = a->out && a->lse ? tensor_writable(a->lse) : DONE;
  if (!status && a->out)
    status = tensor_write(a->out, &s->out, axes, NULL);
  return status || !a->lse ? status : tensor_write(a->lse, &s->lse, NULL, "e");
}

/* An output replaces its file: not one that was read.  */
static int spare_inputs(const attend *a) {
  const struct { const char *option, *name; } out[] = { { "-o", a->out }, { "--lse", a->lse }, { "--state", a->state.file } },
    in[] = { { "--q", a->c.name[TENSOR_Q] }, { "--k", a->c.name[TENSOR_K] }, { "--v", a->c.name[TENSOR_V] },
             { "--mask", a->c.name[TENSOR_MASK] }, { "--sinks", a->c.name[TENSOR_SINKS] } };
  for (size_t i = 0; i < sizeof out / sizeof *out; i++)
    for (size_t j = 0; j < sizeof in / sizeof *in; j++)
      if (out[i].name && in[j].name && file_same(out[i].name, in[j].name))
        return fail(USAGE, "%s '%s' would overwrite %s %s: expected another name", out[i].option, out[i].name, in[j].option,
                    in[j].name);
  return DONE;
}

static int arguments_check(const attend *a) {
  const struct { const char *option, *name; } file[] = { { "-o", a->out }, { "--lse", a->lse }, { "--state", a->state.file } };
  if (!a->out && !a->lse && !a->state.file)
    return fail(USAGE, "-o OUT is missing: where should the output go?");
  for (size_t i = 0; i < 3; i++)
    for (size_t j = i + 1; j < 3; j++)
      if (file[i].name && file[j].name && !strcmp(file[i].name, file[j].name))
        return fail(USAGE, "%s and %s both name %s: one would overwrite the other", file[i].option, file[j].option,
                    file[i].name);
  return spare_inputs(a);
}

/* The state is written last: who is interrupted before that has lost nothing, and does the step again.  */
static int run(attend *a, side *s, segattn_events **events) {
  segattn_state *state = NULL;
  a->c.carried = a->state.file != NULL;
  int status = call_read(&a->c);
  if (!status && !(*events = calloc(a->c.w.problem.q_heads, sizeof **events)))
    status = fail(FILES, "out of memory");
  if (!status)
    status = work_begin(&a->c.w, &state);
  if (!status)
    status = carry_read(&a->state, &a->c, state);
  if (!status)
    status = work_absorb(&a->c.w, state);
  if (!status)
    status = work_finish(&a->c.w, state, s, *events);
  if (!status)
    call_saturations(&a->c, *events);
  if (!status)
    status = write_outputs(a, s);
  if (!status)
    status = carry_write(&a->state, state);
  segattn_state_free(state);
  return status;
}

int command_attend(int argc, char **argv) {
  static const struct argp_child children[] = { { &call_argp, 0, NULL, 0 }, { 0 } };
  const struct argp argp = { options, parse, NULL, "Attention of the queries, keys and values of three files.  The output is "
                             "the same for every choice of segments, threads and instruction set.", children, NULL, NULL };
  attend a = { 0 };
  segattn_events *events = NULL;
  side s = { 0 };
  call_init(&a.c);
  argp_err_exit_status = USAGE;
  if (argp_parse(&argp, argc, argv, 0, NULL, &a))
    return USAGE;
  int status = arguments_check(&a);
  if (!status)
    status = run(&a, &s, &events);
  if (!status)
    summary(&a, events);
  free(events);
  array_free(&s.out);
  array_free(&s.lse);
  array_free(&s.M);
  array_free(&s.S);
  call_free(&a.c);
  return status;
}
