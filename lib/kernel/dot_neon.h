/* SPDX-License-Identifier: BSD-2-Clause */
/* dot.h for NEON, without the dot product of ARMv8.2: products of 16 bits, pairs of them (at most
   2 128 127 < 2^15), sums of 32.  */

enum { CODE_ZERO = 0 };
typedef int32x4_t ints;
typedef int8x16_t quads;

static inline ints ints_load(const int32_t *p) { return vld1q_s32(p); }
static inline ints ints_set1(int32_t a) { return vdupq_n_s32(a); }
static inline vec ints_number(ints a) { return vcvtq_f32_s32(a); }

static inline quads quads_load(const int8_t *p) { return vld1q_s8(p); }
static inline quads quads_set1(const int8_t *p) {
  int32_t x;
  __builtin_memcpy(&x, p, sizeof x);
  return vreinterpretq_s8_s32(vdupq_n_s32(x));
}
static inline ints quads_dot(quads k, quads q, ints sum) {
  int16x8_t low = vmull_s8(vget_low_s8(k), vget_low_s8(q)), high = vmull_high_s8(k, q);
  return vpadalq_s16(sum, vpaddq_s16(low, high));
}
static inline void quads_of(const int8_t *const *row, size_t at, quads k[8]) {
  for (int g = 0; g < 8; g += LANES) {
    vec a[LANES];
    for (int i = 0; i < LANES; i++)
      a[i] = vreinterpretq_f32_s8(quads_load(row[i] + at + 4 * g));
    vec_transpose(a);           /* which moves bits and makes no operation */
    for (int i = 0; i < LANES; i++)
      k[g + i] = vreinterpretq_s8_f32(a[i]);
  }
}

static inline void codes_less(sga_stored stored, const char *from, int zero, int8_t *to) {
  if (stored == SGA_Q8_0) {
    memcpy(to, from, 32);       /* zero is CODE_ZERO, 0 */
    return;
  }
  uint8x16_t x = vld1q_u8((const uint8_t *)from);
  int8x16_t less = vdupq_n_s8((int8_t)(8 + zero));
  vst1q_s8(to, vsubq_s8(vreinterpretq_s8_u8(vandq_u8(x, vdupq_n_u8(15))), less));
  vst1q_s8(to + 16, vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(x, 4)), less));
}
