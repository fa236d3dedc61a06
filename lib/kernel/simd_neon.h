/* SPDX-License-Identifier: BSD-2-Clause */
/* simd.h for NEON of 64-bit ARM, every part of it ARMv8.0's.  A vec is two registers of 128 bits: a mask or a broadcast then
   serves two of them.  In f32 it holds the chains of one key; in f64 two do.

   A mask leaves NEON as the sum of its lanes' bits: narrowed, cut to one bit a lane, added across.  */

#include <arm_neon.h>

#if NUM_BITS == 32

enum { LANES = 8, CHAIN_KEYS = 1, SCORE_ROWS = 2, VALUE_VECS = 2, MANY_KEYS = 3, MANY_DIMS = 6, MANY_REST = 2 };
typedef struct vec { float32x4_t low, high; } vec;
typedef vec chains;

static inline vec vec_load(const num *p) { return (vec){ vld1q_f32(p), vld1q_f32(p + 4) }; }
static inline void vec_store(num *p, vec a) { vst1q_f32(p, a.low); vst1q_f32(p + 4, a.high); }
static inline vec vec_set1(num a) { return (vec){ vdupq_n_f32(a), vdupq_n_f32(a) }; }
static inline num vec_first(vec a) { return vgetq_lane_f32(a.low, 0); }
static inline vec vec_add(vec a, vec b) { return (vec){ vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high) }; }
static inline vec vec_sub(vec a, vec b) { return (vec){ vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high) }; }
static inline vec vec_mul(vec a, vec b) { return (vec){ vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high) }; }
static inline vec vec_div(vec a, vec b) { return (vec){ vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high) }; }
static inline vec vec_fma(vec a, vec b, vec c) {
  return (vec){ vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high) };
}
static inline vec vec_max(vec a, vec b) {       /* not vmaxq, which gives a NaN where either is one */
  return (vec){ vbslq_f32(vcgtq_f32(a.low, b.low), a.low, b.low), vbslq_f32(vcgtq_f32(a.high, b.high), a.high, b.high) };
}
static inline vec vec_rint(vec a) { return (vec){ vrndnq_f32(a.low), vrndnq_f32(a.high) }; }
static inline uint32_t lane_mask(uint32x4_t low, uint32x4_t high) {
  static const uint16_t bit[8] = { 1, 2, 4, 8, 16, 32, 64, 128 };
  return vaddvq_u16(vandq_u16(vcombine_u16(vmovn_u32(low), vmovn_u32(high)), vld1q_u16(bit)));
}
static inline uint32_t vec_gt(vec a, vec b) { return lane_mask(vcgtq_f32(a.low, b.low), vcgtq_f32(a.high, b.high)); }
static inline uint32_t vec_nan(vec a) {
  return lane_mask(vmvnq_u32(vceqq_f32(a.low, a.low)), vmvnq_u32(vceqq_f32(a.high, a.high)));
}
static inline float32x4_t half_zero_below(float32x4_t a, float32x4_t k, float32x4_t limit) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a), vcltq_f32(k, limit)));
}
static inline vec vec_zero_below(vec a, vec k, vec limit) {
  return (vec){ half_zero_below(a.low, k.low, limit.low), half_zero_below(a.high, k.high, limit.high) };
}
static inline float32x4_t half_pow2(float32x4_t k) {
  return vreinterpretq_f32_u32(vshlq_n_u32(vaddq_u32(vreinterpretq_u32_s32(vcvtq_s32_f32(k)), vdupq_n_u32(127)), 23));
}
static inline vec vec_pow2(vec k) { return (vec){ half_pow2(k.low), half_pow2(k.high) }; }
static inline vec vec_select(uint32_t lanes, vec a, vec b) {
  static const uint32_t bit[8] = { 1, 2, 4, 8, 16, 32, 64, 128 };
  uint32x4_t all = vdupq_n_u32(lanes);
  return (vec){ vbslq_f32(vtstq_u32(all, vld1q_u32(bit)), a.low, b.low),
                vbslq_f32(vtstq_u32(all, vld1q_u32(bit + 4)), a.high, b.high) };
}

static inline chains chains_zero(void) { return vec_set1(0); }
static inline chains chains_query(const num *q) { return vec_load(q); }
static inline vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  if (stored == SGA_NUMBERS)
    return vec_load((const num *)p + from);
  uint16x8_t h = vld1q_u16((const uint16_t *)p + from);
  if (stored == SGA_F16)
    return (vec){ vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(h))), vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(h))) };
  return (vec){ vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(h), 16)),
                vreinterpretq_f32_u32(vshll_n_u16(vget_high_u16(h), 16)) };
}
static inline chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  (void)b;
  return vec_load_as(stored, a, from);
}
static inline chains chains_fma(chains a, chains b, chains c) { return vec_fma(a, b, c); }

static inline float32x4_t chains_half(chains a, chains b) {     /* 0+4+2+6, 1+5+3+7 of a, the same of b */
  float32x4_t x = vaddq_f32(a.low, a.high), y = vaddq_f32(b.low, b.high);
  return vaddq_f32(vcombine_f32(vget_low_f32(x), vget_low_f32(y)), vcombine_f32(vget_high_f32(x), vget_high_f32(y)));
}

