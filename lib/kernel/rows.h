/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to accumulators before and after keys are absorbed: cleared, sinks and the division (rule 6); and the kernel's
   row of the table.  */

static void clear(sga_rows rows, size_t n, size_t dim) {
  num *e = rows.e, *l = rows.l, *o = rows.o;
  for (size_t r = 0; r < n; r++) {
    e[r] = -NUM_MAX;
    l[r] = 0;
  }
  for (size_t i = 0; i < n * sga_width(SUM_PARTS, dim); i++)
    o[i] = 0;
}

static void sink(sga_rows row, size_t dim, double t) {
  num *e = row.e, *l = row.l, *o = row.o, *low = low_of_l(o, dim), n = round_even((num)t);
  num m = *e > n ? *e : n;
  vec p = weight(vec_set1((num)t), vec_set1(n));
  factors f = { vec_set1(power(*e - m)), vec_set1(power(n - m)) };
  sum_store_first(l, low, join_one(sum_set1(*l, *low), sum_set1(vec_first(p), 0), f));
  *e = m;
  low = low_of_o(o, dim);
  for (size_t d = 0; d < dim; d += LANES)
    sum_store(o + d, low + d, join_one(sum_load(o + d, low + d), sum_set1(0, 0), f));
}

/* o <- o / l; where l is 0, o is too.  NaN is canonical, and no negative zero leaves.  */
FORCED vec quotient(sum o, sum l) {
  vec x = vec_add(sum_quotient(o, l), vec_set1(0));
  return vec_select(vec_nan(x), vec_set1((num)NAN), x);
}

static void divide(sga_rows row, size_t dim) {
  num *o = row.o, *low = low_of_o(o, dim);
  sum l = divisor(sum_set1(*(num *)row.l, *low_of_l(o, dim)));
  for (size_t d = 0; d < dim; d += LANES)
    vec_store(o + d, quotient(sum_load(o + d, low + d), l));
}

static void divide_lanes(sga_rows rows, size_t dim) {
  for (int at = 0; at < SGA_LANES; at += LANES) {
    num *o = (num *)rows.o + at;
    sum l = divisor(sum_load((num *)rows.l + at, low_of_l(o, dim * SGA_LANES)));
    for (size_t d = 0; d < dim; d++, o += SGA_LANES)
      vec_store(o, quotient(sum_load(o, low_of_o(o, dim * SGA_LANES)), l));
  }
}

static bool infinite(sga_rows row, size_t dim) {
  range span = range_with(range_at(0), vec_set1(*(num *)row.l));
  for (size_t d = 0; d < dim; d += LANES)
    span = range_with(span, vec_load((num *)row.o + d));
  return range_infinite(span);
}

/* Of the lanes, those in which l or an o is infinite.  */
static uint32_t infinite_lanes(sga_rows rows, size_t dim) {
  uint32_t found = 0;
  for (int at = 0; at < SGA_LANES; at += LANES) {
    range span = range_with(range_at(0), vec_load((num *)rows.l + at));
    for (size_t d = 0; d < dim; d++)
      span = range_with(span, vec_load((num *)rows.o + d * SGA_LANES + at));
    found |= range_infinite(span) << at;
  }
  return found;
}

#ifdef CODED
#include "coder.h"
#define CODER &coder
#else
#define CODER NULL
#endif

#ifndef SGA_CPU
#define SGA_CPU SGA_ISA
#endif

const sga_kernel SGA_PASTE(sga_kernel, ARITHMETIC, SGA_CPU) = {
  SGA_TEXT(ARITHMETIC), SGA_TEXT(SGA_ISA), SGA_TEXT(SGA_CPU), sizeof(num), SUM_PARTS, DECODED, absorb, absorb_lanes,
  join, join_lanes, decode, clear, sink, sink_lanes, divide, divide_lanes, infinite, infinite_lanes, lanes_set, lanes_get, CODER
};
