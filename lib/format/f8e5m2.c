/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage f8e5m2: sign, 5 bits of exponent, 2 of fraction, as the Open Compute Project defines it (OFP8 1.0, 2023): the
   upper byte of a binary16, with its infinities and NaN; the largest number is 57344 and the smallest 2^-16.

   Encoding rounds to nearest even; what rounds beyond 57344 (from 61440 on) becomes inf, or 57344 where the caller asks to
   saturate.  */

#include "f16.h"
#include "format.h"

static inline float element(const char *p) {
  unsigned char code;
  memcpy(&code, p, 1);
  return sga_f16_value((uint16_t)(code << 8));
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

static void from_f64(const double *from, char *to, ptrdiff_t stride, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char code = (unsigned char)sga_round_to_format(from[i], 2, -14, 15);
    memcpy(to + (ptrdiff_t)i * stride, &code, 1);
  }
}

const sga_format sga_format_f8e5m2 = { "f8e5m2", 1, 1, 57344, false, to_f32, to_f64, from_f64, NULL };
