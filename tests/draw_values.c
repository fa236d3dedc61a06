/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers of a drawn problem: families of scores (through q and k) and of values, each a row of a table.

   A family of scores sets the level of each key: with positive q and k_j = level_j (1 + noise), the scores follow the
   levels.  A family of values sets v alone, so that every pair of families occurs.  Keys that no query sees hold NaN.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "draw.h"

static size_t count(const drawn *d, size_t heads, size_t positions, size_t dim) {
  return d->batch * heads * positions * dim;
}

/* ---- scores ---- */

typedef double key_level(size_t j, size_t keys, rng *r);        /* the score of key j, about, in natural units */

static double rising(size_t j, size_t keys, rng *r) { (void) keys; (void) r; return 0.7 * (double) j; }
static double falling(size_t j, size_t keys, rng *r) { (void) r; return 0.7 * (double) (keys - j); }
static double events(size_t j, size_t keys, rng *r) { (void) keys; (void) r; return 55. * (double) j;
    }        /* > 64 ln 2 */
static double steps(size_t j, size_t keys, rng *r) { (void) keys; (void) r; return 0x1.62e42fefa39efp5 * (double) j;
    } /* 64 ln 2 */
static double scattered(size_t j, size_t keys, rng *r) { (void) j; (void) keys; return 400 * rng_uniform(r) - 200; }
static double repeated(size_t j, size_t keys, rng *r) { (void) j; (void) keys; return rng_chance(r, 20) ? 20
    : 10 * rng_uniform(r); }
static double equal(size_t j, size_t keys, rng *r) { (void) j; (void) keys; (void) r; return 5; }

typedef void spoil_scores(drawn *d, rng *r);

static double *some(double *x, size_t n, rng *r) {
  return &x[rng_below(r, n)];
}

static void spoil(double *x, size_t n, double with, rng *r) {
  for (size_t i = 0, times = 1 + rng_below(r, 3); n && i < times; i++)
    *some(x, n, r) = with;
}

/* q gets no zero here, so that an infinite k gives an infinite score.  */
static void minus_infinity(drawn *d, rng *r) {
  size_t n = count(d, d->problem.kv_heads, d->keys, d->problem.dim_k);
  for (size_t i = 0; i < count(d, d->problem.q_heads, d->queries, d->problem.dim_k); i++)
    d->q[i] = fabs(d->q[i]) + 0.1;
  if (rng_chance(r, 20))
    for (size_t i = 0; i < n; i += d->problem.dim_k)
      d->k[i] = -INFINITY;      /* every score */
  spoil(d->k, n, -INFINITY, r);
}

static void infinity(drawn *d, rng *r) {
  spoil(d->k, count(d, d->problem.kv_heads, d->keys, d->problem.dim_k), rng_chance(r, 50) ? INFINITY : -INFINITY, r);
}

static void not_a_number(drawn *d, rng *r) {
  if (rng_chance(r, 50))
    spoil(d->k, count(d, d->problem.kv_heads, d->keys, d->problem.dim_k), NAN, r);
  else
    spoil(d->q, count(d, d->problem.q_heads, d->queries, d->problem.dim_k), rng_chance(r, 50) ? NAN : -NAN, r);
}

static void multiply(double *x, size_t n, double by) {
  for (size_t i = 0; i < n; i++)
    x[i] *= by;
}

static void overflow(drawn *d, rng *r) {
  multiply(d->k, count(d, d->problem.kv_heads, d->keys, d->problem.dim_k), rng_chance(r, 50) ? 1e20 : 0x1p15);
  multiply(d->q, count(d, d->problem.q_heads, d->queries, d->problem.dim_k), rng_chance(r, 50) ? 1e19 : 0x1p15);
}

static void tiny_scores(drawn *d, rng *r) {
  multiply(d->k, count(d, d->problem.kv_heads, d->keys, d->problem.dim_k), rng_chance(r, 50) ? 1e-30 : 1e-42);
}

static const struct score_family {
  const char *name;
  unsigned weight;
  key_level *level;
  spoil_scores *spoil;
} score_families[] = {
  { "normal", 30, NULL, NULL },
  { "rising", 8, rising, NULL },
  { "falling", 8, falling, NULL },
  { "event-per-key", 8, events, NULL },
  { "steps-of-64", 5, steps, NULL },
  { "underflow", 8, scattered, NULL },
  { "repeated-maximum", 6, repeated, NULL },
  { "equal", 4, equal, NULL },
  { "minus-infinity", 6, NULL, minus_infinity },
  { "infinity", 5, NULL, infinity },
  { "nan", 5, NULL, not_a_number },
  { "overflow", 4, NULL, overflow },
  { "tiny", 3, NULL, tiny_scores },
};

