/* SPDX-License-Identifier: BSD-2-Clause */
/* Slabs: the accumulators (e, l, o) of many rows, and what a finished row gives.  */

#include <math.h>

#include "elementary.h"
#include "internal.h"

static size_t aligned_rows(size_t rows) {
  return (rows + SGA_PAD - 1) / SGA_PAD * SGA_PAD;
}

size_t sga_slab_bytes(const segattn_plan *plan, size_t rows) {
  return aligned_rows(rows) * (2 + plan->pad_v) * plan->kernel->size;
}

sga_rows sga_slab_rows(const segattn_plan *plan, const sga_slabs *slabs, int number, size_t row) {
  char *p = slabs->slab[number];
  size_t size = plan->kernel->size, n = aligned_rows(slabs->rows);
  return (sga_rows){ p + row * size, p + (n + row) * size, p + (2 * n + row * plan->pad_v) * size };
}

void sga_slab_joins(const segattn_plan *plan, const sga_slabs *slabs, size_t row, size_t n, const sga_join *joins, int n_joins) {
  for (int i = 0; i < n_joins; i++)
    plan->kernel->join(sga_slab_rows(plan, slabs, joins[i].left, row), sga_slab_rows(plan, slabs, joins[i].right, row), n,
                       plan->pad_v);
}

double sga_number(const segattn_plan *plan, const void *numbers, size_t i) {
  return plan->number == SEGATTN_F32 ? (double)((const float *)numbers)[i] : ((const double *)numbers)[i];
}

void sga_numbers_fill(const segattn_plan *plan, void *numbers, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (plan->number == SEGATTN_F32)
      ((float *)numbers)[i] = -INFINITY;
    else
      ((double *)numbers)[i] = -(double)INFINITY;
}

/* lse = e ln 2 + ln l, natural.  ln 2 in two parts: the low one moves the result by less than 2^-55 |lse|, which an f64 sees. */
static double log_sum_exp(double e, double l) {
  if (l == 0)
    return -(double)INFINITY;
  double lse = (sga_log(l) + e * SGA_LN2_LOW) + e * SGA_LN2;
  return lse != lse ? (double)NAN : lse + 0;
}

static void store_row(const segattn_tensor *t, char *at, const segattn_plan *plan, const void *numbers, size_t dim) {
  const sga_format *f = sga_format_of(t->format);
  double x[SEGATTN_MAX_DIM];
  for (size_t d = 0; d < dim; d++)
    x[d] = sga_number(plan, numbers, d);
  f->from_f64(x, at, t->stride[SEGATTN_DIM], dim);
}

static bool overflowed(const segattn_plan *plan, sga_rows row) {
  bool infinite = isinf(sga_number(plan, row.l, 0));
  for (size_t d = 0; d < plan->problem.dim_v; d++)
    infinite |= isinf(sga_number(plan, row.o, d)) != 0;
  return infinite;
}

static sga_rows row_of(const segattn_plan *plan, sga_rows rows, size_t i) {
  size_t size = plan->kernel->size;
  return (sga_rows){ (char *)rows.e + i * size, (char *)rows.l + i * size, (char *)rows.o + i * plan->pad_v * size };
}

void sga_tile_output(const sga_tile *t, sga_rows root, const segattn_tensor *out, const segattn_tensor *lse,
                     segattn_events *events) {
  const segattn_plan *plan = t->plan;
  for (size_t i = 0; i < t->n; i++) {
    sga_rows row = row_of(plan, root, i);
    size_t head = sga_tile_head(t, i), query = sga_tile_query(t, i);
    events->masked_rows += sga_number(plan, row.l, 0) == 0;
    events->overflow += overflowed(plan, row);
    if (plan->problem.sinks && plan->problem.sinks[head] > -(double)INFINITY)
      plan->kernel->sink(row, plan->pad_v, plan->problem.sinks[head] * SGA_LOG2E);
    if (lse) {
      double x = log_sum_exp(sga_number(plan, row.e, 0), sga_number(plan, row.l, 0));
      sga_format_of(lse->format)->from_f64(&x, sga_at(lse, t->batch, head, query), (ptrdiff_t)sizeof x, 1);
    }
    if (out) {
      plan->kernel->divide(row, 1, plan->pad_v);
      store_row(out, sga_at(out, t->batch, head, query), plan, row.o, plan->problem.dim_v);
    }
  }
}
