/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of 32 elements (format/block.h) to f32 on x86-64, with AVX2 or more: codes as bytes, then scaled, LANES at a time;
   with AVX-512 those of 4 and 5 bits are looked up, and the scales of many values are fetched first (7 % of decode in q8_0 and
   q4_0; for keys, which are decoded 16 at a time, it was no faster).  */

#include "../format/iq4_nl.h"

#define DECODE_BLOCKS 1

/* Byte j of two codes has code j low and code j + 16 high.  */
static inline __m256i nibbles(const char *p) {
  __m128i both = _mm_loadu_si128((const __m128i *)(const void *)p);
  return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(both, 4), both), _mm256_set1_epi8(15));
}

/* 16 where the code's bit of 32 is set: its byte is spread over eight, each of which keeps its own.  */
static inline __m256i fifth_bits(const char *p) {
  const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i own = _mm256_set1_epi64x((long long)0x8040201008040201);
  int32_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  __m256i x = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), spread), own);
  return _mm256_and_si256(_mm256_cmpeq_epi8(x, own), _mm256_set1_epi8(16));
}

/* The codes less their zero, at p.  */
static inline __m256i block_codes(sga_stored stored, const char *p) {
  const __m128i level = _mm_setr_epi8(SGA_IQ4_NL_LEVELS);
  switch (stored) {
  case SGA_Q8_0: return _mm256_loadu_si256((const __m256i *)(const void *)p);
  case SGA_Q4_0: return _mm256_sub_epi8(nibbles(p), _mm256_set1_epi8(8));
  case SGA_Q4_1: return nibbles(p);
  case SGA_Q5_0: return _mm256_sub_epi8(_mm256_or_si256(nibbles(p + 4), fifth_bits(p)), _mm256_set1_epi8(16));
  case SGA_Q5_1: return _mm256_or_si256(nibbles(p + 4), fifth_bits(p));
  default: return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(level), nibbles(p));         /* iq4_nl */
  }
}

/* The same less `zero`, to memory.  */
static inline void codes_less(sga_stored stored, const char *p, int zero, int8_t *to) {
  __m256i codes = _mm256_sub_epi8(block_codes(stored, p), _mm256_set1_epi8((char)zero));
  _mm256_storeu_si256((__m256i *)(void *)to, codes);
}

/* A block's d, and m where it has one, first and second of four.  Codes may follow: what they make is not used.  */
static inline __m128 scales_at(const char *p) {
  int32_t halves;
  __builtin_memcpy(&halves, p, sizeof halves);
  return _mm_cvtph_ps(_mm_cvtsi32_si128(halves));
}

/* ---- to numbers ---- */

static inline bool shifted(sga_stored stored) { return stored == SGA_Q4_1 || stored == SGA_Q5_1; }

#ifdef LEVELS                   /* what each code stands for fits in a register, or two: codes are places in it */

/* One of the two halves that begin a block, of as many as LANES rows `stride` bytes apart, at most SGA_NEAR; past the last of
   `rows`, of that.  */
static inline vec halves_of(const char *from, size_t stride, int rows, bool second) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m512i row = _mm512_min_epi32(lane, _mm512_set1_epi32(rows - 1));
  __m512i both = _mm512_i32gather_epi32(_mm512_mullo_epi32(row, _mm512_set1_epi32((int)stride)), from, 1);
  return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(second ? _mm512_srli_epi32(both, 16) : both));
}

/* d and m of the blocks, of `bytes`, of `rows` rows of n elements: of block b and row j to[2 b SGA_BLOCK + j], m SGA_BLOCK
   further.  */
static inline void block_scales(sga_stored stored, size_t bytes, const char *from, size_t stride, int rows, size_t n,
                                float *to) {
  for (int j = 0; j < rows; j += LANES, from += LANES * stride)
    for (size_t b = 0; b < n / 32; b++) {
      vec_store(to + 2 * b * SGA_BLOCK + j, halves_of(from + b * bytes, stride, rows - j, false));
      if (shifted(stored))
        vec_store(to + (2 * b + 1) * SGA_BLOCK + j, halves_of(from + b * bytes, stride, rows - j, true));
    }
}

static inline vec levels_from(int from) {
  return _mm512_add_ps(_mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), _mm512_set1_ps((float)from));
}

FORCED void block_levels(sga_stored stored, const char *p, vec d, vec m, vec *to) {
  const bool five = stored == SGA_Q5_0 || stored == SGA_Q5_1;
  const __m128i nl = _mm_setr_epi8(SGA_IQ4_NL_LEVELS);
  vec levels = stored == SGA_IQ4_NL ? _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(nl))
                                    : levels_from(shifted(stored) ? 0 : five ? -16 : -8);
  levels = _mm512_mul_ps(d, levels);
  levels = shifted(stored) ? _mm512_add_ps(levels, m) : levels;
  __m512i low = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p + (five ? 4 : 0))));
  __m512i high = _mm512_srli_epi32(low, 4);     /* of an index four bits count, or five */
  if (five) {
    uint32_t fifth;
    vec upper = _mm512_mul_ps(d, levels_from(shifted(stored) ? 16 : 0));
    upper = shifted(stored) ? _mm512_add_ps(upper, m) : upper;
    __builtin_memcpy(&fifth, p, sizeof fifth);
    low = _mm512_and_si512(low, _mm512_set1_epi32(15));
    low = _mm512_mask_or_epi32(low, (__mmask16)fifth, low, _mm512_set1_epi32(16));
    high = _mm512_mask_or_epi32(high, (__mmask16)(fifth >> 16), high, _mm512_set1_epi32(16));
    to[0] = _mm512_permutex2var_ps(levels, low, upper);
    to[1] = _mm512_permutex2var_ps(levels, high, upper);
  } else {
    to[0] = _mm512_permutexvar_ps(low, levels);
    to[1] = _mm512_permutexvar_ps(high, levels);
  }
}

#endif

/* The block at p; m where the format has one.  */
FORCED void block_scaled(sga_stored stored, const char *p, vec d, vec m, vec *to) {
#ifdef LEVELS
  if (stored != SGA_Q8_0) {
    block_levels(stored, p + (shifted(stored) ? 4 : 2), d, m, to);
    return;
  }
#endif
  int8_t room[32];
  const int8_t *codes = (const int8_t *)p + 2;
  if (stored != SGA_Q8_0) {
    codes_less(stored, p + (shifted(stored) ? 4 : 2), 0, room);
    codes = room;
  }
  for (int i = 0; i < 32; i += LANES) {
    vec x = vec_mul(d, vec_codes(codes + i));
    to[i / LANES] = shifted(stored) ? vec_add(x, m) : x;
  }
}

FORCED void block_numbers(sga_stored stored, const char *p, vec *to) {
  __m128 scales = scales_at(p);
  block_scaled(stored, p, vec_first_of(scales), vec_first_of(_mm_movehdup_ps(scales)), to);
}
