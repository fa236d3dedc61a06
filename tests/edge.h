/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small problem in plain arrays, for the tests of the edges: fresh(), change what is of interest, run().  */

#ifndef EDGE_H
#define EDGE_H

#include <math.h>
#include <string.h>
#include <segattn.h>
#include "tap.h"

enum { EDGE_ROOM = 4096 };

typedef struct edge {
  const char *arithmetic;
  segattn_format format;        /* of q, k and v */
  char name[32];                /* "f32, bf16" */
  segattn_problem problem;
  size_t queries, keys;
  int64_t q_start, k_start;
  bool masked;
  segattn_format mask_format;
  double q[EDGE_ROOM], k[EDGE_ROOM], v[EDGE_ROOM], mask[EDGE_ROOM];             /* [head][position][dim], [query][key] */
  double out[EDGE_ROOM], lse[EDGE_ROOM], bound[EDGE_ROOM], lse_bound[EDGE_ROOM];
  double M[EDGE_ROOM], S[EDGE_ROOM], O[EDGE_ROOM];
  segattn_events events;
  segattn_queries as_queries;   /* what run() called with */
  segattn_segment as_segment;
  unsigned char stored[4][EDGE_ROOM * sizeof(double)];
} edge;

/* Numbers that every format holds exactly, in no simple order: -15/16 to 15/16, never 0.  */
static inline void edge_fill(double *x, size_t n, size_t by) {
  for (size_t i = 0; i < n; i++) {
    double step = (double) ((i * by + 3) % 15 + 1) / 16;
    x[i] = (i * by / 7) % 2 ? -step : step;
  }
}

static inline void edge_name(edge *e, const char *arithmetic, segattn_format format) {
  e->arithmetic = arithmetic;
  e->format = format;
  snprintf(e->name, sizeof e->name, "%s, %s", arithmetic, segattn_format_name(format));
}

/* A copy of a run, so that one thing can be changed.  */
static inline void twin_of(edge *copy, const edge *e) {
  memcpy(copy, e, sizeof *e);
}

static inline void fresh(edge *e, size_t queries, size_t keys) {
  segattn_problem_init(&e->problem);
  e->problem.dim_k = 4;
  e->problem.dim_v = 3;
  e->queries = queries;
  e->keys = keys;
  e->q_start = e->k_start = 0;
  e->masked = false;
  e->mask_format = SEGATTN_F64;
  edge_fill(e->q, EDGE_ROOM, 5);
  edge_fill(e->k, EDGE_ROOM, 7);
  edge_fill(e->v, EDGE_ROOM, 11);
  memset(e->mask, 0, sizeof e->mask);
}

static inline segattn_tensor edge_tensor(edge *e, int i, const double *x, segattn_format format, size_t heads, size_t n,
                                         size_t dim) {
  segattn_encode(format, x, e->stored[i], heads * n * dim);
  return segattn_tensor_of(e->stored[i], format, 1, heads, n, dim);
}

static inline segattn_tensor edge_view(const edge *e, double *x, size_t dim) {
  return segattn_tensor_of(x, SEGATTN_F64, 1, e->problem.q_heads, e->queries, dim);
}

/* Encodes; as_queries and as_segment are then what the library takes.  */
static inline void prepare(edge *e) {
  const segattn_problem *p = &e->problem;
  e->as_queries = (segattn_queries) { .q = edge_tensor(e, 0, e->q, e->format, p->q_heads, e->queries, p->dim_k),
      .start = e->q_start };
  e->as_segment = (segattn_segment) { .k = edge_tensor(e, 1, e->k, e->format, p->kv_heads, e->keys, p->dim_k),
    .v = edge_tensor(e, 2, e->v, e->format, p->kv_heads, e->keys, p->dim_v), .start = e->k_start };
  if (!e->masked)
    return;
  if (e->mask_format == SEGATTN_BOOL) {
    for (size_t i = 0; i < e->queries * e->keys; i++)
      e->stored[3][i] = e->mask[i] == 0;
    e->as_segment.mask = segattn_tensor_of(e->stored[3], SEGATTN_BOOL, 1, 1, e->queries, e->keys);
  } else
    e->as_segment.mask = edge_tensor(e, 3, e->mask, e->mask_format, 1, e->queries, e->keys);
}

