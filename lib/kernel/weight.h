/* SPDX-License-Identifier: BSD-2-Clause */
/* From scores to weights: rules 2 and 3 of BOUNDS, section 1, as few.h and many.h share them.

   A weight is 2^(t - n) 2^(n - e) with n = rint(t): e decides what underflows and never changes a bit of a weight.

   What t spans tells, before any weight is made, whether a set of keys is calm: no inf, no event, no weight that becomes 0.
   The weights of calm keys need no comparison.  (A comparison a vector for events and one for zeros cost 4 % of prefill.)
   NaN is not seen by what t spans: its weight is NaN, calm or not.  */

#include <math.h>

#include "../elementary.h"

#define HEADROOM 64
#define WEIGHT_MIN (EXPONENT_MIN + 1)   /* k below it has weight 0, so that a weight is 0 or normal */

enum { ALL_LANES = (int)(((uint64_t)1 << LANES) - 1) };

static inline num power(num k) {        /* P(k) of rule 2: 2^k from the smallest normal number up, else 0; NaN for NaN */
  num r[LANES];
  if (!(k >= EXPONENT_MIN))
    return k != k ? k : 0;
  vec_store(r, vec_pow2(vec_set1(k)));
  return r[0];
}

static inline num round_even(num t) {
  num r[LANES];
  vec_store(r, vec_rint(vec_set1(t)));
  return r[0];
}

static inline vec polynomial(vec f) {
  vec p = vec_set1(EXP2_COEFFICIENT[EXP2_DEGREE]);
  for (int i = EXP2_DEGREE - 1; i >= 0; i--)
    p = vec_fma(p, f, vec_set1(EXP2_COEFFICIENT[i]));
  return p;
}

static inline vec weight(vec t, vec e) {        /* rule 3 */
  vec n = vec_rint(t), k = vec_sub(n, e);
  return vec_zero_below(vec_mul(polynomial(vec_sub(t, n)), vec_pow2(k)), k, vec_set1(WEIGHT_MIN));
}

static inline vec weight_calm(vec t, vec e) {   /* the same where t is calm */
  vec n = vec_rint(t);
  return vec_scale(polynomial(vec_sub(t, n)), vec_sub(n, e));
}

/* ---- what scores span, lane by lane, NaN left out ---- */

typedef struct range { vec top, low; } range;

static inline range range_empty(void) {
  return (range){ vec_set1(-(num)INFINITY), vec_set1(INFINITY) };
}

static inline range range_at(num x) {     /* a range from x to x */
  return (range){ vec_set1(x), vec_set1(x) };
}

static inline range range_with(range r, vec t) {
  return (range){ vec_max(t, r.top), vec_min(t, r.low) };
}

static inline uint32_t range_infinite(range r) {
  return vec_gt(r.top, vec_set1(NUM_MAX)) | vec_gt(vec_set1(-NUM_MAX), r.low);
}

/* The lanes that are not calm.  (An e of inf is not: what is above it is not greater, but NaN.)  */
static inline uint32_t range_wild(range r, vec e) {
  return vec_gt(vec_sub(vec_rint(r.top), e), vec_set1(HEADROOM)) | vec_gt(vec_set1(WEIGHT_MIN), vec_sub(vec_rint(r.low), e)) |
         vec_gt(e, vec_set1(NUM_MAX));
}

/* Lanes that hold no weight yet: their first score that is not -inf sets e before the keys are begun, where it would be an
   event.  Keys before it have weight 0.  (A first score near -NUM_MAX is no event: it has a weight, and what it adds may
   overflow before it is scaled to 0.)  */
static inline uint32_t lanes_empty(vec e, vec l) {
  return ~vec_gt(e, vec_set1(-NUM_MAX)) & ~vec_gt(l, vec_set1(0)) & (uint32_t)ALL_LANES;
}
