/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage iq4_nl: blocks of 32 (block.h), d level[code], 16 levels that lie closer together near 0.

   Encoding: each element times 1/d gets the nearest level (of two at the same distance the upper one), where d puts the
   element that is largest in magnitude on -127; then d is replaced by the least-squares one with weights x^2, sum x^2 level
   x / sum x^2 level^2, sums in order.  A block whose elements are all below 1e-15 has d = 0; its codes, which ggml leaves
   as the block before had them, are those of level 1 here, so that its elements are +0.  Where the sums overflow (elements
   above 1e12; the scale has overflowed long before) d may be NaN.  The levels are ggml's.  */

#include <math.h>

#include "block.h"
#include "iq4_nl.h"

enum { BYTES = 18, LEVELS = 16 };

static const int8_t level[LEVELS] = { SGA_IQ4_NL_LEVELS };

static void unpack(sga_quants *to, const unsigned char *from) {
  to->d = sga_half_at(from);
  for (int j = 0; j < 16; j++) {
    to->code[j] = level[from[2 + j] & 15];
    to->code[j + 16] = level[from[2 + j] >> 4];
  }
}

static unsigned char nearest(float x) {
  int up = 0;
  while (up < LEVELS && !(x < (float)level[up]))
    up++;
  if (up == 0 || up == LEVELS)
    return (unsigned char)(up ? LEVELS - 1 : 0);
  return (unsigned char)(x - (float)level[up - 1] < (float)level[up] - x ? up - 1 : up);
}

static void pack(const float x[SGA_QUANTS], unsigned char *to) {
  unsigned char code[SGA_QUANTS];
  float size = 0, largest = 0, product = 0, square = 0;
  for (int j = 0; j < SGA_QUANTS; j++)
    if (size < fabsf(x[j])) {
      size = fabsf(x[j]);
      largest = x[j];
    }
  bool zero = size < 1e-15f;
  float inverse = zero ? 0 : 1 / (largest / (float)level[0]);
  for (int j = 0; j < SGA_QUANTS; j++) {
    code[j] = nearest(x[j] * inverse);
    float q = (float)level[code[j]], w = x[j] * x[j];
    product += w * q * x[j];
    square += w * q * q;
  }
  sga_half_put(to, zero ? 0 : product / square);
  sga_nibbles_put(to + 2, code);
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

const sga_format sga_format_iq4_nl = { "iq4_nl", BYTES, SGA_QUANTS, (double)INFINITY, false, to_f32, to_f64, from_f64, codes };
