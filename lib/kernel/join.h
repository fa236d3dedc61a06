/* SPDX-License-Identifier: BSD-2-Clause */
/* Joins of accumulators: rule 5 of BOUNDS, section 1, for rows one by one and for rows across lanes.

       left <- left + right:   m = max(e, e'),   x = fma(x, P(e - m), x' P(e' - m)) for l and every o,   e = m

   (where sums are pairs, as sum_pair.h says).  A product with P = 0 is not skipped, so that a NaN survives.  */

typedef struct factors { vec left, right; } factors;

static inline vec powers(vec k) {       /* P(k) of integers k <= 0: 2^k from the smallest normal number up, else 0 */
  return vec_zero_below(vec_pow2(k), k, vec_set1(EXPONENT_MIN));
}

FORCED sum join_one(sum left, sum right, factors f) {
  return sum_join(left, f.left, right, f.right);
}

/* e and l of one vector of rows; what their o are to be multiplied with.  */
FORCED factors join_sums(num *e, num *l, num *low, vec e_right, sum l_right) {
  vec old = vec_load(e), m = vec_max(old, e_right);
  factors f = { powers(vec_sub(old, m)), powers(vec_sub(e_right, m)) };
  sum_store(l, low, join_one(sum_load(l, low), l_right, f));
  vec_store(e, m);
  return f;
}

/* Lanes [at, at + n) of SGA_LANES.  */
static void join_strip(sga_rows left, sga_rows right, int at, int n, size_t dim) {
  const size_t numbers = dim * SGA_LANES;
  for (int end = at + n; at < end; at += LANES) {
    num *to = (num *)left.o + at, *from = (num *)right.o + at;
    factors f = join_sums((num *)left.e + at, (num *)left.l + at, low_of_l(to, numbers), vec_load((num *)right.e + at),
                          sum_load((num *)right.l + at, low_of_l(from, numbers)));
    for (size_t d = 0; d < dim; d++, to += SGA_LANES, from += SGA_LANES)
      sum_store(to, low_of_o(to, numbers),
                join_one(sum_load(to, low_of_o(to, numbers)), sum_load(from, low_of_o(from, numbers)), f));
  }
}

static void join_lanes(sga_rows left, sga_rows right, size_t dim) {
  join_strip(left, right, 0, SGA_LANES, dim);
}

/* n rows, one by one.  */
static void join(sga_rows left, sga_rows right, size_t n, size_t dim) {
  num *ed = left.e, *ld = left.l, *od = left.o, *ea = right.e, *la = right.l, *oa = right.o;
  const size_t width = sga_width(SUM_PARTS, dim);
  for (size_t r = 0; r < n; r++, od += width, oa += width) {
    num m = ed[r] > ea[r] ? ed[r] : ea[r], *low = low_of_l(od, dim);
    factors f = { vec_set1(power(ed[r] - m)), vec_set1(power(ea[r] - m)) };
    sum l = join_one(sum_set1(ld[r], *low), sum_set1(la[r], *low_of_l(oa, dim)), f);
    sum_store_first(&ld[r], low, l);
    for (size_t d = 0; d < dim; d += LANES)
      sum_store(od + d, low_of_o(od, dim) + d,
                join_one(sum_load(od + d, low_of_o(od, dim) + d), sum_load(oa + d, low_of_o(oa, dim) + d), f));
    ed[r] = m;
  }
}