static double within(double x, double most) {
  return x > most ? most : x < -most ? -most : x;
}

/* k_j = level / (scale sum q): q of every row has about the same sum.  */
static void level_keys(drawn *d, key_level *level, bool exact, rng *r) {
  size_t dim = d->problem.dim_k;
  double scale = d->problem.scale == SEGATTN_SCALE_DEFAULT ? 1 / sqrt((double) dim) : d->problem.scale;
  double unit = (double) dim * (scale != 0 && fabs(scale) < 1e6 && fabs(scale) > 1e-6 ? scale : 1);
  for (size_t i = 0; i < count(d, d->problem.q_heads, d->queries, dim); i++)
    d->q[i] = exact ? 1 : 1 + 0.05 * rng_normal(r);
  for (size_t row = 0; row < d->batch * d->problem.kv_heads; row++)
    for (size_t j = 0; j < d->keys; j++) {
      double x = within(level(j, d->keys, r) / unit, 3e4);
      for (size_t i = 0; i < dim; i++)
        d->k[(row * d->keys + j) * dim + i] = exact ? x : x * (1 + 0.01 * rng_normal(r));
    }
}

/* ---- values ---- */

/* What an element may be made of.  */
typedef struct made_of {
  double normal;
  size_t key;
  double huge, tiny;            /* of its format */
  rng *r;
} made_of;

typedef double value(const made_of *m);

static double v_normal(const made_of *m) { return m->normal; }
static double v_constant(const made_of *m) { (void) m; return -0.75; }
static double v_zero(const made_of *m) { return m->normal < 0 ? -0. : 0; }
static double v_huge(const made_of *m) { return within(m->normal, 1) * m->huge; }
static double v_tiny(const made_of *m) { return m->normal * m->tiny; }
static double v_mixed(const made_of *m) { return within(m->normal, 1) * (rng_chance(m->r, 50) ? m->huge : m->tiny); }
static double v_cancelling(const made_of *m) { return m->key % 2 ? 1000 : -1000; }
static double v_nan(const made_of *m) { return rng_below(m->r, 200) ? m->normal : rng_chance(m->r, 50) ? NAN : -NAN; }
static double v_infinite(const made_of *m) { return rng_below(m->r, 200) ? m->normal : m->normal < 0 ? -INFINITY : INFINITY;
    }

static const struct value_family {
  const char *name;
  unsigned weight;
  value *make;
} value_families[] = {
  { "normal", 45, v_normal }, { "constant", 8, v_constant }, { "zero", 4, v_zero }, { "huge", 9, v_huge },
    { "tiny", 9, v_tiny },
  { "huge-and-tiny", 6, v_mixed }, { "cancelling", 7, v_cancelling }, { "nan", 6, v_nan }, { "infinite", 6, v_infinite },
};

/* The largest number, and a few subnormal steps; of blocks what a scale says.  */
static double largest(segattn_format f) {
  static const double of_floats[] = { 0x1.fffffffffffffp1023, 0x1.fffffep127, 65504, 0x1.fep127, 0, 448, 57344 };
  return f < sizeof of_floats / sizeof *of_floats ? of_floats[f] : 65504;
}

static double smallest(segattn_format f) {
  static const double of_floats[] = { 0x1p-1072, 0x1p-147, 0x1p-22, 0x1p-131, 0, 0x1p-8, 0x1p-15 };
  return f < sizeof of_floats / sizeof *of_floats ? of_floats[f] : 0x1p-22;
}

static const piece *piece_of(const drawn *d, size_t j) {
  const piece *p = d->pieces;
  while (j >= p->to)
    p++;
  return p;
}

static void make_values(drawn *d, value *make, rng *r) {
  size_t dim = d->problem.dim_v;
  for (size_t row = 0; row < d->batch * d->problem.kv_heads; row++)
    for (size_t j = 0; j < d->keys; j++) {
      segattn_format f = piece_of(d, j)->v;
      double huge = f == SEGATTN_F64 && strcmp(d->arithmetic, "f64") && rng_chance(r, 99) ? largest(SEGATTN_F32)
        : largest(f);
      for (size_t c = 0; c < dim; c++)
        d->v[(row * d->keys + j) * dim + c] = make(&(made_of) { rng_normal(r), j, huge, smallest(f), r });
    }
}

/* ---- storage ---- */

/* A row as its format stores it, and what it then says.  */
static void store_row(segattn_format format, double *x, unsigned char *to, size_t dim) {
  segattn_encode(format, x, to, dim);
  segattn_decode(format, to, x, dim);
}

