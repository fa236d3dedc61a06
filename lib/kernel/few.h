/* SPDX-License-Identifier: BSD-2-Clause */
/* The block kernel with dimensions across lanes: up to SGA_ROWS query rows against the keys of one block.

   Rules 1 to 5 of BOUNDS, section 1, in four passes over a piece of a block:
     scores    s = q.k                                         eight FMA chains, four registers of keys at a time
     exponents t from s, its maximum                           -inf where a row skips a key
     weights   p = 2^(t - e), or +0                            runs between the keys that move e
     values    l += p, o += p v                                in key order; runs in which every row attends every key
   The reference exponents depend on t alone, so all weights of a piece are known before its values are read.

   A weight is 2^(t - n) 2^(n - e) with n = rint(t): e decides what underflows and never changes a bit of a weight.  */

#include <math.h>

#include "../elementary.h"

#define HEADROOM 64
#define WEIGHT_MIN (EXPONENT_MIN + 1)   /* k below it has weight 0, so that a weight is 0 or normal */

enum { ALL_KEYS = SGA_BLOCK };

static inline bool has(const sga_keys *set, int j) { return set->word[j >> 6] >> (j & 63) & 1; }

/* The first key at or after j that is in the set; SGA_BLOCK when there is none.  */
static inline int next_in(const sga_keys *set, int j) {
  for (; j < SGA_BLOCK; j = (j | 63) + 1) {
    uint64_t rest = set->word[j >> 6] >> (j & 63);
    if (rest)
      return j + __builtin_ctzll(rest);
  }
  return SGA_BLOCK;
}

static inline sga_keys complement(sga_keys set) {
  return (sga_keys){ { ~set.word[0], ~set.word[1] } };
}

static inline num power(num k) {        /* P(k) of rule 2: 2^k from the smallest normal number up, else 0; NaN for NaN */
  num r[LANES];
  if (!(k >= EXPONENT_MIN))
    return k != k ? k : 0;
  vec_store(r, vec_pow2(vec_set1(k)));
  return r[0];
}

static inline num round_even(num t) {
  num r[LANES];
  vec_store(r, vec_rint(vec_set1(t)));
  return r[0];
}

/* ---- scores ---- */

/* Key j where it lies.  */
static inline const void *key_at(const void *keys, sga_stored stored, size_t stride, int j) {
  return (const char *)keys + (size_t)j * stride * (stored == SGA_NUMBERS ? sizeof(num) : 2);
}

static inline __attribute__((always_inline)) void scores_of(const sga_piece *w, int first, int rows, sga_stored stored, num *s) {
  enum { TILE = 4 * CHAIN_KEYS };
  const num *q[SCORE_ROWS];
  for (int r = 0; r < rows; r++)
    q[r] = w->q[first + r];
  for (int j = 0; j < w->keys; j += TILE) {
    const void *k[TILE];
    for (int i = 0; i < TILE; i++)      /* past the end: the last key again, never used */
      k[i] = key_at(w->k, stored, w->k_stride, j + i < w->keys ? j + i : w->keys - 1);
    chains x[SCORE_ROWS][4];
    for (int r = 0; r < rows; r++)
      for (int i = 0; i < 4; i++)
        x[r][i] = chains_zero();
    for (size_t d = 0; d < w->dim_k; d += 8)
      for (int i = 0; i < 4; i++) {
        chains y = chains_keys_as(stored, k[i], k[TILE - 4 + i], d);
        for (int r = 0; r < rows; r++)
          x[r][i] = chains_fma(chains_query(q[r] + d), y, x[r][i]);
      }
    for (int r = 0; r < rows; r++)
      chains_sum4(x[r], s + (first + r) * SGA_BLOCK + j);
  }
}

static inline __attribute__((always_inline)) void scores_as(const sga_piece *w, sga_stored stored, num *s) {
  int r = 0;
  for (; r + SCORE_ROWS <= w->rows; r += SCORE_ROWS)
    scores_of(w, r, SCORE_ROWS, stored, s);
  for (; r < w->rows; r++)
    scores_of(w, r, 1, stored, s);
}

static void scores(const sga_piece *w, num *s) {
  switch (NUM_BITS == 64 ? SGA_NUMBERS : w->k_stored) {
  case SGA_F16: scores_as(w, SGA_F16, s); break;
  case SGA_BF16: scores_as(w, SGA_BF16, s); break;
  default: scores_as(w, SGA_NUMBERS, s); break;
  }
}

