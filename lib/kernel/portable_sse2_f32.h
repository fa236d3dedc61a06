/* SPDX-License-Identifier: BSD-2-Clause */
/* portable_sse2.h in f32: lanes are doubles whose values are floats.  A sum, product or quotient of two that is rounded to
   double and then to float is the float one (Figueroa 1995: 53 >= 2 * 24 + 2).  */

enum { SHORT_BITS = 12 };

static INLINE __m128d round_num(__m128d x) { return _mm_cvtps_pd(_mm_cvtpd_ps(x)); }

/* ---- marks ---- */

/* Is a lane that is not 0, inf or NaN outside [2^low, 2^high)?  Of the top 16 bits without the sign and the first bit of the
   exponent: modulo 2^10 the exponents of 0, inf and NaN fall among those of 1 and 2, and floats reach from -149 to 127.  */
static INLINE int outside(const __m128d x[PAIRS], int low, int high) {
  __m128i a = _mm_castps_si128(_mm_shuffle_ps(_mm_castpd_ps(x[0]), _mm_castpd_ps(x[1]), 0xdd));
  __m128i b = _mm_castps_si128(_mm_shuffle_ps(_mm_castpd_ps(x[2]), _mm_castpd_ps(x[3]), 0xdd));
  __m128i exponents = _mm_slli_epi16(_mm_packs_epi32(_mm_srai_epi32(a, 16), _mm_srai_epi32(b, 16)), 2);
  __m128i from_low = _mm_add_epi16(exponents, _mm_set1_epi16((short)(uint16_t)(0x8000 - ((low + 1023) << 6))));
  return _mm_movemask_epi8(_mm_cmpgt_epi16(from_low, _mm_set1_epi16((short)(((high - low) << 6) - 1 - 0x8000))));
}

static INLINE int is_odd(const __m128d x[PAIRS]) { return outside(x, -51, 54); }
static INLINE int is_big(const __m128d x[PAIRS]) { return outside(x, -149, 100); }
static INLINE int is_wide(const __m128d x[PAIRS]) {
  __m128d all = _mm_or_pd(_mm_or_pd(x[0], x[1]), _mm_or_pd(x[2], x[3]));
  __m128i low = _mm_castpd_si128(_mm_and_pd(all, bits_pd((UINT64_C(1) << (53 - SHORT_BITS)) - 1)));
  return _mm_movemask_epi8(_mm_cmpeq_epi32(low, _mm_setzero_si128())) ^ 0xffff;
}

static INLINE uint32_t number_bits(num a) {
  uint32_t bits;
  memcpy(&bits, &a, sizeof bits);
  return bits << 1;             /* without the sign */
}
static INLINE int number_odd(num a) {   /* inf and NaN too */
  uint32_t bits = number_bits(a);
  return bits - ((uint32_t)(127 - 51) << 24) >= (uint32_t)(51 + 54) << 24 && bits;
}
static INLINE int number_wide(num a) { return (number_bits(a) & ((2u << (24 - SHORT_BITS)) - 1)) != 0; }

static INLINE vec marked(vec a) {
  a.odd = is_odd(a.x);
  a.wide = is_wide(a.x);
  a.big = is_big(a.x);
  return a;
}

/* ---- a b + c ---- */

static RARE __m128d fma_odd(__m128d a, __m128d b, __m128d c) {
  __m128d p = _mm_mul_pd(a, b), s = _mm_add_pd(p, c);
  return round_num(to_odd(s, sum_error(p, c, s)));
}

/* Ties to even are right unless s is halfway and not p + c; it is that where s - p = c and s - c = p: one of them is exact.  */
static INLINE vec fma_rare(vec a, vec b, vec c, int strange) {
  const __m128i halfway = _mm_setr_epi32(1 << 28, -1, 1 << 28, -1), rest = _mm_set1_epi64x((1 << 29) - 1);
  __m128i wrong = _mm_setzero_si128();
  vec r;
  EACH_PAIR(i) {
    __m128d p = _mm_mul_pd(a.x[i], b.x[i]), s = _mm_add_pd(p, c.x[i]);
    __m128d inexact = _mm_or_pd(_mm_cmpneq_pd(_mm_sub_pd(s, p), c.x[i]), _mm_cmpneq_pd(_mm_sub_pd(s, c.x[i]), p));
    __m128i tie = _mm_cmpeq_epi32(_mm_and_si128(_mm_castpd_si128(s), rest), halfway);
    wrong = _mm_or_si128(wrong, _mm_and_si128(tie, _mm_castpd_si128(inexact)));
    r.x[i] = round_num(s);
  }
  if (__builtin_expect(_mm_movemask_epi8(wrong) | strange, 0))
    EACH_PAIR(i) r.x[i] = fma_odd(a.x[i], b.x[i], c.x[i]);
  return marked(r);
}

