/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fused multiply-add of the portable kernels against fmaf and fma of the C library, bit for bit: numbers of all exponents
   and of ordinary ones, of few bits, sums that nearly cancel, sums halfway between two numbers or beside it, triples of edges.

       right-fma [vectors a kind]  */

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "fma.h"
#include "tap.h"

static uint64_t seed = 1;

static uint64_t word(void) {            /* SplitMix64 (Steele, Lea and Flood 2014) */
  uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

/* What tells f32 from f64.  Numbers are doubles here, rounded to the type where they have more bits.  */
typedef struct type {
  const char *name;
  int bits, low, high;          /* of the significand; exponents of the smallest normal number and the largest */
  double edges[24];             /* magnitudes */
} type;

static const type f32 = { "f32", 24, -126, 127, {
  0, 0x1p-149, 0x1p-148, 0x1.fffffcp-127, 0x1p-126, 0x1.8p-125, 0x1p-75, 0x1.fffffep-52, 0x1p-51, 0x1.000002p-51, 0x1.8p-24,
  0x1p-1, 0x1.fffffep-1, 1, 0x1.000002p0, 0x1.ffep0, 3, 0x1.fffffep53, 0x1p54, 0x1.fffffep99, 0x1p100, 0x1p127,
  FLT_MAX, INFINITY } };
static const type f64 = { "f64", 53, -1022, 1023, {
  0, 0x1p-1074, 0x1p-1073, 0x1.ffffffffffffep-1023, 0x1p-1022, 0x1.8p-1000, 0x1p-600, 0x1.fffffffffffffp-401, 0x1p-400, 0x1p-53,
  0x1p-1, 0x1.fffffffffffffp-1, 1, 0x1.0000000000001p0, 0x1.ffffff8p0, 0x1.ffffffcp0, 3, 0x1.fffffffffffffp399, 0x1p400,
  0x1p900, 0x1.0000000000001p900, 0x1p1023, DBL_MAX, INFINITY } };

static double rounded(const type *t, double x) { return t->bits == 24 ? (double)(float)x : x; }

static double of_bits(const type *t) {  /* any number at all */
  uint64_t bits = word();
  double x;
  float y;
  memcpy(&x, &bits, sizeof x);
  memcpy(&y, &bits, sizeof y);
  return t->bits == 24 ? (double)y : x;
}

/* Of `bits` bits, 2^low <= |x| < 2^high.  */
static double ordinary(const type *t, int bits, int low, int high) {
  double x = bits == 1 ? 1 : 1 + (double)(word() >> (65 - bits)) * ldexp(1, 1 - bits);
  return rounded(t, ldexp(word() & 1 ? x : -x, low + (int)(word() % (uint64_t)(high - low))));
}

enum { ANY, ORDINARY, FEW, SHORT, LIMITS, CANCEL, HALFWAY, LOW, HIGH, KINDS };
static const char *const kinds[KINDS] = {
  "of any bits", "of ordinary size", "of few bits", "of short factors", "of factors about where they are odd",
  "that nearly cancel", "halfway between two numbers, or beside it", "with subnormal sums", "that may overflow"
};

/* One lane.  `where` is of the vector: its lanes are to be of one size, for one lane out of bounds takes all another way.  */
static void draw(const type *t, int kind, uint64_t where, double *a, double *b, double *c) {
  const int n = t->bits, few = 1 + (int)(word() % 14), fast = n == 24 ? 54 : 400;
  int i = 0, j = 0;             /* exponents of a, b */
  *a = ordinary(t, n, -8, 8), *b = ordinary(t, n, -8, 8), *c = ordinary(t, n, -12, 12);
  switch (kind) {
  case ANY: *a = of_bits(t), *b = of_bits(t), *c = of_bits(t); return;
  case FEW:
    *a = ordinary(t, few, -3, 3), *b = ordinary(t, few, -3, 3);
    *c = ordinary(t, 1 + (int)(word() % (uint64_t)n), -6, 6);
    return;
  case SHORT: *a = ordinary(t, n / 2, -8, 8), *b = ordinary(t, n / 2, -8, 8); return;
  case CANCEL: *c = rounded(t, -*a * *b * (1 + (double)(word() % 2) * ordinary(t, n, -n - 3, -1))); return;
  case HALFWAY:                 /* half a unit of c, more or less */
    *a = ldexp(1 + (double)((int)(word() % 5) - 2) * ldexp(1, 1 - n), -n);
    *b = ldexp(1, (int)(word() % 3) - 1) * (1 + (double)((int)(word() % 5) - 2) * ldexp(1, 1 - n));
    *b = word() & 1 ? *b : -*b;
    *c = ordinary(t, word() & 1 ? n : few, 0, 1);
    return;
  case LIMITS:
    i = (where & 1 ? -fast : fast) + (int)(where >> 2 & 31) - 16, j = (where & 2 ? -fast : fast) + (int)(where >> 7 & 31) - 16;
    break;
  case LOW: i = t->low / 2 - (int)(where % 64), j = t->low - i + (int)(where >> 6) % n; break;
  case HIGH: i = t->high / 2 - (int)(where % 16), j = t->high - i - (int)(where >> 6 & 31); break;
  default: return;
  }
  *a = ordinary(t, n, i, i + 3), *b = ordinary(t, n, j, j + 3);
  if (kind == LIMITS)
    *c = rounded(t, *a * *b * ordinary(t, n, -3, 3));
  else if (kind == LOW)
    *c = rounded(t, ordinary(t, n, -n, 3) * ldexp(1, t->low));
  else if (where >> 12 & 1)     /* one of the largest */
    *c = ldexp((word() & 1 ? 1 : -1) * (2 - (double)(1 + word() % 8) * ldexp(1, 1 - n)), t->high);
}

static bool same(double x, double y) { return memcmp(&x, &y, sizeof x) == 0 || (x != x && y != y); }

/* One vector by both builds and by the C library.  */
static bool right(const type *t, const double *a, const double *b, const double *c) {
  double r[2][FMA_STEPS][FMA_LANES];
  if (t->bits == 24) {
    float x[FMA_LANES], y[FMA_LANES], z[FMA_LANES], s[2][FMA_STEPS][FMA_LANES];
    for (int i = 0; i < FMA_LANES; i++)
      x[i] = (float)a[i], y[i] = (float)b[i], z[i] = (float)c[i];
    fma_portable_f32(x, y, z, s[0]);
    fma_plain_f32(x, y, z, s[1]);
    for (int i = 0; i < 2 * FMA_STEPS * FMA_LANES; i++)
      (&r[0][0][0])[i] = (double)(&s[0][0][0])[i];
  } else {
    fma_portable_f64(a, b, c, r[0]);
    fma_plain_f64(a, b, c, r[1]);
  }
  for (int i = 0; i < FMA_LANES; i++) {
    double sum = c[i];
    for (int k = 0; k < FMA_STEPS; k++) {
      double x = a[i], y = !k ? b[i] : k % 3 == 0 ? sum : k & 1 ? b[0] : -b[0], z = k && k % 3 == 0 ? b[i] : sum;
      sum = t->bits == 24 ? (double)fmaf((float)x, (float)y, (float)z) : fma(x, y, z);
      if (!same(r[0][k][i], sum) || !same(r[1][k][i], sum)) {
        diag("step %d: %a * %a + %a = %a, here %a, in plain C %a", k, x, y, z, sum, r[0][k][i], r[1][k][i]);
        return false;
      }
    }
  }
  return true;
}

static void test_kind(const type *t, int kind, long vectors) {
  double a[FMA_LANES], b[FMA_LANES], c[FMA_LANES];
  bool good = true;
  for (long j = 0; j < vectors && good; j++) {
    uint64_t where = word() >> 40;
    for (int i = 0; i < FMA_LANES; i++)
      draw(t, kind, where, &a[i], &b[i], &c[i]);
    good = right(t, a, b, c);
  }
  ok(good, "%s: a b + c %s", t->name, kinds[kind]);
}

/* Every triple of edges, signs and all: as it is in all lanes, and in one lane beside ordinary ones.  */
static void test_edges(const type *t) {
  enum { EDGES = 2 * (int)(sizeof t->edges / sizeof *t->edges) + 1 };
  double edge[EDGES], x[3][FMA_LANES];
  bool good = true;
  for (int i = 0; i < EDGES; i++)
    edge[i] = i == EDGES - 1 ? (double)NAN : i & 1 ? -t->edges[i / 2] : t->edges[i / 2];
  for (int n = 0; n < EDGES * EDGES * EDGES && good; n++)
    for (int alone = 0; alone < 2 && good; alone++) {
      for (int i = 0; i < FMA_LANES; i++) {
        draw(t, ORDINARY, 0, &x[0][i], &x[1][i], &x[2][i]);
        if (!alone || i == n % FMA_LANES)
          x[0][i] = edge[n % EDGES], x[1][i] = edge[n / EDGES % EDGES], x[2][i] = edge[n / EDGES / EDGES];
      }
      good = right(t, x[0], x[1], x[2]);
    }
  ok(good, "%s: every triple of %d edges", t->name, EDGES);
}

int main(int argc, char **argv) {
  long vectors = argc > 1 ? atol(argv[1]) : 100000;
  const type *types[] = { &f32, &f64 };
  for (int i = 0; i < 2; i++) {
    for (int kind = 0; kind < KINDS; kind++)
      test_kind(types[i], kind, vectors);
    test_edges(types[i]);
  }
  return done();
}
