/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random numbers: the words of MT19937, the floats of libstdc++, and normals that are the same on every machine.  */

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <gsl/gsl_statistics_double.h>
#include "hash.h"
#include "random.h"
#include "tap.h"

enum { N = 200000 };

static random_stream *stream(uint32_t seed) {
  random_stream *r = random_alloc(seed);
  if (r == NULL)
    exit(1);
  return r;
}

/* The C++ standard, [rand.predef]: the 10000th word of the default seed is 4123659995.  */
static void test_words(void) {
  random_stream *r = stream(5489);
  uint32_t word = 0;
  for (int i = 0; i < 10000; i++)
    word = random_word(r);
  ok(word == 4123659995u, "word 10000 of seed 5489 is that of the C++ standard");
  random_free(r);
  r = stream(42);
  ok(random_word(r) == 1608637542u, "word 1 of seed 42");
  random_free(r);
}

/* Made by std::uniform_real_distribution<float>(-0.8f, 0.3f) of std::mt19937(7), libstdc++ 12.  */
static void test_floats(void) {
  static const float first[] = {-0x1.6e9f88p-1f, -0x1.199008p-1f, 0x1.da678p-5f, -0x1.cbe8e2p-2f};
  random_stream *r = stream(7);
  bool same = true;
  for (int i = 0; i < 4; i++)
    same = same && random_uniform_float(r, -0.8f, 0.3f) == first[i];
  ok(same, "four floats as libstdc++ makes them");
  uint32_t sum = 0, bits;
  for (int i = 0; i < N; i++) {
    float x = random_uniform_float(r, -0.8f, 0.3f);
    memcpy(&bits, &x, sizeof bits);
    sum = sum * 31 + bits;
  }
  ok(sum == 3612228450u, "%d floats as libstdc++ makes them", N);
  random_free(r);
}

/* The first word of this seed is 4294967279, which rounds to 2^32.  */
static void test_below_one(void) {
  random_stream *r = stream(14784396);
  ok(random_uniform_float(r, 0, 1) == 0x1.fffffep-1f, "a word that rounds to 2^32 gives the float below 1");
  random_free(r);
}

static void test_uniform(void) {
  random_stream *r = stream(1), *words = stream(1);
  bool inside = true, bits = true;
  for (int i = 0; i < N; i++) {
    double x = random_uniform(r);
    uint64_t high = random_word(words) >> 5, low = random_word(words) >> 6;
    inside = inside && x > 0 && x < 1;
    bits = bits && x == (double)(high << 26 | low) / 0x1p53;
  }
  ok(inside && bits, "uniform: in (0, 1), 27 and 26 bits of two words");
  random_free(r);
  random_free(words);
}

/* The same method with the machine's log in long double.  log: 1e-15, halved by the root; three roundings more.  */
static void test_polar(void) {
  const double limit = 0.5e-15 + 3 * 0x1p-53;
  random_stream *r = stream(3), *uniform = stream(3);
  double worst = 0;
  for (int i = 0; i < N; i += 2) {
    double u, v, s;
    do {
      u = 2 * random_uniform(uniform) - 1;
      v = 2 * random_uniform(uniform) - 1;
      s = fma(u, u, v * v);
    } while (s >= 1 || s == 0);
    double factor = (double)sqrtl(-2 * logl((long double)s) / (long double)s);
    worst = fmax(worst, fabs(random_normal(r) / (u * factor) - 1));
    worst = fmax(worst, fabs(random_normal(r) / (v * factor) - 1));
  }
  ok(worst <= limit + 0x1p-52, "normals are those of the polar method, within %.3g (at most %.3g)", worst, limit + 0x1p-52);
  random_free(r);
  random_free(uniform);
}

static void test_normals(void) {
  double *x = malloc(N * sizeof *x);
  random_stream *r = stream(11);
  for (int i = 0; i < N; i++)
    x[i] = random_normal(r);
  random_free(r);
  hash *h = hash_alloc();
  array a = {.data = x, .format = SEGATTN_F64, .shape = {1, 1, 1, N}};
  char hex[65];
  hash_array(h, &a);
  hash_end(h, hex);
  if (!ok(strcmp(hex, "55326a34545427b5b599679e4bdcba3b2e05add218c30839ca5089c21bfaa2e2") == 0,
          "%d normals have the bits that they had", N))
    diag("sha256 %s", hex);
  /* Five standard deviations of each moment.  */
  double mean = gsl_stats_mean(x, 1, N), variance = gsl_stats_tss_m(x, 1, N, 0) / N, kurtosis = gsl_stats_kurtosis(x, 1, N);
  ok(fabs(mean) < 5 / sqrt(N) && fabs(variance - 1) < 5 * sqrt(2.0 / N) && fabs(kurtosis) < 5 * sqrt(24.0 / N),
     "their mean %.2g, variance %.4f, excess %.2g are those of N(0,1)", mean, variance, kurtosis);
  free(x);
}

int main(void) {
  test_words();
  test_floats();
  test_below_one();
  test_uniform();
  test_polar();
  test_normals();
  return done();
}
