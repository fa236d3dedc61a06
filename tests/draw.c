/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Draws the shape, the options, the positions and the mask of a problem; see draw.h.  */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "draw.h"
#include "tap.h"

uint64_t rng_word(rng *r) {
  uint64_t z = r->state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

size_t rng_below(rng *r, size_t n) {
  return n ? (size_t) (rng_word(r) % n) : 0;
}

int64_t rng_between(rng *r, int64_t low, int64_t high) {
  return low + (int64_t) rng_below(r, (size_t) (high - low + 1));
}

bool rng_chance(rng *r, unsigned percent) {
  return rng_below(r, 100) < percent;
}

double rng_uniform(rng *r) {
  return (double) (rng_word(r) >> 11) * 0x1p-53;
}

double rng_normal(rng *r) {
  uint64_t w = rng_word(r);
  double sum = (double) (w & 0xffff) + (double) (w >> 16 & 0xffff) + (double) (w >> 32 & 0xffff) + (double) (w >> 48);
  return (sum * 0x1p-16 - 2) * 1.7320508075688772;
}

void *allocate(size_t n, size_t size) {
  void *p = calloc(n ? n : 1, size ? size : 1);
  if (!p) {
    puts("Bail out! no memory");
    exit(99);
  }
  return p;
}

/* ---- shapes ---- */

typedef struct scale_of_shape {
  unsigned percent;
  size_t batch, kv_heads, group, dim, queries, keys;    /* the largest of each */
  double cost;                  /* fused operations of one evaluation, at most */
} scale_of_shape;

static const scale_of_shape sizes[] = {
  { 60, 2, 2, 3, 40, 8, 60, 1e5 },              /* small: every cut, all axis orders */
  { 27, 3, 3, 4, 128, 40, 700, 3e5 },
  { 6, 2, 1, 2, 576, 5, 300, 3e5 },             /* wide heads */
  { 5, 1, 2, 2, 20, 3, 3000, 3e5 },             /* long */
  { 2, 1, 1, 1, 33, 270, 150, 8e5 },            /* many queries */
};

static const scale_of_shape *draw_size(rng *r) {
  size_t percent = rng_below(r, 100), i = 0;
  while (percent >= sizes[i].percent)
    percent -= sizes[i++].percent;
  return &sizes[i];
}

/* With `blocks` mostly a multiple of 32.  */
static size_t draw_dim(rng *r, size_t most, bool blocks) {
  static const size_t usual[] = { 8, 16, 32, 64, 128, 256, 512, 576 };
  if (blocks && rng_chance(r, 75))
    return 32 * (1 + rng_below(r, most / 32));
  size_t dim = usual[rng_below(r, 8)];
  return rng_chance(r, 40) && dim <= most ? dim : 1 + rng_below(r, most);
}

/* Fused operations; the numbers of K and V count for some, for the tests make them anew for each evaluation.  */
static double cost(const drawn *d) {
  const segattn_problem *p = &d->problem;
  return (double) (d->batch * d->keys * (p->dim_k + p->dim_v + 20)) * (double) (p->q_heads * d->queries + 4 * p->kv_heads);
}

static void draw_shape(drawn *d, rng *r, bool blocks) {
  const scale_of_shape *s = draw_size(r);
  d->problem.dim_k = draw_dim(r, s->dim, blocks);
  d->problem.dim_v = rng_chance(r, 50) ? d->problem.dim_k : draw_dim(r, s->dim, blocks);
  d->problem.kv_heads = 1 + rng_below(r, s->kv_heads);
  d->problem.q_heads = d->problem.kv_heads * (1 + rng_below(r, s->group));
  d->batch = 1 + rng_below(r, s->batch);
  d->queries = 1 + rng_below(r, s->queries);
  d->keys = rng_chance(r, 3) ? 0 : 1 + rng_below(r, s->keys);
  while (cost(d) > s->cost)
    if (d->queries > 1)
      d->queries = d->queries / 2;
    else if (d->batch > 1)
      d->batch--;
    else
      d->keys = d->keys / 2;
}

/* ---- options ---- */

static double draw_scale(rng *r) {
  static const double some[] = { 0, -0.25, 1, -1, 0x1p-20, 30, 1e4, -1e4, 1e30, 1e200, 1e-200 };
  return rng_chance(r, 60) ? SEGATTN_SCALE_DEFAULT : some[rng_below(r, sizeof some / sizeof *some)];
}

static void draw_options(drawn *d, rng *r) {
  segattn_problem *p = &d->problem;
  const char *some = rng_chance(r, 60) ? "f32" : "f64";
  d->arithmetic = d->arithmetic ? d->arithmetic : some;
  p->scale = draw_scale(r);
  int exponent = (int) rng_between(r, -3, 8);
  p->softcap = rng_chance(r, 15) ? ldexp(1 + rng_uniform(r), exponent) : 0;
  p->causal = rng_chance(r, 35);
  p->window = rng_chance(r, 20) ? 1 + rng_below(r, d->keys + 10) : 0;
  if (rng_chance(r, 25)) {
    segattn_alibi_slopes(p->q_heads, d->slopes);
    if (rng_chance(r, 40))
      for (size_t h = 0; h < p->q_heads; h++)
        d->slopes[h] = rng_normal(r);
    p->slopes = d->slopes;
  }
  if (rng_chance(r, 20)) {
    for (size_t h = 0; h < p->q_heads; h++) {
      double size = rng_chance(r, 20) ? 100 : 2;
      d->sinks[h] = rng_chance(r, 5) ? -INFINITY : rng_normal(r) * size;
    }
    p->sinks = d->sinks;
  }
}

/* ---- positions ---- */

static int64_t draw_start(rng *r) {
  switch (rng_below(r, 8)) {
  case 0: case 1: case 2: return 0;
  case 3: return rng_between(r, 1, 400);
  case 4: return -rng_between(r, 1, 400);
  case 5: return rng_between(r, 0, 1000) * BLOCK;
  case 6: return INT64_C(0x7fffff00) + rng_between(r, 0, 300);         /* over 2^31 */
  default: return rng_between(r, 0, 100000);
  }
}

static void draw_key_positions(drawn *d, rng *r) {
  bool gaps = rng_chance(r, 25);
  int64_t offset = 0;
  d->k_offset = allocate(d->keys, sizeof *d->k_offset);
  for (size_t j = 0; j < d->keys; j++, offset++) {
    if (gaps && j && rng_below(r, d->keys) < 3)
      offset += rng_between(r, 1, rng_chance(r, 30) ? 300 : 20), d->gaps = true;
    d->k_offset[j] = offset;
  }
  for (size_t b = 0; b < d->batch; b++) {
    int64_t unit = rng_chance(r, 50) ? BLOCK : 7;
    d->k_start[b] = b && rng_chance(r, 50) ? d->k_start[0] + rng_between(r, -3, 3) * unit : draw_start(r);
  }
  if (rng_chance(r, 50))
    for (size_t b = 1; b < d->batch; b++)
      d->k_start[b] = d->k_start[0];
}

static void draw_query_positions(drawn *d, rng *r) {
  int64_t extent = d->keys ? d->k_offset[d->keys - 1] + 1 : 0;
  for (size_t b = 0; b < d->batch; b++)
    d->q_start[b] = d->k_start[b] + (rng_chance(r, 50) ? extent - (int64_t) d->queries : rng_between(r, -5, extent + 5));
  if (!rng_chance(r, 20))
    return;
  d->q_positions = allocate(d->queries, sizeof *d->q_positions);
  for (size_t i = 0; i < d->queries; i++)
    d->q_positions[i] = d->k_start[0] + rng_between(r, -5, extent + 5);
}

static const segattn_format formats[] = {
  SEGATTN_F64, SEGATTN_F32, SEGATTN_F16, SEGATTN_BF16, SEGATTN_F8E4M3, SEGATTN_F8E5M2, SEGATTN_Q8_0, SEGATTN_Q4_0, SEGATTN_Q4_1,
  SEGATTN_Q5_0, SEGATTN_Q5_1, SEGATTN_IQ4_NL
};

/* Of every format, those whose blocks fit.  */
static segattn_format draw_format(rng *r, size_t dim, bool every) {
  return formats[rng_below(r, !every ? 4 : dim % 32 ? 6 : 12)];
}

/* Where V may begin in a row of K: anywhere, or on a block.  */
static void put_v_in_k(drawn *d, rng *r) {
  size_t room = d->problem.dim_k - d->problem.dim_v, block = 1;
  for (size_t i = 0; i < d->n_pieces; i++)
    block = segattn_format_block(d->pieces[i].k) > block ? segattn_format_block(d->pieces[i].k) : block;
  if (d->problem.dim_v % block)
    return;
  d->v_in_k = true;
  d->v_offset = block * rng_below(r, room / block + 1);
  for (size_t i = 0; i < d->n_pieces; i++)
    d->pieces[i].v = d->pieces[i].k;
}

static void draw_pieces(drawn *d, rng *r, bool every) {
  size_t n = rng_chance(r, 60) || d->keys < DRAW_PIECES ? 1 : 1 + rng_below(r, DRAW_PIECES), at = 0;
  d->q_format = draw_format(r, d->problem.dim_k, every);
  d->out_format = formats[rng_below(r, 4)];
  d->lse_format = formats[rng_below(r, 4)];
  for (size_t i = 0; i < n; i++) {
    size_t left = d->keys - at, to = i + 1 == n ? d->keys : at + rng_below(r, left + 1);
    d->pieces[i] = (piece) { .from = at, .to = to };
    d->pieces[i].k = draw_format(r, d->problem.dim_k, every);
    d->pieces[i].v = draw_format(r, d->problem.dim_v, every);
    at = to;
  }
  d->n_pieces = n;
  if (rng_chance(r, 10) && d->problem.dim_v <= d->problem.dim_k)
    put_v_in_k(d, r);
}

/* ---- masks ---- */

static double draw_minimum(rng *r) {
  static const double minima[] = { -1e4, -65504, -0x1.fffffep127, -0x1.fffffffffffffp1023 };
  return minima[rng_below(r, 4)];
}

static double draw_addend(rng *r, int kind, unsigned masked) {
  if (rng_chance(r, masked))
    return -INFINITY;
  return kind == 0 ? 0 : kind == 1 ? rng_normal(r) * 3 : rng_chance(r, 30) ? draw_minimum(r) : 0;
}

/* Rounds to the format; what a narrow format cannot hold becomes -inf there, which is a mask as well.  */
static void draw_mask(drawn *d, rng *r) {
  static const segattn_format of_masks[] = { SEGATTN_F64, SEGATTN_F32, SEGATTN_F16, SEGATTN_BF16, SEGATTN_BOOL };
  if (rng_chance(r, 45))
    return;
  d->mask_format = of_masks[rng_below(r, 5)];
  d->mask_batch = rng_chance(r, 50) ? 1 : d->batch;
  d->mask_heads = rng_chance(r, 50) ? 1 : d->problem.q_heads;
  size_t rows = d->mask_batch * d->mask_heads * d->queries, keys = d->keys;
  int kind = d->mask_format == SEGATTN_BOOL ? 0 : (int) rng_below(r, 3);
  unsigned masked = (unsigned) rng_below(r, 4) * 25;
  size_t tail = rng_chance(r, 30) ? rng_below(r, keys + 1) : 0;         /* masked in every row */
  d->mask = allocate(rows * keys, sizeof *d->mask);
  d->mask_binary = kind == 0;
  for (size_t i = 0; i < rows; i++) {
    bool whole = rng_chance(r, 10);
    for (size_t j = 0; j < keys; j++)
      d->mask[i * keys + j] = whole || j + tail >= keys ? -INFINITY : draw_addend(r, kind, masked);
  }
  if (d->mask_format == SEGATTN_BOOL)
    return;
  void *stored = allocate(rows * keys, sizeof(double));
  segattn_encode(d->mask_format, d->mask, stored, rows * keys);
  segattn_decode(d->mask_format, stored, d->mask, rows * keys);
  free(stored);
}

/* ---- the whole ---- */

void draw(drawn *d, rng *r, bool every_format, const char *arithmetic) {
  *d = (drawn) { .arithmetic = arithmetic };
  segattn_problem_init(&d->problem);
  draw_shape(d, r, every_format);
  draw_options(d, r);
  draw_key_positions(d, r);
  draw_query_positions(d, r);
  draw_pieces(d, r, every_format);
  draw_mask(d, r);
  draw_values(d, r);
}

void drawn_free(drawn *d) {
  free(d->q_positions);
  free(d->k_offset);
  free(d->q);
  free(d->k);
  free(d->v);
  free(d->q_stored);
  free(d->k_stored);
  free(d->v_stored);
  free(d->mask);
}

void drawn_describe(const drawn *d) {
  const segattn_problem *p = &d->problem;
  diag("  %s, batch %zu, heads %zu/%zu, dims %zu %zu, queries %zu, keys %zu%s, scores %s, values %s", d->arithmetic,
       d->batch,
       p->q_heads, p->kv_heads, p->dim_k, p->dim_v, d->queries, d->keys, d->gaps ? " with gaps" : "", d->scores, d->values);
  diag("  scale %g, softcap %g, causal %d, window %zu, slopes %d, sinks %d, q at %lld%s, k at %lld", p->scale, p->softcap,
       p->causal,
       p->window, p->slopes != NULL, p->sinks != NULL, (long long) d->q_start[0], d->q_positions ? " (listed)" : "",
       (long long) d->k_start[0]);
  diag("  q %s, out %s, lse %s, mask %s [%zu][%zu]%s", segattn_format_name(d->q_format), segattn_format_name(d->out_format),
       segattn_format_name(d->lse_format), d->mask ? segattn_format_name(d->mask_format) : "none", d->mask_batch,
         d->mask_heads,
       d->v_in_k ? ", V in K" : "");
  for (size_t i = 0; i < d->n_pieces; i++)
    diag("  keys %zu to %zu: k %s, v %s", d->pieces[i].from, d->pieces[i].to, segattn_format_name(d->pieces[i].k),
         segattn_format_name(d->pieces[i].v));
}

int64_t drawn_query_position(const drawn *d, size_t b, size_t i) {
  return d->q_positions ? d->q_positions[i] : d->q_start[b] + (int64_t) i;
}

int64_t drawn_key_position(const drawn *d, size_t b, size_t j) {
  return d->k_start[b] + d->k_offset[j];
}

double drawn_mask(const drawn *d, size_t b, size_t h, size_t i, size_t j) {
  if (!d->mask)
    return 0;
  size_t mb = d->mask_batch > 1 ? b : 0, mh = d->mask_heads > 1 ? h : 0;
  return d->mask[((mb * d->mask_heads + mh) * d->queries + i) * d->keys + j];
}

bool drawn_visible(const drawn *d, size_t b, size_t h, size_t i, size_t j) {
  int64_t distance = drawn_query_position(d, b, i) - drawn_key_position(d, b, j);
  if (d->problem.causal && distance < 0)
    return false;
  if (d->problem.window && (uint64_t) llabs(distance) >= d->problem.window)
    return false;
  return drawn_mask(d, b, h, i, j) != -INFINITY;
}

bool drawn_seen(const drawn *d, size_t b, size_t g, size_t j) {
  size_t group = d->problem.q_heads / d->problem.kv_heads;
  for (size_t h = g * group; h < (g + 1) * group; h++)
    for (size_t i = 0; i < d->queries; i++)
      if (drawn_visible(d, b, h, i, j))
        return true;
  return false;
}
