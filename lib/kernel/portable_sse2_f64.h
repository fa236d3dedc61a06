/* SPDX-License-Identifier: BSD-2-Clause */
/* portable_sse2.h in f64.  */

enum { SHORT_BITS = 26 };

static INLINE __m128d round_num(__m128d x) { return x; }

/* ---- marks ---- */

static INLINE int is_odd(const __m128d a[PAIRS]) {
  __m128d found = _mm_setzero_pd();
  EACH_PAIR(i) {
    __m128d x = magnitude(a[i]);
    __m128d small = _mm_and_pd(_mm_cmplt_pd(x, _mm_set1_pd(0x1p-400)), _mm_cmpneq_pd(x, _mm_setzero_pd()));
    found = _mm_or_pd(found, _mm_or_pd(small, _mm_cmpnlt_pd(x, _mm_set1_pd(0x1p400))));
  }
  return _mm_movemask_pd(found);
}
static INLINE int is_big(const __m128d x[PAIRS]) {
  __m128d found = _mm_setzero_pd();
  EACH_PAIR(i) {
    __m128d huge = _mm_cmpnle_pd(magnitude(x[i]), _mm_set1_pd(0x1p900));
    __m128d negative_zero = _mm_and_pd(x[i], _mm_cmpeq_pd(x[i], _mm_setzero_pd()));
    found = _mm_or_pd(found, _mm_or_pd(huge, negative_zero));
  }
  return _mm_movemask_pd(found);
}
static INLINE int is_wide(const __m128d x[PAIRS]) {
  __m128d all = _mm_or_pd(_mm_or_pd(x[0], x[1]), _mm_or_pd(x[2], x[3]));
  __m128i low = _mm_castpd_si128(_mm_and_pd(all, bits_pd((UINT64_C(1) << (53 - SHORT_BITS)) - 1)));
  return _mm_movemask_epi8(_mm_cmpeq_epi32(low, _mm_setzero_si128())) ^ 0xffff;
}

static INLINE uint64_t number_bits(num a) {
  uint64_t bits;
  memcpy(&bits, &a, sizeof bits);
  return bits << 1;             /* without the sign */
}
static INLINE int number_odd(num a) {
  uint64_t bits = number_bits(a);
  return bits - ((uint64_t)(1023 - 400) << 53) >= (uint64_t)(400 + 400) << 53 && bits;
}
static INLINE int number_wide(num a) { return (number_bits(a) & ((UINT64_C(2) << (53 - SHORT_BITS)) - 1)) != 0; }

static INLINE vec marked(vec a) {
  a.odd = is_odd(a.x);
  a.wide = is_wide(a.x);
  a.big = is_big(a.x);
  return a;
}

/* ---- a b + c ---- */

typedef struct halves { __m128d high, low, size; } halves;      /* 26 bits each, and the 2^-35th part of the magnitude */

static INLINE halves halves_of(__m128d x) {
  __m128d g = _mm_mul_pd(x, _mm_set1_pd(0x1p27 + 1)), high = _mm_sub_pd(g, _mm_sub_pd(g, x));
  return (halves){ high, _mm_sub_pd(x, high), _mm_mul_pd(magnitude(x), _mm_set1_pd(0x1p-35)) };
}

static RARE __m128d fma_odd(__m128d a, __m128d b, __m128d c) {
  double x[2], y[2], z[2];
  _mm_storeu_pd(x, a);
  _mm_storeu_pd(y, b);
  _mm_storeu_pd(z, c);
  return _mm_setr_pd(fma(x[0], y[0], z[0]), fma(x[1], y[1], z[1]));
}

static RARE __m128d fma_close(__m128d a, __m128d b, __m128d c) {
  halves x = halves_of(a), y = halves_of(b);
  __m128d p = _mm_mul_pd(a, b), q = _mm_sub_pd(_mm_mul_pd(x.high, y.high), p);   /* p + q = a b (TwoProduct, Dekker) */
  q = _mm_add_pd(_mm_add_pd(q, _mm_mul_pd(x.high, y.low)), _mm_mul_pd(x.low, y.high));
  q = _mm_add_pd(q, _mm_mul_pd(x.low, y.low));
  __m128d t = _mm_add_pd(c, q), t_rest = sum_error(c, q, t), v = _mm_add_pd(p, t), v_rest = sum_error(p, t, v);
  __m128d rest = _mm_add_pd(t_rest, v_rest);
  return _mm_add_pd(v, to_odd(rest, sum_error(t_rest, v_rest, rest)));
}

static INLINE vec fma_rare(vec a, vec b, vec c, int strange) {
  if (strange)
    EACH_PAIR(i) c.x[i] = fma_odd(a.x[i], b.x[i], c.x[i]);
  else
    EACH_PAIR(i) c.x[i] = fma_close(a.x[i], b.x[i], c.x[i]);
  return marked(c);
}

static INLINE vec vec_fma(vec a, vec b, vec c) {
  int strange = (a.odd < 0 ? is_odd(a.x) : a.odd) | (b.odd < 0 ? is_odd(b.x) : b.odd);
  vec r = { .odd = -1, .wide = 1, .big = c.big };
  __m128d differ = _mm_setzero_pd();
  halves x[PAIRS], y[PAIRS];
  EACH_PAIR(i) {                /* before the branch: the next operation may have a factor in common */
    x[i] = halves_of(a.x[i]);
    y[i] = halves_of(b.x[i]);
  }
  if (!(strange | a.wide | b.wide)) {
    EACH_PAIR(i) r.x[i] = _mm_add_pd(_mm_mul_pd(a.x[i], b.x[i]), c.x[i]);
    return r;
  }
  EACH_PAIR(i) {
    __m128d p = _mm_mul_pd(x[i].high, y[i].high), s = _mm_add_pd(p, c.x[i]);
    __m128d l = _mm_add_pd(_mm_mul_pd(x[i].low, b.x[i]), _mm_mul_pd(x[i].high, y[i].low));
    __m128d e = _mm_add_pd(sum_error(p, c.x[i], s), l);
    __m128d d = _mm_add_pd(_mm_mul_pd(x[i].size, y[i].size), _mm_mul_pd(magnitude(s), _mm_set1_pd(0x1p-100)));
    r.x[i] = _mm_add_pd(s, _mm_add_pd(e, d));
    differ = _mm_or_pd(differ, _mm_cmpneq_pd(r.x[i], _mm_add_pd(s, _mm_sub_pd(e, d))));
  }
  if (__builtin_expect(_mm_movemask_pd(differ) | strange | c.big, 0))
    return fma_rare(a, b, c, strange | c.big);
  return r;
}

/* ---- loads and stores ---- */

static INLINE vec vec_load(const num *p) {
  vec r = { .x = { _mm_loadu_pd(p), _mm_loadu_pd(p + 2), _mm_loadu_pd(p + 4), _mm_loadu_pd(p + 6) } };
  return marked(r);
}
static INLINE void vec_store(num *p, vec a) { EACH_PAIR(i) _mm_storeu_pd(p + 2 * i, a.x[i]); }
static INLINE vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  (void)stored;
  return vec_load((const num *)p + from);
}
