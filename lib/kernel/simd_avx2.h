/* SPDX-License-Identifier: BSD-2-Clause */
/* simd.h for AVX2 with FMA.  In f32 a register holds the chains of one key; in f64 two registers do.  */

#include <immintrin.h>

#if NUM_BITS == 32

enum { LANES = 8, CHAIN_KEYS = 1, STRIP_VECS = 2, SCORE_ROWS = 4, SCORE_KEYS = 2, VALUE_VECS = 2 };
enum { MANY_KEYS = 3, MANY_LAST = 2, MANY_DIMS = 6, MANY_REST = 2 };
#define IN_PLACE SGA_BF16
#define VALUES_IN_PLACE IN_PLACE
#define DECODED SGA_IQ4_NL
typedef __m256 vec;
typedef __m256 chains;

static inline vec vec_load(const num *p) { return _mm256_loadu_ps(p); }
static inline void vec_store(num *p, vec a) { _mm256_storeu_ps(p, a); }
static inline vec vec_set1(num a) { return _mm256_set1_ps(a); }
static inline num vec_first(vec a) { return _mm256_cvtss_f32(a); }
static inline vec vec_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec vec_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
static inline vec vec_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec vec_div(vec a, vec b) { return _mm256_div_ps(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec vec_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline num vec_largest(vec a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
static inline vec vec_rint(vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline uint32_t vec_gt(vec a, vec b) { return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)); }
static inline uint32_t vec_nan(vec a) { return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, a, _CMP_UNORD_Q)); }
static inline vec vec_zero_below(vec a, vec k, vec limit) {
  return _mm256_andnot_ps(_mm256_cmp_ps(k, limit, _CMP_LT_OQ), a);
}
static inline vec vec_pow2(vec k) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127)), 23));
}
static inline vec vec_scale(vec p, vec k) {     /* added to the exponent field */
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_cvtps_epi32(k), 23)));
}
static inline vec vec_select(uint32_t lanes, vec a, vec b) {
  const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  __m256i on = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)lanes), bit), bit);
  return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(on));
}
static inline vec vec_fma_lanes(uint32_t lanes, vec a, vec b, vec c) { return vec_select(lanes, vec_fma(a, b, c), c); }
static inline void vec_transpose(vec a[LANES]) {       /* 2 x 2, 4 x 4, then halves of registers */
  __m256 b[LANES];
  for (int i = 0; i < LANES; i += 4)
    for (int j = 0; j < 2; j++) {
      __m256 x = _mm256_unpacklo_ps(a[i + 2 * j], a[i + 2 * j + 1]), y = _mm256_unpackhi_ps(a[i + 2 * j], a[i + 2 * j + 1]);
      b[i + 2 * j] = x;
      b[i + 2 * j + 1] = y;
    }
  for (int i = 0; i < LANES; i += 4)
    for (int j = 0; j < 2; j++) {
      a[i + 2 * j] = _mm256_shuffle_ps(b[i + j], b[i + j + 2], 0x44);
      a[i + 2 * j + 1] = _mm256_shuffle_ps(b[i + j], b[i + j + 2], 0xee);
    }
  for (int i = 0; i < 4; i++) {
    __m256 x = _mm256_permute2f128_ps(a[i], a[i + 4], 0x20), y = _mm256_permute2f128_ps(a[i], a[i + 4], 0x31);
    a[i] = x;
    a[i + 4] = y;
  }
}

static inline chains chains_zero(void) { return _mm256_setzero_ps(); }
static inline chains chains_query(const num *q) { return _mm256_loadu_ps(q); }
static inline vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  if (stored == SGA_NUMBERS)
    return _mm256_loadu_ps((const num *)p + from);
  if (stored == SGA_F8E4M3 || stored == SGA_F8E5M2) {   /* as f16; e4m3 with an exponent 8 too small, but its NaN */
    const __m128i code = _mm_set1_epi16((short)0xbf80), sign = _mm_set1_epi16((short)0x8000);
    __m128i h = _mm_cvtepi8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)((const char *)p + from)));
    if (stored == SGA_F8E5M2)
      return _mm256_cvtph_ps(_mm_slli_epi16(h, 8));
    h = _mm_and_si128(_mm_slli_epi16(h, 7), code);
    h = _mm_or_si128(h, _mm_srli_epi16(_mm_cmpeq_epi16(_mm_or_si128(h, sign), code), 1));
    return _mm256_mul_ps(_mm256_cvtph_ps(h), _mm256_set1_ps(RAISED));
  }
  __m128i h = _mm_loadu_si128((const __m128i *)(const void *)((const uint16_t *)p + from));
  return stored == SGA_F16 ? _mm256_cvtph_ps(h) : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
