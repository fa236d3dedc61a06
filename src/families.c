/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of inputs.  q is drawn first, then k, then v, each in memory order; sink and repeated-maximum head by head.  All in
   f64 (first-report in f32).  +, *, / and sqrt are exact by definition, and where a product meets a sum the fma is explicit:
   the same bits everywhere.

     first-report       C++'s uniform_real_distribution<float>: q in [-0.8, 0.8), k in [-0.6, 0.6), v in [-0.7, 0.7)
     outliers           N(0,1) + N(0, sigma^2) Bernoulli(probability): 100 is the variance in FlashAttention-3's experiment
                        (Shah et al. 2024), so sigma is 10
     sink               a vector r of signs for each KV head; q = 4 r / sqrt(D) + N(0,1), k_0 = r margin / 4, v_0 a hundredth
                        of the others, as in real models (Xiao et al. 2023): at the default scale key 0 scores
                        margin (1 + N(0,1) / 4), the others about N(0,1)
     repeated-maximum   q = r (1 + y), y in (-1/2, 1/2); k = height r z, z = 1 in a share of the keys, in (-1, 1) in the
                        others: as every q r is positive each row has its maximum in exactly those keys.  v <= 0.  Here
                        rounded weights and values of one sign add up to a bias (arXiv 2510.04212).  */

#include "families.h"

#include <math.h>
#include <string.h>

static void fill_uniform(const draw *d, double *x, size_t n, double low, double high) {
  for (size_t i = 0; i < n; i++)
    x[i] = fma(high - low, random_uniform(d->stream), low);
}

static void fill_normal(const draw *d, double *x, size_t n, double mean, double sigma) {
  for (size_t i = 0; i < n; i++)
    x[i] = fma(sigma, random_normal(d->stream), mean);
}

static void fill_float(const draw *d, double *x, size_t n, float bound) {
  for (size_t i = 0; i < n; i++)
    x[i] = (double)random_uniform_float(d->stream, -bound, bound);
}

static void fill_outliers(const draw *d, double *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    x[i] = random_normal(d->stream);
    if (random_uniform(d->stream) < d->parameter[1])
      x[i] = fma(d->parameter[0], random_normal(d->stream), x[i]);
  }
}

static size_t q_count(const draw *d) { return d->batch * d->q_heads * d->queries * d->dim_k; }
static size_t k_count(const draw *d) { return d->batch * d->kv_heads * d->keys * d->dim_k; }
static size_t v_count(const draw *d) { return d->batch * d->kv_heads * d->keys * d->dim_v; }

static void draw_first_report(const draw *d) {
  fill_float(d, d->q, q_count(d), 0.8f);
  fill_float(d, d->k, k_count(d), 0.6f);
  fill_float(d, d->v, v_count(d), 0.7f);
}

static void draw_normal(const draw *d) {
  fill_normal(d, d->q, q_count(d), d->parameter[0], d->parameter[1]);
  fill_normal(d, d->k, k_count(d), d->parameter[0], d->parameter[1]);
  fill_normal(d, d->v, v_count(d), d->parameter[0], d->parameter[1]);
}

static void draw_uniform(const draw *d) {
  fill_uniform(d, d->q, q_count(d), d->parameter[0], d->parameter[1]);
  fill_uniform(d, d->k, k_count(d), d->parameter[0], d->parameter[1]);
  fill_uniform(d, d->v, v_count(d), d->parameter[0], d->parameter[1]);
}

static void draw_outliers(const draw *d) {
  fill_outliers(d, d->q, q_count(d));
  fill_outliers(d, d->k, k_count(d));
  fill_outliers(d, d->v, v_count(d));
}

/* ---- families with a direction for each KV head: r = +-1 in each dimension ---- */

/* A word a sign.  */
static void draw_signs(double r[SEGATTN_MAX_DIM], const draw *d) {
  for (size_t i = 0; i < d->dim_k; i++)
    r[i] = random_word(d->stream) >> 31 ? -1 : 1;
}

/* Elements of all queries that read one KV head.  */
static size_t group_count(const draw *d) {
  return d->q_heads / d->kv_heads * d->queries * d->dim_k;
}

