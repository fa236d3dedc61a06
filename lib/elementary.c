/* SPDX-License-Identifier: BSD-2-Clause */
/* exp2, log and tanh with the same bits on every machine (elementary.h says why).

   exp2   n = nearest integer to 16 x, r = x - n/16 exact, |r| <= 1/32;  2^x = 2^(n div 16) T (1 + r P(r)),
          T = 2^((n mod 16)/16)
          as a table of two doubles each (Tang 1989).
   log    x = 2^k m, sqrt(1/2) <= m < sqrt 2, f = m - 1 exact, s = f / (2 + f), 
          log m = 2 atanh s = f - (f^2/2 - s (f^2/2 + R(s^2)));
          k ln 2 in two parts, the first exact (the arrangement is fdlibm's, Ng 1986: the large terms are exact).
   tanh   |x| < 5/8: x + x (z P(z)), z = x^2;  above: 1 - 2 / (2^(2 x log2 e) + 1), whose errors the subtraction shrinks.

   Polynomials are minimax (Remez in 45 digits, relative error of the function, coefficients rounded to double); the table
   and the constants are 2^(i/16), ln 2, 2 log2 e rounded from 45 digits.  Margins count errors in ulp of the result.  */

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "elementary.h"

_Static_assert (FLT_EVAL_METHOD == 0 && DBL_MANT_DIG == 53, "arithmetic on doubles must round to double");

static const double exp2_table[16][2] = {
  {0x1p+0, 0}, {0x1.0b5586cf9890fp+0, 0x1.8a62e4adc610bp-54},
  {0x1.172b83c7d517bp+0, -0x1.19041b9d78a76p-55}, {0x1.2387a6e756238p+0, 0x1.9b07eb6c70573p-54},
  {0x1.306fe0a31b715p+0, 0x1.6f46ad23182e4p-55}, {0x1.3dea64c123422p+0, 0x1.ada0911f09ebcp-55},
  {0x1.4bfdad5362a27p+0, 0x1.d4397afec42e2p-56}, {0x1.5ab07dd485429p+0, 0x1.6324c054647adp-54},
  {0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54}, {0x1.7a11473eb0187p+0, -0x1.41577ee04992fp-55},
  {0x1.8ace5422aa0dbp+0, 0x1.6e9f156864b27p-54}, {0x1.9c49182a3f09p+0, 0x1.c7c46b071f2bep-56},
  {0x1.ae89f995ad3adp+0, 0x1.7a1cd345dcc81p-54}, {0x1.c199bdd85529cp+0, 0x1.11065895048ddp-55},
  {0x1.d5818dcfba487p+0, 0x1.2ed02d75b3707p-55}, {0x1.ea4afa2a490dap+0, -0x1.e9c23179c2893p-54},
};
static const double exp2_p[] = {        /* (2^r - 1) / r on |r| <= 1/32, error of 2^r 2^-57.0 */
  0x1.62e42fefa39fdp-1, 0x1.ebfbdff82c59dp-3, 0x1.c6b08d6e8a6c4p-5, 0x1.3b2ab6fa98d1ap-7, 0x1.5d89be39d5aefp-10,
  0x1.430a98c1b8441p-13,
};
/* (2 atanh s / s - 2) / s^2 in s^2, |s| <= 3 - sqrt 8, relative error of the log 2^-59.5 */
static const double log_r[] = {
  0x1.5555555555592p-1, 0x1.999999997fdb9p-2, 0x1.24924941f113cp-2, 0x1.c71c52096767bp-3, 0x1.74663ee6da615p-3,
  0x1.39a1bad5ap-3, 0x1.2f0562a34ecf1p-3,
};
static const double tanh_p[] = {        /* (tanh x / x - 1) / x^2 in x^2, |x| <= 5/8, relative error of tanh 2^-56.4 */
  -0x1.55555555554ffp-2, 0x1.111111110accdp-3, -0x1.ba1ba1b506458p-5, 0x1.664f477ad9c7p-6, -0x1.226e162bde02bp-7,
  0x1.d6cf280bb4ecfp-9, -0x1.7d68a311bfd79p-10, 0x1.33661229b570ep-11, -0x1.df55741918b7ap-13, 0x1.4391154aa5a9ap-14,
  -0x1.0da7116eb3f97p-16,
};
static const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;        /* 32 bits, and the rest */
static const double two_log2e = 0x1.71547652b82fep+1;   /* 2 / ln 2, relative error 0.13 u */

enum { EXPONENT_BIAS = 1023, MANTISSA_BITS = 52 };

