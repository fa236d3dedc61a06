/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Float storage formats: every code of f16, bf16, f8e4m3 and f8e5m2 decoded and encoded, and every rounding between neighbours.

   Decoding is checked against the definition, (-1)^s 2^(e - bias) 1.f; encoding at each code's value, at the midpoint to
   the next one (exact in f64: to the even code) and one f64 step on either side of it: an encoder that rounds through f32,
   or the wrong way, fails.  Then against MPFR, and against the codes of real numpy and ml_dtypes (data/formats; the latter
   rounds through f32, so that it is given what f32 holds).  */

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef HAVE_MPFR
#include <mpfr.h>
#endif

#include "draw.h"
#include "golden.h"
#include "tap.h"

enum { FLOATS = 4096, RANDOM = 20000 };

typedef struct layout {
  segattn_format format;
  const char *name;
  int exponent_bits, fraction_bits;
  bool finite;                  /* no infinities, and NaN is the last code alone */
} layout;

static const layout layouts[] = {
  { SEGATTN_F16, "f16", 5, 10, false }, { SEGATTN_BF16, "bf16", 8, 7, false }, { SEGATTN_F8E4M3, "f8e4m3", 4, 3, true },
  { SEGATTN_F8E5M2, "f8e5m2", 5, 2, false }
};

static uint32_t codes(const layout *f) { return 2u << (f->exponent_bits + f->fraction_bits); }
static uint16_t sign_of(const layout *f) { return (uint16_t)(codes(f) / 2); }

/* The code that follows the largest number: inf, or NaN where there is none.  */
static uint16_t last(const layout *f) {
  return (uint16_t)(f->finite ? sign_of(f) - 1 : ((1 << f->exponent_bits) - 1) << f->fraction_bits);
}

static double decoded(const layout *f, uint16_t code) {
  double x;
  uint8_t narrow = (uint8_t)code;
  segattn_decode(f->format, segattn_format_bytes(f->format, 1) == 1 ? (const void *)&narrow : &code, &x, 1);
  return x;
}

static uint16_t code_by(void encode(segattn_format, const double *, void *, size_t), const layout *f, double x) {
  uint8_t narrow = 0;
  uint16_t code = 0;
  bool one = segattn_format_bytes(f->format, 1) == 1;
  encode(f->format, &x, one ? (void *)&narrow : &code, 1);
  return one ? narrow : code;
}

static uint16_t encoded(const layout *f, double x) { return code_by(segattn_encode, f, x); }

static double defined(const layout *f, uint16_t code) {
  int e = code >> f->fraction_bits & ((1 << f->exponent_bits) - 1), fraction = code & ((1 << f->fraction_bits) - 1);
  int bias = (1 << (f->exponent_bits - 1)) - 1;
  double sign = code & sign_of(f) ? -1 : 1;
  uint16_t magnitude = (uint16_t)(code & (sign_of(f) - 1));
  if (magnitude > last(f) || (f->finite && magnitude == last(f)))
    return (double)NAN;
  if (magnitude == last(f))
    return sign * (double)INFINITY;
  return e ? sign * ldexp((1 << f->fraction_bits) + fraction, e - bias - f->fraction_bits)
           : sign * ldexp(fraction, 1 - bias - f->fraction_bits);
}

static double largest(const layout *f) { return defined(f, (uint16_t)(last(f) - 1)); }

static int wrong_decodes(const layout *f) {
  int wrong = 0;
  for (uint32_t code = 0; code < codes(f); code++) {
    double x = decoded(f, (uint16_t)code), y = defined(f, (uint16_t)code);
    wrong += isnan(y) ? !isnan(x) : memcmp(&x, &y, sizeof x) != 0;
  }
  return wrong;
}

static int wrong_encodes(const layout *f) {
  int wrong = 0;
  for (uint32_t code = 0; code < codes(f); code++) {
    double x = defined(f, (uint16_t)code);
    wrong += isnan(x) ? !isnan(decoded(f, encoded(f, x))) : encoded(f, x) != code;
  }
  return wrong;
}

/* Between the code and the next one up in magnitude.  The one past the largest is the value that overflow is rounded from.  */
static int wrong_roundings(const layout *f) {
  int wrong = 0;
  for (int sign = 0; sign < 2; sign++)
    for (uint16_t low = 0; low < last(f); low++) {
      uint16_t up = (uint16_t)(low + 1), s = sign ? sign_of(f) : 0;
      double a = defined(f, low), b = up == last(f) ? 2 * a - defined(f, (uint16_t)(low - 1)) : defined(f, up);
      double middle = (a + b) / 2, factor = sign ? -1 : 1;
      wrong += encoded(f, factor * middle) != (s | (low & 1 ? up : low));
      wrong += encoded(f, factor * nextafter(middle, 0)) != (s | low);
      wrong += encoded(f, factor * nextafter(middle, (double)INFINITY)) != (s | up);
    }
  return wrong;
}

