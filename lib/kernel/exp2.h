/* SPDX-License-Identifier: BSD-2-Clause */
/* Polynomials for 2^f, f in [-1/2, 1/2], evaluated by Horner's rule with fused multiply-add:

       p = c[d];  p = fma (p, f, c[d-1]);  ...  p = fma (p, f, c[0]),      c[0] = 1, so that 2^0 = 1 exactly.

   Minimax in relative error (Remez with c[0] fixed), then chosen after the rounding of the coefficients: f32 by a search over
   neighbouring floats for the smallest error of the *evaluated* polynomial, f64 by refitting c[2..] to the rounded c[1].
   EXP2_*_EPSILON bounds |p - 2^f| / 2^f, every rounding of the evaluation included (BOUNDS, lemma 3):

     f32   1.0869 u over all 2^31 floats of the interval, u = 2^-24 (below 2^-33 in magnitude p is 1 and the error |f| ln 2);
           polynomial alone 0.14 u; mean over f 0.011 u: no bias worth the name.
     f64   1.190 u, u = 2^-53, by a running error bound on intervals; polynomial alone 8.8e-18 = 0.08 u.  */

#ifndef SGA_KERNEL_EXP2_H
#define SGA_KERNEL_EXP2_H

#define EXP2_F32_DEGREE 6
#define EXP2_F32_EPSILON 0x1.17p-24             /* 1.0899 u */
static const float sga_exp2_f32[EXP2_F32_DEGREE + 1] = {
  0x1p+0f, 0x1.62e43p-1f, 0x1.ebfbdep-3f, 0x1.c6af0cp-5f, 0x1.3b2ca8p-7f, 0x1.5f3e58p-10f, 0x1.41c19cp-13f,
};

#define EXP2_F64_DEGREE 11
#define EXP2_F64_EPSILON 0x1.34p-53             /* 1.2031 u */
static const double sga_exp2_f64[EXP2_F64_DEGREE + 1] = {
  0x1p+0, 0x1.62e42fefa39efp-1, 0x1.ebfbdff82c59cp-3, 0x1.c6b08d704a0d4p-5, 0x1.3b2ab6fba110cp-7, 0x1.5d87fe78b3ba9p-10,
  0x1.4309130c28ea1p-13, 0x1.ffcbfbf90e88p-17, 0x1.62bfcd864be5cp-20, 0x1.b5260c90d6945p-24, 0x1.e612296ed4cb4p-28,
  0x1.e8110b8f44b86p-32,
};

#endif
