/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn judge: verdicts of a result file, or of a tensor that a user brings, against the certified bound.  */

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"
#include "call.h"
#include "commands.h"
#include "json.h"
#include "measure.h"
#include "message.h"
#include "run.h"
#include "verdict.h"

typedef struct judge {
  call c;
  const char *file;
  bool json;
} judge;

enum { OPT_OUT = 1 };

static const struct argp_option options[] = {
  { "out", OPT_OUT, "T", 0, "the output to be judged, in q's axes", 0 },
  { "json", 'j', NULL, 0, "one JSON object on standard output", 0 },
  { 0 }
};

static error_t parse(int key, char *text, struct argp_state *state) {
  judge *j = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &j->c; break;
  case OPT_OUT: j->c.name[TENSOR_OUT] = text; break;
  case 'j': j->json = true; break;
  default: return argument_one(&j->file, key, text, state, NULL);
  }
  return 0;
}

static int out_shape(const call *c) {
  const size_t *o = c->tensor[TENSOR_OUT].shape, *q = c->tensor[TENSOR_Q].shape, dim = c->tensor[TENSOR_V].shape[3];
  if (o[0] == q[0] && o[1] == q[1] && o[2] == q[2] && o[3] == dim)
    return DONE;
  return fail(USAGE, "%s is %zu x %zu x %zu x %zu (batch, head, position, dim), expected %zu x %zu x %zu x %zu; --axes out=... "
              "names another order", c->name[TENSOR_OUT], o[0], o[1], o[2], o[3], q[0], q[1], q[2], dim);
}

/* The values that the segments hold: where a segment rounds to another format, the exact answer is that of the rounded
   values.  */
static int joined(array *to, const call *c, int which) {
  const array *first = which == TENSOR_K ? &c->typed[0].k : &c->typed[0].v, *from = &c->tensor[which];
  bool mixed = false;
  for (size_t i = 0; i < c->n_segments; i++)
    mixed |= (which == TENSOR_K ? c->typed[i].k.format : c->typed[i].v.format) != from->format;
  if (c->n_segments == 0 || !mixed)
    return array_convert(to, from->format, from);
  if (c->n_segments == 1)
    return array_convert(to, first->format, first);
  int status = array_alloc(to, SEGATTN_F64, from->shape[0], from->shape[1], from->shape[2], from->shape[3]);
  for (size_t i = 0, at = 0; i < c->n_segments && !status; at += c->spec[i++].keys) {
    const array *part = which == TENSOR_K ? &c->typed[i].k : &c->typed[i].v;
    double *x = array_values(part);
    size_t row = part->shape[2] * part->shape[3];
    for (size_t h = 0; x && h < part->shape[0] * part->shape[1]; h++)
      memcpy((double *)to->data + (h * from->shape[2] + at) * from->shape[3], x + h * row, row * sizeof *x);
    status = x ? DONE : FILES;
    free(x);
  }
  return status;
}

/* The bound of the arithmetic that is claimed, half an ulp where the output is narrower, and the oracle's own.  */
static double *claimed_bound(const array *bound, const array *own, const array *exact, segattn_format out,
                             segattn_format number) {
  double *b = array_values(bound), *e = array_values(own), *x = array_values(exact);
  bool narrower = segattn_format_bytes(out, 1) < segattn_format_bytes(number, 1);
  for (size_t i = 0; b && e && x && i < array_count(bound); i++) {
    b[i] += e[i];
    if (narrower)
      b[i] += ulp_of(out, fabs(x[i]) + b[i]) / 2;
  }
  if (!e || !x) {
    free(b);
    b = NULL;
  }
  free(e);
  free(x);
  return b;
}

