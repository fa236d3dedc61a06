/* SPDX-License-Identifier: BSD-2-Clause */
/* dot.h in plain C.  */

enum { CODE_ZERO = 0 };
typedef struct ints { int32_t x[LANES]; } ints;
typedef struct quads { int8_t x[4 * LANES]; } quads;

static inline ints ints_load(const int32_t *p) { ints r; memcpy(&r, p, sizeof r); return r; }
static inline ints ints_set1(int32_t a) {
  ints r;
  for (int i = 0; i < LANES; i++)
    r.x[i] = a;
  return r;
}
static inline vec ints_number(ints a) {
  num x[LANES];
  for (int i = 0; i < LANES; i++)
    x[i] = (num)a.x[i];
  return vec_load(x);
}

static inline quads quads_load(const int8_t *p) { quads r; memcpy(&r, p, sizeof r); return r; }
static inline quads quads_set1(const int8_t *p) {
  quads r;
  for (int i = 0; i < LANES; i++)
    memcpy(r.x + 4 * i, p, 4);
  return r;
}
static inline ints quads_dot(quads k, quads q, ints sum) {
  for (int i = 0; i < LANES; i++)
    sum.x[i] += k.x[4 * i] * q.x[4 * i] + k.x[4 * i + 1] * q.x[4 * i + 1] + k.x[4 * i + 2] * q.x[4 * i + 2] +
                k.x[4 * i + 3] * q.x[4 * i + 3];
  return sum;
}
static inline void quads_of(const int8_t *const *row, size_t at, quads k[8]) {
  for (int g = 0; g < 8; g++)
    for (int i = 0; i < LANES; i++)
      memcpy(k[g].x + 4 * i, row[i] + at + 4 * g, 4);
}

static inline void codes_less(sga_stored stored, const char *from, int zero, int8_t *to) {
  if (stored == SGA_Q8_0) {
    memcpy(to, from, 32);       /* zero is CODE_ZERO, 0 */
    return;
  }
  for (int i = 0; i < 16; i++) {
    to[i] = (int8_t)((from[i] & 15) - 8 - zero);
    to[i + 16] = (int8_t)((from[i] >> 4 & 15) - 8 - zero);
  }
}
