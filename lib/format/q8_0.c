/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage q8_0: blocks of 32 (block.h), d code, codes of 8 bits with a sign; encoding rounds ties away from 0.  */

#include <math.h>

#include "block.h"

enum { BYTES = 34 };

static void unpack(sga_quants *to, const unsigned char *from) {
  to->d = sga_half_at(from);
  memcpy(to->code, from + 2, SGA_QUANTS);
}

static void pack(const float x[SGA_QUANTS], unsigned char *to) {
  float size = 0;
  for (int j = 0; j < SGA_QUANTS; j++)
    size = size < fabsf(x[j]) ? fabsf(x[j]) : size;
  float d = size / 127, inverse = d != 0 ? 1 / d : 0;
  sga_half_put(to, d);
  for (int j = 0; j < SGA_QUANTS; j++)
    to[2 + j] = (unsigned char)sga_truncate(roundf(x[j] * inverse));
}

static void to_f32(const char *from, ptrdiff_t stride, float *to, size_t n) {
  sga_scaled_f32(unpack, from, stride, to, n);
}

static void to_f64(const char *from, ptrdiff_t stride, double *to, size_t n) {
  sga_scaled_f64(unpack, from, stride, to, n);
}

static void codes(const char *from, ptrdiff_t stride, int8_t *code, float *d, size_t n) {
  sga_blocks_codes(unpack, from, stride, code, d, n);
}

static void from_f64(const double *from, char *to, ptrdiff_t stride, size_t n) {
  sga_blocks_put(pack, BYTES, from, to, stride, n);
}

const sga_format sga_format_q8_0 = { "q8_0", BYTES, SGA_QUANTS, (double)INFINITY, false, to_f32, to_f64, from_f64, codes };
