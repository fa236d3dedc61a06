/* SPDX-License-Identifier: BSD-2-Clause */
/* Slabs: the accumulators (e, l, o) of many rows, and what a finished row gives.  */

#include <float.h>
#include <math.h>
#include <string.h>

#include "elementary.h"
#include "internal.h"

enum { MANY = 12 };             /* rows to a KV head from which on lanes pay; any number gives the same bits */

void sga_slabs_shape(sga_slabs *s, const segattn_plan *plan, const segattn_queries *queries, size_t most, size_t tiles) {
  size_t rows = queries->q.shape[SEGATTN_POS] * plan->group;
  s->tiles = tiles;
  s->many = rows >= MANY;
  s->tile_rows = rows < most ? rows : most;
  if (s->many)
    s->tile_rows = (s->tile_rows + SGA_LANES - 1) / SGA_LANES * SGA_LANES;
}

static size_t aligned_rows(const sga_slabs *s) {
  return (s->tile_rows + SGA_PAD - 1) / SGA_PAD * SGA_PAD;
}

static size_t tile_bytes(const segattn_plan *plan, const sga_slabs *s) {
  return (2 * aligned_rows(s) + s->tile_rows * plan->width) * plan->kernel->size;
}

size_t sga_slab_bytes(const segattn_plan *plan, const sga_slabs *slabs) {
  return slabs->tiles * tile_bytes(plan, slabs);
}

sga_rows sga_slab_tile(const segattn_plan *plan, const sga_slabs *slabs, int number, size_t tile) {
  char *p = slabs->slab[number] + tile * tile_bytes(plan, slabs);
  size_t bytes = aligned_rows(slabs) * plan->kernel->size;
  return (sga_rows){ p, p + bytes, p + 2 * bytes };
}

sga_rows sga_slab_lanes(const segattn_plan *plan, sga_rows tile, size_t row) {
  size_t size = plan->kernel->size;
  return (sga_rows){ (char *)tile.e + row * size, (char *)tile.l + row * size, (char *)tile.o + row * plan->width * size };
}

void sga_slab_joins(const segattn_plan *plan, const sga_slabs *slabs, size_t tile, const sga_join *joins, int n) {
  for (int i = 0; i < n; i++) {
    sga_rows left = sga_slab_tile(plan, slabs, joins[i].left, tile), right = sga_slab_tile(plan, slabs, joins[i].right, tile);
    for (size_t row = 0; slabs->many && row < slabs->tile_rows; row += SGA_LANES)
      plan->kernel->join_lanes(sga_slab_lanes(plan, left, row), sga_slab_lanes(plan, right, row), plan->pad_v);
    if (!slabs->many)
      plan->kernel->join(left, right, slabs->tile_rows, plan->pad_v);
  }
}

void sga_slab_clear(const segattn_plan *plan, const sga_slabs *slabs, int number, size_t tile) {
  plan->kernel->clear(sga_slab_tile(plan, slabs, number, tile), slabs->tile_rows, plan->pad_v);
}

void sga_slab_copy(const segattn_plan *plan, const sga_slabs *to, size_t to_tile, const sga_slabs *from, size_t tile,
                   int number) {
  memcpy(to->slab[number] + to_tile * tile_bytes(plan, to), from->slab[number] + tile * tile_bytes(plan, from),
         tile_bytes(plan, from));
}

sga_rows sga_slab_row(const segattn_plan *plan, const sga_slabs *slabs, sga_rows tile, size_t i, void *room) {
  size_t size = plan->kernel->size;
  if (!slabs->many)
    return sga_slab_lanes(plan, tile, i);
  char *p = room;
  const char *lane = (char *)sga_slab_lanes(plan, tile, i - i % SGA_LANES).o + i % SGA_LANES * size;
  memcpy(p, (char *)tile.e + i * size, size);
  memcpy(p + size, (char *)tile.l + i * size, size);
  for (size_t d = 0; d < plan->width; d++)
    memcpy(p + (2 + d) * size, lane + d * SGA_LANES * size, size);
  return (sga_rows){ p, p + size, p + 2 * size };
}

void sga_slab_row_set(const segattn_plan *plan, const sga_slabs *slabs, sga_rows tile, size_t i, sga_rows row) {
  size_t size = plan->kernel->size, step = slabs->many ? SGA_LANES * size : size;
  char *at = slabs->many ? (char *)sga_slab_lanes(plan, tile, i - i % SGA_LANES).o + i % SGA_LANES * size
                         : sga_slab_lanes(plan, tile, i).o;
  memcpy((char *)tile.e + i * size, row.e, size);
  memcpy((char *)tile.l + i * size, row.l, size);
  for (size_t part = 0; part < plan->width; part += plan->pad_v)        /* o, its low parts, that of l */
    for (size_t d = part; d < part + plan->problem.dim_v && d <= 2 * plan->pad_v; d++)
      memcpy(at + d * step, (char *)row.o + d * size, size);
}

