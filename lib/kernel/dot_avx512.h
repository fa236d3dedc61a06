/* SPDX-License-Identifier: BSD-2-Clause */
/* dot.h for AVX-512: with VNNI (SGA_VNNI) (k + 128) q in one instruction, without it (BW) as dot_avx2.h.  */

#ifdef SGA_VNNI
enum { CODE_ZERO = -128 };
#else
enum { CODE_ZERO = 0 };
#endif
typedef __m512i ints;
typedef __m512i quads;

static inline ints ints_load(const int32_t *p) { return _mm512_loadu_si512(p); }
static inline ints ints_set1(int32_t a) { return _mm512_set1_epi32(a); }
static inline vec ints_number(ints a) { return _mm512_cvtepi32_ps(a); }

static inline quads quads_load(const int8_t *p) { return _mm512_loadu_si512(p); }
static inline quads quads_set1(const int8_t *p) {
  int32_t x;
  __builtin_memcpy(&x, p, sizeof x);
  return _mm512_set1_epi32(x);
}
static inline ints quads_dot(quads k, quads q, ints sum) {
#ifdef SGA_VNNI
  return _mm512_dpbusd_epi32(sum, k, q);
#else
  __m512i signed_q = _mm512_mask_sub_epi8(q, _mm512_movepi8_mask(k), _mm512_setzero_si512(), q);
  __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(k), signed_q);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#endif
}

/* Halves of registers are squares of 8 by 8, which are turned side by side; which row lies where makes the last step one
   shuffle.  */
static inline void quads_of(const int8_t *const *row, size_t at, quads k[8]) {
  static const int low[8] = { 0, 1, 2, 3, 8, 9, 10, 11 }, high[8] = { 4, 5, 6, 7, 12, 13, 14, 15 };
  __m512i a[8], b[8];
  for (int i = 0; i < 8; i++) {
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(row[low[i]] + at));
    __m256i y = _mm256_loadu_si256((const __m256i *)(const void *)(row[high[i]] + at));
    a[i] = _mm512_inserti64x4(_mm512_castsi256_si512(x), y, 1);
  }
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  for (int i = 0; i < 8; i += 4)
    for (int j = 0; j < 2; j++) {
      a[i + 2 * j] = _mm512_unpacklo_epi64(b[i + j], b[i + j + 2]);
      a[i + 2 * j + 1] = _mm512_unpackhi_epi64(b[i + j], b[i + j + 2]);
    }
  for (int i = 0; i < 4; i++) {
    k[i] = _mm512_shuffle_i64x2(a[i], a[i + 4], 0x88);
    k[i + 4] = _mm512_shuffle_i64x2(a[i], a[i + 4], 0xdd);
  }
}

/* Two codes of four bits in each byte: 16 rows of 16 bytes are turned, then codes and zero come apart.  */
static inline void quads_of_nibbles(const int8_t *const *row, size_t at, quads k[8]) {
  const __m512i low = _mm512_set1_epi8(15), zero = _mm512_set1_epi8((char)(8 + CODE_ZERO));
  __m512i a[4], b[4];
  for (int i = 0; i < 4; i++) {
    const __m128i *x[4];
    for (int j = 0; j < 4; j++)
      x[j] = (const __m128i *)(const void *)(row[i + 4 * j] + at);
    a[i] = _mm512_inserti32x4(_mm512_castsi128_si512(_mm_loadu_si128(x[0])), _mm_loadu_si128(x[1]), 1);
    a[i] = _mm512_inserti32x4(_mm512_inserti32x4(a[i], _mm_loadu_si128(x[2]), 2), _mm_loadu_si128(x[3]), 3);
  }
  for (int i = 0; i < 4; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    a[i] = i & 1 ? _mm512_unpackhi_epi64(b[i / 2], b[i / 2 + 2]) : _mm512_unpacklo_epi64(b[i / 2], b[i / 2 + 2]);
    k[i] = _mm512_sub_epi8(_mm512_and_si512(a[i], low), zero);
    k[i + 4] = _mm512_sub_epi8(_mm512_and_si512(_mm512_srli_epi16(a[i], 4), low), zero);
  }
}

#define CODES_IN_PLACE SGA_Q4_0
FORCED void quads_stored(sga_stored stored, const int8_t *const *row, size_t at, quads k[8]) {
  if (stored == SGA_Q4_0)
    quads_of_nibbles(row, at, k);
  else {
    quads_of(row, at, k);
    for (int i = 0; i < 8; i++)
      k[i] = _mm512_sub_epi8(k[i], _mm512_set1_epi8(CODE_ZERO));
  }
}