static uint64_t bits_of(double x) {
  uint64_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}

static double double_of(uint64_t b) {
  double x;
  memcpy(&x, &b, sizeof x);
  return x;
}

/* 2^k, -1022 <= k <= 1023.  */
static double power_of_two(int k) {
  return double_of((uint64_t) (k + EXPONENT_BIAS) << MANTISSA_BITS);
}

/* c[0] + c[1] x + ... + c[n-1] x^(n-1) */
static double horner(const double *c, int n, double x) {
  double p = c[n - 1];
  for (int i = n - 2; i >= 0; i--)
    p = p * x + c[i];
  return p;
}

double sga_exp2(double x) {
  const double shift = 0x1.8p52;        /* adding and subtracting it rounds to an integer, ties to even */
  if (!(x < 1024))
    return x + HUGE_VAL;                /* inf, or the NaN that x is */
  if (x <= -1075)
    return 0;
  double n16 = (x * 16 + shift) - shift;        /* exact: |16 x| < 2^15 */
  double r = x - n16 * 0x1p-4;                  /* exact */
  int n = (int) n16, i = n & 15, k = (n - i) / 16;
  const double *t = exp2_table[i];
                                                  /* error in ulp of y (y < 1 only where T = 1: less) */
  double q = r * horner(exp2_p, 6, r);          /* polynomial 0.063, last addition 0.017, product 0.016; |q| < 0.022 */
  double y = t[0] + (t[0] * q + t[1]);          /* T q 0.016, + low part 0.016, the last addition 0.5 */
  if (k == 1024)                                /* total < 0.64 */
    return y * 0x1p1023 * 2;
  if (k >= -1022)
    return y * power_of_two(k);                 /* exact */
  return y * power_of_two(k + 200) * 0x1p-200;  /* subnormal: 0.32 of its ulp, and rounded once more */
}

/* k ln 2 + log(1 + f), sqrt 1/2 <= 1 + f < sqrt 2.  The worst place is f = 0.414, where the result's ulp is 2^-54.  */
static double log_sum(int k, double f) {
  double s = f / (2 + f);                       /* 2 u relative, of s (half + r) <= 0.0182: 0.073 ulp */
  double z = s * s;
  double r = z * horner(log_r, 7, z);           /* r <= 0.0201, 6 u relative, times s: 0.041; the polynomial 0.008 */
  double half = 0.5 * f * f;                    /* <= 0.086: 0.125; half + r: 0.022; s times it: 0.031 */
  if (k == 0)
    return f - (half - s * (half + r));         /* inner difference <= 0.068: 0.125; outer 0.5; total < 0.93 */
  /* k ln2_high is exact; adding k ln2_low costs 0.031; of the last two operations one is exact or half as large
     where the result's ulp is smallest (k = +-1, cancellation): total < 0.96 */
  return k * ln2_high - ((half - (s * (half + r) + k * ln2_low)) - f);
}

double sga_log(double x) {
  const uint64_t sqrt_half = UINT64_C(0x3fe6a09e667f3bcd);
  if (!(x > 0 && x <= DBL_MAX))
    return x == 0 ? -HUGE_VAL : x > 0 ? x : x != x ? x + x : (double) NAN;
  int k = 0;
  if (x < DBL_MIN)
    x *= 0x1p54, k = -54;
  uint64_t b = bits_of(x) - sqrt_half;          /* so that the exponent field counts from sqrt 1/2 */
  int shift = (int) ((int64_t) b >> MANTISSA_BITS);
  double m = double_of((b & ((UINT64_C(1) << MANTISSA_BITS) - 1)) + sqrt_half);
  return log_sum(k + shift, m - 1);
}

double sga_tanh(double x) {
  double a = x < 0 ? -x : x, y;
  if (a < 0x1p-28)                      /* x^2 / 3 < 2^-57; and -0 stays -0 */
    return x;
  if (a < 0.625) {
    double z = x * x;                           /* |z P| < 0.127 of the result, 4.5 u relative: 0.57 ulp */
    return x + x * (z * horner(tanh_p, 11, z)); /* polynomial 0.09, sum 0.5: total < 1.2 ulp */
  }
  if (x != x)
    return x + x;
  if (a >= 20)                          /* 1 - tanh 20 = 8.5e-18 < u / 2 */
    y = 1;
  else                                  /* worst where the power is 4: argument 0.5, power 0.41, + 1 0.32, / 0.25, - 0.5 */
    y = 1 - 2 / (sga_exp2(a * two_log2e) + 1);          /* total < 1.98 ulp */
  return x < 0 ? -y : y;
}
