/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Storage formats: every code of f16 and bf16 decoded and encoded, and every rounding between neighbours.

   Decoding is checked against the definition, (-1)^s 2^(e - bias) 1.f; encoding at each code's value, at the midpoint to the next one
   (exact in f64: to the even code) and one f64 step on either side of it: an encoder that rounds through f32, or the wrong way,
   fails.  */

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <segattn.h>

#include "tap.h"

typedef struct layout {
  segattn_format format;
  const char *name;
  int exponent_bits, fraction_bits;
} layout;

static double decoded(const layout *f, uint16_t code) {
  double x;
  segattn_decode(f->format, &code, &x, 1);
  return x;
}

static uint16_t encoded(const layout *f, double x) {
  uint16_t code;
  segattn_encode(f->format, &x, &code, 1);
  return code;
}

static double defined(const layout *f, uint16_t code) {
  int e = code >> f->fraction_bits & ((1 << f->exponent_bits) - 1), fraction = code & ((1 << f->fraction_bits) - 1);
  int bias = (1 << (f->exponent_bits - 1)) - 1;
  double sign = code >> 15 ? -1 : 1;
  if (e == (1 << f->exponent_bits) - 1)
    return fraction ? (double)NAN : sign * (double)INFINITY;
  return e ? sign * ldexp((1 << f->fraction_bits) + fraction, e - bias - f->fraction_bits)
           : sign * ldexp(fraction, 1 - bias - f->fraction_bits);
}

static int wrong_decodes(const layout *f) {
  int wrong = 0;
  for (uint32_t code = 0; code < 65536; code++) {
    double x = decoded(f, (uint16_t)code), y = defined(f, (uint16_t)code);
    wrong += isnan(y) ? !isnan(x) : memcmp(&x, &y, sizeof x) != 0;
  }
  return wrong;
}

static int wrong_encodes(const layout *f) {
  int wrong = 0;
  for (uint32_t code = 0; code < 65536; code++) {
    double x = defined(f, (uint16_t)code);
    wrong += isnan(x) ? !isnan(decoded(f, encoded(f, x))) : encoded(f, x) != code;
  }
  return wrong;
}

/* Between the code and the next one up in magnitude.  The one past the largest is the value that overflow is rounded from.  */
static int wrong_roundings(const layout *f) {
  int wrong = 0;
  uint16_t inf = (uint16_t)(((1 << f->exponent_bits) - 1) << f->fraction_bits);
  for (int sign = 0; sign < 2; sign++)
    for (uint16_t low = 0; low < inf; low++) {
      uint16_t up = (uint16_t)(low + 1), s = (uint16_t)(sign << 15);
      double a = defined(f, low), b = up == inf ? 2 * a - defined(f, (uint16_t)(low - 1)) : defined(f, up);
      double middle = (a + b) / 2, factor = sign ? -1 : 1;
      wrong += encoded(f, factor * middle) != (s | (low & 1 ? up : low));
      wrong += encoded(f, factor * nextafter(middle, 0)) != (s | low);
      wrong += encoded(f, factor * nextafter(middle, (double)INFINITY)) != (s | up);
    }
  return wrong;
}

static int wrong_extremes(const layout *f) {
  uint16_t inf = (uint16_t)(((1 << f->exponent_bits) - 1) << f->fraction_bits);
  return (encoded(f, 0x1.fffffffffffffp1023) != inf) + (encoded(f, -0x1p1000) != (inf | 0x8000)) +
         (encoded(f, 0x1p-1074) != 0) + (encoded(f, -0x1p-1074) != 0x8000) + (encoded(f, -0.0) != 0x8000);
}

int main(void) {
  static const layout layouts[] = { { SEGATTN_F16, "f16", 5, 10 }, { SEGATTN_BF16, "bf16", 8, 7 } };
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
    const layout *f = &layouts[i];
    int decodes = wrong_decodes(f), encodes = wrong_encodes(f), roundings = wrong_roundings(f), extremes = wrong_extremes(f);
    ok(!decodes, "%s: all 65536 codes decode to their definition (%d wrong)", f->name, decodes);
    ok(!encodes, "%s: all 65536 values encode to their code (%d wrong)", f->name, encodes);
    ok(!roundings, "%s: to nearest even between all neighbours (%d wrong)", f->name, roundings);
    ok(!extremes, "%s: overflow, underflow and zeros keep their sign (%d wrong)", f->name, extremes);
  }
  return done();
}
