/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage formats: one file each, one table row each.  `stride` is in bytes from element to element, from block to block where
   elements come in blocks; n is then a multiple of the block.

   A decoder to the arithmetic's type rounds to nearest even once where the format is wider than the type.  */

#ifndef SGA_FORMAT_H
#define SGA_FORMAT_H

#include "../segattn.h"

typedef struct sga_format {
  const char *name;
  size_t bytes, block;          /* of a block, and its elements: 1 but for block formats */
  double largest;               /* finite number, for saturation; inf: the encoder does not saturate */
  bool wide;                    /* decoding to f32 rounds */
  void (*to_f32)(const char *from, ptrdiff_t stride, float *to, size_t n);
  void (*to_f64)(const char *from, ptrdiff_t stride, double *to, size_t n);
  void (*from_f64)(const double *from, char *to, ptrdiff_t stride, size_t n);   /* to nearest even; blocks: block.h */
  /* Blocks whose elements are d code: their codes and d; NULL for other formats.  */
  void (*codes)(const char *from, ptrdiff_t stride, int8_t *code, float *d, size_t n);
} sga_format;

extern const sga_format sga_format_f64, sga_format_f32, sga_format_f16, sga_format_bf16, sga_format_bool, sga_format_f8e4m3,
  sga_format_f8e5m2, sga_format_q8_0, sga_format_q4_0, sga_format_q4_1, sga_format_q5_0, sga_format_q5_1, sga_format_iq4_nl;

extern const sga_format *const sga_formats[SEGATTN_FORMATS];

static inline const sga_format *sga_format_of(segattn_format format) {  /* NULL for a number that is none */
  return (unsigned)format < SEGATTN_FORMATS ? sga_formats[format] : NULL;
}

/* The bits of the nearest value to x in a binary format of `fraction` fraction bits and exponents from `lowest` (of the
   smallest normal number) to `highest`; ties to even, overflow to inf, NaN to the quiet NaN.  At most 32 bits in all.  */
uint32_t sga_round_to_format(double x, int fraction, int lowest, int highest);

#endif