/* ---- exponents ---- */

static void scale_scores(const sga_score *score, int keys, num *s) {
  vec c = vec_set1((num)score->scale_log2e);
  if (score->cap_log2e > 0)
    for (int j = 0; j < keys; j++)
      s[j] = (num)(score->cap_log2e * sga_tanh((double)s[j] * score->scale_over_cap));
  else
    for (int j = 0; j < keys; j += LANES)
      vec_store(s + j, vec_mul(vec_load(s + j), c));
}

static void add_slope(const sga_piece *w, int r, num *t) {
  vec slope = vec_set1((num)w->slope[r]);
  for (int j = 0; j < w->keys; j += LANES) {
    num distance[LANES];
    for (int i = 0; i < LANES; i++)
      distance[i] = (num)(w->distance[r] + j + i);
    vec_store(t + j, vec_fma(slope, vec_load(distance), vec_load(t + j)));
  }
}

/* s -> t in place, -inf where the row skips the key; the maximum; NaN and +inf counted.  */
static void exponents(const sga_piece *w, int r, num *t) {
  const num *bias = w->bias[r];
  sga_keys skipped = complement(w->live[r]);
  num *m = w->m[r];
  scale_scores(w->score, w->keys, t);
  if (w->slope[r] < 0 || w->slope[r] > 0)
    add_slope(w, r, t);
  for (int j = 0; bias && j < w->keys; j += LANES)
    vec_store(t + j, vec_add(vec_load(t + j), vec_load(bias + j)));
  for (int j = next_in(&skipped, 0); j < ALL_KEYS; j = next_in(&skipped, j + 1))
    t[j] = -(num)INFINITY;
  vec top = vec_set1(*m), largest = vec_set1(NUM_MAX);
  for (int j = 0; j < w->keys; j += LANES) {
    vec x = vec_load(t + j);
    top = vec_max(x, top);
    w->counts->nan += (uint64_t)__builtin_popcount(vec_nan(x));
    w->counts->inf += (uint64_t)__builtin_popcount(vec_gt(x, largest));
  }
  num lane[LANES];
  vec_store(lane, top);
  for (int i = 0; i < LANES; i++)
    *m = lane[i] > *m ? lane[i] : *m;
}

/* ---- weights ---- */

static inline vec weight(vec t, vec e) {        /* rule 3 */
  vec n = vec_rint(t), f = vec_sub(t, n), k = vec_sub(n, e), p = vec_set1(EXP2_COEFFICIENT[EXP2_DEGREE]);
  for (int i = EXP2_DEGREE - 1; i >= 0; i--)
    p = vec_fma(p, f, vec_set1(EXP2_COEFFICIENT[i]));
  return vec_zero_below(vec_mul(p, vec_pow2(k)), k, vec_set1(WEIGHT_MIN));
}

/* The first key of [a, keys) that moves e: rint(t) - e > HEADROOM; `keys` when there is none.  */
static int next_event(const num *t, int a, int keys, num e) {
  vec ev = vec_set1(e), headroom = vec_set1(HEADROOM);
  for (int j = a - a % LANES; j < keys; j += LANES) {
    uint32_t over = vec_gt(vec_sub(vec_rint(vec_load(t + j)), ev), headroom);
    if (j < a)
      over &= ~0u << (a - j);
    if (over)
      return j + __builtin_ctz(over);
  }
  return keys;
}

static void weights_run(const num *t, num *p, int a, int b, num e) {
  int start = a - a % LANES;
  num kept[LANES];
  for (int i = start; i < a; i++)
    kept[i - start] = p[i];
  for (int j = start; j < b; j += LANES)
    vec_store(p + j, weight(vec_load(t + j), vec_set1(e)));
  for (int i = start; i < a; i++)
    p[i] = kept[i - start];
}

static void count_underflow(const sga_piece *w, const num *t, const num *p) {
  vec zero = vec_set1(0), none = vec_set1(-(num)INFINITY);
  for (int j = 0; j < w->keys; j += LANES) {
    vec x = vec_load(p + j);
    uint32_t flushed = vec_gt(vec_load(t + j), none) & ~vec_gt(x, zero) & ~vec_nan(x);
    w->counts->underflow += (uint64_t)__builtin_popcount(flushed);
  }
}

