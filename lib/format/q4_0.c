/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage q4_0: blocks of 32 (block.h), d (code - 8), codes of 4 bits.  */

#include <math.h>

#include "block.h"

enum { BYTES = 18 };

static void unpack(sga_quants *to, const unsigned char *from) {
  to->d = sga_half_at(from);
  sga_nibbles(to->code, from + 2, 8);
}

static void pack(const float x[SGA_QUANTS], unsigned char *to) {
  unsigned char code[SGA_QUANTS];
  sga_half_put(to, sga_quantise_around(x, 8, code));
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

const sga_format sga_format_q4_0 = { "q4_0", BYTES, SGA_QUANTS, (double)INFINITY, false, to_f32, to_f64, from_f64, codes };
