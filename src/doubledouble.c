/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exp, tanh and log in double-double.

   exp t = 2^k exp r, k = rint(t / log 2), r = t - k log 2, |r| <= 0.347; y0 = expm1(r / 16) by its Taylor series, then four
   times y <- 2 y + y^2, which is expm1 of the doubled argument.  The error, in W:

     log 2 is h + m + l, h and m of 42 bits, so k h and k m are exact (|k| < 2^11); three additions of 2 W each of a result of
       at most 0.36:                                                                                2.2 in r, none if k = 0
     y0 = rho (1 + rho g), |rho| < 0.0217: product 5, sum 3, what is inside times rho 0.3, terms from rho^8 / 8! in double 2;
       truncated at rho^16 / 16!:                                                       12 relative = 0.3 absolute
     y <- 2y + y^2, error d -> 2 (1 + y) d + 5 y^2 + 3 |2y + y^2|, for y up to 0.415:   0.7, 1.8, 4.5, 12 absolute,
       relative (factor (1 + y) / (1 + y/2), and 3 + 5y / (2 + y)):                     15, 19, 23, 29
     exp: (2.2 + 12 / 0.7) + 2                                                          < 32 relative
     expm1, k = 0: 29; else |result| > 0.29: (2.2 * 1.42 + 12 + 2 * 1.42) / 2 / 0.29 + 2  < 40 relative
     tanh |x| = -a / (a + 2), a = expm1(-2|x|): 40 for a, at most 40 again for a + 2, sum 2, quotient 15:  < 128

   log x = e log 2 + 2 atanh z, z = (m - 1) / (m + 1), |z| < 0.172, 22 terms (the rest is < 2^-112 z): z and the series together
   < 40 relative of at most 0.347, the product with log 2 3, the sum 3: absolute < 20 + 8 |log x|.  */

#include "doubledouble.h"

/* 1 / n!, n = 2 .. 7, and n = 8 .. 15 in double.  */
static const dd inverse_factorial[] = {
  {0x1.0000000000000p-1, 0}, {0x1.5555555555555p-3, 0x1.5555555555555p-57}, {0x1.5555555555555p-5, 0x1.5555555555555p-59},
  {0x1.1111111111111p-7, 0x1.1111111111111p-63}, {0x1.6c16c16c16c17p-10, -0x1.f49f49f49f49fp-65},
  {0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-73}
};
static const double inverse_factorial_tail[] = {
  0x1.a01a01a01a01ap-16, 0x1.71de3a556c734p-19, 0x1.27e4fb7789f5cp-22, 0x1.ae64567f544e4p-26, 0x1.1eed8eff8d898p-29,
  0x1.6124613a86d09p-33, 0x1.93974a8c07c9dp-37, 0x1.ae7f3e733b81fp-41
};
static const double log2_high = 0x1.62e42fefa3800p-1, log2_middle = 0x1.ef35793c76000p-45, log2_low = 0x1.cc01f97b57a08p-87;
static const dd log2_dd = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};

/* expm1 of |rho| < 0.0217.  */
static dd expm1_small(dd rho) {
  double tail = 0;
  for (int i = 7; i >= 0; i--)
    tail = fma(tail, rho.hi, inverse_factorial_tail[i]);
  dd sum = dd_add_d(inverse_factorial[5], tail * rho.hi);
  for (int i = 4; i >= 0; i--)
    sum = dd_add(inverse_factorial[i], dd_mul(sum, rho));
  sum = dd_add_d(dd_mul(sum, rho), 1);
  return dd_mul(sum, rho);
}

/* y with exp t = 2^k (1 + y).  */
static dd reduced_expm1(dd t, int *k) {
  double n = rint(t.hi * 0x1.71547652b82fep+0);         /* 1 / log 2 */
  dd r = dd_add_d(t, -n * log2_high);
  r = dd_add_d(dd_add_d(r, -n * log2_middle), -n * log2_low);
  dd y = expm1_small((dd){r.hi * 0x1p-4, r.lo * 0x1p-4});
  for (int i = 0; i < 4; i++)
    y = dd_add((dd){2 * y.hi, 2 * y.lo}, dd_mul(y, y));
  *k = (int)n;
  return y;
}

dd dd_exp(dd t) {
  int k;
  dd y = reduced_expm1(t, &k);
  return dd_scale(dd_add_d(y, 1), k);
}

dd dd_tanh(dd x) {
  if (fabs(x.hi) > 40)          /* 1 - tanh < 2 exp(-80) < 2^-114 */
    return (dd){copysign(1, x.hi), 0};
  int k;
  dd t = x.hi < 0 ? x : dd_negate(x), a = reduced_expm1((dd){2 * t.hi, 2 * t.lo}, &k);
  if (k != 0)
    a = dd_add_d(dd_scale(dd_add_d(a, 1), k), -1);
  dd y = dd_div(a, dd_add_d(a, 2));
  return x.hi < 0 ? y : dd_negate(y);
}

dd dd_log(dd x) {
  int e;
  if (frexp(x.hi, &e) < 0x1.6a09e667f3bcdp-1)
    e--;
  dd m = dd_scale(x, -e), z = dd_div(dd_add_d(m, -1), dd_add_d(m, 1)), w = dd_mul(z, z);
  dd sum = {0, 0};
  for (int odd = 43; odd >= 1; odd -= 2)
    sum = dd_add(dd_mul(sum, w), dd_div((dd){1, 0}, (dd){odd, 0}));
  return dd_add(dd_mul_d(log2_dd, e), dd_mul(sum, (dd){2 * z.hi, 2 * z.lo}));
}
