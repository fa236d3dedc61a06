/* SPDX-License-Identifier: BSD-2-Clause */
/* simd.h for AVX-512 (F, VL, DQ, BW).  In f32 a register holds the chains of two keys.  */

#include <immintrin.h>

#if NUM_BITS == 32

enum { LANES = 16, CHAIN_KEYS = 2, STRIP_VECS = 2, SCORE_ROWS = 4, SCORE_KEYS = 4, VALUE_VECS = 4 };
enum { MANY_KEYS = 6, MANY_LAST = 4, MANY_DIMS = 8, MANY_REST = 8 };
#define IN_PLACE SGA_BF16
#define VALUES_IN_PLACE SGA_IQ4_NL
#define DECODED SGA_IQ4_NL
typedef __m512 vec;
typedef __m512 chains;

static inline vec vec_load(const num *p) { return _mm512_loadu_ps(p); }
static inline void vec_store(num *p, vec a) { _mm512_storeu_ps(p, a); }
static inline vec vec_set1(num a) { return _mm512_set1_ps(a); }
static inline num vec_first(vec a) { return _mm512_cvtss_f32(a); }
static inline vec vec_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec vec_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec vec_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec vec_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline num vec_largest(vec a) { return _mm512_reduce_max_ps(a); }
static inline vec vec_rint(vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline uint32_t vec_gt(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline uint32_t vec_nan(vec a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
static inline vec vec_zero_below(vec a, vec k, vec limit) {
  return _mm512_mask_mov_ps(a, _mm512_cmp_ps_mask(k, limit, _CMP_LT_OQ), _mm512_setzero_ps());
}
static inline vec vec_pow2(vec k) { return _mm512_scalef_ps(_mm512_set1_ps(1), k); }
static inline vec vec_scale(vec p, vec k) { return _mm512_scalef_ps(p, k); }
static inline vec vec_select(uint32_t lanes, vec a, vec b) { return _mm512_mask_mov_ps(b, (__mmask16)lanes, a); }
static inline vec vec_fma_lanes(uint32_t lanes, vec a, vec b, vec c) {
  return _mm512_mask3_fmadd_ps(a, b, c, (__mmask16)lanes);
}
static inline void vec_transpose(vec a[LANES]) {       /* 2 x 2, 4 x 4, then quarters of registers */
  __m512 b[LANES];
  for (int i = 0; i < LANES; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < LANES; i += 4)
    for (int j = 0; j < 2; j++) {
      __m512d x = _mm512_castps_pd(b[i + j]), y = _mm512_castps_pd(b[i + j + 2]);
      a[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(x, y));
      a[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(x, y));
    }
  for (int i = 0; i < 4; i++) {
    __m512 x = _mm512_shuffle_f32x4(a[i], a[i + 4], 0x88), y = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0x88);
    __m512 z = _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd), w = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0xdd);
    b[i] = _mm512_shuffle_f32x4(x, y, 0x88);
    b[i + 4] = _mm512_shuffle_f32x4(z, w, 0x88);
    b[i + 8] = _mm512_shuffle_f32x4(x, y, 0xdd);
    b[i + 12] = _mm512_shuffle_f32x4(z, w, 0xdd);
  }
  for (int i = 0; i < LANES; i++)
    a[i] = b[i];
}

