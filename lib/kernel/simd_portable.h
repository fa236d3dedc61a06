/* SPDX-License-Identifier: BSD-2-Clause */
/* simd.h for the machine that the compiler makes code for by default: in plain C, or in SSE2 where that is x86-64 without a
   fused multiply-add.  (Plain C takes half as long again there in f64, twice to three times as long in f32.)  */

#include <math.h>
#include <string.h>

/* Is fma() an instruction?  (Not every compiler defines the first two.)  */
#if (defined __FP_FAST_FMA && defined __FP_FAST_FMAF) || defined __FMA__ || defined __ARM_FEATURE_FMA
#define FUSED 1
#else
#define FUSED 0
#endif

/* The number at element i of what is stored.  (f16: as format/f16.c.)  */
static inline num num_as(sga_stored stored, const void *p, size_t i) {
  if (NUM_BITS == 64 || stored == SGA_NUMBERS)
    return ((const num *)p)[i];
  uint16_t h = ((const uint16_t *)p)[i];
  uint32_t bits = stored == SGA_BF16 ? (uint32_t)h << 16 : (uint32_t)(h & 0x7fff) << 13;
  float x;
  memcpy(&x, &bits, sizeof x);
  if (stored == SGA_F16) {
    x *= 0x1p112f;
    memcpy(&bits, &x, sizeof bits);
    bits |= ((h & 0x7c00) == 0x7c00 ? 0x7f800000u : 0) | (uint32_t)(h & 0x8000) << 16;
    memcpy(&x, &bits, sizeof x);
  }
  return x;
}

/* 16-bit floats are decoded by themselves: loops for each take longer to compile than they save.  */
#define IN_PLACE SGA_NUMBERS
#define VALUES_IN_PLACE IN_PLACE
#define DECODED (NUM_BITS == 32 ? SGA_BF16 : SGA_NUMBERS)

#if defined __SSE2__ && !FUSED && !defined SGA_PLAIN    /* which tests define */
#include "portable_sse2.h"
#else

enum { LANES = 8, CHAIN_KEYS = 1, STRIP_VECS = 1, SCORE_ROWS = 4, SCORE_KEYS = 4, VALUE_VECS = 2 };
enum { MANY_KEYS = 2, MANY_LAST = 2, MANY_DIMS = 4, MANY_REST = 4 };

typedef struct vec { num x[LANES]; } vec;
typedef vec chains;

/* Without the instruction, in f32 through f64, where the product is exact.  Rounding the sum twice gives another result
   only where the f64 lies halfway between two floats, or below the normal ones; so it is rounded to odd first (Boldo and
   Melquiond 2008).  */
static inline num num_fma(num a, num b, num c) {
#if NUM_BITS == 64
  return fma(a, b, c);
#elif FUSED
  return fmaf(a, b, c);
#else
  double p = (double)a * b, s = p + c;
  double t = s - p, error = (p - (s - t)) + (c - t);    /* TwoSum; NaN where s is inf or NaN */
  uint64_t bits;
  memcpy(&bits, &s, sizeof bits);
  if ((error > 0 || error < 0) && !(bits & 1)) {        /* inexact and even: to the odd neighbour on the side of the error */
    bits += (error > 0) == (s > 0) ? 1 : (uint64_t)-1;
    memcpy(&s, &bits, sizeof s);
  }
  return (float)s;
#endif
}

#define EACH(i) for (int i = 0; i < LANES; i++)

