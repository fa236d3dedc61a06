/* SPDX-License-Identifier: BSD-2-Clause */
/* Quantisation as block formats share it (block.h).  Everything in f32, each operation rounded: the bytes depend on it.  */

#include <float.h>
#include <math.h>

#include "block.h"

void sga_half_put(unsigned char *to, float x) {
  uint32_t h = x == x ? sga_round_to_format((double)x, 10, -14, 15) : 0x7e00;   /* machines differ in a NaN's sign */
  to[0] = (unsigned char)(h & 255);
  to[1] = (unsigned char)(h >> 8);
}

void sga_nibbles_put(unsigned char *to, const unsigned char code[SGA_QUANTS]) {
  for (int j = 0; j < 16; j++)
    to[j] = (unsigned char)((code[j] & 15) | (code[j + 16] & 15) << 4);
}

void sga_five_bits_put(unsigned char *to, const unsigned char code[SGA_QUANTS]) {
  memset(to, 0, 4);
  for (int j = 0; j < SGA_QUANTS; j++)
    to[j / 8] = (unsigned char)(to[j / 8] | (code[j] >> 4) << j % 8);
  sga_nibbles_put(to + 4, code);
}

int sga_truncate(float x) {
  return fabsf(x) < 128 ? (int)x : 0;
}

static unsigned char at_most(int code, int top) {
  return (unsigned char)(code < top ? code : top);
}

float sga_quantise_around(const float x[SGA_QUANTS], int zero, unsigned char code[SGA_QUANTS]) {
  float size = 0, largest = 0;
  for (int j = 0; j < SGA_QUANTS; j++)
    if (size < fabsf(x[j])) {
      size = fabsf(x[j]);
      largest = x[j];
    }
  float d = largest / (float)-zero, inverse = d != 0 ? 1 / d : 0;
  for (int j = 0; j < SGA_QUANTS; j++)
    code[j] = at_most(sga_truncate(x[j] * inverse + ((float)zero + 0.5f)), 2 * zero - 1);
  return d;
}

float sga_quantise_between(const float x[SGA_QUANTS], int top, float *m, unsigned char code[SGA_QUANTS]) {
  float low = FLT_MAX, high = -FLT_MAX;
  for (int j = 0; j < SGA_QUANTS; j++) {
    low = x[j] < low ? x[j] : low;
    high = x[j] > high ? x[j] : high;
  }
  float d = (high - low) / (float)top, inverse = d != 0 ? 1 / d : 0;
  for (int j = 0; j < SGA_QUANTS; j++)
    code[j] = at_most(sga_truncate((x[j] - low) * inverse + 0.5f), top);
  *m = low;
  return d;
}

void sga_blocks_put(sga_pack *pack, size_t bytes, const double *from, char *to, ptrdiff_t stride, size_t n) {
  for (size_t i = 0; i < n / SGA_QUANTS; i++) {
    unsigned char *at = (unsigned char *)to + (ptrdiff_t)i * stride;
    float x[SGA_QUANTS];
    bool finite = true;
    for (int j = 0; j < SGA_QUANTS; j++) {
      x[j] = (float)from[i * SGA_QUANTS + (size_t)j];
      finite = finite && isfinite(x[j]);
    }
    memset(at, 0, bytes);
    if (finite)
      pack(x, at);
    else
      sga_half_put(at, NAN);
  }
}
