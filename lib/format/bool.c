/* SPDX-License-Identifier: BSD-2-Clause */
/* Booleans, for masks: one byte, non-zero means attend.  Decoded as 0 (attend) and -inf (skip): an additive mask.  */

#include <math.h>

#include "format.h"

static void to_f32(const char *from, ptrdiff_t stride, float *to, size_t n) {
  for (size_t i = 0; i < n; i++)
    to[i] = from[(ptrdiff_t)i * stride] ? 0 : -INFINITY;
}

static void to_f64(const char *from, ptrdiff_t stride, double *to, size_t n) {
  for (size_t i = 0; i < n; i++)
    to[i] = from[(ptrdiff_t)i * stride] ? 0 : -(double)INFINITY;
}

static void from_f64(const double *from, char *to, ptrdiff_t stride, size_t n) {
  for (size_t i = 0; i < n; i++)
    to[(ptrdiff_t)i * stride] = !(from[i] < 0);
}

const sga_format sga_format_bool = { "bool", 1, 1, (double)INFINITY, false, to_f32, to_f64, from_f64, NULL };
