/* SPDX-License-Identifier: BSD-2-Clause */
/* simd.h for NEON of 64-bit ARM, every part of it ARMv8.0's.  The chains of a key are two registers in f32, four in f64.
   Of the 32 registers 16 accumulate: gcc loads what is broadcast far ahead, and with 20 or 24 its inner loops spill (gcc 12;
   so too with a vec of two registers).  Seen in its code, not timed.

   A mask leaves NEON as the sum of its lanes' bits.  */

#include <arm_neon.h>

#if NUM_BITS == 32

enum { LANES = 4, CHAIN_KEYS = 1, STRIP_VECS = 2, SCORE_ROWS = 2, SCORE_KEYS = 4, VALUE_VECS = 4 };
enum { MANY_KEYS = 4, MANY_LAST = 4, MANY_DIMS = 8, MANY_REST = 8 };
#define IN_PLACE SGA_BF16
#define VALUES_IN_PLACE IN_PLACE
#define DECODED SGA_BF16
typedef float32x4_t vec;
typedef struct chains { float32x4_t low, high; } chains;

static inline vec vec_load(const num *p) { return vld1q_f32(p); }
static inline void vec_store(num *p, vec a) { vst1q_f32(p, a); }
static inline vec vec_set1(num a) { return vdupq_n_f32(a); }
static inline num vec_first(vec a) { return vgetq_lane_f32(a, 0); }
static inline vec vec_add(vec a, vec b) { return vaddq_f32(a, b); }
static inline vec vec_sub(vec a, vec b) { return vsubq_f32(a, b); }
static inline vec vec_mul(vec a, vec b) { return vmulq_f32(a, b); }
static inline vec vec_div(vec a, vec b) { return vdivq_f32(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
static inline vec vec_max(vec a, vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }    /* vmaxq gives NaN where either is */
static inline vec vec_min(vec a, vec b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline num vec_largest(vec a) { return vmaxvq_f32(a); }
static inline vec vec_rint(vec a) { return vrndnq_f32(a); }
static inline uint32_t lane_mask(uint32x4_t on) {
  static const uint32_t bit[4] = { 1, 2, 4, 8 };
  return vaddvq_u32(vandq_u32(on, vld1q_u32(bit)));
}
static inline uint32_t vec_gt(vec a, vec b) { return lane_mask(vcgtq_f32(a, b)); }
static inline uint32_t vec_nan(vec a) { return lane_mask(vmvnq_u32(vceqq_f32(a, a))); }
static inline vec vec_zero_below(vec a, vec k, vec limit) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a), vcltq_f32(k, limit)));
}
static inline vec vec_pow2(vec k) {
  return vreinterpretq_f32_u32(vshlq_n_u32(vaddq_u32(vreinterpretq_u32_s32(vcvtq_s32_f32(k)), vdupq_n_u32(127)), 23));
}
static inline vec vec_scale(vec p, vec k) { return vec_mul(p, vec_pow2(k)); }
static inline vec vec_select(uint32_t lanes, vec a, vec b) {
  static const uint32_t bit[4] = { 1, 2, 4, 8 };
  return vbslq_f32(vtstq_u32(vdupq_n_u32(lanes), vld1q_u32(bit)), a, b);
}
static inline vec vec_fma_lanes(uint32_t lanes, vec a, vec b, vec c) { return vec_select(lanes, vec_fma(a, b, c), c); }
static inline void vec_transpose(vec a[LANES]) {
  float32x4_t w = vtrn1q_f32(a[0], a[1]), x = vtrn2q_f32(a[0], a[1]), y = vtrn1q_f32(a[2], a[3]), z = vtrn2q_f32(a[2], a[3]);
  a[0] = vcombine_f32(vget_low_f32(w), vget_low_f32(y));
  a[1] = vcombine_f32(vget_low_f32(x), vget_low_f32(z));
  a[2] = vcombine_f32(vget_high_f32(w), vget_high_f32(y));
  a[3] = vcombine_f32(vget_high_f32(x), vget_high_f32(z));
}

static inline chains chains_zero(void) { return (chains){ vdupq_n_f32(0), vdupq_n_f32(0) }; }
static inline chains chains_query(const num *q) { return (chains){ vld1q_f32(q), vld1q_f32(q + 4) }; }
static inline vec decode_16(sga_stored stored, uint16x4_t h) {
  return stored == SGA_F16 ? vcvt_f32_f16(vreinterpret_f16_u16(h)) : vreinterpretq_f32_u32(vshll_n_u16(h, 16));
}
static inline vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  if (stored == SGA_NUMBERS)
    return vld1q_f32((const num *)p + from);
  return decode_16(stored, vld1_u16((const uint16_t *)p + from));
}
static inline chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  (void)b;
  if (stored == SGA_NUMBERS)
    return chains_query((const num *)a + from);
  uint16x8_t h = vld1q_u16((const uint16_t *)a + from);
  return (chains){ decode_16(stored, vget_low_u16(h)), decode_16(stored, vget_high_u16(h)) };
}
static inline chains chains_fma(chains a, chains b, chains c) {
  return (chains){ vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high) };
}

