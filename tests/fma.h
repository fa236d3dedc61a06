/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vec_fma of the portable kernels, in both arithmetics, as they are built here and in plain C.  */

#ifndef FMA_H
#define FMA_H

enum { FMA_LANES = 8, FMA_STEPS = 6 };

/* r[0] = a b + c, and on from there: r <- a b[0] + r, r <- -a b[0] + r, r <- a r + b and again: sums
   are addends and factors.  */
typedef void fma_f32(const float *a, const float *b, const float *c, float r[FMA_STEPS][FMA_LANES]);
typedef void fma_f64(const double *a, const double *b, const double *c, double r[FMA_STEPS][FMA_LANES]);

fma_f32 fma_portable_f32, fma_plain_f32;
fma_f64 fma_portable_f64, fma_plain_f64;

#endif
