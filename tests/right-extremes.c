/* SPDX-License-Identifier: GPL-3.0-or-later */
/* More decisions at the edges, numbered as in right-edges.c: logarithms, sinks, slopes, positions, views, sizes; pages that
   cannot be read under masked keys; tensors of many GB that are mostly not there; 2^25 equal keys.  */

#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "edge.h"

static size_t outputs(const edge *e) {
  return e->problem.q_heads * e->queries * e->problem.dim_v;
}

static bool same_answer(const edge *a, const edge *b) {
  return same_bits(a->out, b->out, outputs(a)) && same_bits(a->lse, b->lse, a->problem.q_heads * a->queries);
}

static void set_heads(edge *e, size_t q_heads, size_t kv_heads) {
  e->problem.q_heads = q_heads;
  e->problem.kv_heads = kv_heads;
}

/* ---- logarithms, one key, sinks ---- */

static void row_19(edge *e, edge *other) {
  (void) other;
  fresh(e, 1, 2);
  e->problem.scale = 1;
  for (size_t c = 0; c < 4; c++)
    e->k[c] = e->k[4 + c] = e->q[c] = 1.5;
  ok(run_bounded(e) && fabs(e->lse[0] - (9 + 0x1.62e42fefa39efp-1)) <= e->lse_bound[0] + 0x1p-52 * 9 &&
     fabs(e->M[0] - 9) <= 2 * edge_ulp(e, 9) &&
     fabs(e->S[0] - 2) <= 16 * edge_ulp(e, 2), "19: M, S and lse are natural: %.9g %.9g %.9g, %s", e->M[0], e->S[0],
       e->lse[0], e->name);
}

static void row_20(edge *e, edge *other) {
  (void) other;
  for (int i = 0; i < 16; i++) {
    fresh(e, 1, 1);
    e->problem.scale = 1;
    for (size_t c = 0; c < 4; c++)
      e->q[c] = i % 2 ? 1 : -1, e->k[c] = (double) (i * i) / 8;
    for (size_t c = 0; c < 3; c++)
      e->v[c] = c ? 2 * i + 17 : ldexp(-1, i / 4);
    double score = e->q[0] * e->k[0] * 4;
    bool fine = run(e) && e->out[0] == e->v[0] && fabs(e->lse[0] - score) <= 2 * edge_ulp(e, fmax(fabs(score), 1));
    for (size_t c = 1; c < 3; c++)
      fine &= fabs(e->out[c] - e->v[c]) <= edge_ulp(e, e->v[c]);
    if (!fine || i == 15)
      ok(fine, "20: one key of score %g, %s", score, e->name);
  }
}

static void row_21(edge *e, edge *other) {
  static const double sinks[] = { 0.5, -3, 20, -INFINITY };
  fresh(e, 2, 6);
  set_heads(e, 4, 2);
  run(e);
  twin_of(other, e);
  e->problem.sinks = sinks;
  bool fine = run(e) && same_bits(e->M, other->M, 8) && same_bits(e->S, other->S, 8) &&
    same_bits(e->O, other->O, outputs(e));
  ok(fine && e->lse[0] > other->lse[0] && same_bits(&e->out[18], &other->out[18], 6) &&
     same_bits(&e->lse[6], &other->lse[6], 2),
     "21: sinks enter at finalise only, and one of -inf not at all, %s", e->name);
  twin_of(other, e);
  ok(run_segments(e, (segattn_segment[]) { cut(e, 0, 2), cut(e, 2, 6) }, 2) && same_answer(e, other),
     "21: a sink counts once, %s", e->name);
  fresh(e, 1, 0);
  set_heads(e, 4, 2);
  e->problem.sinks = sinks;
  fine = run(e) && all_are(e->out, 12, 0.) && e->lse[3] == -INFINITY;
  for (int h = 0; h < 3; h++)
    fine &= fabs(e->lse[h] - sinks[h]) <= 2 * edge_ulp(e, fmax(fabs(sinks[h]), 1));
  ok(fine, "21: a sink alone: out 0, lse the sink, %s", e->name);
}

/* ---- slopes, positions, heads ---- */

static void row_22(edge *e, edge *other) {
  static const double six[] = { 0x1p-2, 0x1p-4, 0x1p-6, 0x1p-8, 0x1p-1, 0x1p-3 };
  double slopes[6];
  segattn_alibi_slopes(6, slopes);
  ok(same_bits(slopes, six, 6), "22: slopes of 6 heads, %s", e->name);
  fresh(e, 2, 40);
  set_heads(e, 6, 3);
  e->problem.slopes = slopes;
  e->q_start = 38;
  run(e);
  twin_of(other, e);
  ok(run_segments(e, (segattn_segment[]) { cut(e, 0, 13), cut(e, 13, 39), cut(e, 39, 40) }, 3) && same_answer(e, other),
     "22: slopes with segments, %s", e->name);
  e->q_start += 128 * 1000000;
  e->k_start += 128 * 1000000;
  ok(run(e) && same_answer(e, other), "22: only distances count, %s", e->name);
  e->q_start++;
  ok(run(e) && !same_answer(e, other), "22: and they do, %s", e->name);
}

