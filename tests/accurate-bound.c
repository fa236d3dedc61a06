/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn_bound against MPFR: |computed - exact| <= bound for every element and every lse, on families that are hard for one
   term of the bound each; how far the bound is from the error; and what the bound says where there is none.

       accurate-bound [problems a family and arithmetic]

   Without its term for weights that are lost to underflow the bound fails on lost-outlier, without that for decoding on
   wide-storage, without that for subnormal sums on tiny-values, without eps of exp2 on one-dimension.  */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <segattn.h>
#include "draw.h"
#include "reference_mpfr.h"
#include "tap.h"

enum { HEADS = 4, KV_HEADS = 2, QUERIES = 3, MAX_KEYS = 1200, MAX_SEGMENTS = 4 };

/* One problem, everything in f64 and C order [head][position][dim]; rounded to its storage by `typed`.  */
typedef struct trial {
  segattn_problem problem;
  const char *arithmetic;
  segattn_format storage, v_storage;
  size_t keys, gap;             /* gap: positions left out between segments */
  int64_t q_start;
  double slopes[HEADS], sinks[HEADS];
  double *q, *k, *v, *mask;     /* mask NULL: none */
  bool f64;
  rng r;
} trial;

typedef struct family {
  const char *name;
  size_t dim, keys;
  double q, k, v;               /* standard deviations */
  void (*change)(trial *t);
} family;

static size_t q_count(const trial *t) { return HEADS * QUERIES * t->problem.dim_k; }
static size_t k_count(const trial *t) { return KV_HEADS * t->keys * t->problem.dim_k; }
static size_t v_count(const trial *t) { return KV_HEADS * t->keys * t->problem.dim_v; }

/* ---- families: each changes a problem of normal numbers ---- */

static void plain(trial *t) { (void) t; }
static void halves(trial *t) { t->storage = SEGATTN_F16; t->v_storage = SEGATTN_BF16; }
static void wide_storage(trial *t) { t->storage = t->v_storage = SEGATTN_F64; }

/* Key j at level `score(j)`, whatever the query: the first dimension of q is 1, that of k the level, and the scale 1.  */
static void level(trial *t, double (*score)(trial *t, size_t j)) {
  size_t dim = t->problem.dim_k;
  t->problem.scale = 1;
  for (size_t i = 0; i < q_count(t); i += dim)
    t->q[i] = 1;
  for (size_t i = 0; i < k_count(t); i += dim)
    t->k[i] = score(t, i / dim % t->keys);
}

static double spread_level(trial *t, size_t j) { (void) j; return (t->f64 ? 800 : 139) * 0.6931 * rng_uniform(&t->r); }
static double rising_level(trial *t, size_t j) { (void) t; return 3 * (double) j; }
static double falling_level(trial *t, size_t j) { (void) t; return -3 * (double) j; }
static double event_level(trial *t, size_t j) { (void) t; return 47 * (double) (j % 90); }
static double lost_level(trial *t, size_t j) { return j < t->keys / 2 ? 44 * (double) (j % 2) : t->f64 ? 709.2 : 88.1; }
static double equal_level(trial *t, size_t j) { (void) t; (void) j; return 7; }

static void spread(trial *t) { level(t, spread_level); }
static void rising(trial *t) { level(t, rising_level); }
static void falling(trial *t) { level(t, falling_level); }
static void events(trial *t) { level(t, event_level); }
static void equal(trial *t) { level(t, equal_level); }

/* The keys that win late have tiny values, those that were scaled away huge ones.  */
static void lost_outlier(trial *t) {
  level(t, lost_level);
  for (size_t i = 0; i < v_count(t); i++)
    t->v[i] *= i / t->problem.dim_v % t->keys < t->keys / 2 ? (t->f64 ? 1e260 : 1e12) : 1e-20;
}