static inline chains chains_zero(void) { return _mm512_setzero_ps(); }
static inline chains chains_query(const num *q) {
  return _mm512_broadcast_f32x8(_mm256_loadu_ps(q));
}
static inline vec decode_16(sga_stored stored, __m256i h) {
  return stored == SGA_F16 ? _mm512_cvtph_ps(h) : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
static inline vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  if (stored == SGA_NUMBERS)
    return _mm512_loadu_ps((const num *)p + from);
  if (stored == SGA_F8E4M3 || stored == SGA_F8E5M2) {   /* as f16; e4m3 with an exponent 8 too small, but its NaN */
    __m128i codes = _mm_loadu_si128((const __m128i *)(const void *)((const char *)p + from));
    __m256i h = _mm256_cvtepi8_epi16(codes);
    if (stored == SGA_F8E5M2)
      return _mm512_cvtph_ps(_mm256_slli_epi16(h, 8));
    __mmask16 number = _mm_cmpneq_epi8_mask(_mm_or_si128(codes, _mm_set1_epi8(-128)), _mm_set1_epi8(-1));
    h = _mm256_and_si256(_mm256_slli_epi16(h, 7), _mm256_set1_epi16((short)0xbf80));
    return _mm512_mask_mul_ps(_mm512_set1_ps(__builtin_nanf("")), number, _mm512_cvtph_ps(h), _mm512_set1_ps(RAISED));
  }
  return decode_16(stored, _mm256_loadu_si256((const __m256i *)(const void *)((const uint16_t *)p + from)));
}
/* Four vectors of e4m3, or of 2^-8 of them; false and nothing where one of the 64 is NaN, which is for vec_load_as.  */
FORCED bool vecs_of_e4m3(bool raw, const char *p, vec y[4]) {
  const __m512i codes = _mm512_loadu_si512(p), sign = _mm512_set1_epi8(-128), kept = _mm512_set1_epi16((short)0xbf80);
  if (__builtin_expect(_mm512_cmpeq_epi8_mask(_mm512_or_si512(codes, sign), _mm512_set1_epi8(-1)) != 0, 0))
    return false;
  for (int i = 0; i < 2; i++) {
    __m512i h = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(p + 32 * i)));
    h = _mm512_and_si512(_mm512_slli_epi16(h, 7), kept);
    y[2 * i] = _mm512_cvtph_ps(_mm512_castsi512_si256(h));
    y[2 * i + 1] = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(h, 1));
  }
  for (int i = 0; i < 4 && !raw; i++)
    y[i] = _mm512_mul_ps(y[i], _mm512_set1_ps(RAISED));
  return true;
}
#define VECS_OF_E4M3 1

