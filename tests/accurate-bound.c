/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn_bound against MPFR: |computed - exact| <= bound for every element and every lse, on families that are hard for one
   term of the bound each; how far the bound is from the error; and what the bound says where there is none.

       accurate-bound [problems a family and arithmetic]

   Seen to fail without: what underflow may lose (lost-outlier), the chains (one and two keys), the errors of the scores (most),
   the rounding of q.k (spread, events, one-key), exp2 (two keys), sums of subnormals (two-tiny), the division (one-key); the
   sums of pairs of f32c (doubling); in i8: what the codes cost (most), the roundings of a score of codes (check_codes).  */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <segattn.h>
#include "reference_mpfr.h"
#include "tap.h"
#include "trial.h"

enum { ROWS = HEADS * QUERIES, OUT = ROWS * DIM_V, MAX_SEGMENTS = 4 };

/* ---- a problem and its tensors ---- */

static segattn_tensor typed(const double *x, segattn_format format, size_t heads, size_t positions, size_t dim) {
  size_t n = heads * positions * dim;
  void *data = allocate(n, segattn_format_bytes(format, 1));
  segattn_encode(format, x, data, n);
  return segattn_tensor_of(data, format, 1, heads, positions, dim);
}

static segattn_tensor part(segattn_tensor t, int axis, size_t from, size_t to) {
  if (t.data)
    t.data = (char *) t.data + (ptrdiff_t) from * t.stride[axis];
  t.shape[axis] = to - from;
  return t;
}

typedef struct call {
  segattn_queries queries;
  segattn_segment whole, segments[MAX_SEGMENTS];
  size_t n;
} call;

static void call_make(call *c, trial *t) {
  size_t cut = 0;
  memset(c, 0, sizeof *c);
  c->queries = (segattn_queries) { .q = typed(t->q, t->storage, HEADS, QUERIES, t->problem.dim_k), .start = t->q_start };
  c->whole.k = typed(t->k, t->storage, KV_HEADS, t->keys, t->problem.dim_k);
  c->whole.v = typed(t->v, t->v_storage, KV_HEADS, t->keys, t->problem.dim_v);
  if (t->mask)
    c->whole.mask = typed(t->mask, SEGATTN_F64, HEADS, QUERIES, t->keys);
  for (c->n = 0; c->n < MAX_SEGMENTS; c->n++) {
    segattn_segment *s = &c->segments[c->n];
    size_t to = c->n + 1 == MAX_SEGMENTS ? t->keys : cut + rng_below(&t->r, t->keys - cut + 1);
    s->k = part(c->whole.k, SEGATTN_POS, cut, to);
    s->v = part(c->whole.v, SEGATTN_POS, cut, to);
    s->mask = part(c->whole.mask, SEGATTN_DIM, cut, to);
    s->start = (int64_t) (cut + c->n * t->gap) - 100;
    cut = to;
  }
}

static void call_free(call *c) {
  free(c->queries.q.data);
  free(c->whole.k.data);
  free(c->whole.v.data);
  free(c->whole.mask.data);
}

/* ---- errors and bounds ---- */

typedef struct tally {
  double *ratio;                /* error / bound of the elements with a finite bound */
  size_t n, outside, unbounded, rows;
  double worst_lse;
} tally;