static void outliers(trial *t) {
  for (size_t i = 0; i < k_count(t); i++)
    t->k[i] *= rng_chance(&t->r, 1) ? 100 : 1;
  for (size_t i = 0; i < v_count(t); i++)
    t->v[i] *= rng_chance(&t->r, 1) ? 1e6 : 1;
}

static void tiny_values(trial *t) {
  for (size_t i = 0; i < v_count(t); i++)
    t->v[i] *= t->f64 ? 0x1p-1066 : 0x1p-141;
}

/* Pairs of keys with one score and opposite values.  */
static void cancellation(trial *t) {
  size_t dim_k = t->problem.dim_k, dim_v = t->problem.dim_v;
  for (size_t i = dim_k; i < k_count(t); i++)
    if (i / dim_k % 2)
      t->k[i] = t->k[i - dim_k];
  for (size_t i = dim_v; i < v_count(t); i++)
    if (i / dim_v % 2)
      t->v[i] = -t->v[i - dim_v];
}

static void huge_scale(trial *t) { t->problem.scale = 1000; }
static void tiny_scale(trial *t) { t->problem.scale = t->f64 ? 0x1p-1070 : 0x1p-140; }
static void capped(trial *t) { t->problem.softcap = 3; }
static void capped_far(trial *t) { t->problem.softcap = 30; t->problem.scale = 20; }
static void one_value(trial *t) { for (size_t i = 0; i < v_count(t); i++) t->v[i] = 0.3; }

static void causal_window(trial *t) {
  t->problem.causal = true;
  t->problem.window = 100;
  t->q_start = (int64_t) t->keys / 2;
  t->gap = 77;
}

static void sloped(trial *t) {
  segattn_alibi_slopes(HEADS, t->slopes);
  t->problem.slopes = t->slopes;
  t->q_start = (int64_t) t->keys;
}

static void far_slopes(trial *t) {
  sloped(t);
  t->q_start = ((int64_t) 1 << 31) + 12345;
  for (size_t h = 0; h < HEADS; h++)
    t->slopes[h] *= 0.01;
}

static void sinks(trial *t) {
  t->problem.sinks = t->sinks;
  for (size_t h = 0; h < HEADS; h++)
    t->sinks[h] = 8 * rng_normal(&t->r);
}

static double *mask_of(trial *t) {
  t->mask = allocate(HEADS * QUERIES * t->keys, sizeof *t->mask);
  return t->mask;
}

static void masks(trial *t) {
  static const double some[] = { 0, -INFINITY, -1e4, -65504, -3.4028234663852886e38, 2.5, -0x1p-30 };
  double *m = mask_of(t);
  for (size_t i = 0; i < HEADS * QUERIES * t->keys; i++)
    m[i] = rng_chance(&t->r, 30) ? some[rng_below(&t->r, sizeof some / sizeof *some)] : 3 * rng_normal(&t->r);
}

/* Nothing but masks: the error is that of exp2 and of the sums.  */
static void only_masks(trial *t) {
  double *m = mask_of(t);
  for (size_t i = 0; i < HEADS * QUERIES * t->keys; i++)
    m[i] = rng_normal(&t->r) / 4;
}

static void minimum_masks(trial *t) {
  double *m = mask_of(t);
  for (size_t i = 0; i < HEADS * QUERIES * t->keys; i++)
    m[i] = t->f64 ? -0x1.fffffffffffffp1023 : -0x1.fffffep127;
}