/* The weights of row r; `moved` gets the keys that move e, `factor` what l and o are scaled by before such a key.  */
static void weights(const sga_piece *w, int r, const num *t, num *p, sga_keys *moved, num *factor) {
  num *e = w->e[r];
  for (int a = 0;;) {
    int j = next_event(t, a, w->keys, *e);
    weights_run(t, p, a, j, *e);
    if (j >= w->keys)
      break;
    num n = round_even(t[j]);
    factor[j] = power(*e - n);
    moved->word[j >> 6] |= (uint64_t)1 << (j & 63);
    w->counts->rescales += *e > -NUM_MAX;
    *e = n;
    a = j;
  }
  count_underflow(w, t, p);
}

/* ---- values ---- */

/* Keys [a, b), which all of the rows [first, first + rows) attend.  */
typedef struct run { const num *p; int first, a, b; } run;

/* Dimensions [d, d + vecs * LANES); with d = 0 the weights are summed too, in one more register of the loop over V.  */
static inline __attribute__((always_inline)) void values_tile(const sga_piece *w, run x, int rows, size_t d, int vecs,
                                                              sga_stored stored) {
  vec o[SGA_ROWS][VALUE_VECS], l[SGA_ROWS];
  for (int r = 0; r < rows; r++) {
    l[r] = vec_set1(*(num *)w->l[x.first + r]);
    for (int c = 0; c < vecs; c++)
      o[r][c] = vec_load((num *)w->o[x.first + r] + d + c * LANES);
  }
  for (int j = x.a; j < x.b; j++) {
    const void *v = key_at(w->v, stored, w->v_stride, j);
    vec y[VALUE_VECS];
    for (int c = 0; c < vecs; c++)
      y[c] = vec_load_as(stored, v, d + (size_t)c * LANES);
    for (int r = 0; r < rows; r++) {
      vec p = vec_set1(x.p[(x.first + r) * SGA_BLOCK + j]);
      for (int c = 0; c < vecs; c++)
        o[r][c] = vec_fma(p, y[c], o[r][c]);
      if (d == 0)
        l[r] = vec_add(l[r], p);
    }
  }
  for (int r = 0; r < rows; r++) {
    for (int c = 0; c < vecs; c++)
      vec_store((num *)w->o[x.first + r] + d + c * LANES, o[r][c]);
    if (d == 0)
      *(num *)w->l[x.first + r] = vec_first(l[r]);
  }
}

static inline __attribute__((always_inline)) void values_rows(const sga_piece *w, run x, int rows, sga_stored stored) {
  size_t d = 0;
  if (w->dim_v >= VALUE_VECS * LANES) {
    values_tile(w, x, rows, 0, VALUE_VECS, stored);
    for (d = VALUE_VECS * LANES; d + VALUE_VECS * LANES <= w->dim_v; d += VALUE_VECS * LANES)
      values_tile(w, x, rows, d, VALUE_VECS, stored);
  } else {
    values_tile(w, x, rows, 0, 1, stored);
    d = LANES;
  }
  for (; d < w->dim_v; d += LANES)
    values_tile(w, x, rows, d, 1, stored);
}

static inline __attribute__((always_inline)) void values_as(const sga_piece *w, run x, int rows, sga_stored stored) {
  switch (rows) {
  case 1: values_rows(w, x, 1, stored); break;
  case 2: values_rows(w, x, 2, stored); break;
  case 3: values_rows(w, x, 3, stored); break;
  default: values_rows(w, x, 4, stored); break;
  }
}

static void values_run(const sga_piece *w, run x, int rows) {
  switch (NUM_BITS == 64 ? SGA_NUMBERS : w->v_stored) {
  case SGA_F16: values_as(w, x, rows, SGA_F16); break;
  case SGA_BF16: values_as(w, x, rows, SGA_BF16); break;
  default: values_as(w, x, rows, SGA_NUMBERS); break;
  }
}

static void values_one(const sga_piece *w, const num *p, int j) {       /* a key that only some of the rows attend */
  for (int r = 0; r < w->rows; r++)
    if (has(&w->live[r], j))
      values_run(w, (run){ p, r, j, j + 1 }, 1);
}

