/* SPDX-License-Identifier: BSD-2-Clause */
/* The sums l and o of an accumulator as unevaluated pairs high + low: rules 4 to 6 of BOUNDS, section 1, for arithmetic f32c
   (lemma 9 for what they cost).  The names are sum_plain.h's.

   A key      s = fma(p, v, high),  low = low + fma(p, v, high - s),  high = s;  in l, v is 1.
              What s leaves of high + p v comes back by one more fused operation: exactly where high - s is a number, as it is
              while |p v| <= |high| and they do not cancel; else high - s is off by a rounding of p v.  (Dot2 of Ogita, Rump
              and Oishi, which is exact in both errors, takes eight operations to these four, and prefill twice the time, 32 ms
              to 17; over 4096 keys, normal, with outliers, or all positive, the RMS error was the same to 1 %.)
   A join     (s, error) = TwoSum(high f, high' g),  low = fma(low, f, low' g) + error
              f and g are powers of two; TwoSum is Knuth's, so that left and right may change places.
   The end    (n, n') = TwoSum(o), (d, d') = TwoSum(l);  q = n / d;  q + ((n - q d) + n' - q d') / d, the remainder fused.

   Where high is inf or NaN, low is too, and it may be where high - s overflowed alone: then it says nothing, and is left out.
   So is the second term of the quotient where it is NaN: inf and NaN are where f32 has them.  */

enum { SUM_PARTS = 2, SUM_VECS = VALUE_VECS / 2, SUM_DIMS = MANY_DIMS / 2, SUM_REST = (MANY_REST + 1) / 2 };
typedef struct sum { vec high, low; } sum;

#define SUM FORCED

/* After so many numbers of o come as many that are their low parts; then that of l.  */
SUM num *low_of_o(num *o, size_t numbers) { return o + numbers; }
SUM num *low_of_l(num *o, size_t numbers) { return o + 2 * numbers; }

SUM sum sum_load(const num *high, const num *low) { return (sum){ vec_load(high), vec_load(low) }; }
SUM void sum_store(num *high, num *low, sum s) {
  vec_store(high, s.high);
  vec_store(low, s.low);
}
SUM sum sum_set1(num high, num low) { return (sum){ vec_set1(high), vec_set1(low) }; }
SUM void sum_store_first(num *high, num *low, sum s) {
  *high = vec_first(s.high);
  *low = vec_first(s.low);
}
SUM vec sum_high(sum s) { return s.high; }

SUM sum sum_add(sum a, vec p) {
  vec s = vec_add(a.high, p);
  return (sum){ s, vec_add(a.low, vec_add(p, vec_sub(a.high, s))) };
}

SUM sum sum_fma(vec p, vec v, sum a) {
  vec s = vec_fma(p, v, a.high);
  return (sum){ s, vec_add(a.low, vec_fma(p, v, vec_sub(a.high, s))) };
}

SUM sum sum_fma_lanes(uint32_t lanes, vec p, vec v, sum a) {
  vec s = vec_fma_lanes(lanes, p, v, a.high), rest = vec_fma_lanes(lanes, p, v, vec_sub(a.high, s));
  return (sum){ s, vec_select(lanes, vec_add(a.low, rest), a.low) };
}

SUM sum sum_scale(sum a, vec f) { return (sum){ vec_mul(a.high, f), vec_mul(a.low, f) }; }

SUM sum two_sum(vec a, vec b) {
  vec s = vec_add(a, b), t = vec_sub(s, a);
  return (sum){ s, vec_add(vec_sub(a, vec_sub(s, t)), vec_sub(b, t)) };
}

SUM sum sum_join(sum left, vec f, sum right, vec g) {
  sum r = two_sum(vec_mul(left.high, f), vec_mul(right.high, g));
  r.low = vec_add(vec_fma(left.low, f, vec_mul(right.low, g)), r.low);
  return r;
}

SUM sum sum_normal(sum a) {
  uint32_t lost = vec_gt(a.low, vec_set1(NUM_MAX)) | vec_gt(vec_set1(-NUM_MAX), a.low) | vec_nan(a.low);
  return two_sum(a.high, vec_select(lost, vec_set1(0), a.low));
}

SUM sum divisor(sum l) {        /* 1 where l is 0: o is too */
  sum d = sum_normal(l);
  vec zero = vec_set1(0);
  uint32_t some = vec_gt(d.high, zero) | vec_gt(zero, d.high) | vec_nan(d.high);
  d.high = vec_select(~some & (uint32_t)ALL_LANES, vec_set1(1), d.high);
  return d;
}

SUM vec sum_quotient(sum o, sum d) {    /* d as divisor() gives it */
  sum n = sum_normal(o);
  vec q = vec_div(n.high, d.high), back = vec_sub(vec_set1(0), q);
  vec rest = vec_fma(back, d.low, vec_add(vec_fma(back, d.high, n.high), n.low));
  vec x = vec_add(q, vec_div(rest, d.high));
  return vec_select(vec_nan(x), q, x);
}
