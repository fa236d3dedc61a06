/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The body of a function of fma.h: included with SGA_ISA, FMA_NAME and a number_*.h.  */

#include "kernel/simd.h"
#include "fma.h"

void FMA_NAME(const num *a, const num *b, const num *c, num r[FMA_STEPS][FMA_LANES]) {
  _Static_assert((int)LANES == (int)FMA_LANES, "the lanes of the portable kernels");
  vec x = vec_load(a), y = vec_load(b), sum = vec_fma(x, y, vec_load(c));
  vec_store(r[0], sum);
  for (int i = 1; i < FMA_STEPS; i++) {
    sum = i % 3 == 0 ? vec_fma(x, sum, y) : vec_fma(x, vec_set1(i & 1 ? b[0] : -b[0]), sum);
    vec_store(r[i], sum);
  }
}