static inline void chains_sum4(const chains x[4], num *s) {
  vst1q_f32(s, vpaddq_f32(chains_half(x[0], x[1]), chains_half(x[2], x[3])));
}

#else

enum { LANES = 4, CHAIN_KEYS = 1, SCORE_ROWS = 1, VALUE_VECS = 2, MANY_KEYS = 3, MANY_DIMS = 6, MANY_REST = 2 };
typedef struct vec { float64x2_t low, high; } vec;
typedef struct chains { vec low, high; } chains;

static inline vec vec_load(const num *p) { return (vec){ vld1q_f64(p), vld1q_f64(p + 2) }; }
static inline void vec_store(num *p, vec a) { vst1q_f64(p, a.low); vst1q_f64(p + 2, a.high); }
static inline vec vec_set1(num a) { return (vec){ vdupq_n_f64(a), vdupq_n_f64(a) }; }
static inline num vec_first(vec a) { return vgetq_lane_f64(a.low, 0); }
static inline vec vec_add(vec a, vec b) { return (vec){ vaddq_f64(a.low, b.low), vaddq_f64(a.high, b.high) }; }
static inline vec vec_sub(vec a, vec b) { return (vec){ vsubq_f64(a.low, b.low), vsubq_f64(a.high, b.high) }; }
static inline vec vec_mul(vec a, vec b) { return (vec){ vmulq_f64(a.low, b.low), vmulq_f64(a.high, b.high) }; }
static inline vec vec_div(vec a, vec b) { return (vec){ vdivq_f64(a.low, b.low), vdivq_f64(a.high, b.high) }; }
static inline vec vec_fma(vec a, vec b, vec c) {
  return (vec){ vfmaq_f64(c.low, a.low, b.low), vfmaq_f64(c.high, a.high, b.high) };
}
static inline vec vec_max(vec a, vec b) {
  return (vec){ vbslq_f64(vcgtq_f64(a.low, b.low), a.low, b.low), vbslq_f64(vcgtq_f64(a.high, b.high), a.high, b.high) };
}
static inline vec vec_rint(vec a) { return (vec){ vrndnq_f64(a.low), vrndnq_f64(a.high) }; }
static inline uint32_t lane_mask(uint64x2_t low, uint64x2_t high) {
  static const uint32_t bit[4] = { 1, 2, 4, 8 };
  return vaddvq_u32(vandq_u32(vcombine_u32(vmovn_u64(low), vmovn_u64(high)), vld1q_u32(bit)));
}
static inline uint32_t vec_gt(vec a, vec b) { return lane_mask(vcgtq_f64(a.low, b.low), vcgtq_f64(a.high, b.high)); }
static inline uint32_t vec_nan(vec a) {         /* vceqzq of a mask is its complement: there is no vmvnq for 64 bits */
  return lane_mask(vceqzq_u64(vceqq_f64(a.low, a.low)), vceqzq_u64(vceqq_f64(a.high, a.high)));
}
static inline float64x2_t half_zero_below(float64x2_t a, float64x2_t k, float64x2_t limit) {
  return vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(a), vcltq_f64(k, limit)));
}
static inline vec vec_zero_below(vec a, vec k, vec limit) {
  return (vec){ half_zero_below(a.low, k.low, limit.low), half_zero_below(a.high, k.high, limit.high) };
}
static inline float64x2_t half_pow2(float64x2_t k) {
  return vreinterpretq_f64_u64(vshlq_n_u64(vaddq_u64(vreinterpretq_u64_s64(vcvtq_s64_f64(k)), vdupq_n_u64(1023)), 52));
}
static inline vec vec_pow2(vec k) { return (vec){ half_pow2(k.low), half_pow2(k.high) }; }
static inline vec vec_select(uint32_t lanes, vec a, vec b) {
  static const uint64_t bit[4] = { 1, 2, 4, 8 };
  uint64x2_t all = vdupq_n_u64(lanes);
  return (vec){ vbslq_f64(vtstq_u64(all, vld1q_u64(bit)), a.low, b.low),
                vbslq_f64(vtstq_u64(all, vld1q_u64(bit + 2)), a.high, b.high) };
}

static inline chains chains_zero(void) { return (chains){ vec_set1(0), vec_set1(0) }; }
static inline chains chains_query(const num *q) { return (chains){ vec_load(q), vec_load(q + 4) }; }
static inline vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  (void)stored;
  return vec_load((const num *)p + from);
}
static inline chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  (void)stored;
  (void)b;
  return chains_query((const num *)a + from);
}
static inline chains chains_fma(chains a, chains b, chains c) {
  return (chains){ vec_fma(a.low, b.low, c.low), vec_fma(a.high, b.high, c.high) };
}

static inline float64x2_t chains_half(chains x) {       /* 0+4+2+6, 1+5+3+7 */
  vec a = vec_add(x.low, x.high);
  return vaddq_f64(a.low, a.high);
}

static inline void chains_sum4(const chains x[4], num *s) {
  vst1q_f64(s, vpaddq_f64(chains_half(x[0]), chains_half(x[1])));
  vst1q_f64(s + 2, vpaddq_f64(chains_half(x[2]), chains_half(x[3])));
}

#endif

static inline vec vec_fma_lanes(uint32_t lanes, vec a, vec b, vec c) { return vec_select(lanes, vec_fma(a, b, c), c); }
