/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exp2, log, tanh and the kernels' polynomials against MPFR: errors within what lib/elementary.h and lib/kernel/exp2.h
   state, special values, and the same bits everywhere (a hash of many results is compiled in).

       accurate-elementary [samples a range]  */

#include <inttypes.h>
#include <math.h>
#include <mpfr.h>
#include <stdint.h>
#include <string.h>
#include "elementary.h"
#include "kernel/exp2.h"
#include "tap.h"

enum { BITS = 160 };

typedef int mpfr_function(mpfr_t, const mpfr_t, mpfr_rnd_t);
typedef double function(double);

/* SplitMix64 (Steele, Lea and Flood 2014).  */
static uint64_t word(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static double uniform(uint64_t *state) {
  return (double) (word(state) >> 11) * 0x1p-53;
}

/* |y - f(x)| in ulp of f(x), rounded up.  */
static double error_ulp(double y, mpfr_function *exact, double x) {
  mpfr_t a;
  mpfr_init2(a, BITS);
  mpfr_set_d(a, x, MPFR_RNDN);
  exact(a, a, MPFR_RNDN);
  long e = mpfr_zero_p(a) ? -1021 : mpfr_get_exp(a);
  long ulp = e < -1021 ? -1074 : e - 53;
  mpfr_sub_d(a, a, y, MPFR_RNDA);
  mpfr_mul_2si(a, a, -ulp, MPFR_RNDA);
  double error = fabs(mpfr_get_d(a, MPFR_RNDA));
  mpfr_clear(a);
  return error;
}

/* low .. high are the argument, or its exponent of two where `exponents`.  */
typedef struct range {
  const char *name;
  function *computed;
  mpfr_function *exact;
  double low, high;
  bool exponents, negative;
  double ulp;                   /* as stated */
} range;

static const range ranges[] = {
  {"exp2", sga_exp2, mpfr_exp2, -1.0 / 32, 1.0 / 32, false, false, 0.64},
  {"exp2", sga_exp2, mpfr_exp2, -1, 1, false, false, 0.64},
  {"exp2", sga_exp2, mpfr_exp2, -1021, 1024, false, false, 0.64},
  {"exp2", sga_exp2, mpfr_exp2, -1074.5, -1022, false, false, 0.9},
  {"exp2", sga_exp2, mpfr_exp2, -1070, 0, true, true, 0.64},
  {"log", sga_log, mpfr_log, 0.703125, 1.4375, false, false, 0.96},
  {"log", sga_log, mpfr_log, 0.984375, 1.015625, false, false, 0.96},
  {"log", sga_log, mpfr_log, 0.34375, 2.875, false, false, 0.96},
  {"log", sga_log, mpfr_log, -1074, 1024, true, false, 0.96},
  {"tanh", sga_tanh, mpfr_tanh, -0.625, 0.625, false, false, 1.2},
  {"tanh", sga_tanh, mpfr_tanh, 0.625, 2, false, false, 2},
  {"tanh", sga_tanh, mpfr_tanh, 2, 21, false, false, 2},
  {"tanh", sga_tanh, mpfr_tanh, -1074, 8, true, true, 2},
};

static double sample(const range *r, uint64_t *state, long i) {
  double x = i == 0 ? r->low : i == 1 ? nextafter(r->high, r->low) : r->low + (r->high - r->low) * uniform(state);
  if (r->exponents)
    x = ldexp(1 + uniform(state), (int) floor(x));
  return r->negative ? -x : x;
}

static void check_range(const range *r, long samples) {
  uint64_t state = 1;
  double worst = 0, at = 0;
  for (long i = 0; i < samples; i++) {
    double x = sample(r, &state, i), error = error_ulp(r->computed(x), r->exact, x);
    if (!(error <= worst)) {
      worst = error;
      at = x;
    }
  }
  ok(worst <= r->ulp, "%s, %s%g .. %g: %.4f ulp at %a, stated %g", r->name, r->exponents ? "exponents " : "", r->low, r->high,
     worst, at, r->ulp);
}

/* ---- special values ---- */

typedef struct special { const char *name; function *computed; double x, y; } special;

static const special specials[] = {
  {"exp2", sga_exp2, 0, 1}, {"exp2", sga_exp2, -0.0, 1}, {"exp2", sga_exp2, 1024, INFINITY},
  {"exp2", sga_exp2, INFINITY, INFINITY}, {"exp2", sga_exp2, -INFINITY, 0}, {"exp2", sga_exp2, -1075, 0},
  {"exp2", sga_exp2, -0x1.0cbfffffffffep10, 0x1p-1074}, {"exp2", sga_exp2, -1e308, 0}, {"exp2", sga_exp2, 1e308, INFINITY},
  {"exp2", sga_exp2, 0x1p-1074, 1}, {"exp2", sga_exp2, NAN, NAN},
  {"log", sga_log, 0, -INFINITY}, {"log", sga_log, -0.0, -INFINITY}, {"log", sga_log, 1, 0}, {"log", sga_log, -1, NAN},
  {"log", sga_log, INFINITY, INFINITY}, {"log", sga_log, -INFINITY, NAN}, {"log", sga_log, NAN, NAN},
  {"tanh", sga_tanh, 0, 0}, {"tanh", sga_tanh, -0.0, -0.0}, {"tanh", sga_tanh, INFINITY, 1},
  {"tanh", sga_tanh, -INFINITY, -1}, {"tanh", sga_tanh, 20, 1}, {"tanh", sga_tanh, -1e308, -1},
  {"tanh", sga_tanh, 0x1p-1074, 0x1p-1074}, {"tanh", sga_tanh, NAN, NAN},
};

static bool same(double a, double b) {
  return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static void check_specials(void) {
  size_t n = sizeof specials / sizeof *specials, wrong = 0;
  for (const special *s = specials; s < specials + n; s++)
    if (!same(s->computed(s->x), s->y) && ++wrong)
      diag("%s(%a) is %a, expected %a", s->name, s->x, s->computed(s->x), s->y);
  ok(wrong == 0, "%zu special values", n);
  wrong = 0;
  for (int k = -1074; k < 1024; k++)
    wrong += !same(sga_exp2(k), ldexp(1, k));
  ok(wrong == 0, "exp2 of every integer is exact");
  wrong = 0;
  for (double x = 0x1p-40; x < 64; x *= 1.0078125)
    wrong += !same(sga_tanh(-x), -sga_tanh(x));
  ok(wrong == 0, "tanh is odd, bit for bit");
}

/* ---- the kernels' polynomials ---- */

static double relative_error(double p, double f) {
  return error_ulp(p, mpfr_exp2, f) * (f < 0 ? 0x1p-53 : 0x1p-52) / sga_exp2(f);
}

static double polynomial_f32(double x) {
  float p = sga_exp2_f32[EXP2_F32_DEGREE], f = (float) x;
  for (int i = EXP2_F32_DEGREE - 1; i >= 0; i--)
    p = fmaf(p, f, sga_exp2_f32[i]);
  return (double) p;
}

static double polynomial_f64(double f) {
  double p = sga_exp2_f64[EXP2_F64_DEGREE];
  for (int i = EXP2_F64_DEGREE - 1; i >= 0; i--)
    p = fma(p, f, sga_exp2_f64[i]);
  return p;
}

static void check_polynomial(const char *name, function *polynomial, bool single, double epsilon, long samples) {
  uint64_t state = 2;
  double worst = 0;
  for (long i = 0; i < samples; i++) {
    double f = i < 2 ? (double) i - 0.5 : uniform(&state) - 0.5;
    if (i % 4 == 3)
      f *= ldexp(1, -(int) (word(&state) % 40));
    f = single ? (double) (float) f : f;
    worst = fmax(worst, relative_error(polynomial(f), f));
  }
  ok(worst <= epsilon && polynomial(0) == 1, "2^f in %s: relative error %.4f of what is stated", name, worst / epsilon);
}

/* ---- the same bits everywhere ---- */

static uint64_t hash_range(uint64_t hash, const range *r) {
  uint64_t state = 3;
  for (long i = 0; i < 5000; i++) {
    double x = sample(r, &state, i), y = r->computed(x);
    uint64_t bits;
    memcpy(&bits, &y, sizeof bits);
    hash = (hash ^ bits) * UINT64_C(0x100000001b3);     /* FNV-1a, by words */
    hash ^= hash >> 29;
  }
  return hash;
}

int main(int argc, char **argv) {
  const uint64_t golden = UINT64_C(0x3f29b3918b21a153);
  long samples = argc > 1 ? atol(argv[1]) : 20000;
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (const range *r = ranges; r < ranges + sizeof ranges / sizeof *ranges; r++) {
    check_range(r, samples);
    hash = hash_range(hash, r);
  }
  check_specials();
  check_polynomial("f32", polynomial_f32, true, EXP2_F32_EPSILON, samples * 4);
  check_polynomial("f64", polynomial_f64, false, EXP2_F64_EPSILON, samples * 4);
  ok(hash == golden, "the same bits as on every machine: 0x%016" PRIx64, hash);
  mpfr_free_cache();
  return done();
}
