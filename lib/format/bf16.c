/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage bf16: the upper half of a binary32.  */

#include <string.h>

#include "format.h"

static inline float element(const char *p) {
  uint16_t h;
  memcpy(&h, p, sizeof h);
  uint32_t bits = (uint32_t)h << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static void to_f32(const char *from, ptrdiff_t stride, float *to, size_t n) {
  if (stride == 2)
    for (size_t i = 0; i < n; i++)
      to[i] = element(from + 2 * i);
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
    uint16_t h = (uint16_t)sga_round_to_format(from[i], 7, -126, 127);
    memcpy(to + (ptrdiff_t)i * stride, &h, sizeof h);
  }
}

const sga_format sga_format_bf16 = { "bf16", 2, 1, 0x1.fep127, false, to_f32, to_f64, from_f64, NULL };