static void row_23(edge *e, edge *other) {
  for (int at = 0; at < 3; at++) {
    int64_t starts[] = { 0, 4, -2 };            /* top-left, bottom-right, before the keys */
    fresh(e, 3, 7);
    e->problem.causal = true;
    e->problem.window = at == 1 ? 3 : 0;
    e->q_start = starts[at];
    fresh(other, 3, 7);
    other->masked = true;
    other->mask_format = SEGATTN_BOOL;
    for (int64_t i = 0; i < 3; i++)
      for (int64_t j = 0; j < 7; j++)
        other->mask[7 * i + j] = j > i + starts[at] || (at == 1 && j <= i + starts[at] - 3) ? -INFINITY : 0;
    ok(run(e) && run(other) && same_answer(e, other), "23: causal from position %d is the mask of it, %s", (int) starts[at],
       e->name);
  }
}

static void row_24(edge *e, edge *other) {
  (void) other;
  fresh(e, 1, 2);
  set_heads(e, 5, 2);
  segattn_plan *plan = NULL;
  segattn_error error = { 0 };
  ok(segattn_plan_alloc(&plan, &e->problem, NULL, &error) == SEGATTN_EINVAL && strchr(error.text, '5') &&
     strchr(error.text, '2'),
     "24: 5 heads of 2 KV heads: %s, %s", error.text, e->name);
}

static void row_25(edge *e, edge *other) {
  fresh(e, 2, 9);
  e->problem.dim_v = 2;
  for (size_t j = 0; j < 9; j++)
    for (size_t c = 0; c < 2; c++)
      e->v[2 * j + c] = e->k[4 * j + 1 + c];
  run(e);
  twin_of(other, e);
  segattn_segment s = e->as_segment;
  s.v = s.k;
  s.v.data = (char *) s.k.data + s.k.stride[SEGATTN_DIM];
  s.v.shape[SEGATTN_DIM] = 2;
  ok(run_segments(e, &s, 1) && same_answer(e, other), "25: V a view of K with other dimensions, %s", e->name);
}

/* ---- views ---- */

static void reverse(segattn_tensor *t, int axis) {
  t->data = (char *) t->data + (ptrdiff_t) (t->shape[axis] - 1) * t->stride[axis];
  t->stride[axis] = -t->stride[axis];
}

static void row_27(edge *e, edge *other) {
  fresh(e, 2, 5);
  for (size_t j = 0; j < 5; j++)
    for (size_t c = 0; c < 4; c++)
      e->k[4 * j + c] = e->k[c], e->v[3 * j + c % 3] = e->v[c % 3];
  run(e);
  twin_of(other, e);
  prepare(e);
  e->as_segment.k.stride[SEGATTN_POS] = e->as_segment.v.stride[SEGATTN_POS] = 0;
  ok(run_segments(e, &e->as_segment, 1) && same_answer(e, other), "27: one key for all by stride 0, %s", e->name);
  fresh(e, 2, 5);
  run(e);
  twin_of(other, e);
  for (size_t j = 0; j < 5; j++)
    for (size_t c = 0; c < 4; c++)
      e->k[4 * j + c] = other->k[4 * (4 - j) + 3 - c];
  for (size_t c = 0; c < 8; c++)
    e->q[c] = other->q[c / 4 * 4 + 3 - c % 4];
  prepare(e);
  reverse(&e->as_segment.k, SEGATTN_POS);
  reverse(&e->as_segment.k, SEGATTN_DIM);
  reverse(&e->as_queries.q, SEGATTN_DIM);
  ok(run_segments(e, &e->as_segment, 1) && same_answer(e, other), "27: negative strides, %s", e->name);
}

static void row_28(edge *e, edge *other) {
  (void) other;
  fresh(e, 2, 5);
  prepare(e);
  segattn_plan *plan = edge_plan(e);
  segattn_error error = { 0 };
  segattn_tensor out = segattn_tensor_of(e->stored[2], SEGATTN_F64, 1, 1, 2, 3);
  ok(segattn_attend(plan, &e->as_queries, &e->as_segment, 1, &out, NULL, NULL, &error) == SEGATTN_EALIAS &&
     strstr(error.text, "segment.v"),
     "28: %s, %s", error.text, e->name);
  segattn_plan_free(plan);
}

/* ---- memory that must not be touched ---- */

static sigjmp_buf back;
static void on_fault(int signal) { siglongjmp(back, signal); }

static bool run_guarded(edge *e, const segattn_segment *s) {
  struct sigaction guard = { .sa_handler = on_fault }, before[2];
  sigaction(SIGSEGV, &guard, &before[0]);
  sigaction(SIGBUS, &guard, &before[1]);
  bool fine = sigsetjmp(back, 1) == 0 && run_segments(e, s, 1);
  sigaction(SIGSEGV, &before[0], NULL);
  sigaction(SIGBUS, &before[1], NULL);
  return fine;
}

/* A copy of t in which each position has a region of `stride` bytes, NULL where there is no room.  Regions of positions for
   which `hidden` is true cannot be read.  */
