/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage f16: IEEE 754 binary16.  Decoding is exact: the bits moved into a binary32 with an exponent 112 too small, times
   2^112, which also turns subnormals into normal numbers; the largest exponent is inf or NaN and stays so.  Branch-free, for
   the compiler to vectorise.  */

#include <string.h>

#include "format.h"

static inline float decode(uint16_t h) {
  uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, special = (h & 0x7c00) == 0x7c00 ? 0x7f800000u : 0;
  float x;
  memcpy(&x, &magnitude, sizeof x);
  x *= 0x1p112f;
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits |= special | (uint32_t)(h & 0x8000) << 16;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline float element(const char *p) {
  uint16_t h;
  memcpy(&h, p, sizeof h);
  return decode(h);
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
    uint16_t h = (uint16_t)sga_round_to_format(from[i], 10, -14, 15);
    memcpy(to + (ptrdiff_t)i * stride, &h, sizeof h);
  }
}

const sga_format sga_format_f16 = { "f16", 2, to_f32, to_f64, from_f64 };