/* Keys [from, to) of the segment.  */
static inline segattn_segment cut(const edge *e, size_t from, size_t to) {
  segattn_segment s = e->as_segment;
  s.k.data = (char *) s.k.data + (ptrdiff_t) from * s.k.stride[SEGATTN_POS];
  s.v.data = (char *) s.v.data + (ptrdiff_t) from * s.v.stride[SEGATTN_POS];
  s.k.shape[SEGATTN_POS] = s.v.shape[SEGATTN_POS] = s.mask.shape[SEGATTN_DIM] = to - from;
  if (s.mask.data)
    s.mask.data = (char *) s.mask.data + (ptrdiff_t) from * s.mask.stride[SEGATTN_DIM];
  s.start += (int64_t) from;
  return s;
}

static inline segattn_plan *edge_plan(const edge *e) {
  segattn_plan *plan = NULL;
  segattn_error error = { 0 };
  if (segattn_plan_alloc(&plan, &e->problem, &(segattn_options) { .arithmetic = e->arithmetic, .threads = 1 }, &error))
    diag("%s", error.text);
  return plan;
}

/* attend over segments, and the state's M, S, O; false, with the reason, when a call failed.  */
static inline bool run_segments(edge *e, const segattn_segment *segments, size_t n) {
  segattn_tensor out = edge_view(e, e->out, e->problem.dim_v), lse = edge_view(e, e->lse, 1), M = edge_view(e, e->M, 1);
  segattn_tensor S = edge_view(e, e->S, 1), O = edge_view(e, e->O, e->problem.dim_v);
  segattn_error error = { 0 };
  segattn_plan *plan = edge_plan(e);
  segattn_state *state = NULL;
  segattn_status status = plan ? SEGATTN_OK : SEGATTN_EINVAL;
  if (!status)
    status = segattn_attend(plan, &e->as_queries, segments, n, &out, &lse, &e->events, &error);
  if (!status)
    status = segattn_state_alloc(&state, plan, &e->as_queries, &error);
  for (size_t i = 0; i < n && !status; i++)
    status = segattn_state_absorb(state, &e->as_queries, &segments[i], &error);
  if (!status)
    status = segattn_state_export(state, &M, &S, &O, &error);
  if (status)
    diag("%s: %s", e->name, error.text);
  segattn_state_free(state);
  segattn_plan_free(plan);
  return status == SEGATTN_OK;
}

static inline bool run(edge *e) {
  prepare(e);
  return run_segments(e, &e->as_segment, 1);
}

/* run, and the bounds.  */
static inline bool run_bounded(edge *e) {
  segattn_tensor bound, lse_bound;
  segattn_error error = { 0 };
  if (!run(e))
    return false;
  segattn_plan *plan = edge_plan(e);
  bound = edge_view(e, e->bound, e->problem.dim_v);
  lse_bound = edge_view(e, e->lse_bound, 1);
  segattn_status status = segattn_bound(plan, &e->as_queries, &e->as_segment, 1, &bound, &lse_bound, &error);
  segattn_plan_free(plan);
  if (status)
    diag("%s: %s", e->name, error.text);
  return status == SEGATTN_OK;
}

/* The unit in the last place of the arithmetic at x.  */
static inline double edge_ulp(const edge *e, double x) {
  int exponent;
  frexp(x, &exponent);
  return ldexp(1, exponent - (strcmp(e->arithmetic, "f32") ? 53 : 24));
}

static inline bool same_bits(const double *a, const double *b, size_t n) {
  return memcmp(a, b, n * sizeof *a) == 0;
}

static inline bool all_are(const double *x, size_t n, double value) {
  for (size_t i = 0; i < n; i++)
    if (!(isnan(value) ? isnan(x[i]) : x[i] == value && signbit(x[i]) == signbit(value)))
      return false;
  return true;
}

/* |a - b| <= the sum of their bounds: both may be of one exact value.  */
static inline bool agree(const edge *a, const edge *b) {
  for (size_t i = 0; i < a->problem.q_heads * a->queries * a->problem.dim_v; i++)
    if (!(fabs(a->out[i] - b->out[i]) <= a->bound[i] + b->bound[i])) {
      diag("out[%zu]: %.17g and %.17g, bounds %.3g and %.3g", i, a->out[i], b->out[i], a->bound[i], b->bound[i]);
      return false;
    }
  return true;
}

/* Each row of a test's table, in every arithmetic and storage.  */
typedef void test_row(edge *e, edge *other);

static inline void edge_rows(test_row *const *rows, size_t n) {
  edge *e = calloc(2, sizeof *e);
  for (int a = 0; e && segattn_arithmetic_name(a); a++)
    for (segattn_format f = SEGATTN_F64; f < SEGATTN_BOOL; f++)
      for (size_t i = 0; i < n; i++) {
        edge_name(&e[0], segattn_arithmetic_name(a), f);
        edge_name(&e[1], segattn_arithmetic_name(a), f);
        rows[i](&e[0], &e[1]);
      }
  free(e);
}

#endif
