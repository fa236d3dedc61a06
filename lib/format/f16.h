/* SPDX-License-Identifier: BSD-2-Clause */
/* binary16 to binary32, exact: the bits moved into a binary32 with an exponent 112 too small, times 2^112, which also turns
   subnormals into normal numbers; the largest exponent is inf or NaN and stays so.  Branch-free, for the compiler to
   vectorise.  */

#ifndef SGA_F16_H
#define SGA_F16_H

#include <stdint.h>
#include <string.h>

static inline float sga_f16_value(uint16_t h) {
  uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, special = (h & 0x7c00) == 0x7c00 ? 0x7f800000u : 0;
  float x;
  memcpy(&x, &magnitude, sizeof x);
  x *= 0x1p112f;
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits |= special | (uint32_t)(h & 0x8000) << 16;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#endif