static int by_size(const void *a, const void *b) {
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

static void count(tally *y, double error, double bound, bool lse) {
  if (!isfinite(bound)) {
    y->unbounded++;
    return;
  }
  double ratio = error > 0 ? error / bound : 0;
  y->outside += !(error <= bound);
  if (lse) {
    y->rows++;
    y->worst_lse = fmax(y->worst_lse, ratio);
  } else
    y->ratio[y->n++] = ratio;
}

static bool compare(trial *t, const call *c, tally *y) {
  double out[OUT], lse[ROWS], bound[OUT], lse_bound[ROWS], error[OUT], lse_error[ROWS];
  segattn_tensor o = segattn_tensor_of(out, SEGATTN_F64, 1, HEADS, QUERIES, DIM_V);
  segattn_tensor l = segattn_tensor_of(lse, SEGATTN_F64, 1, HEADS, QUERIES, 1);
  segattn_tensor b = segattn_tensor_of(bound, SEGATTN_F64, 1, HEADS, QUERIES, DIM_V);
  segattn_tensor lb = segattn_tensor_of(lse_bound, SEGATTN_F64, 1, HEADS, QUERIES, 1);
  segattn_plan *plan = NULL;
  segattn_error failure = { SEGATTN_OK, "", "" };
  if (segattn_plan_alloc(&plan, &t->problem, &(segattn_options) { .arithmetic = t->arithmetic, .threads = 1 }, &failure) ||
      segattn_attend(plan, &c->queries, c->segments, c->n, &o, &l, NULL, &failure) ||
      segattn_bound(plan, &c->queries, c->segments, c->n, &b, &lb, &failure)) {
    diag("%s: %s", failure.argument, failure.text);
    segattn_plan_free(plan);
    return false;
  }
  segattn_plan_free(plan);
  reference_attend(&(reference) { NULL, error, NULL, lse_error }, &t->problem, &c->queries, c->segments, c->n, &o, &l);
  for (size_t i = 0; i < OUT; i++)
    count(y, error[i], bound[i], false);
  for (size_t i = 0; i < ROWS; i++)
    count(y, lse_error[i], lse_bound[i], true);
  return true;
}

static void check_family(const trial_family *f, const char *arithmetic, uint64_t problems) {
  if (f->keys <= 2)
    problems *= 50;
  tally y = { .ratio = allocate(problems * OUT, sizeof(double)) };
  bool done_all = true;
  for (uint64_t i = 0; i < problems; i++) {
    trial t;
    call c;
    trial_make(&t, f, arithmetic, 1000 * (uint64_t) (f - trial_families) + i);
    call_make(&c, &t);
    done_all = compare(&t, &c, &y) && done_all;
    call_free(&c);
    trial_free(&t);
  }
  qsort(y.ratio, y.n, sizeof *y.ratio, by_size);
  ok(done_all && y.outside == 0 && y.n && !y.unbounded,
     "%s %s: error / bound at most %.3f, median %.4f; lse %.3f; %zu elements, %zu without a bound",
     f->name, arithmetic, y.n ? y.ratio[y.n - 1] : 0, y.n ? y.ratio[y.n / 2] : 0, y.worst_lse, y.n, y.unbounded);
  if (y.outside)
    diag("%zu outside", y.outside);
  free(y.ratio);
}

/* ---- where there is no bound, and the call itself ---- */

/* The bound of a row of two keys with scores 0 and 1, one element, after `change`.  */
static double bound_of(double k0, double v0, double mask0, double scale) {
  float q = 1, k[] = { (float) k0, 1 }, v[] = { (float) v0, 3 };
  double mask[] = { mask0, 0 }, bound = -1;
  segattn_problem p;
  segattn_plan *plan = NULL;
  segattn_problem_init(&p);
  p.dim_k = p.dim_v = 1;
  p.scale = scale;
  segattn_queries queries = { .q = segattn_tensor_of(&q, SEGATTN_F32, 1, 1, 1, 1) };
  segattn_segment s = { .k = segattn_tensor_of(k, SEGATTN_F32, 1, 1, 2, 1), .v = segattn_tensor_of(v, SEGATTN_F32, 1, 1, 2, 1),
                        .mask = segattn_tensor_of(mask, SEGATTN_F64, 1, 1, 1, 2) };
  segattn_tensor b = segattn_tensor_of(&bound, SEGATTN_F64, 1, 1, 1, 1);
  if (segattn_plan_alloc(&plan, &p, NULL, NULL) || segattn_bound(plan, &queries, &s, 1, &b, NULL, NULL))
    bound = -1;
  segattn_plan_free(plan);
  return bound;
}

static void check_limits(void) {
  double usual = bound_of(0, 2, 0, 1);
  ok(usual > 0 && usual < 2e-6, "two keys: bound %g", usual);
  ok(isnan(bound_of((double) NAN, 2, 0, 1)) && isnan(bound_of((double) INFINITY, 2, 0, 1)) &&
     isnan(bound_of(0, (double) NAN, 0, 1)) && isnan(bound_of(0, 2, (double) NAN, 1)) &&
     isnan(bound_of(0, 2, (double) INFINITY, 1)), "NaN where the exact result is undefined");
  ok(isinf(bound_of(2, 2, 0, 1e38 * 3)) && isinf(bound_of(0, 3e38, 0, 1)) && isinf(bound_of(0, (double) INFINITY, 0, 1)),
     "inf where a score or a sum may overflow");
  double alone = bound_of((double) NAN, (double) NAN, -(double) INFINITY, 1);
  ok(alone >= 0 && alone < 1e-6, "a masked key is not read: bound %g", alone);
  double gone = bound_of(-(double) INFINITY, 2, 0, 1);
  ok(gone >= 0 && gone < 1e-6, "a score of -inf has weight 0: bound %g", gone);
  ok(bound_of(0, 2, 0, 0) > 0, "scale 0");
}

static bool bounds_with(trial *t, const call *c, int threads, double *bound, double *lse_bound) {
  segattn_tensor b = segattn_tensor_axes("dphb", bound, SEGATTN_F64, 1, HEADS, QUERIES, DIM_V);
  segattn_tensor lb = segattn_tensor_of(lse_bound, SEGATTN_F64, 1, HEADS, QUERIES, 1);
  segattn_plan *plan = NULL;
  bool fine = segattn_plan_alloc(&plan, &t->problem, &(segattn_options) { .threads = threads }, NULL) == SEGATTN_OK &&
    segattn_bound(plan, &c->queries, c->segments, c->n, &b, &lb, NULL) == SEGATTN_OK;
  segattn_tensor narrow = segattn_tensor_of(bound, SEGATTN_F32, 1, HEADS, QUERIES, DIM_V);
  segattn_error failure = { SEGATTN_OK, "", "" };
  fine = fine && segattn_bound(plan, &c->queries, c->segments, c->n, &narrow, NULL, &failure) == SEGATTN_EINVAL &&
    strstr(failure.text, "expected f64");
  segattn_plan_free(plan);
  return fine;
}

static void check_call(void) {
  double one[OUT], many[OUT], lse_one[ROWS], lse_many[ROWS];
  trial t;
  call c;
  trial_make(&t, &trial_families[0], "f32", 5);
  call_make(&c, &t);
  bool fine = bounds_with(&t, &c, 1, one, lse_one) && bounds_with(&t, &c, 7, many, lse_many);
  ok(fine && !memcmp(one, many, sizeof one) && !memcmp(lse_one, lse_many, sizeof lse_one),
     "the same bits from 1 and 7 threads; a bound in f32 is refused");
  call_free(&c);
  trial_free(&t);
}

/* ---- storage ---- */

enum { FORMAT_KEYS = 3, FORMAT_DIM = 32, FORMAT_N = FORMAT_KEYS * FORMAT_DIM };

/* The bounds of one query in f32 arithmetic with K and V both so stored.  */
static bool bounds_stored(double bound[FORMAT_DIM], segattn_format format, void *bytes) {
  float q[FORMAT_DIM];
  segattn_problem p;
  segattn_plan *plan = NULL;
  segattn_problem_init(&p);
  p.dim_k = p.dim_v = FORMAT_DIM;
  for (size_t i = 0; i < FORMAT_DIM; i++)
    q[i] = (float) i - 15;
  segattn_queries queries = { .q = segattn_tensor_of(q, SEGATTN_F32, 1, 1, 1, FORMAT_DIM) };
  segattn_tensor k = segattn_tensor_of(bytes, format, 1, 1, FORMAT_KEYS, FORMAT_DIM);
  segattn_segment s = { .k = k, .v = k };
  segattn_tensor b = segattn_tensor_of(bound, SEGATTN_F64, 1, 1, 1, FORMAT_DIM);
  bool fine = !segattn_plan_alloc(&plan, &p, NULL, NULL) && !segattn_bound(plan, &queries, &s, 1, &b, NULL, NULL);
  segattn_plan_free(plan);
  return fine;
}

/* The bound counts a rounding of decoding where the format holds more than f32 does, and only there: it is the bound of the
   same numbers stored as f64, or as f32.  */
static void check_format(segattn_format format) {
  bool wide = format == SEGATTN_F64 || format == SEGATTN_Q4_1 || format == SEGATTN_Q5_1;
  double x[FORMAT_N], bound[FORMAT_DIM], exact[FORMAT_DIM], single[FORMAT_DIM];
  float narrow[FORMAT_N];
  unsigned char bytes[FORMAT_N * sizeof(double)];
  for (size_t i = 0; i < FORMAT_N; i++)
    x[i] = sin(0.01 + (double) i) + 0.03 * (double) i;
  segattn_encode(format, x, bytes, FORMAT_N);
  segattn_decode(format, bytes, x, FORMAT_N);
  for (size_t i = 0; i < FORMAT_N; i++)
    narrow[i] = (float) x[i];
  bool fine = bounds_stored(bound, format, bytes) && bounds_stored(exact, SEGATTN_F64, x) &&
    bounds_stored(single, SEGATTN_F32, narrow);
  ok(fine && isfinite(bound[0]) && !memcmp(bound, wide ? exact : single, sizeof bound) && single[0] < exact[0],
     "%s: the bound counts %s rounding of decoding: %g, in f64 %g, in f32 %g", segattn_format_name(format), wide ? "one" : "no",
     bound[0], exact[0], single[0]);
}

/* ---- codes that lose nothing ---- */

enum { CODE_BLOCKS = 32, CODE_DIM = 32 * CODE_BLOCKS };

/* One score of codes: q and k are powers of 2, one a block, times integers, 127 among them, so that quantising is exact; the
   later half of the blocks takes off what the first half gave, in another order, so that the score is 0 and lse what was
   rounded.  */
static void check_codes(void) {
  rng r = { 11 };
  float q[CODE_DIM], k[CODE_DIM], v = 1;
  double lse, lse_bound, out, bound, worst = 0, largest = 0;
  segattn_problem p;
  segattn_plan *plan = NULL;
  segattn_problem_init(&p);
  p.dim_k = CODE_DIM;
  p.dim_v = 1;
  p.scale = 1;
  bool fine = !segattn_plan_alloc(&plan, &p, &(segattn_options) { .arithmetic = "i8", .threads = 1 }, NULL);
  segattn_queries queries = { .q = segattn_tensor_of(q, SEGATTN_F32, 1, 1, 1, CODE_DIM) };
  segattn_segment s = { .k = segattn_tensor_of(k, SEGATTN_F32, 1, 1, 1, CODE_DIM),
                        .v = segattn_tensor_of(&v, SEGATTN_F32, 1, 1, 1, 1) };
  segattn_tensor o = segattn_tensor_of(&out, SEGATTN_F64, 1, 1, 1, 1), l = segattn_tensor_of(&lse, SEGATTN_F64, 1, 1, 1, 1);
  segattn_tensor b = segattn_tensor_of(&bound, SEGATTN_F64, 1, 1, 1, 1);
  segattn_tensor lb = segattn_tensor_of(&lse_bound, SEGATTN_F64, 1, 1, 1, 1);
  for (int n = 0; fine && n < 100; n++) {
    for (int i = 0; i < CODE_DIM / 2; i++) {
      int shift = i / 32 % 7, to = CODE_DIM - 32 - i / 32 * 32 + i % 32;
      q[i] = q[to] = ldexpf(i % 32 ? (float) rng_between(&r, -127, 127) : 127, shift - 20);
      k[i] = ldexpf(i % 32 ? (float) rng_between(&r, -127, 127) : 127, 2 * shift);
      k[to] = -k[i];
    }
    int swap = 32 * (int) rng_between(&r, 17, 30);      /* the order of two blocks that take off */
    for (int i = 0; i < 32; i++) {
      float x = q[swap + i], y = k[swap + i];
      q[swap + i] = q[CODE_DIM - 32 + i], k[swap + i] = k[CODE_DIM - 32 + i];
      q[CODE_DIM - 32 + i] = x, k[CODE_DIM - 32 + i] = y;
    }
    fine = !segattn_attend(plan, &queries, &s, 1, &o, &l, NULL, NULL) && !segattn_bound(plan, &queries, &s, 1, &b, &lb, NULL);
    worst = fmax(worst, fabs(lse) / lse_bound);
    largest = fmax(largest, fabs(lse));
  }
  ok(fine && worst <= 1 && largest > 0, "i8, codes that lose nothing: lse is within its bound (%.3f of it; %.2g at most)",
     worst, largest);
  segattn_plan_free(plan);
}

int main(int argc, char **argv) {
  uint64_t problems = argc > 1 ? strtoull(argv[1], NULL, 10) : 4;
  for (const trial_family *f = trial_families; f < trial_families + trial_n_families; f++)
    for (int i = 0; segattn_arithmetic_name(i); i++)
      check_family(f, segattn_arithmetic_name(i), problems);
  for (segattn_format f = 0; f < SEGATTN_FORMATS; f++)
    if (f != SEGATTN_BOOL)
      check_format(f);
  check_limits();
  check_call();
  check_codes();
  return done();
}