static void rescale(const sga_piece *w, const sga_keys *moved, const num *factor, int j) {
  for (int r = 0; r < w->rows; r++)
    if (has(&moved[r], j)) {
      num f = factor[r * SGA_BLOCK + j], *o = w->o[r];
      *(num *)w->l[r] *= f;
      for (size_t d = 0; d < w->dim_v; d += LANES)
        vec_store(o + d, vec_mul(vec_load(o + d), vec_set1(f)));
    }
}

static void values(const sga_piece *w, const num *p, const sga_keys *moved, const num *factor) {
  sga_keys any = { { 0, 0 } }, all = { { ~(uint64_t)0, ~(uint64_t)0 } }, stop;
  for (int i = 0; i < 2; i++) {
    stop.word[i] = 0;
    for (int r = 0; r < w->rows; r++) {
      any.word[i] |= w->live[r].word[i];
      all.word[i] &= w->live[r].word[i];
      stop.word[i] |= moved[r].word[i];
    }
    stop.word[i] |= ~all.word[i];       /* a run of all rows ends where one moves its e or skips the key */
  }
  for (int j = next_in(&any, 0), b; j < w->keys; j = next_in(&any, b)) {
    rescale(w, moved, factor, j);
    b = j + 1;
    if (has(&all, j)) {
      b = next_in(&stop, b);
      b = b < w->keys ? b : w->keys;
      values_run(w, (run){ p, 0, j, b }, w->rows);
    } else
      values_one(w, p, j);
  }
}

static void absorb(const sga_piece *w) {
  num *t = w->weights, *p = t + SGA_ROWS * SGA_BLOCK, *factor = p + SGA_ROWS * SGA_BLOCK;
  sga_keys moved[SGA_ROWS] = { { { 0, 0 } } };
  scores(w, t);
  for (int r = 0; r < w->rows; r++) {
    exponents(w, r, t + r * SGA_BLOCK);
    weights(w, r, t + r * SGA_BLOCK, p + r * SGA_BLOCK, &moved[r], factor + r * SGA_BLOCK);
  }
  values(w, p, moved, factor);
}

/* ---- accumulators ---- */

/* left <- left + right (rule 5).  A product with P = 0 is not skipped, so that a NaN survives.  */
static void join(sga_rows left, sga_rows right, size_t n, size_t dim) {
  num *ed = left.e, *ld = left.l, *od = left.o;
  const num *ea = right.e, *la = right.l, *oa = right.o;
  for (size_t r = 0; r < n; r++, od += dim, oa += dim) {
    num m = ed[r] > ea[r] ? ed[r] : ea[r];
    vec fd = vec_set1(power(ed[r] - m)), fa = vec_set1(power(ea[r] - m));
    num l[LANES];
    vec_store(l, vec_fma(vec_set1(ld[r]), fd, vec_mul(vec_set1(la[r]), fa)));
    ld[r] = l[0];
    for (size_t d = 0; d < dim; d += LANES)
      vec_store(od + d, vec_fma(vec_load(od + d), fd, vec_mul(vec_load(oa + d), fa)));
    ed[r] = m;
  }
}

static void clear(sga_rows rows, size_t n, size_t dim) {
  num *e = rows.e, *l = rows.l, *o = rows.o;
  for (size_t r = 0; r < n; r++) {
    e[r] = -NUM_MAX;
    l[r] = 0;
  }
  for (size_t i = 0; i < n * dim; i++)
    o[i] = 0;
}

static void sink(sga_rows row, size_t dim, double t) {
  num *e = row.e, *l = row.l, *o = row.o, n = round_even((num)t), p[LANES];
  num m = *e > n ? *e : n;
  vec_store(p, weight(vec_set1((num)t), vec_set1(n)));
  vec fd = vec_set1(power(*e - m)), fa = vec_set1(power(n - m));
  vec_store(p, vec_fma(vec_set1(*l), fd, vec_mul(vec_set1(p[0]), fa)));
  *l = p[0];
  *e = m;
  for (size_t d = 0; d < dim; d += LANES)
    vec_store(o + d, vec_fma(vec_load(o + d), fd, vec_mul(vec_set1(0), fa)));
}

static void divide(sga_rows rows, size_t n, size_t dim) {
  const num *l = rows.l;
  num *o = rows.o;
  for (size_t r = 0; r < n; r++, o += dim)
    for (size_t d = 0; d < dim; d++) {
      num x = l[r] == 0 ? o[d] : o[d] / l[r];
      o[d] = x != x ? (num)NAN : x + 0;         /* + 0: no negative zero leaves */
    }
}