static char *spread(segattn_tensor *t, size_t stride, const bool *hidden) {
  size_t n = t->shape[SEGATTN_POS], page = (size_t) sysconf(_SC_PAGESIZE);
  size_t bytes = t->shape[SEGATTN_DIM] * segattn_format_bytes(t->format, 1);
  char *region = mmap(NULL, n * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED)
    return NULL;
  for (size_t j = 0; j < n; j++) {
    memcpy(region + j * stride, (char *) t->data + (ptrdiff_t) j * t->stride[SEGATTN_POS], bytes);
    if (hidden && hidden[j])
      mprotect(region + j * stride, page, PROT_NONE);
  }
  t->data = region;
  t->stride[SEGATTN_POS] = (ptrdiff_t) stride;
  return region;
}

static void guarded(edge *e, edge *other, const bool hidden[6], const char *text) {
  size_t page = (size_t) sysconf(_SC_PAGESIZE);
  run(e);
  twin_of(other, e);
  char *k = spread(&e->as_segment.k, page, hidden), *v = spread(&e->as_segment.v, page, hidden);
  ok(k && v && run_guarded(e, &e->as_segment) && same_answer(e, other), "5: %s on unreadable pages, %s", text, e->name);
  munmap(k, 6 * page);
  munmap(v, 6 * page);
}

static void row_5(edge *e, edge *other) {
  static const bool holes[] = { false, true, true, false, false, true }, ends[] = { true, true, false, false, false, true };
  for (int boolean = 0; boolean < 2; boolean++) {
    fresh(e, 2, 6);
    e->masked = true;
    e->mask_format = boolean ? SEGATTN_BOOL : SEGATTN_F32;
    for (size_t i = 0; i < 12; i++)
      e->mask[i] = holes[i % 6] ? -INFINITY : 0;
    guarded(e, other, holes, boolean ? "keys masked by false" : "keys masked by -inf");
  }
  fresh(e, 1, 6);
  e->problem.causal = true;
  e->problem.window = 3;
  e->q_start = 4;
  guarded(e, other, ends, "keys outside the window");
}

/* 2^31 bytes and some between two keys, and positions beyond 2^32.  */
static void row_29(edge *e, edge *other) {
  size_t stride = ((size_t) 1 << 31) + 4096;
  fresh(e, 2, 6);
  e->problem.causal = true;
  e->q_start = ((int64_t) 1 << 33) + 4;
  e->k_start = (int64_t) 1 << 33;
  run(e);
  twin_of(other, e);
  e->q_start = 4;
  e->k_start = 0;
  ok(run(e) && same_answer(e, other), "29: positions beyond 2^32, %s", e->name);
  char *k = spread(&e->as_segment.k, stride, NULL), *v = spread(&e->as_segment.v, stride, NULL);
  if (k && v)
    ok(run_segments(e, &e->as_segment, 1) && same_answer(e, other), "29: a tensor of 12 GB, %s", e->name);
  else
    skip("29: no 24 GB of address space");
  if (k)
    munmap(k, 6 * stride);
  if (v)
    munmap(v, 6 * stride);
}

static test_row *const rows[] = { row_5, row_19, row_20, row_21, row_22, row_23, row_24, row_25, row_27, row_28, row_29 };

/* ---- 2^25 keys ---- */

static void row_33(const char *arithmetic) {
  static const double q = 0, k = 1, v[] = { 1, -0.75, 3 };
  const size_t n = (size_t) 1 << 25;
  double out[3], lse;
  segattn_problem problem;
  segattn_problem_init(&problem);
  problem.dim_k = 1;
  problem.dim_v = 3;
  segattn_tensor o = segattn_tensor_of(out, SEGATTN_F64, 1, 1, 1, 3), l = segattn_tensor_of(&lse, SEGATTN_F64, 1, 1, 1, 1);
  segattn_queries queries = { .q = segattn_tensor_of((void *) &q, SEGATTN_F64, 1, 1, 1, 1) };
  segattn_segment all = { .k = segattn_tensor_of((void *) &k, SEGATTN_F64, 1, 1, n, 1),
      .v = segattn_tensor_of((void *) v, SEGATTN_F64, 1, 1, n, 3) };
  all.k.stride[SEGATTN_POS] = all.v.stride[SEGATTN_POS] = 0;
  segattn_plan *plan = NULL;
  segattn_plan_alloc(&plan, &problem, &(segattn_options) { .arithmetic = arithmetic, .threads = 1 }, NULL);
  segattn_status status = segattn_attend(plan, &queries, &all, 1, &o, &l, NULL, NULL);
  segattn_plan_free(plan);
  double exact = 25 * 0x1.62e42fefa39efp-1;
  ok(status == SEGATTN_OK && same_bits(out, v, 3) && fabs(lse - exact) <= 0x1p-47, "33: 2^25 equal keys: lse %.17g, %s",
     lse, arithmetic);
}

int main(void) {
  edge_rows(rows, sizeof rows / sizeof *rows);
  for (int a = 0; segattn_arithmetic_name(a); a++)
    row_33(segattn_arithmetic_name(a));
  return done();
}