static inline vec vec_load(const num *p) { vec r; memcpy(&r, p, sizeof r); return r; }
static inline void vec_store(num *p, vec a) { memcpy(p, &a, sizeof a); }
static inline vec vec_set1(num a) { vec r; EACH(i) r.x[i] = a; return r; }
static inline num vec_first(vec a) { return a.x[0]; }
static inline vec vec_add(vec a, vec b) { EACH(i) a.x[i] += b.x[i]; return a; }
static inline vec vec_sub(vec a, vec b) { EACH(i) a.x[i] -= b.x[i]; return a; }
static inline vec vec_mul(vec a, vec b) { EACH(i) a.x[i] *= b.x[i]; return a; }
static inline vec vec_div(vec a, vec b) { EACH(i) a.x[i] /= b.x[i]; return a; }
static inline vec vec_fma(vec a, vec b, vec c) { EACH(i) c.x[i] = num_fma(a.x[i], b.x[i], c.x[i]); return c; }
static inline vec vec_max(vec a, vec b) { EACH(i) b.x[i] = a.x[i] > b.x[i] ? a.x[i] : b.x[i]; return b; }
static inline vec vec_min(vec a, vec b) { EACH(i) b.x[i] = a.x[i] < b.x[i] ? a.x[i] : b.x[i]; return b; }
static inline uint32_t vec_gt(vec a, vec b) { uint32_t m = 0; EACH(i) m |= (uint32_t)(a.x[i] > b.x[i]) << i; return m; }
static inline uint32_t vec_nan(vec a) { uint32_t m = 0; EACH(i) m |= (uint32_t)(a.x[i] != a.x[i]) << i; return m; }
static inline vec vec_zero_below(vec a, vec k, vec limit) {     /* k < limit ? +0 : a */
  EACH(i) a.x[i] = k.x[i] < limit.x[i] ? 0 : a.x[i];
  return a;
}

static inline num vec_largest(vec a) {
  num m = a.x[0];
  EACH(i) m = a.x[i] > m ? a.x[i] : m;
  return m;
}

static inline vec vec_rint(vec a) {
#if NUM_BITS == 32
  EACH(i) a.x[i] = rintf(a.x[i]);
#else
  EACH(i) a.x[i] = rint(a.x[i]);
#endif
  return a;
}

static inline vec vec_pow2(vec k) {
  EACH(i) {
    num x = k.x[i] >= EXPONENT_MIN && k.x[i] <= 127 ? k.x[i] : 0;
#if NUM_BITS == 32
    uint32_t bits = (uint32_t)((int32_t)x + 127) << 23;
#else
    uint64_t bits = (uint64_t)((int64_t)x + 1023) << 52;
#endif
    memcpy(&k.x[i], &bits, sizeof bits);
  }
  return k;
}

static inline vec vec_scale(vec p, vec k) { return vec_mul(p, vec_pow2(k)); }

static inline vec vec_select(uint32_t lanes, vec a, vec b) { EACH(i) b.x[i] = lanes >> i & 1 ? a.x[i] : b.x[i]; return b; }
static inline vec vec_fma_lanes(uint32_t lanes, vec a, vec b, vec c) { return vec_select(lanes, vec_fma(a, b, c), c); }
static inline void vec_transpose(vec a[LANES]) {
  for (int j = 1; j < LANES; j++)
    for (int i = 0; i < j; i++) {
      num x = a[i].x[j];
      a[i].x[j] = a[j].x[i];
      a[j].x[i] = x;
    }
}

static inline chains chains_zero(void) { return vec_set1(0); }
static inline chains chains_query(const num *q) { return vec_load(q); }
static inline vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  vec r;
  EACH(i) r.x[i] = num_as(stored, p, from + (size_t)i);
  return r;
}
static inline chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  (void)b;
  return vec_load_as(stored, a, from);
}
static inline chains chains_fma(chains a, chains b, chains c) { return vec_fma(a, b, c); }

static inline num chains_sum(chains a) {
  return ((a.x[0] + a.x[4]) + (a.x[2] + a.x[6])) + ((a.x[1] + a.x[5]) + (a.x[3] + a.x[7]));
}

/* The scores of four registers of keys: those of the keys `a` first, then those of the keys `b`.  */
static inline void chains_sum4(const chains x[4], num *s) {
  for (int i = 0; i < 4; i++)
    s[i] = chains_sum(x[i]);
}

#endif