static unsigned char *store_keys(const drawn *d, double *x, size_t dim, bool is_v) {
  unsigned char *bytes = allocate(count(d, d->problem.kv_heads, d->keys, dim), sizeof *x);
  for (size_t row = 0; row < d->batch * d->problem.kv_heads; row++)
    for (size_t j = 0; j < d->keys; j++) {
      const piece *p = piece_of(d, j);
      size_t at = (row * d->keys + j) * dim;
      store_row(is_v ? p->v : p->k, &x[at], &bytes[at * sizeof *x], dim);
    }
  return bytes;
}

static unsigned char *store_queries(const drawn *d) {
  size_t dim = d->problem.dim_k, n = count(d, d->problem.q_heads, d->queries, dim);
  unsigned char *bytes = allocate(n, sizeof *d->q);
  for (size_t at = 0; at < n; at += dim)
    store_row(d->q_format, &d->q[at], &bytes[at * sizeof *d->q], dim);
  return bytes;
}

static void copy_v_from_k(drawn *d) {
  size_t n = d->batch * d->problem.kv_heads * d->keys, dk = d->problem.dim_k, dv = d->problem.dim_v;
  for (size_t row = 0; row < n; row++)
    memcpy(&d->v[row * dv], &d->k[row * dk + d->v_offset], dv * sizeof *d->v);
}

/* Some axes hold one value, so that a stride of zero can say the same.  */
static void repeat_rows(double *x, size_t rows, size_t length) {
  for (size_t i = 1; i < rows; i++)
    memcpy(&x[i * length], x, length * sizeof *x);
}

static void broadcast_some(drawn *d, rng *r) {
  size_t dk = d->problem.dim_k, dv = d->problem.dim_v, kv_heads = d->problem.kv_heads;
  if (rng_chance(r, 8))
    repeat_rows(d->k, d->batch, kv_heads * d->keys * dk), repeat_rows(d->v, d->batch, kv_heads * d->keys * dv);
  if (rng_chance(r, 5))
    repeat_rows(d->k, d->batch * kv_heads, d->keys * dk);
  if (rng_chance(r, 5))
    repeat_rows(d->v, d->batch * kv_heads * d->keys, dv);
  if (rng_chance(r, 5))
    repeat_rows(d->q, d->batch * d->problem.q_heads, d->queries * dk);
}

static void hide_unseen(drawn *d) {
  for (size_t b = 0; b < d->batch; b++)
    for (size_t g = 0; g < d->problem.kv_heads; g++)
      for (size_t j = 0; j < d->keys; j++) {
        size_t row = (b * d->problem.kv_heads + g) * d->keys + j;
        if (drawn_seen(d, b, g, j))
          continue;
        for (size_t c = 0; c < d->problem.dim_k; c++)
          d->k[row * d->problem.dim_k + c] = NAN;
        for (size_t c = 0; c < d->problem.dim_v; c++)
          d->v[row * d->problem.dim_v + c] = NAN;
      }
}

static double *normals(size_t n, double by, rng *r) {
  double *x = allocate(n, sizeof *x);
  for (size_t i = 0; i < n; i++)
    x[i] = by * rng_normal(r);
  return x;
}

void draw_values(drawn *d, rng *r) {
  size_t s = 0, v = 0, pick = rng_below(r, 100);
  while (pick >= score_families[s].weight)
    pick -= score_families[s++].weight;
  pick = rng_below(r, 100);
  while (pick >= value_families[v].weight)
    pick -= value_families[v++].weight;
  d->scores = score_families[s].name;
  d->values = d->v_in_k ? "of K" : value_families[v].name;
  double by = rng_chance(r, 20) ? 4 : 1;
  d->q = normals(count(d, d->problem.q_heads, d->queries, d->problem.dim_k), by, r);
  d->k = normals(count(d, d->problem.kv_heads, d->keys, d->problem.dim_k), by, r);
  d->v = normals(count(d, d->problem.kv_heads, d->keys, d->problem.dim_v), 1, r);
  if (score_families[s].level)
    level_keys(d, score_families[s].level, rng_chance(r, 50), r);
  if (score_families[s].spoil)
    score_families[s].spoil(d, r);
  make_values(d, value_families[v].make, r);
  broadcast_some(d, r);
  if (d->v_in_k)
    copy_v_from_k(d);
  hide_unseen(d);
  d->q_stored = store_queries(d);
  d->k_stored = store_keys(d, d->k, d->problem.dim_k, false);
  d->v_stored = store_keys(d, d->v, d->problem.dim_v, true);
}
