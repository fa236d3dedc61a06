/* SPDX-License-Identifier: BSD-2-Clause */
/* dot.h for AVX2: |k| q' with q' = q times the sign of k, in pairs of 16 bits: at most 2 128 127 < 2^15.  */

enum { CODE_ZERO = 0 };
typedef __m256i ints;
typedef __m256i quads;

static inline ints ints_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
static inline ints ints_set1(int32_t a) { return _mm256_set1_epi32(a); }
static inline vec ints_number(ints a) { return _mm256_cvtepi32_ps(a); }

static inline quads quads_load(const int8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
static inline quads quads_set1(const int8_t *p) {
  int32_t x;
  __builtin_memcpy(&x, p, sizeof x);
  return _mm256_set1_epi32(x);
}
static inline ints quads_dot(quads k, quads q, ints sum) {
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(k), _mm256_sign_epi8(q, k));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
static inline void quads_of(const int8_t *const *row, size_t at, quads k[8]) {
  vec a[LANES];
  for (int i = 0; i < LANES; i++)
    a[i] = _mm256_castsi256_ps(quads_load(row[i] + at));
  vec_transpose(a);             /* which moves bits and makes no operation */
  for (int i = 0; i < LANES; i++)
    k[i] = _mm256_castps_si256(a[i]);
}
