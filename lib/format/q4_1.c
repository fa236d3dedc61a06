/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage q4_1: blocks of 32 (block.h), d code + m, codes of 4 bits.  Decoding to f32 rounds once.  */

#include <math.h>

#include "block.h"

enum { BYTES = 20 };

static void unpack(sga_quants *to, const unsigned char *from) {
  to->d = sga_half_at(from);
  to->m = sga_half_at(from + 2);
  sga_nibbles(to->code, from + 4, 0);
}

static void pack(const float x[SGA_QUANTS], unsigned char *to) {
  unsigned char code[SGA_QUANTS];
  float m, d = sga_quantise_between(x, 15, &m, code);
  sga_half_put(to, d);
  sga_half_put(to + 2, m);
  sga_nibbles_put(to + 4, code);
}

static void to_f32(const char *from, ptrdiff_t stride, float *to, size_t n) {
  sga_shifted_f32(unpack, from, stride, to, n);
}

static void to_f64(const char *from, ptrdiff_t stride, double *to, size_t n) {
  sga_shifted_f64(unpack, from, stride, to, n);
}

static void from_f64(const double *from, char *to, ptrdiff_t stride, size_t n) {
  sga_blocks_put(pack, BYTES, from, to, stride, n);
}

const sga_format sga_format_q4_1 = { "q4_1", BYTES, SGA_QUANTS, (double)INFINITY, true, to_f32, to_f64, from_f64, NULL };