static int measure(errors *e, const call *c) {
  array k = { 0 }, v = { 0 }, exact = { 0 }, lse = { 0 }, own = { 0 }, bound = { 0 };
  const array *out = &c->tensor[TENSOR_OUT];
  oracle_problem p = work_oracle(&c->w, c->q_start, 0);
  segattn_format number = work_number(c->arithmetic);
  int status = joined(&k, c, TENSOR_K);
  if (!status)
    status = joined(&v, c, TENSOR_V);
  if (!status)
    status = oracle_attend(&exact, &lse, &own, &p, &c->tensor[TENSOR_Q], &k, &v, &c->tensor[TENSOR_MASK]);
  if (!status)
    status = work_bound(&c->w, &bound);
  double *b = status ? NULL : claimed_bound(&bound, &own, &exact, out->format, number);
  double *x = array_values(out), *y = status ? NULL : array_values(&exact);
  if (!status)
    status = b && x && y ? errors_measure(e, "out-oracle", x, y, b, out->shape,
                                          segattn_format_bytes(out->format, 1) < segattn_format_bytes(number, 1)
                                              ? out->format : number)
                         : FILES;
  free(b);
  free(x);
  free(y);
  array_free(&k);
  array_free(&v);
  array_free(&exact);
  array_free(&lse);
  array_free(&own);
  array_free(&bound);
  return status;
}

static void print(const judge *j, const errors *e) {
  enum verdict v = verdict_bound(e);
  enum colour colour = v == PASS ? GREEN : v == FAIL ? RED : YELLOW;
  printf("%s%s%s  %s in arithmetic %s\n", colour_out(colour), verdict_name(v), colour_out(PLAIN), j->c.name[TENSOR_OUT],
         j->c.arithmetic);
  printf("  max error     %.6e   %.3g ulp (%s), %.4g of its bound\n", e->total[STAT_MAX], e->total[STAT_ULP], e->ulp_format,
         e->total[STAT_RATIO]);
  printf("  rms error     %.6e   relative %.3e\n  bias          %.6e\n", e->total[STAT_RMS], e->relative_rms,
         e->total[STAT_BIAS]);
  printf("  worst         batch %zu, head %zu, query %zu, element %zu: %.9g, exact %.9g, bound %.3g\n", e->worst[0],
         e->worst[1],
         e->worst[2], e->worst[3], e->worst_a, e->worst_b, e->worst_bound);
  if (e->nan_one_side)
    printf("  NaN           %zu elements are NaN on one side only\n", e->nan_one_side);
  if (e->vacuous)
    printf("  vacuous       the exact output is all zero or constant: agreement says nothing\n");
}

static int judge_tensor(judge *j) {
  static const char *const vacuous[] = { "the exact output is all zero or constant: the comparison is vacuous" };
  errors e = { 0 };
  if (!j->c.name[TENSOR_OUT])
    return fail(USAGE, "--out is missing: which tensor should be judged?");
  int status = call_read(&j->c);
  if (!status)
    status = out_shape(&j->c);
  if (!status)
    status = measure(&e, &j->c);
  if (!status) {
    if (j->json) {
      verdict_object(stdout, &e, j->c.arithmetic, vacuous, e.vacuous ? 1 : 0);
      putchar('\n');
    } else
      print(j, &e);
    status = verdict_bound(&e) == FAIL ? VERDICT_FAIL : DONE;
    errors_free(&e);
  }
  return status;
}

int command_judge(int argc, char **argv) {
  static const struct argp_child children[] = { { &call_argp, 0, NULL, 0 }, { 0 } };
  const struct argp argp = { options, parse, "NAME.h5\n--q T --k T --v T --out T [PROBLEM] [--arithmetic A]",
                             "Verdicts against a certified bound: of every case of a result file, or of an output that "
                             "any program made "
                             "from the given queries, keys and values.", children, NULL, NULL };
  judge j = { 0 };
  call_init(&j.c);
  argp_err_exit_status = USAGE;
  if (argp_parse(&argp, argc, argv, 0, NULL, &j))
    return USAGE;
  bool tensors = j.c.name[TENSOR_Q] || j.c.name[TENSOR_K] || j.c.name[TENSOR_V] || j.c.name[TENSOR_OUT];
  if (!j.file == !tensors)
    return fail(USAGE, "judge takes either a result file or --q, --k, --v and --out");
  int status = j.file ? run_judge(j.file, j.json) : judge_tensor(&j);
  call_free(&j.c);
  return status;
}