/* Is a word 0 in its low 29 bits?  Seen byte by byte, so that one in millions is seen wrongly.  */
static INLINE int is_tie(const __m128i t[PAIRS]) {
  __m128i a = _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(t[0]), _mm_castsi128_ps(t[1]), 0x88));
  __m128i b = _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(t[2]), _mm_castsi128_ps(t[3]), 0x88));
  __m128i least = _mm_min_epu8(_mm_slli_epi32(a, 3), _mm_slli_epi32(b, 3));
  return _mm_movemask_epi8(_mm_cmpeq_epi32(least, _mm_setzero_si128()));
}

static INLINE vec vec_fma(vec a, vec b, vec c) {
  int strange = (a.odd < 0 ? is_odd(a.x) : a.odd) | (b.odd < 0 ? is_odd(b.x) : b.odd);
  vec r = { .odd = -1, .wide = 1, .big = c.big };
  __m128i t[PAIRS];
  if (!(strange | a.wide | b.wide)) {
    EACH_PAIR(i) r.x[i] = round_num(_mm_add_pd(_mm_mul_pd(a.x[i], b.x[i]), c.x[i]));
    return r;
  }
  EACH_PAIR(i) {
    __m128d s = _mm_add_pd(_mm_mul_pd(a.x[i], b.x[i]), c.x[i]);
    t[i] = _mm_add_epi64(_mm_castpd_si128(s), _mm_set1_epi64x(1 << 28));
    r.x[i] = _mm_and_pd(_mm_castsi128_pd(t[i]), bits_pd(~UINT64_C(0) << 29));
  }
  if (__builtin_expect(is_tie(t) | strange | c.big, 0))
    return fma_rare(a, b, c, strange | c.big);
  return r;
}

/* ---- loads and stores ---- */

static INLINE vec floats(__m128 low, __m128 high) {
  vec r = { .x = { _mm_cvtps_pd(low), _mm_cvtps_pd(_mm_movehl_ps(low, low)),
                   _mm_cvtps_pd(high), _mm_cvtps_pd(_mm_movehl_ps(high, high)) } };
  return marked(r);
}

static INLINE vec vec_load(const num *p) { return floats(_mm_loadu_ps(p), _mm_loadu_ps(p + 4)); }
static INLINE void vec_store(num *p, vec a) {
  for (int i = 0; i < PAIRS; i += 2)
    _mm_storeu_ps(p + 2 * i, _mm_movelh_ps(_mm_cvtpd_ps(a.x[i]), _mm_cvtpd_ps(a.x[i + 1])));
}

static INLINE __m128 float_f16(__m128i h) {     /* as num_as */
  __m128i size = _mm_and_si128(h, _mm_set1_epi32(0x7fff)), sign = _mm_slli_epi32(_mm_xor_si128(h, size), 16);
  __m128i top = _mm_and_si128(_mm_cmpgt_epi32(size, _mm_set1_epi32(0x7bff)), _mm_set1_epi32(0x7f800000));
  __m128 x = _mm_mul_ps(_mm_castsi128_ps(_mm_slli_epi32(size, 13)), _mm_set1_ps(0x1p112f));
  return _mm_or_ps(x, _mm_castsi128_ps(_mm_or_si128(top, sign)));
}

static INLINE vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  const __m128i zero = _mm_setzero_si128();
  if (stored == SGA_NUMBERS)
    return vec_load((const num *)p + from);
  __m128i h = _mm_loadu_si128((const __m128i *)(const void *)((const uint16_t *)p + from));
  if (stored == SGA_F16)
    return floats(float_f16(_mm_unpacklo_epi16(h, zero)), float_f16(_mm_unpackhi_epi16(h, zero)));
  return floats(_mm_castsi128_ps(_mm_unpacklo_epi16(zero, h)), _mm_castsi128_ps(_mm_unpackhi_epi16(zero, h)));
}
