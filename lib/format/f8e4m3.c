/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage f8e4m3: sign, 4 bits of exponent (bias 7), 3 of fraction, as the Open Compute Project defines it (OFP8 1.0, 2023;
   "fn" elsewhere): no infinities, the magnitude 0x7f is NaN, the largest number is 448 and the smallest 2^-9.

   Decoding is exact: the bits moved into a binary32 with an exponent 120 too small, times 2^120.  Encoding rounds to
   nearest even; what rounds beyond 448 (above 464, the tie) and infinities become NaN, or 448 where the
   caller asks to saturate.  */

#include <math.h>
#include <string.h>

#include "format.h"

static inline float element(const char *p) {
  unsigned char code;
  memcpy(&code, p, 1);
  uint32_t magnitude = (uint32_t)(code & 0x7f) << 20, nan = (code & 0x7f) == 0x7f ? 0x7fc00000u : 0;
  float x;
  memcpy(&x, &magnitude, sizeof x);
  x *= 0x1p120f;
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits |= nan | (uint32_t)(code & 0x80) << 24;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static void to_f32(const char *from, ptrdiff_t stride, float *to, size_t n) {
  if (stride == 1)
    for (size_t i = 0; i < n; i++)
      to[i] = element(from + i);
  else
    for (size_t i = 0; i < n; i++)
      to[i] = element(from + (ptrdiff_t)i * stride);
}

static void to_f64(const char *from, ptrdiff_t stride, double *to, size_t n) {
  for (size_t i = 0; i < n; i++)
    to[i] = (double)element(from + (ptrdiff_t)i * stride);
}

/* Rounded as if 512 came after 448: there the code is 0x80, above it and for NaN it is more.  */
static void from_f64(const double *from, char *to, ptrdiff_t stride, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t magnitude = sga_round_to_format(fabs(from[i]), 3, -6, 8);
    unsigned char code = (unsigned char)((magnitude < 0x7f ? magnitude : 0x7f) | (signbit(from[i]) ? 0x80 : 0));
    memcpy(to + (ptrdiff_t)i * stride, &code, 1);
  }
}

const sga_format sga_format_f8e4m3 = { "f8e4m3", 1, 1, 448, false, to_f32, to_f64, from_f64, NULL };