static const family families[] = {
  {"normal", 64, 300, 1, 1, 1, plain}, {"f16-bf16", 64, 300, 1, 1, 1, halves}, {"one-dimension", 1, 300, 2, 2, 1, plain},
  {"wide", 576, 40, 1, 1, 1, plain}, {"long", 8, MAX_KEYS, 1, 1, 1, plain}, {"large-scores", 32, 300, 5, 5, 1, plain},
  {"spread", 16, 300, 0.1, 0.1, 1, spread}, {"rising", 16, 300, 0.1, 0.1, 1, rising}, {"falling", 16, 300, 0.1, 0.1, 1, falling},
  {"events", 16, 300, 0.1, 0.1, 1, events}, {"equal", 16, 300, 0.001, 0.001, 1, equal}, {"one-key", 16, 1, 3, 3, 1, plain},
  {"two-keys", 1, 2, 1, 1, 1, plain}, {"two-masks", 1, 2, 0, 0, 1, only_masks}, {"two-slopes", 1, 2, 0.1, 0.1, 1, far_slopes},
  {"two-caps", 1, 2, 2, 2, 1, capped}, {"two-wide", 1, 2, 1, 1, 1, wide_storage},
  {"lost-outlier", 4, 100, 0.01, 0.01, 1, lost_outlier}, {"outliers", 32, 300, 1, 1, 1, outliers},
  {"tiny-values", 32, 100, 1, 1, 1, tiny_values}, {"cancellation", 32, 300, 1, 1, 1, cancellation},
  {"one-value", 32, 300, 1, 1, 1, one_value}, {"huge-scale", 32, 300, 1, 1, 1, huge_scale},
  {"tiny-scale", 32, 100, 1, 1, 1, tiny_scale}, {"softcap", 32, 300, 2, 2, 1, capped}, {"softcap-saturated", 32, 300, 1, 1, 1, capped_far},
  {"causal-window", 32, 300, 1, 1, 1, causal_window}, {"slopes", 32, 300, 1, 1, 1, sloped}, {"far-slopes", 32, 300, 1, 1, 1, far_slopes},
  {"sinks", 32, 100, 1, 1, 1, sinks}, {"masks", 32, 300, 1, 1, 1, masks}, {"minimum-masks", 32, 100, 1, 1, 1, minimum_masks},
  {"wide-storage", 32, 100, 1, 1, 1, wide_storage},
};

/* ---- a problem and its tensors ---- */

static double *normals(size_t n, double deviation, rng *r) {
  double *x = allocate(n, sizeof *x);
  for (size_t i = 0; i < n; i++)
    x[i] = deviation * rng_normal(r);
  return x;
}

static void trial_make(trial *t, const family *f, bool f64, uint64_t seed) {
  *t = (trial) { .arithmetic = f64 ? "f64" : "f32", .keys = f->keys, .f64 = f64, .r = { seed } };
  segattn_problem_init(&t->problem);
  t->problem.q_heads = HEADS;
  t->problem.kv_heads = KV_HEADS;
  t->problem.dim_k = f->dim;
  t->problem.dim_v = 8;
  t->storage = t->v_storage = f64 ? SEGATTN_F64 : SEGATTN_F32;
  t->q = normals(q_count(t), f->q, &t->r);
  t->k = normals(k_count(t), f->k, &t->r);
  t->v = normals(v_count(t), f->v, &t->r);
  f->change(t);
}

static void trial_free(trial *t) {
  free(t->q);
  free(t->k);
  free(t->v);
  free(t->mask);
}

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
  enum { ROWS = HEADS * QUERIES, OUT = ROWS * 8 };
  double out[OUT], lse[ROWS], bound[OUT], lse_bound[ROWS], error[OUT], lse_error[ROWS];
  segattn_tensor o = segattn_tensor_of(out, SEGATTN_F64, 1, HEADS, QUERIES, 8);
  segattn_tensor l = segattn_tensor_of(lse, SEGATTN_F64, 1, HEADS, QUERIES, 1);
  segattn_tensor b = segattn_tensor_of(bound, SEGATTN_F64, 1, HEADS, QUERIES, 8);
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