static void draw_sink_head(const draw *d, size_t head) {
  double r[SEGATTN_MAX_DIM];
  draw_signs(r, d);
  double *q = d->q + head * group_count(d), *k = d->k + head * d->keys * d->dim_k, *v = d->v + head * d->keys * d->dim_v;
  double shift = 4 / sqrt((double)d->dim_k), reach = d->parameter[0] / 4;
  fill_normal(d, q, group_count(d), 0, 1);
  for (size_t i = 0; i < group_count(d); i++)
    q[i] = fma(shift, r[i % d->dim_k], q[i]);
  fill_normal(d, k, d->keys * d->dim_k, 0, 1);
  fill_normal(d, v, d->keys * d->dim_v, 0, 1);
  for (size_t i = 0; i < d->dim_k && d->keys > 0; i++)
    k[i] = reach * r[i];
  for (size_t i = 0; i < d->dim_v && d->keys > 0; i++)
    v[i] /= 100;
}

/* A share of the keys, evenly spread, at least one.  */
static bool is_maximum(size_t j, size_t keys, double share) {
  double before = floor((double)j * share), after = floor((double)(j + 1) * share);
  return after > before || (j + 1 == keys && after < 1);
}

static void draw_repeated_head(const draw *d, size_t head) {
  double r[SEGATTN_MAX_DIM];
  draw_signs(r, d);
  double *q = d->q + head * group_count(d), *k = d->k + head * d->keys * d->dim_k, *v = d->v + head * d->keys * d->dim_v;
  fill_uniform(d, q, group_count(d), 0.5, 1.5);
  for (size_t i = 0; i < group_count(d); i++)
    q[i] *= r[i % d->dim_k];
  fill_uniform(d, k, d->keys * d->dim_k, -1, 1);
  for (size_t i = 0; i < d->keys * d->dim_k; i++) {
    double z = is_maximum(i / d->dim_k, d->keys, d->parameter[0]) ? 1 : k[i];
    k[i] = d->parameter[1] * r[i % d->dim_k] * z;
  }
  fill_normal(d, v, d->keys * d->dim_v, 0, 1);
  for (size_t i = 0; i < d->keys * d->dim_v; i++)
    v[i] = -fabs(v[i]);
}

static void draw_sink(const draw *d) {
  for (size_t head = 0; head < d->batch * d->kv_heads; head++)
    draw_sink_head(d, head);
}

static void draw_repeated_maximum(const draw *d) {
  for (size_t head = 0; head < d->batch * d->kv_heads; head++)
    draw_repeated_head(d, head);
}

/* ---- the table ---- */

static const struct row { family is; void (*draw)(const draw *); } families[] = {
  {{"first-report", "uniform in [-0.8, 0.8), [-0.6, 0.6), [-0.7, 0.7), the inputs of the first report", {0}, {0}},
   draw_first_report},
  {{"normal", "normal", {"mean", "sigma"}, {0, 1}}, draw_normal},
  {{"uniform", "uniform", {"low", "high"}, {-1, 1}}, draw_uniform},
  {{"outliers", "standard normal with rare normal outliers", {"sigma", "probability"}, {10, 0.001}}, draw_outliers},
  {{"sink", "normal, the first key draws most of the weight", {"margin"}, {10}}, draw_sink},
  {{"repeated-maximum", "every row has its maximum in many keys, values of one sign", {"share", "height"}, {0.25, 1}},
   draw_repeated_maximum},
  {{"import", "tensors captured from a model", {0}, {0}}, NULL}
};
enum { FAMILIES = sizeof families / sizeof *families };

const family *family_at(size_t i) {
  return i < FAMILIES ? &families[i].is : NULL;
}

const family *family_find(const char *name) {
  for (size_t i = 0; i < FAMILIES; i++)
    if (strcmp(families[i].is.name, name) == 0)
      return &families[i].is;
  return NULL;
}

bool family_draw(const char *name, const draw *d) {
  for (size_t i = 0; i < FAMILIES; i++)
    if (strcmp(families[i].is.name, name) == 0 && families[i].draw != NULL) {
      families[i].draw(d);
      return true;
    }
  return false;
}
