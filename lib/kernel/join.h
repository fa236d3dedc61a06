/* SPDX-License-Identifier: BSD-2-Clause */
/* Joins of accumulators: rule 5 of BOUNDS, section 1, for rows one by one and for rows across lanes.

       left <- left + right:   m = max(e, e'),   x = fma(x, P(e - m), x' P(e' - m)) for l and every o,   e = m

   A product with P = 0 is not skipped, so that a NaN survives.  */

typedef struct factors { vec left, right; } factors;

static inline vec powers(vec k) {       /* P(k) of integers k <= 0: 2^k from the smallest normal number up, else 0 */
  return vec_zero_below(vec_pow2(k), k, vec_set1(EXPONENT_MIN));
}

static inline vec join_one(vec left, vec right, factors f) {
  return vec_fma(left, f.left, vec_mul(right, f.right));
}

/* e and l of one vector of rows; what their o are to be multiplied with.  */
static inline factors join_sums(num *e, num *l, vec e_right, vec l_right) {
  vec old = vec_load(e), m = vec_max(old, e_right);
  factors f = { powers(vec_sub(old, m)), powers(vec_sub(e_right, m)) };
  vec_store(l, join_one(vec_load(l), l_right, f));
  vec_store(e, m);
  return f;
}

/* Lanes [at, at + n) of SGA_LANES.  */
static void join_strip(sga_rows left, sga_rows right, int at, int n, size_t dim) {
  for (int end = at + n; at < end; at += LANES) {
    factors f = join_sums((num *)left.e + at, (num *)left.l + at, vec_load((num *)right.e + at), vec_load((num *)right.l + at));
    num *to = (num *)left.o + at;
    const num *from = (num *)right.o + at;
    for (size_t d = 0; d < dim; d++, to += SGA_LANES, from += SGA_LANES)
      vec_store(to, join_one(vec_load(to), vec_load(from), f));
  }
}

static void join_lanes(sga_rows left, sga_rows right, size_t dim) {
  join_strip(left, right, 0, SGA_LANES, dim);
}

/* n rows, one by one.  */
static void join(sga_rows left, sga_rows right, size_t n, size_t dim) {
  num *ed = left.e, *ld = left.l, *od = left.o;
  const num *ea = right.e, *la = right.l, *oa = right.o;
  for (size_t r = 0; r < n; r++, od += dim, oa += dim) {
    num m = ed[r] > ea[r] ? ed[r] : ea[r], l[LANES];
    factors f = { vec_set1(power(ed[r] - m)), vec_set1(power(ea[r] - m)) };
    vec_store(l, join_one(vec_set1(ld[r]), vec_set1(la[r]), f));
    ld[r] = l[0];
    for (size_t d = 0; d < dim; d += LANES)
      vec_store(od + d, join_one(vec_load(od + d), vec_load(oa + d), f));
    ed[r] = m;
  }
}