static int wrong_extremes(const layout *f) {
  uint16_t s = sign_of(f);
  return (encoded(f, DBL_MAX) != last(f)) + (encoded(f, -0x1p1000) != (last(f) | s)) +
         (encoded(f, -(double)INFINITY) != (last(f) | s)) + (encoded(f, 0x1p-1074) != 0) +
         (encoded(f, -0x1p-1074) != s) + (encoded(f, -0.0) != s);
}

static int wrong_saturations(const layout *f) {
  const double x[] = { DBL_MAX, (double)INFINITY, largest(f) * 1.5, nextafter(largest(f), (double)INFINITY), largest(f) };
  int wrong = 0;
  for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
    wrong += code_by(segattn_encode_saturating, f, x[i]) != last(f) - 1;
    wrong += code_by(segattn_encode_saturating, f, -x[i]) != (sign_of(f) | (last(f) - 1));
  }
  for (uint16_t code = 0; code < last(f); code++)
    wrong += code_by(segattn_encode_saturating, f, defined(f, code)) != code;
  return wrong + !isnan(decoded(f, code_by(segattn_encode_saturating, f, (double)NAN)));
}

static int wrong_golden(const layout *f) {
  static double x[FLOATS];
  static unsigned char bytes[2 * FLOATS];
  size_t unit = segattn_format_bytes(f->format, 1);
  int wrong = 0;
  golden_read("floats", "f64", x, sizeof x, sizeof *x);
  golden_read(f->name, "codes", bytes, FLOATS * unit, unit);
  for (size_t i = 0; i < FLOATS; i++) {
    uint16_t code = bytes[i];
    if (unit == 2)
      memcpy(&code, &bytes[2 * i], 2);
    if (f->format != SEGATTN_F16)
      x[i] = (double)(float)x[i];
    wrong += isnan(x[i]) ? !isnan(decoded(f, code)) || !isnan(decoded(f, encoded(f, x[i]))) : encoded(f, x[i]) != code;
  }
  for (uint16_t code = 0; unit == 1 && code < 256; code++) {
    if (!code)
      golden_read(f->name, "f64", x, 256 * sizeof *x, sizeof *x);
    double y = decoded(f, code);
    wrong += isnan(x[code]) ? !isnan(y) : memcmp(&y, &x[code], sizeof y) != 0;
  }
  return wrong;
}

#ifdef HAVE_MPFR
/* Numbers of any size that the format has, and beyond; some a fraction of 2^-30 from a tie.  */
static int wrong_against_mpfr(const layout *f) {
  int bias = (1 << (f->exponent_bits - 1)) - 1, wrong = 0;
  mpfr_exp_t least = mpfr_get_emin(), most = mpfr_get_emax();
  mpfr_t y;
  rng r = { 1 };
  mpfr_init2(y, f->fraction_bits + 1);
  for (int i = 0; i < RANDOM; i++) {
    int exponent = (int)rng_between(&r, -bias - f->fraction_bits - 2, bias + 2), steps = exponent - f->fraction_bits - 1;
    double x = ldexp(1 + rng_uniform(&r), exponent), away = 1 + 0x1p-30 * (double)rng_between(&r, -1, 1);
    if (i % 2)
      x = ldexp(rint(ldexp(x, -steps)), steps) * away;
    mpfr_set_emin(2 - bias - f->fraction_bits);
    mpfr_set_emax(bias + 1 + f->finite);
    int inexact = mpfr_set_d(y, x, MPFR_RNDN);
    inexact = mpfr_check_range(y, inexact, MPFR_RNDN);
    mpfr_subnormalize(y, inexact, MPFR_RNDN);
    double exact = mpfr_get_d(y, MPFR_RNDN), got = decoded(f, encoded(f, x));
    mpfr_set_emin(least);
    mpfr_set_emax(most);
    wrong += f->finite && exact > largest(f) ? !isnan(got) : !(got <= exact && got >= exact);
  }
  mpfr_clear(y);
  return wrong;
}
#endif

int main(void) {
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
    const layout *f = &layouts[i];
    int decodes = wrong_decodes(f), encodes = wrong_encodes(f), roundings = wrong_roundings(f), extremes = wrong_extremes(f);
    int saturations = wrong_saturations(f), golden = wrong_golden(f);
    ok(!decodes, "%s: all %u codes decode to their definition (%d wrong)", f->name, codes(f), decodes);
    ok(!encodes, "%s: all %u values encode to their code (%d wrong)", f->name, codes(f), encodes);
    ok(!roundings, "%s: to nearest even between all neighbours (%d wrong)", f->name, roundings);
    ok(!extremes, "%s: overflow, underflow and zeros keep their sign (%d wrong)", f->name, extremes);
    ok(!saturations, "%s: saturating, what lies beyond the largest number becomes that (%d wrong)", f->name, saturations);
    ok(!golden, "%s: %d codes as numpy and ml_dtypes have them (%d wrong)", f->name, FLOATS, golden);
#ifdef HAVE_MPFR
    int mpfr = wrong_against_mpfr(f);
    ok(!mpfr, "%s: %d roundings as MPFR makes them (%d wrong)", f->name, RANDOM, mpfr);
#else
    skip("built without MPFR");
#endif
  }
  return done();
}
