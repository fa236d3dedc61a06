/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of hard problems; see trial.h.  Each changes a problem of normal numbers.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "trial.h"

static size_t q_count(const trial *t) { return HEADS * QUERIES * t->problem.dim_k; }
static size_t k_count(const trial *t) { return KV_HEADS * t->keys * t->problem.dim_k; }
static size_t v_count(const trial *t) { return KV_HEADS * t->keys * t->problem.dim_v; }

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

static double *mask_of(trial *t) {
  t->mask = allocate(HEADS * QUERIES * t->keys, sizeof *t->mask);
  return t->mask;
}

static void huge_scale(trial *t) { t->problem.scale = 1000; }
static void tiny_scale(trial *t) { t->problem.scale = t->f64 ? 0x1p-1070 : 0x1p-140; }
static void capped(trial *t) { t->problem.softcap = 3; }
static void capped_far(trial *t) { t->problem.softcap = 30; t->problem.scale = 20; }
static void one_value(trial *t) { for (size_t i = 0; i < v_count(t); i++) t->v[i] = 0.3; }

/* Weights that grow so fast that each sum is less than what comes next, and values that leave the error of the sums alone.  */
static void doubling(trial *t) {
  double *m = mask_of(t), c = 0.7 + 0.3 * rng_uniform(&t->r);
  for (size_t i = 0; i < HEADS * QUERIES * t->keys; i++)
    m[i] = c * (double) (i % t->keys);
  one_value(t);
}

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

const trial_family trial_families[] = {
  {"normal", 64, 300, 1, 1, 1, plain}, {"f16-bf16", 64, 300, 1, 1, 1, halves}, {"one-dimension", 1, 300, 2, 2, 1, plain},
  {"wide", 576, 40, 1, 1, 1, plain}, {"long", 8, MAX_KEYS, 1, 1, 1, plain}, {"large-scores", 32, 300, 5, 5, 1, plain},
  {"spread", 16, 300, 0.1, 0.1, 1, spread}, {"rising", 16, 300, 0.1, 0.1, 1, rising},
  {"falling", 16, 300, 0.1, 0.1, 1, falling},
  {"events", 16, 300, 0.1, 0.1, 1, events}, {"equal", 16, 300, 0.001, 0.001, 1, equal}, {"one-key", 16, 1, 3, 3, 1, plain},
  {"two-keys", 1, 2, 1, 1, 1, plain}, {"two-masks", 1, 2, 0, 0, 1, only_masks}, {"two-slopes", 1, 2, 0.1, 0.1, 1, far_slopes},
  {"two-caps", 1, 2, 2, 2, 1, capped}, {"two-wide", 1, 2, 1, 1, 1, wide_storage}, {"two-tiny", 1, 2, 1, 1, 1, tiny_values},
  {"lost-outlier", 4, 100, 0.01, 0.01, 1, lost_outlier}, {"outliers", 32, 300, 1, 1, 1, outliers},
  {"tiny-values", 32, 100, 1, 1, 1, tiny_values}, {"cancellation", 32, 300, 1, 1, 1, cancellation},
  {"one-value", 32, 300, 1, 1, 1, one_value}, {"huge-scale", 32, 300, 1, 1, 1, huge_scale},
  {"tiny-scale", 32, 100, 1, 1, 1, tiny_scale}, {"softcap", 32, 300, 2, 2, 1, capped},
  {"softcap-saturated", 32, 300, 1, 1, 1, capped_far},
  {"causal-window", 32, 300, 1, 1, 1, causal_window}, {"slopes", 32, 300, 1, 1, 1, sloped},
  {"far-slopes", 32, 300, 1, 1, 1, far_slopes},
  {"sinks", 32, 100, 1, 1, 1, sinks}, {"masks", 32, 300, 1, 1, 1, masks}, {"minimum-masks", 32, 100, 1, 1, 1, minimum_masks},
  {"wide-storage", 32, 100, 1, 1, 1, wide_storage}, {"doubling", 1, 40, 0.1, 0.1, 1, doubling},
};
const size_t trial_n_families = sizeof trial_families / sizeof *trial_families;

static double *normals(size_t n, double deviation, rng *r) {
  double *x = allocate(n, sizeof *x);
  for (size_t i = 0; i < n; i++)
    x[i] = deviation * rng_normal(r);
  return x;
}

void trial_make(trial *t, const trial_family *f, const char *arithmetic, uint64_t seed) {
  bool f64 = !strcmp(arithmetic, "f64");
  *t = (trial) { .arithmetic = arithmetic, .keys = f->keys, .f64 = f64, .r = { seed } };
  segattn_problem_init(&t->problem);
  t->problem.q_heads = HEADS;
  t->problem.kv_heads = KV_HEADS;
  t->problem.dim_k = f->dim;
  t->problem.dim_v = DIM_V;
  t->storage = t->v_storage = f64 ? SEGATTN_F64 : SEGATTN_F32;
  t->q = normals(q_count(t), f->q, &t->r);
  t->k = normals(k_count(t), f->k, &t->r);
  t->v = normals(v_count(t), f->v, &t->r);
  f->change(t);
}

void trial_free(trial *t) {
  free(t->q);
  free(t->k);
  free(t->v);
  free(t->mask);
}