/* ---- numbers ---- */

static double sum_of(double high, double low) {
  return isfinite(low) ? high + low : high;
}

static double low_part(const segattn_plan *plan, double x) {
  return isfinite(x) ? x - sga_round(plan, x) : (double)NAN;
}

double sga_sum_l(const segattn_plan *plan, sga_rows rows, size_t lanes, size_t i) {
  double high = sga_number(plan, rows.l, i);
  return plan->kernel->parts == 1 ? high : sum_of(high, sga_number(plan, rows.o, 2 * plan->pad_v * lanes + i));
}

double sga_sum_o(const segattn_plan *plan, sga_rows row, size_t d) {
  double high = sga_number(plan, row.o, d);
  return plan->kernel->parts == 1 ? high : sum_of(high, sga_number(plan, row.o, plan->pad_v + d));
}

void sga_sum_l_set(const segattn_plan *plan, sga_rows row, double x) {
  sga_number_set(plan, row.l, 0, x);
  if (plan->kernel->parts > 1)
    sga_number_set(plan, row.o, 2 * plan->pad_v, low_part(plan, x));
}

void sga_sum_o_set(const segattn_plan *plan, sga_rows row, size_t d, double x) {
  sga_number_set(plan, row.o, d, x);
  if (plan->kernel->parts > 1)
    sga_number_set(plan, row.o, plan->pad_v + d, low_part(plan, x));
}

double sga_number(const segattn_plan *plan, const void *numbers, size_t i) {
  return plan->number == SEGATTN_F32 ? (double)((const float *)numbers)[i] : ((const double *)numbers)[i];
}

void sga_number_set(const segattn_plan *plan, void *numbers, size_t i, double x) {
  if (plan->number == SEGATTN_F32)
    ((float *)numbers)[i] = (float)x;
  else
    ((double *)numbers)[i] = x;
}

double sga_number_max(const segattn_plan *plan) {
  return plan->number == SEGATTN_F32 ? (double)FLT_MAX : DBL_MAX;
}

void sga_numbers_fill(const segattn_plan *plan, void *numbers, size_t n) {
  float *f = numbers;
  double *d = numbers;
  if (plan->number == SEGATTN_F32)
    for (size_t i = 0; i < n; i++)
      f[i] = -INFINITY;
  else
    for (size_t i = 0; i < n; i++)
      d[i] = -(double)INFINITY;
}

/* lse = e ln 2 + ln l, natural.  ln 2 in two parts: the low one moves the result by less than 2^-55 |lse|, which an f64 sees.
   */
static double log_sum_exp(double e, double l) {
  if (l == 0)
    return -(double)INFINITY;
  double lse = (sga_log(l) + e * SGA_LN2_LOW) + e * SGA_LN2;
  return lse != lse ? (double)NAN : lse + 0;
}

/* Can the row's numbers be written where they go as they are?  */
static bool as_numbers(const segattn_tensor *t, const segattn_plan *plan) {
  return t->format == plan->number && t->stride[SEGATTN_DIM] == (ptrdiff_t)plan->kernel->size;
}

/* Finite elements that became infinite as they were written.  */
static void count_saturations(const segattn_tensor *t, const char *at, const double *x, size_t dim, segattn_events *events) {
  const sga_format *f = sga_format_of(t->format);
  bool beyond = false;
  for (size_t d = 0; d < dim; d++)
    beyond |= fabs(x[d]) > f->largest && fabs(x[d]) <= DBL_MAX;
  for (size_t d = 0; beyond && d < dim; d++) {
    double stored;
    f->to_f64(at + (ptrdiff_t)d * t->stride[SEGATTN_DIM], t->stride[SEGATTN_DIM], &stored, 1);
    events->saturations += isinf(stored) && !isinf(x[d]);
  }
}

static void store_row(const segattn_tensor *t, char *at, const segattn_plan *plan, const void *numbers, size_t dim,
                      segattn_events *events) {
  double x[SEGATTN_MAX_DIM];
  if (as_numbers(t, plan)) {
    memcpy(at, numbers, dim * plan->kernel->size);
    return;
  }
  for (size_t d = 0; d < dim; d++)
    x[d] = sga_number(plan, numbers, d);
  sga_format_of(t->format)->from_f64(x, at, t->stride[SEGATTN_DIM], dim);
  count_saturations(t, at, x, dim, events);
}