/* A register of chains as it is read: eight numbers of one key, eight of another.  */
#define KEYS_SIDE_BY_SIDE 1
static inline void vec_store_halves(num *low, num *high, vec a) {
  _mm256_storeu_ps(low, _mm512_castps512_ps256(a));
  _mm256_storeu_ps(high, _mm512_extractf32x8_ps(a, 1));
}
static inline chains chains_load(const num *p) { return _mm512_loadu_ps(p); }
static inline chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  if (stored == SGA_NUMBERS)
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps((const num *)a + from)),
                              _mm256_loadu_ps((const num *)b + from), 1);
  __m128i x = _mm_loadu_si128((const __m128i *)(const void *)((const uint16_t *)a + from));
  __m128i y = _mm_loadu_si128((const __m128i *)(const void *)((const uint16_t *)b + from));
  return decode_16(stored, _mm256_inserti128_si256(_mm256_castsi128_si256(x), y, 1));
}
static inline chains chains_fma(chains a, chains b, chains c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec vec_codes(const int8_t *p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}
static inline vec vec_first_of(__m128 a) { return _mm512_broadcastss_ps(a); }
#define LEVELS 1
#include "blocks_x86.h"

static inline __m512 chains_half(__m512 x, __m512 y) {  /* 0+4, 1+5, 2+6, 3+7 of x's keys a and b, y's keys a and b */
  return _mm512_add_ps(_mm512_shuffle_f32x4(x, y, 0x88), _mm512_shuffle_f32x4(x, y, 0xdd));
}

static inline void chains_sum4(const chains x[4], num *s) {
  __m512 p = chains_half(x[0], x[1]), r = chains_half(x[2], x[3]);
  __m512 t = _mm512_add_ps(_mm512_shuffle_ps(p, r, 0x44), _mm512_shuffle_ps(p, r, 0xee));
  t = _mm512_add_ps(t, _mm512_shuffle_ps(t, t, 0xb1));  /* lanes 0 and 2 of the quarters: x, z; of keys a, b, then y, w */
  const __m512i order = _mm512_setr_epi32(0, 8, 2, 10, 4, 12, 6, 14, 0, 0, 0, 0, 0, 0, 0, 0);
  _mm256_storeu_ps(s, _mm512_castps512_ps256(_mm512_permutexvar_ps(order, t)));
}

#else

enum { LANES = 8, CHAIN_KEYS = 1, STRIP_VECS = 2, SCORE_ROWS = 4, SCORE_KEYS = 4, VALUE_VECS = 4 };
enum { MANY_KEYS = 6, MANY_LAST = 4, MANY_DIMS = 8, MANY_REST = 8 };
#define IN_PLACE SGA_NUMBERS
#define VALUES_IN_PLACE IN_PLACE
#define DECODED SGA_NUMBERS
typedef __m512d vec;
typedef __m512d chains;

static inline vec vec_load(const num *p) { return _mm512_loadu_pd(p); }
static inline void vec_store(num *p, vec a) { _mm512_storeu_pd(p, a); }
static inline vec vec_set1(num a) { return _mm512_set1_pd(a); }
static inline num vec_first(vec a) { return _mm512_cvtsd_f64(a); }
static inline vec vec_add(vec a, vec b) { return _mm512_add_pd(a, b); }
static inline vec vec_sub(vec a, vec b) { return _mm512_sub_pd(a, b); }
static inline vec vec_mul(vec a, vec b) { return _mm512_mul_pd(a, b); }
static inline vec vec_div(vec a, vec b) { return _mm512_div_pd(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_pd(a, b, c); }
static inline vec vec_max(vec a, vec b) { return _mm512_max_pd(a, b); }
static inline vec vec_min(vec a, vec b) { return _mm512_min_pd(a, b); }
static inline num vec_largest(vec a) { return _mm512_reduce_max_pd(a); }
static inline vec vec_rint(vec a) { return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline uint32_t vec_gt(vec a, vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_GT_OQ); }
static inline uint32_t vec_nan(vec a) { return _mm512_cmp_pd_mask(a, a, _CMP_UNORD_Q); }
static inline vec vec_zero_below(vec a, vec k, vec limit) {
  return _mm512_mask_mov_pd(a, _mm512_cmp_pd_mask(k, limit, _CMP_LT_OQ), _mm512_setzero_pd());
}
static inline vec vec_pow2(vec k) { return _mm512_scalef_pd(_mm512_set1_pd(1), k); }
static inline vec vec_scale(vec p, vec k) { return _mm512_scalef_pd(p, k); }
static inline vec vec_select(uint32_t lanes, vec a, vec b) { return _mm512_mask_mov_pd(b, (__mmask8)lanes, a); }
static inline vec vec_fma_lanes(uint32_t lanes, vec a, vec b, vec c) { return _mm512_mask3_fmadd_pd(a, b, c, (__mmask8)lanes); }
static inline void vec_transpose(vec a[LANES]) {
  __m512d b[LANES];
  for (int i = 0; i < LANES; i += 2) {
    b[i] = _mm512_unpacklo_pd(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_pd(a[i], a[i + 1]);
  }
  for (int i = 0; i < 2; i++) {
    __m512d x = _mm512_shuffle_f64x2(b[i], b[i + 2], 0x88), y = _mm512_shuffle_f64x2(b[i + 4], b[i + 6], 0x88);
    __m512d z = _mm512_shuffle_f64x2(b[i], b[i + 2], 0xdd), w = _mm512_shuffle_f64x2(b[i + 4], b[i + 6], 0xdd);
    a[i] = _mm512_shuffle_f64x2(x, y, 0x88);
    a[i + 2] = _mm512_shuffle_f64x2(z, w, 0x88);
    a[i + 4] = _mm512_shuffle_f64x2(x, y, 0xdd);
    a[i + 6] = _mm512_shuffle_f64x2(z, w, 0xdd);
  }
}

static inline chains chains_zero(void) { return _mm512_setzero_pd(); }
static inline chains chains_query(const num *q) { return _mm512_loadu_pd(q); }
static inline vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  (void)stored;
  return _mm512_loadu_pd((const num *)p + from);
}
static inline chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  (void)b;
  return vec_load_as(stored, a, from);
}
static inline chains chains_fma(chains a, chains b, chains c) { return _mm512_fmadd_pd(a, b, c); }

static inline void chains_sum4(const chains x[4], num *s) {
  for (int i = 0; i < 4; i++) {
    __m256d a = _mm256_add_pd(_mm512_castpd512_pd256(x[i]), _mm512_extractf64x4_pd(x[i], 1));
    __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    s[i] = _mm_cvtsd_f64(b) + _mm_cvtsd_f64(_mm_unpackhi_pd(b, b));
  }
}

#endif
