/* SPDX-License-Identifier: BSD-2-Clause */
/* exp2, log and tanh with the same bits on every machine.

   A C library picks code by CPU (with or without fused operations), and a compiler may replace a call; these use + - * / of
   IEEE binary64 and integer bit work only.  Round to nearest, no contraction (-ffp-contract=off), no excess precision.
   u = 2^-53 and ulp are those of the exact result; the budgets are in elementary.c.  */

#ifndef SGA_ELEMENTARY_H
#define SGA_ELEMENTARY_H

/* 2^x, error < 0.64 ulp (0.9 where the result is subnormal); exact for integer x.  x >= 1024: inf; x <= -1075: 0; NaN: NaN.  */
double sga_exp2(double x);
#define SGA_EXP2_EPSILON 0x1.48p-53     /* relative, where the result is normal */

/* Natural logarithm, error < 0.96 ulp; log 1 = +0, log +-0 = -inf, log inf = inf, negative or NaN: NaN.  */
double sga_log(double x);
#define SGA_LOG_EPSILON 0x1.ecp-53

/* Hyperbolic tangent, error < 2 ulp; odd bit for bit; tanh +-0 = +-0; |x| >= 20: +-1; NaN: NaN.  */
double sga_tanh(double x);
#define SGA_TANH_EPSILON 0x1p-51

#endif
