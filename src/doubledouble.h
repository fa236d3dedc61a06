/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Double-double arithmetic: x stands for x.hi + x.lo, |x.lo| <= ulp(x.hi) / 2.

   Algorithms and bounds of Joldes, Muller and Popescu, "Tight and rigorous error bounds for basic building blocks of
   double-word arithmetic" (ACM TOMS 44, 2017); relative errors beside each, W = 2^-106 = u^2, without over- and underflow.
   two_sum is Knuth's, exact.  fma() is exact by definition, so a compiler that contracts changes nothing that is relied on;
   one that reassociates (-ffast-math) would.  */

#ifndef DOUBLEDOUBLE_H
#define DOUBLEDOUBLE_H

#include <math.h>

typedef struct dd { double hi, lo; } dd;

#define DD_W 0x1p-106

static inline dd two_sum(double a, double b) {
  double s = a + b, t = s - a;
  return (dd){s, (a - (s - t)) + (b - t)};
}

/* |a| >= |b|, or a = 0.  */
static inline dd fast_two_sum(double a, double b) {
  double s = a + b;
  return (dd){s, b - (s - a)};
}

static inline dd dd_add_d(dd x, double y) {             /* 2 W (DWPlusFP) */
  dd s = two_sum(x.hi, y);
  return fast_two_sum(s.hi, x.lo + s.lo);
}

static inline dd dd_add(dd x, dd y) {                   /* 3 W / (1 - 4u) (AccurateDWPlusDW) */
  dd s = two_sum(x.hi, y.hi), t = two_sum(x.lo, y.lo);
  dd v = fast_two_sum(s.hi, s.lo + t.hi);
  return fast_two_sum(v.hi, t.lo + v.lo);
}

static inline dd dd_negate(dd x) {
  return (dd){-x.hi, -x.lo};
}

static inline dd dd_mul_d(dd x, double y) {             /* 2 W (DWTimesFP3) */
  double p = x.hi * y, e = fma(x.hi, y, -p);
  return fast_two_sum(p, fma(x.lo, y, e));
}

static inline dd dd_mul(dd x, dd y) {                   /* 5 W (DWTimesDW2) */
  double p = x.hi * y.hi, e = fma(x.hi, y.hi, -p);
  return fast_two_sum(p, e + fma(x.lo, y.hi, x.hi * y.lo));
}

static inline dd dd_div(dd x, dd y) {                   /* 15 W + 56 u^3 (DWDivDW2) */
  double q = x.hi / y.hi;
  dd r = dd_mul_d(y, q);
  return fast_two_sum(q, ((x.hi - r.hi) + (x.lo - r.lo)) / y.hi);
}

static inline dd dd_scale(dd x, int exponent) {         /* exact while x.lo stays normal */
  return (dd){ldexp(x.hi, exponent), ldexp(x.lo, exponent)};
}

/* Relative errors, derived in doubledouble.c.  */
#define DD_EXP_ERROR (32 * DD_W)        /* of dd_exp, for -624 <= t <= 64 */
#define DD_TANH_ERROR (128 * DD_W)      /* of dd_tanh */

dd dd_exp(dd t);
dd dd_tanh(dd x);
dd dd_log(dd x);                        /* x >= 2^-900; absolute error <= W (20 + 8 |log x|) */

#endif
