/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as integer codes: blocks of 32 dimensions, each an f32 scale d and 32 codes of 8 bits, the last block filled up with
   codes 0 (rule 1 of BOUNDS, section 1, in arithmetic i8).

     a = max |x_i|;   d = a / 127,  code_i = x_i (127 / a) rounded to nearest even, every operation in f32.
     a < 2^-119: d = 0, all codes 0.   An x_i that is infinite or NaN: d = NaN, all codes 0.

   From 2^-119 on, d is normal and 127 / a finite; |x_i (127 / a)| <= 127 (1 + u)^2, so no code is outside [-127, 127].

   Plain C that compilers make vectors of.  Layouts that kernels and the library share are here too.  */

#ifndef SGA_CODES_H
#define SGA_CODES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../segattn.h"
#include "kernel.h"

enum { SGA_CODES = 32 };        /* of a block */

static inline size_t sga_code_blocks(size_t dim) { return (dim + SGA_CODES - 1) / SGA_CODES; }

/* d of one block of numbers, and its codes.  */
static inline float sga_quantise(const float x[SGA_CODES], int8_t code[SGA_CODES]) {
  int32_t bits[SGA_CODES], top = 0;     /* magnitudes compare as their bits do, NaN and inf above all others */
  float a, d, inverse, y[SGA_CODES];
  memcpy(bits, x, sizeof bits);
  for (int i = 0; i < SGA_CODES; i++) {
    int32_t size = bits[i] & 0x7fffffff;
    top = size > top ? size : top;
  }
  memcpy(&a, &top, sizeof a);
  if (!(a >= 0x1p-119f && a <= 0x1.fffffep127f)) {
    memset(code, 0, SGA_CODES);
    return a < 0x1p-119f ? 0 : a - a;   /* inf - inf is NaN too */
  }
  d = a / 127;
  inverse = 127 / a;
  for (int i = 0; i < SGA_CODES; i++)
    y[i] = x[i] * inverse + 0x1.8p23f;  /* an integer, in two's complement in the low bits */
  memcpy(bits, y, sizeof bits);
  for (int i = 0; i < SGA_CODES; i++)
    code[i] = (int8_t)(uint8_t)bits[i];
  return d;
}

/* ---- keys of a block of the grid: scales [block][SGA_BLOCK], then rows of codes ---- */

static inline size_t sga_code_stride(size_t dim) { return (dim + 63) / 64 * 64; }
static inline size_t sga_key_codes_bytes(size_t dim) {
  return SGA_BLOCK * (sga_code_blocks(dim) * sizeof(float) + sga_code_stride(dim));
}
static inline float *sga_key_scales(void *keys) { return keys; }
static inline int8_t *sga_key_codes(const void *keys, size_t dim) {
  return (int8_t *)(uintptr_t)keys + SGA_BLOCK * sga_code_blocks(dim) * sizeof(float);
}

/* ---- queries; `dim` a multiple of SGA_CODES, and no more memory than `dim` numbers a row ---- */

/* One row: codes; a scale a block; what the sum of a block's products begins with.  */
static inline float *sga_query_scales(const void *row, size_t dim) { return (float *)(uintptr_t)((const char *)row + dim); }
static inline int32_t *sga_query_starts(const void *row, size_t dim) {
  return (int32_t *)(uintptr_t)((const char *)row + dim + sga_code_blocks(dim) * sizeof(float));
}
/* SGA_LANES rows: four codes of each side by side, [dim / 4][SGA_LANES]; scales and starts, [block][SGA_LANES].  */
static inline float *sga_lanes_scales(const void *lanes, size_t dim) {
  return (float *)(uintptr_t)((const char *)lanes + dim * SGA_LANES);
}
static inline int32_t *sga_lanes_starts(const void *lanes, size_t dim) {
  return (int32_t *)(uintptr_t)(sga_lanes_scales(lanes, dim) + sga_code_blocks(dim) * SGA_LANES);
}

#endif
