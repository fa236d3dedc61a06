/* SPDX-License-Identifier: BSD-2-Clause */
/* The sums l and o of an accumulator as one number each: rules 4 to 6 of BOUNDS, section 1.  sum_pair.h has the same names for
   sums that are carried as pairs; few.h, many.h, join.h, lanes.h and rows.h know sums by these alone.

   `low` is where the low part of a number would lie; here there is none.  */

enum { SUM_PARTS = 1, SUM_VECS = VALUE_VECS, SUM_DIMS = MANY_DIMS, SUM_REST = MANY_REST };
typedef vec sum;

#define SUM FORCED

SUM num *low_of_o(num *o, size_t numbers) { (void)numbers; return o; }
SUM num *low_of_l(num *o, size_t numbers) { (void)numbers; return o; }

SUM sum sum_load(const num *high, const num *low) { (void)low; return vec_load(high); }
SUM void sum_store(num *high, num *low, sum s) { (void)low; vec_store(high, s); }
SUM sum sum_set1(num high, num low) { (void)low; return vec_set1(high); }
SUM void sum_store_first(num *high, num *low, sum s) { (void)low; *high = vec_first(s); }
SUM vec sum_high(sum s) { return s; }

SUM sum sum_add(sum s, vec p) { return vec_add(s, p); }
SUM sum sum_fma(vec p, vec v, sum s) { return vec_fma(p, v, s); }
SUM sum sum_fma_lanes(uint32_t lanes, vec p, vec v, sum s) { return vec_fma_lanes(lanes, p, v, s); }
SUM sum sum_scale(sum s, vec f) { return vec_mul(s, f); }
SUM sum sum_join(sum left, vec f, sum right, vec g) { return vec_fma(left, f, vec_mul(right, g)); }

SUM sum divisor(sum l) {        /* 1 where l is 0: o is too */
  vec zero = vec_set1(0);
  return vec_select(~(vec_gt(l, zero) | vec_gt(zero, l) | vec_nan(l)) & (uint32_t)ALL_LANES, vec_set1(1), l);
}
SUM vec sum_quotient(sum o, sum l) { return vec_div(o, l); }