static void check_family(const family *f, bool f64, uint64_t problems) {
  if (f->keys <= 2)
    problems *= 50;
  tally y = { .ratio = allocate(problems * HEADS * QUERIES * 8, sizeof(double)) };
  bool done_all = true;
  for (uint64_t i = 0; i < problems; i++) {
    trial t;
    call c;
    trial_make(&t, f, f64, 1000 * (uint64_t) (f - families) + i);
    call_make(&c, &t);
    done_all = compare(&t, &c, &y) && done_all;
    call_free(&c);
    trial_free(&t);
  }
  qsort(y.ratio, y.n, sizeof *y.ratio, by_size);
  ok(done_all && y.outside == 0 && y.n && !y.unbounded,
     "%s %s: error / bound at most %.3f, median %.4f; lse %.3f; %zu elements, %zu without a bound", f->name, f64 ? "f64" : "f32",
     y.n ? y.ratio[y.n - 1] : 0, y.n ? y.ratio[y.n / 2] : 0, y.worst_lse, y.n, y.unbounded);
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
  ok(isnan(bound_of((double) NAN, 2, 0, 1)) && isnan(bound_of((double) INFINITY, 2, 0, 1)) && isnan(bound_of(0, (double) NAN, 0, 1)) &&
     isnan(bound_of(0, 2, (double) NAN, 1)) && isnan(bound_of(0, 2, (double) INFINITY, 1)), "NaN where the exact result is undefined");
  ok(isinf(bound_of(2, 2, 0, 1e38 * 3)) && isinf(bound_of(0, 3e38, 0, 1)) && isinf(bound_of(0, (double) INFINITY, 0, 1)),
     "inf where a score or a sum may overflow");
  double alone = bound_of((double) NAN, (double) NAN, -(double) INFINITY, 1);
  ok(alone >= 0 && alone < 1e-6, "a masked key is not read: bound %g", alone);
  double gone = bound_of(-(double) INFINITY, 2, 0, 1);
  ok(gone >= 0 && gone < 1e-6, "a score of -inf has weight 0: bound %g", gone);
  ok(bound_of(0, 2, 0, 0) > 0, "scale 0");
}

static bool bounds_with(trial *t, const call *c, int threads, double *bound, double *lse_bound) {
  segattn_tensor b = segattn_tensor_axes("dphb", bound, SEGATTN_F64, 1, HEADS, QUERIES, 8);
  segattn_tensor lb = segattn_tensor_of(lse_bound, SEGATTN_F64, 1, HEADS, QUERIES, 1);
  segattn_plan *plan = NULL;
  bool fine = segattn_plan_alloc(&plan, &t->problem, &(segattn_options) { .threads = threads }, NULL) == SEGATTN_OK &&
    segattn_bound(plan, &c->queries, c->segments, c->n, &b, &lb, NULL) == SEGATTN_OK;
  segattn_tensor narrow = segattn_tensor_of(bound, SEGATTN_F32, 1, HEADS, QUERIES, 8);
  segattn_error failure = { SEGATTN_OK, "", "" };
  fine = fine && segattn_bound(plan, &c->queries, c->segments, c->n, &narrow, NULL, &failure) == SEGATTN_EINVAL &&
    strstr(failure.text, "expected f64");
  segattn_plan_free(plan);
  return fine;
}

static void check_call(void) {
  enum { ROWS = HEADS * QUERIES, OUT = ROWS * 8 };
  double one[OUT], many[OUT], lse_one[ROWS], lse_many[ROWS];
  trial t;
  call c;
  trial_make(&t, &families[0], false, 5);
  call_make(&c, &t);
  bool fine = bounds_with(&t, &c, 1, one, lse_one) && bounds_with(&t, &c, 7, many, lse_many);
  ok(fine && !memcmp(one, many, sizeof one) && !memcmp(lse_one, lse_many, sizeof lse_one),
     "the same bits from 1 and 7 threads; a bound in f32 is refused");
  call_free(&c);
  trial_free(&t);
}

int main(int argc, char **argv) {
  uint64_t problems = argc > 1 ? strtoull(argv[1], NULL, 10) : 4;
  for (const family *f = families; f < families + sizeof families / sizeof *families; f++)
    for (int f64 = 0; f64 < 2; f64++)
      check_family(f, f64, problems);
  check_limits();
  check_call();
  return done();
}
