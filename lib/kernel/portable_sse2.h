/* SPDX-License-Identifier: BSD-2-Clause */
/* simd.h for x86-64 without a fused multiply-add: SSE2.  Lanes are doubles in both arithmetics, so that f32 converts only when
   it loads and stores; r = a b + c is rounded once, by arithmetic that is exact or that notices where it might not be.

   f32   The product is exact, s = RN(a b + c) has 53 bits, and r is s rounded at bit 29 by integer arithmetic.  Rounding twice
         differs from rounding once only where s lies halfway between two floats: then its low 29 bits are 0 once half a unit
         is added.  Such lanes are made again: where s is exact, ties go to even; else s is rounded to odd first (Boldo and
         Melquiond 2008).
   f64   a = a' + a", 26 bits each (Veltkamp; Dekker 1971), so that a b = a' b' + a" b + a' b" with an exact first product; s
         + e = a' b' + c (TwoSum, Knuth), l = a" b + a' b", so z = a b + c = s + e + l.  As |a"| <= 2^-26 |a|, the computed l
         is off by at most 2^-77.4 |a b|, and e + l, rounded once more, by at most 2^-76 |a b| + 2^-105.9 |s|; a step d away
         from it is rounded too, by as much.  d = 2^-70 |a b| + 2^-100 |s| is more than both, and rounding is monotonic: RN(s +
         RN(e + l - d)) <= RN(z) <= RN(s + RN(e + l + d)).  Where the two agree they are r; where not, the sum is made with
         rounding to odd (Boldo and Melquiond, algorithm Fmac).

   This needs factors that are 0 or of moderate size (a lane that is not makes a vector `odd`) and addends that are not huge
   (`big`):
     f32   2^-51 <= |a|, |b| < 2^54, |c| < 2^100: a b is a multiple of 2^-149, so a sum below the normal floats is exact, and
           2^18 products do not overflow.  inf and NaN come through by themselves.
     f64   2^-400 <= |a|, |b| < 2^400, |c| <= 2^900: no error term underflows, 2^99 products do not overflow.  -0 counts as
           big: its sign would be lost in s + d.  (A sum is -0 only where c is.)
   A sum inherits `big` from its addend: chains are not that long.  What is odd or big is made with rounding to odd, or by
   fma().  Where the factors are short (not `wide`: 12 bits in f32, 26 in f64), the product is a number, and r the rounded sum
   of two.

   A strip is one vector of rows: half the code, and more than twice as fast as two.  A rare case in a function of its own costs
   more than it saves: all operands would go through memory.  */

#include <emmintrin.h>

enum { LANES = 8, PAIRS = LANES / 2, CHAIN_KEYS = 1, STRIP_VECS = 1, SCORE_ROWS = 4, SCORE_KEYS = 4, VALUE_VECS = 2 };
enum { MANY_KEYS = 4, MANY_LAST = 4, MANY_DIMS = 8, MANY_REST = 8 };

/* The marks are not 0 where some lane is what they say; odd < 0: not known yet, for a sum is seldom a factor.  */
typedef struct vec {
  __m128d x[PAIRS];
  int odd, wide, big;
} vec;
typedef vec chains;

/* GCC leaves structs of this size in memory unless all is inlined.  */
#define INLINE inline __attribute__((always_inline))
#define RARE __attribute__((noinline, cold))
#define EACH_PAIR(i) _Pragma("GCC unroll 4") for (int i = 0; i < PAIRS; i++)

static INLINE __m128d bits_pd(uint64_t bits) { return _mm_castsi128_pd(_mm_set1_epi64x((long long)bits)); }
static INLINE __m128d magnitude(__m128d x) { return _mm_andnot_pd(bits_pd(UINT64_C(1) << 63), x); }

/* ---- exact sums ---- */

/* What s = RN(a + b) leaves behind (TwoSum); NaN where s is inf or NaN.  */
static INLINE __m128d sum_error(__m128d a, __m128d b, __m128d s) {
  __m128d t = _mm_sub_pd(s, a);
  return _mm_add_pd(_mm_sub_pd(a, _mm_sub_pd(s, t)), _mm_sub_pd(b, t));
}

/* s + error rounded to odd, where s is that to nearest: an even s moves to the odd one on the side of the error, if any.  */
static INLINE __m128d to_odd(__m128d s, __m128d error) {
  const __m128d zero = _mm_setzero_pd();
  __m128d up = _mm_cmpgt_pd(error, zero), down = _mm_cmplt_pd(error, zero);
  __m128d outward = _mm_xor_pd(_mm_cmpgt_pd(s, zero), down);
  __m128i bits = _mm_castpd_si128(s), even = _mm_andnot_si128(bits, _mm_set1_epi64x(1));
  __m128i step = _mm_and_si128(even, _mm_castpd_si128(_mm_or_pd(up, down)));
  __m128i back = _mm_andnot_si128(_mm_castpd_si128(outward), step);
  return _mm_castsi128_pd(_mm_sub_epi64(_mm_add_epi64(bits, step), _mm_add_epi64(back, back)));
}

#if NUM_BITS == 32
#include "portable_sse2_f32.h"
#else
#include "portable_sse2_f64.h"
#endif

/* ---- the rest of simd.h, on doubles that are numbers ---- */

static INLINE vec vec_set1(num a) {
  vec r;
  __m128d x = _mm_set1_pd((double)a);
  EACH_PAIR(i) r.x[i] = x;
  r.odd = number_odd(a);
  r.wide = number_wide(a);
  r.big = is_big(r.x);
  return r;
}
static INLINE num vec_first(vec a) { return (num)_mm_cvtsd_f64(a.x[0]); }

