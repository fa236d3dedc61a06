/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random numbers with the same bits on every machine.

   Words are MT19937's (Matsumoto and Nishimura 1998) as GSL makes them; seed 0 stands for 4357 there.  Normals by
   Marsaglia's polar method: (u, v) uniform on the square, s = u^2 + v^2 < 1, then u, v times sqrt(-2 log(s) / s).
   A libm's log differs from machine to machine in the last bit, so log is ours; fma and sqrt are exact by definition, and
   as every multiplication that meets an addition is an explicit fma, no compiler option can change a bit.  */

#include "random.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <gsl/gsl_rng.h>

struct random_stream {
  gsl_rng *words;
  bool spare;                   /* the polar method gives two normals at a time */
  double second;
};

/* GSL aborts when memory is short unless its error handler is off.  */
random_stream *random_alloc(uint32_t seed) {
  random_stream *r = calloc(1, sizeof *r);
  if (r == NULL)
    return NULL;
  gsl_error_handler_t *handler = gsl_set_error_handler_off();
  r->words = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_set_error_handler(handler);
  if (r->words == NULL) {
    free(r);
    return NULL;
  }
  gsl_rng_set(r->words, seed);
  return r;
}

void random_free(random_stream *r) {
  if (r != NULL)
    gsl_rng_free(r->words);
  free(r);
}

uint32_t random_word(random_stream *r) {
  return (uint32_t)gsl_rng_get(r->words);
}

/* 27 + 26 bits; 0 (once in 2^53) is drawn again.  */
double random_uniform(random_stream *r) {
  uint64_t bits;
  do {
    uint64_t high = random_word(r) >> 5;
    bits = high << 26 | random_word(r) >> 6;
  } while (bits == 0);
  return (double)bits * 0x1p-53;
}

/* Natural log of 0 < x < 1: x = 2^e m, m in [1/sqrt 2, sqrt 2), log m = 2 atanh z, z = (m - 1) / (m + 1), |z| < 0.172.
   The series ends where z^23 / 23 < 2^-62 z; the error is below 1e-15 relative.  */
static double log_portable(double x) {
  int e;
  double m = frexp(x, &e);      /* [1/2, 1) */
  if (m < 0x1.6a09e667f3bcdp-1) {
    m += m;
    e--;
  }
  double z = (m - 1) / (m + 1), w = z * z, sum = 1.0 / 23;
  for (int odd = 21; odd >= 1; odd -= 2)
    sum = fma(sum, w, 1.0 / odd);
  return fma((double)e, 0x1.62e42fefa39efp-1, 2 * z * sum);     /* log 2 */
}

double random_normal(random_stream *r) {
  if (r->spare) {
    r->spare = false;
    return r->second;
  }
  double u, v, s;
  do {
    u = 2 * random_uniform(r) - 1;      /* exact */
    v = 2 * random_uniform(r) - 1;
    s = fma(u, u, v * v);
  } while (s >= 1 || s == 0);
  double factor = sqrt(-2 * log_portable(s) / s);
  r->second = v * factor;
  r->spare = true;
  return u * factor;
}

/* The product is exact in f64 and rounded by the cast, so that it cannot be contracted with the addition.  */
float random_uniform_float(random_stream *r, float a, float b) {
  float x = (float)random_word(r) * 0x1p-32f;
  if (x >= 1)
    x = 0x1.fffffep-1f;
  return (float)((double)x * (double)(b - a)) + a;
}