static inline vec chains_half(chains a, chains b) {     /* 0+4+2+6, 1+5+3+7 of a, the same of b */
  vec x = vaddq_f32(a.low, a.high), y = vaddq_f32(b.low, b.high);
  return vaddq_f32(vcombine_f32(vget_low_f32(x), vget_low_f32(y)), vcombine_f32(vget_high_f32(x), vget_high_f32(y)));
}

static inline void chains_sum4(const chains x[4], num *s) {
  vst1q_f32(s, vpaddq_f32(chains_half(x[0], x[1]), chains_half(x[2], x[3])));
}

#else

enum { LANES = 2, CHAIN_KEYS = 1, STRIP_VECS = 2, SCORE_ROWS = 1, SCORE_KEYS = 4, VALUE_VECS = 4 };
enum { MANY_KEYS = 4, MANY_LAST = 4, MANY_DIMS = 8, MANY_REST = 8 };
#define IN_PLACE SGA_NUMBERS
#define VALUES_IN_PLACE IN_PLACE
#define DECODED SGA_NUMBERS
typedef float64x2_t vec;
typedef struct chains { float64x2_t x[4]; } chains;

static inline vec vec_load(const num *p) { return vld1q_f64(p); }
static inline void vec_store(num *p, vec a) { vst1q_f64(p, a); }
static inline vec vec_set1(num a) { return vdupq_n_f64(a); }
static inline num vec_first(vec a) { return vgetq_lane_f64(a, 0); }
static inline vec vec_add(vec a, vec b) { return vaddq_f64(a, b); }
static inline vec vec_sub(vec a, vec b) { return vsubq_f64(a, b); }
static inline vec vec_mul(vec a, vec b) { return vmulq_f64(a, b); }
static inline vec vec_div(vec a, vec b) { return vdivq_f64(a, b); }
static inline vec vec_fma(vec a, vec b, vec c) { return vfmaq_f64(c, a, b); }
static inline vec vec_max(vec a, vec b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
static inline vec vec_min(vec a, vec b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
static inline num vec_largest(vec a) { return vmaxvq_f64(a); }
static inline vec vec_rint(vec a) { return vrndnq_f64(a); }
static inline uint32_t lane_mask(uint64x2_t on) {
  static const uint64_t bit[2] = { 1, 2 };
  return (uint32_t)vaddvq_u64(vandq_u64(on, vld1q_u64(bit)));
}
static inline uint32_t vec_gt(vec a, vec b) { return lane_mask(vcgtq_f64(a, b)); }
static inline uint32_t vec_nan(vec a) { return lane_mask(vceqq_f64(a, a)) ^ 3; }        /* no vmvnq for 64 bits */
static inline vec vec_zero_below(vec a, vec k, vec limit) {
  return vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(a), vcltq_f64(k, limit)));
}
static inline vec vec_pow2(vec k) {
  return vreinterpretq_f64_u64(vshlq_n_u64(vaddq_u64(vreinterpretq_u64_s64(vcvtq_s64_f64(k)), vdupq_n_u64(1023)), 52));
}
static inline vec vec_scale(vec p, vec k) { return vec_mul(p, vec_pow2(k)); }
static inline vec vec_select(uint32_t lanes, vec a, vec b) {
  static const uint64_t bit[2] = { 1, 2 };
  return vbslq_f64(vtstq_u64(vdupq_n_u64(lanes), vld1q_u64(bit)), a, b);
}
static inline vec vec_fma_lanes(uint32_t lanes, vec a, vec b, vec c) { return vec_select(lanes, vec_fma(a, b, c), c); }
static inline void vec_transpose(vec a[LANES]) {
  float64x2_t x = vtrn1q_f64(a[0], a[1]), y = vtrn2q_f64(a[0], a[1]);
  a[0] = x;
  a[1] = y;
}

static inline chains chains_zero(void) {
  return (chains){ { vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0) } };
}
static inline chains chains_query(const num *q) {
  return (chains){ { vld1q_f64(q), vld1q_f64(q + 2), vld1q_f64(q + 4), vld1q_f64(q + 6) } };
}
static inline vec vec_load_as(sga_stored stored, const void *p, size_t from) {
  (void)stored;
  return vld1q_f64((const num *)p + from);
}
static inline chains chains_keys_as(sga_stored stored, const void *a, const void *b, size_t from) {
  (void)stored;
  (void)b;
  return chains_query((const num *)a + from);
}
static inline chains chains_fma(chains a, chains b, chains c) {
  return (chains){ { vfmaq_f64(c.x[0], a.x[0], b.x[0]), vfmaq_f64(c.x[1], a.x[1], b.x[1]),
                     vfmaq_f64(c.x[2], a.x[2], b.x[2]), vfmaq_f64(c.x[3], a.x[3], b.x[3]) } };
}

static inline vec chains_half(chains a) {       /* 0+4+2+6, 1+5+3+7 */
  return vaddq_f64(vaddq_f64(a.x[0], a.x[2]), vaddq_f64(a.x[1], a.x[3]));
}

static inline void chains_sum4(const chains x[4], num *s) {
  vst1q_f64(s, vpaddq_f64(chains_half(x[0]), chains_half(x[1])));
  vst1q_f64(s + 2, vpaddq_f64(chains_half(x[2]), chains_half(x[3])));
}

#endif
