/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage f32: IEEE 754 binary32.  */

#include <string.h>

#include "format.h"

static float element(const char *p) {
  float x;
  memcpy(&x, p, sizeof x);
  return x;
}

static void to_f32(const char *from, ptrdiff_t stride, float *to, size_t n) {
  if (stride == (ptrdiff_t)sizeof *to)
    memcpy(to, from, n * sizeof *to);
  else
    for (size_t i = 0; i < n; i++)
      to[i] = element(from + (ptrdiff_t)i * stride);
}

static void to_f64(const char *from, ptrdiff_t stride, double *to, size_t n) {
  for (size_t i = 0; i < n; i++)
    to[i] = (double)element(from + (ptrdiff_t)i * stride);
}

static void from_f64(const double *from, char *to, ptrdiff_t stride, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float x = (float)from[i];
    memcpy(to + (ptrdiff_t)i * stride, &x, sizeof x);
  }
}

const sga_format sga_format_f32 = { "f32", sizeof(float), 1, 0x1.fffffep127, false, to_f32, to_f64, from_f64, NULL };
