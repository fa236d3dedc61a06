/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stored bytes mean; see stored.h.  */

#include <math.h>
#include <stdint.h>
#include <string.h>
#include "stored.h"

/* A float of 1 + e + f bits with the usual inf and NaN.  */
static double float_value(unsigned code, int exponent_bits, int fraction_bits) {
  int all = (1 << exponent_bits) - 1, bias = all / 2, exponent = (int) (code >> fraction_bits) & all;
  double fraction = ldexp(code & ((1u << fraction_bits) - 1), -fraction_bits);
  double sign = code >> (exponent_bits + fraction_bits) ? -1 : 1;
  if (exponent == all)
    return fraction > 0 ? NAN : sign * INFINITY;
  return sign * (exponent ? ldexp(1 + fraction, exponent - bias) : ldexp(fraction, 1 - bias));
}

static double e4m3_value(unsigned code) {
  if ((code & 0x7f) == 0x7f)
    return NAN;
  double fraction = (code & 7) / 8.0, sign = code >> 7 ? -1 : 1;
  int exponent = code >> 3 & 15;
  return sign * (exponent ? ldexp(1 + fraction, exponent - 7) : ldexp(fraction, -6));
}

static double half_value(const unsigned char *p) { return float_value(p[0] | (unsigned) p[1] << 8, 5, 10); }

static int nibble(const unsigned char *p, size_t j) { return j < 16 ? p[j] & 15 : p[j - 16] >> 4; }

static int five_bits(const unsigned char *p, size_t j) { return nibble(p + 4, j) + 16 * (p[j / 8] >> j % 8 & 1); }

static double block_value(segattn_format format, const unsigned char *p, size_t j) {
  static const int levels[] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
  double d = half_value(p);
  switch (format) {
  case SEGATTN_Q8_0: return d * (p[2 + j] < 128 ? p[2 + j] : p[2 + j] - 256);
  case SEGATTN_Q4_0: return d * (nibble(p + 2, j) - 8);
  case SEGATTN_Q4_1: return d * nibble(p + 4, j) + half_value(p + 2);
  case SEGATTN_Q5_0: return d * (five_bits(p + 2, j) - 16);
  case SEGATTN_Q5_1: return d * five_bits(p + 4, j) + half_value(p + 2);
  default: return d * levels[nibble(p + 2, j)];         /* iq4_nl */
  }
}

double stored_value(segattn_format format, const unsigned char *from, size_t j) {
  double wide;
  float single;
  uint16_t half;
  switch (format) {
  case SEGATTN_F64: memcpy(&wide, from, sizeof wide); return wide;
  case SEGATTN_F32: memcpy(&single, from, sizeof single); return (double) single;
  case SEGATTN_F16: memcpy(&half, from, sizeof half); return float_value(half, 5, 10);
  case SEGATTN_BF16: memcpy(&half, from, sizeof half); return float_value(half, 8, 7);
  case SEGATTN_BOOL: return *from ? 0 : -INFINITY;
  case SEGATTN_F8E4M3: return e4m3_value(*from);
  case SEGATTN_F8E5M2: return float_value(*from, 5, 2);
  default: return block_value(format, from, j);
  }
}
