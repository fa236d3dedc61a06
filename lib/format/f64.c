/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage f64: IEEE 754 binary64.  Decoding to f32 rounds to nearest even.  */

#include <string.h>

#include "format.h"

static double element(const char *p) {
  double x;
  memcpy(&x, p, sizeof x);
  return x;
}

static void to_f32(const char *from, ptrdiff_t stride, float *to, size_t n) {
  for (size_t i = 0; i < n; i++)
    to[i] = (float)element(from + (ptrdiff_t)i * stride);
}

static void to_f64(const char *from, ptrdiff_t stride, double *to, size_t n) {
  if (stride == (ptrdiff_t)sizeof *to)
    memcpy(to, from, n * sizeof *to);
  else
    for (size_t i = 0; i < n; i++)
      to[i] = element(from + (ptrdiff_t)i * stride);
}

static void from_f64(const double *from, char *to, ptrdiff_t stride, size_t n) {
  for (size_t i = 0; i < n; i++)
    memcpy(to + (ptrdiff_t)i * stride, from + i, sizeof *from);
}

const sga_format sga_format_f64 = { "f64", sizeof(double), 1, 0x1.fffffffffffffp1023, true, to_f32, to_f64, from_f64, NULL };