static INLINE vec vec_add(vec a, vec b) { EACH_PAIR(i) a.x[i] = round_num(_mm_add_pd(a.x[i], b.x[i])); return marked(a); }
static INLINE vec vec_sub(vec a, vec b) { EACH_PAIR(i) a.x[i] = round_num(_mm_sub_pd(a.x[i], b.x[i])); return marked(a); }
static INLINE vec vec_mul(vec a, vec b) { EACH_PAIR(i) a.x[i] = round_num(_mm_mul_pd(a.x[i], b.x[i])); return marked(a); }
static INLINE vec vec_div(vec a, vec b) { EACH_PAIR(i) a.x[i] = round_num(_mm_div_pd(a.x[i], b.x[i])); return marked(a); }
static INLINE vec vec_max(vec a, vec b) { EACH_PAIR(i) a.x[i] = _mm_max_pd(a.x[i], b.x[i]); return marked(a); }
static INLINE vec vec_min(vec a, vec b) { EACH_PAIR(i) a.x[i] = _mm_min_pd(a.x[i], b.x[i]); return marked(a); }

static INLINE uint32_t vec_gt(vec a, vec b) {
  uint32_t m = 0;
  EACH_PAIR(i) m |= (uint32_t)_mm_movemask_pd(_mm_cmpgt_pd(a.x[i], b.x[i])) << 2 * i;
  return m;
}
static INLINE uint32_t vec_nan(vec a) {
  uint32_t m = 0;
  EACH_PAIR(i) m |= (uint32_t)_mm_movemask_pd(_mm_cmpunord_pd(a.x[i], a.x[i])) << 2 * i;
  return m;
}
static INLINE vec vec_zero_below(vec a, vec k, vec limit) {     /* k < limit ? +0 : a */
  EACH_PAIR(i) a.x[i] = _mm_andnot_pd(_mm_cmplt_pd(k.x[i], limit.x[i]), a.x[i]);
  return marked(a);
}

static INLINE num vec_largest(vec a) {
  __m128d x = _mm_max_pd(_mm_max_pd(a.x[0], a.x[1]), _mm_max_pd(a.x[2], a.x[3]));
  return (num)_mm_cvtsd_f64(_mm_max_sd(x, _mm_unpackhi_pd(x, x)));
}

/* |a| + 2^52 has no fraction; above 2^52 a has none itself, nor has NaN.  */
static INLINE vec vec_rint(vec a) {
  const __m128d sign = bits_pd(UINT64_C(1) << 63), limit = _mm_set1_pd(0x1p52);
  EACH_PAIR(i) {
    __m128d x = magnitude(a.x[i]), n = _mm_sub_pd(_mm_add_pd(x, limit), limit), small = _mm_cmplt_pd(x, limit);
    a.x[i] = _mm_or_pd(_mm_and_pd(sign, a.x[i]), _mm_or_pd(_mm_and_pd(small, n), _mm_andnot_pd(small, x)));
  }
  return marked(a);
}

static INLINE vec vec_pow2(vec k) {     /* k + 1.5 2^52 has k in its low bits */
  EACH_PAIR(i) {
    __m128i bits = _mm_castpd_si128(_mm_add_pd(k.x[i], _mm_set1_pd(0x1.8p52)));
    k.x[i] = _mm_castsi128_pd(_mm_slli_epi64(_mm_add_epi64(bits, _mm_set1_epi64x(1023)), 52));
  }
  return marked(k);
}

static INLINE vec vec_scale(vec p, vec k) { return vec_mul(p, vec_pow2(k)); }

static INLINE vec vec_select(uint32_t lanes, vec a, vec b) {
  const __m128i all = _mm_set1_epi32((int)lanes);
  EACH_PAIR(i) {
    __m128i bit = _mm_slli_epi32(_mm_setr_epi32(1, 1, 2, 2), 2 * i);
    __m128d on = _mm_castsi128_pd(_mm_cmpeq_epi32(_mm_and_si128(all, bit), bit));
    b.x[i] = _mm_or_pd(_mm_and_pd(on, a.x[i]), _mm_andnot_pd(on, b.x[i]));
  }
  return marked(b);
}
static INLINE vec vec_fma_lanes(uint32_t lanes, vec a, vec b, vec c) { return vec_select(lanes, vec_fma(a, b, c), c); }

static INLINE void vec_transpose(vec a[LANES]) {        /* squares of two by two are turned, and change places */
  for (int i = 0; i < PAIRS; i++)
    for (int j = i; j < PAIRS; j++) {
      __m128d w = a[2 * i].x[j], x = a[2 * i + 1].x[j], y = a[2 * j].x[i], z = a[2 * j + 1].x[i];
      a[2 * i].x[j] = _mm_unpacklo_pd(y, z);
      a[2 * i + 1].x[j] = _mm_unpackhi_pd(y, z);
      a[2 * j].x[i] = _mm_unpacklo_pd(w, x);
      a[2 * j + 1].x[i] = _mm_unpackhi_pd(w, x);
    }
  for (int i = 0; i < LANES; i++)
    a[i] = marked(a[i]);
}

static INLINE chains chains_zero(void) { return vec_set1(0); }
static INLINE chains chains_query(const num *q) { return vec_load(q); }
static INLINE chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  (void)b;
  return vec_load_as(stored, a, from);
}
static INLINE chains chains_fma(chains a, chains b, chains c) { return vec_fma(a, b, c); }

static INLINE void chains_sum4(const chains x[4], num *s) {
  for (int i = 0; i < 4; i++) {
    __m128d a = round_num(_mm_add_pd(x[i].x[0], x[i].x[2])), b = round_num(_mm_add_pd(x[i].x[1], x[i].x[3]));
    __m128d c = round_num(_mm_add_pd(a, b));    /* (0 + 4) + (2 + 6), (1 + 5) + (3 + 7) */
    s[i] = (num)_mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
  }
}
