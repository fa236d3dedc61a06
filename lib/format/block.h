/* SPDX-License-Identifier: BSD-2-Clause */
/* What the block formats share.  Their layouts are ggml's, byte for byte, the same on every machine:

     q8_0    d  c0 .. c31                                                34 bytes
     q4_0    d  16 bytes of two codes                                    18
     q4_1    d  m  16 bytes of two codes                                 20
     q5_0    d  4 bytes of fifth bits  16 bytes of two codes             22
     q5_1    d  m  4 bytes of fifth bits  16 bytes of two codes          24
     iq4_nl  d  16 bytes of two codes, which index a table               18

   d and m are binary16, low byte first.  Byte j of two codes has code j in its low half and code j + 16 in its high half;
   the fifth bit of code j is bit j of 32, low byte first.

   An element is  d (code - zero):  at most 11 + 8 bits, exact in f32;  or  d code + m:  a multiple of 2^-24 below 2^22,
   exact in f64.  In f32 the product is exact too, 11 + 5 bits, so that the sum is the one rounding, fused or not: the
   nearest f32, as in ggml.  A d or m that is infinite or NaN gives what these formulas give.

   Encoding gives the bytes of ggml's reference quantisers, whose arithmetic is f32: an f64 is rounded to f32 first.  It is
   not rounding to nearest: d is chosen, rounded to binary16, and the codes belong to the d before that.  Encoding what was
   decoded may change it.  Where ggml is undefined, this is defined: a block in which an element is not finite in f32 gets a
   NaN as its d, and with it all elements of the block are NaN; a quotient outside the range of its code (1/d overflows
   where |d| < 2^-128) gets code 0.  */

#ifndef SGA_BLOCK_H
#define SGA_BLOCK_H

#include "f16.h"
#include "format.h"

enum { SGA_QUANTS = 32 };       /* elements of a block */

/* A block as numbers.  */
typedef struct sga_quants {
  float d, m;
  int8_t code[SGA_QUANTS];      /* less `zero` */
} sga_quants;

typedef void sga_unpack(sga_quants *to, const unsigned char *from);
typedef void sga_pack(const float x[SGA_QUANTS], unsigned char *to);

static inline float sga_half_at(const unsigned char *p) { return sga_f16_value((uint16_t)(p[0] | p[1] << 8)); }

static inline void sga_nibbles(int8_t code[SGA_QUANTS], const unsigned char *from, int zero) {
  for (int j = 0; j < 16; j++) {
    code[j] = (int8_t)((from[j] & 15) - zero);
    code[j + 16] = (int8_t)((from[j] >> 4) - zero);
  }
}

/* Fifth bits, then nibbles.  A byte of fifth bits is spread over its eight codes, each of which masks its own.  */
static inline void sga_five_bits(int8_t code[SGA_QUANTS], const unsigned char *from, int zero) {
  static const unsigned char own[SGA_QUANTS] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                                                 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
  unsigned char spread[SGA_QUANTS];
  sga_nibbles(code, from + 4, zero);
  for (int j = 0; j < 4; j++)
    memset(spread + 8 * j, from[j], 8);
  for (int j = 0; j < SGA_QUANTS; j++)
    code[j] = (int8_t)(code[j] + (spread[j] & own[j] ? 16 : 0));
}

/* n elements, a multiple of 32; `stride` bytes from block to block.  */
static inline void sga_scaled_f32(sga_unpack *unpack, const char *from, ptrdiff_t stride, float *to, size_t n) {
  for (size_t i = 0; i < n / SGA_QUANTS; i++, to += SGA_QUANTS) {
    sga_quants q;
    unpack(&q, (const unsigned char *)from + (ptrdiff_t)i * stride);
    for (int j = 0; j < SGA_QUANTS; j++)
      to[j] = q.d * (float)q.code[j];
  }
}

static inline void sga_scaled_f64(sga_unpack *unpack, const char *from, ptrdiff_t stride, double *to, size_t n) {
  for (size_t i = 0; i < n / SGA_QUANTS; i++, to += SGA_QUANTS) {
    sga_quants q;
    unpack(&q, (const unsigned char *)from + (ptrdiff_t)i * stride);
    for (int j = 0; j < SGA_QUANTS; j++)
      to[j] = (double)q.d * q.code[j];
  }
}

static inline void sga_shifted_f32(sga_unpack *unpack, const char *from, ptrdiff_t stride, float *to, size_t n) {
  for (size_t i = 0; i < n / SGA_QUANTS; i++, to += SGA_QUANTS) {
    sga_quants q;
    unpack(&q, (const unsigned char *)from + (ptrdiff_t)i * stride);
    for (int j = 0; j < SGA_QUANTS; j++)
      to[j] = q.d * (float)q.code[j] + q.m;
  }
}

static inline void sga_shifted_f64(sga_unpack *unpack, const char *from, ptrdiff_t stride, double *to, size_t n) {
  for (size_t i = 0; i < n / SGA_QUANTS; i++, to += SGA_QUANTS) {
    sga_quants q;
    unpack(&q, (const unsigned char *)from + (ptrdiff_t)i * stride);
    for (int j = 0; j < SGA_QUANTS; j++)
      to[j] = (double)q.d * q.code[j] + (double)q.m;
  }
}

/* What elements d code are made of.  */
static inline void sga_blocks_codes(sga_unpack *unpack, const char *from, ptrdiff_t stride, int8_t *code, float *d, size_t n) {
  for (size_t i = 0; i < n / SGA_QUANTS; i++) {
    sga_quants q;
    unpack(&q, (const unsigned char *)from + (ptrdiff_t)i * stride);
    memcpy(code + i * SGA_QUANTS, q.code, SGA_QUANTS);
    d[i] = q.d;
  }
}

/* ---- encoding (block.c) ---- */

void sga_half_put(unsigned char *to, float x);
void sga_nibbles_put(unsigned char *to, const unsigned char code[SGA_QUANTS]);
void sga_five_bits_put(unsigned char *to, const unsigned char code[SGA_QUANTS]);        /* fifth bits, then nibbles */
/* x as an integer towards 0; 0 outside the range of int8_t, where C leaves it undefined and x86 makes it 0.  */
int sga_truncate(float x);
/* d and codes of 2 * zero levels around 0: the (first) element of the largest magnitude gets code 0.  Returns d.  */
float sga_quantise_around(const float x[SGA_QUANTS], int zero, unsigned char code[SGA_QUANTS]);
/* d, m and codes 0 .. top from the smallest element to the largest.  Returns d.  */
float sga_quantise_between(const float x[SGA_QUANTS], int top, float *m, unsigned char code[SGA_QUANTS]);
/* Each block rounded to f32 and packed, or NaN.  */
void sga_blocks_put(sga_pack *pack, size_t bytes, const double *from, char *to, ptrdiff_t stride, size_t n);

#endif