static inline chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  (void)b;
  return vec_load_as(stored, a, from);
}
static inline chains chains_fma(chains a, chains b, chains c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec vec_codes(const int8_t *p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}
static inline vec vec_first_of(__m128 a) { return _mm256_broadcastss_ps(a); }
#include "blocks_x86.h"

static inline __m128 chains_half(__m256 a) {    /* 0+4, 1+5, 2+6, 3+7 */
  return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
}

static inline void chains_sum4(const chains x[4], num *s) {
  __m128 a = chains_half(x[0]), b = chains_half(x[1]), c = chains_half(x[2]), d = chains_half(x[3]);
  __m128 ab = _mm_add_ps(_mm_shuffle_ps(a, b, 0x44), _mm_shuffle_ps(a, b, 0xee));
  __m128 cd = _mm_add_ps(_mm_shuffle_ps(c, d, 0x44), _mm_shuffle_ps(c, d, 0xee));
  _mm_storeu_ps(s, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
}

#else

enum { LANES = 4, CHAIN_KEYS = 1, STRIP_VECS = 2, SCORE_ROWS = 1, SCORE_KEYS = 4, VALUE_VECS = 2 };
enum { MANY_KEYS = 3, MANY_LAST = 2, MANY_DIMS = 6, MANY_REST = 2 };
#define IN_PLACE SGA_NUMBERS
#define VALUES_IN_PLACE IN_PLACE
#define DECODED SGA_NUMBERS
typedef __m256d vec;
typedef struct chains { __m256d low, high; } chains;

static inline vec vec_load(const num *p) { return _mm256_loadu_pd(p); }
static inline void vec_store(num *p, vec a) { _mm256_storeu_pd(p, a); }
static inline vec vec_set1(num a) { return _mm256_set1_pd(a); }
static inline num vec_first(vec a) { return _mm256_cvtsd_f64(a); }
static inline vec vec_add(vec a, vec b) { return _mm256_add_pd(a, b); }
static inline vec vec_sub(vec a, vec b) { return _mm256_sub_pd(a, b); }
static inline vec vec_mul(vec a, vec b) { return _mm256_mul_pd(a, b); }
static inline vec vec_div(vec a, vec b) { return _mm256_div_pd(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_pd(a, b, c); }
static inline vec vec_max(vec a, vec b) { return _mm256_max_pd(a, b); }
static inline vec vec_min(vec a, vec b) { return _mm256_min_pd(a, b); }
static inline num vec_largest(vec a) {
  __m128d x = _mm_max_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_max_sd(x, _mm_unpackhi_pd(x, x)));
}
static inline vec vec_rint(vec a) { return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline uint32_t vec_gt(vec a, vec b) { return (uint32_t)_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_GT_OQ)); }
static inline uint32_t vec_nan(vec a) { return (uint32_t)_mm256_movemask_pd(_mm256_cmp_pd(a, a, _CMP_UNORD_Q)); }
static inline vec vec_zero_below(vec a, vec k, vec limit) {
  return _mm256_andnot_pd(_mm256_cmp_pd(k, limit, _CMP_LT_OQ), a);
}
static inline vec vec_pow2(vec k) {             /* k + 1.5 2^52 has k in its low bits */
  __m256i bits = _mm256_castpd_si256(_mm256_add_pd(k, _mm256_set1_pd(0x1.8p52)));
  return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_add_epi64(bits, _mm256_set1_epi64x(1023)), 52));
}
static inline vec vec_scale(vec p, vec k) { return _mm256_mul_pd(p, vec_pow2(k)); }
static inline vec vec_select(uint32_t lanes, vec a, vec b) {
  const __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
  __m256i on = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x((long long)lanes), bit), bit);
  return _mm256_blendv_pd(b, a, _mm256_castsi256_pd(on));
}
static inline vec vec_fma_lanes(uint32_t lanes, vec a, vec b, vec c) { return vec_select(lanes, vec_fma(a, b, c), c); }
static inline void vec_transpose(vec a[LANES]) {
  __m256d w = _mm256_unpacklo_pd(a[0], a[1]), x = _mm256_unpackhi_pd(a[0], a[1]);
  __m256d y = _mm256_unpacklo_pd(a[2], a[3]), z = _mm256_unpackhi_pd(a[2], a[3]);
  a[0] = _mm256_permute2f128_pd(w, y, 0x20);
  a[1] = _mm256_permute2f128_pd(x, z, 0x20);
  a[2] = _mm256_permute2f128_pd(w, y, 0x31);
  a[3] = _mm256_permute2f128_pd(x, z, 0x31);
}

static inline chains chains_zero(void) { return (chains){ _mm256_setzero_pd(), _mm256_setzero_pd() }; }
static inline chains chains_query(const num *q) { return (chains){ _mm256_loadu_pd(q), _mm256_loadu_pd(q + 4) }; }
static inline vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  (void)stored;
  return _mm256_loadu_pd((const num *)p + from);
}
static inline chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  (void)stored;
  (void)b;
  return chains_query((const num *)a + from);
}
static inline chains chains_fma(chains a, chains b, chains c) {
  return (chains){ _mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high) };
}

static inline void chains_sum4(const chains x[4], num *s) {
  for (int i = 0; i < 4; i++) {
    __m256d a = _mm256_add_pd(x[i].low, x[i].high);
    __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    s[i] = _mm_cvtsd_f64(b) + _mm_cvtsd_f64(_mm_unpackhi_pd(b, b));
  }
}

#endif