/* log2 of the weight of the row's sink, -inf where it has none.  */
static double sink_of(const sga_tile *t, size_t i) {
  const double *sinks = t->plan->problem.sinks;
  return sinks ? sinks[t->head[i]] * SGA_LOG2E : -(double)INFINITY;
}

static void store_lse(const sga_tile *t, size_t i, double e, double l, const segattn_tensor *lse) {
  double x = log_sum_exp(e, l);
  char *at = sga_at(lse, t->batch, t->head[i], t->query[i]);
  sga_format_of(lse->format)->from_f64(&x, at, (ptrdiff_t)sizeof x, 1);
  count_saturations(lse, at, &x, 1, sga_tile_events(t, i));
}

static void output_row(const sga_tile *t, size_t i, sga_rows row, const segattn_tensor *out, const segattn_tensor *lse) {
  const segattn_plan *plan = t->plan;
  segattn_events *events = sga_tile_events(t, i);
  events->masked_rows += sga_number(plan, row.l, 0) == 0;
  events->overflow += plan->kernel->infinite(row, plan->pad_v);
  if (sink_of(t, i) > -(double)INFINITY)
    plan->kernel->sink(row, plan->pad_v, sink_of(t, i));
  if (lse)
    store_lse(t, i, sga_number(plan, row.e, 0), sga_sum_l(plan, row, 1, 0), lse);
  if (out) {
    plan->kernel->divide(row, plan->pad_v);
    store_row(out, sga_at(out, t->batch, t->head[i], t->query[i]), plan, row.o, plan->problem.dim_v,
              events);
  }
}

/* The quotients of n rows that lie across lanes, to where they go, or by way of the scratch.  */
static void store_lanes(const sga_tile *t, size_t first, size_t n, sga_rows rows, const segattn_tensor *out) {
  const segattn_plan *plan = t->plan;
  void *to[SGA_LANES];
  for (size_t i = 0; i < n; i++)
    to[i] = as_numbers(out, plan) ? sga_at(out, t->batch, t->head[first + i], t->query[first + i])
                                  : sga_number_at(plan, t->scratch->weights, i * plan->pad_v);
  plan->kernel->lanes_get(rows.o, to, n, plan->problem.dim_v);
  for (size_t i = 0; i < n && !as_numbers(out, plan); i++)
    store_row(out, sga_at(out, t->batch, t->head[first + i], t->query[first + i]), plan, to[i], plan->problem.dim_v,
              sga_tile_events(t, first + i));
}

static void output_lanes(const sga_tile *t, size_t first, size_t n, sga_rows rows, const segattn_tensor *out,
                         const segattn_tensor *lse) {
  const segattn_plan *plan = t->plan;
  uint32_t wanted = n < SGA_LANES ? ((uint32_t)1 << n) - 1 : UINT32_MAX;
  double sinks[SGA_LANES];
  for (size_t i = 0; i < SGA_LANES; i++) {
    sinks[i] = i < n ? sink_of(t, first + i) : -(double)INFINITY;
    if (i < n && sga_number(plan, rows.l, i) == 0)
      sga_tile_events(t, first + i)->masked_rows++;
  }
  for (uint32_t lanes = plan->kernel->infinite_lanes(rows, plan->pad_v) & wanted; lanes; lanes &= lanes - 1)
    sga_tile_events(t, first + (size_t)__builtin_ctz(lanes))->overflow++;
  if (plan->problem.sinks)
    plan->kernel->sink_lanes(rows, plan->pad_v, sinks);
  for (size_t i = 0; lse && i < n; i++)
    store_lse(t, first + i, sga_number(plan, rows.e, i), sga_sum_l(plan, rows, SGA_LANES, i), lse);
  if (out) {
    plan->kernel->divide_lanes(rows, plan->pad_v);
    store_lanes(t, first, n, rows, out);
  }
}

void sga_tile_output(const sga_tile *t, const sga_slabs *slabs, sga_rows root, const segattn_tensor *out,
                     const segattn_tensor *lse) {
  size_t step = slabs->many ? SGA_LANES : 1;
  for (size_t i = 0; i < t->n; i += step) {
    sga_rows rows = sga_slab_lanes(t->plan, root, i);
    if (slabs->many)
      output_lanes(t, i, t->n - i < SGA_LANES ? t->n - i : SGA_LANES, rows, out, lse);
    else
      output_row(t, i, rows, out, lse);
  }
}
