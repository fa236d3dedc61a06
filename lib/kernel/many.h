/* SPDX-License-Identifier: BSD-2-Clause */
/* The block kernel with query rows across lanes: a tile of SGA_TILE rows against the keys of one block, in strips of two vectors.

   The same rules as few.h, so the same bits; K and V are read as broadcasts from where they lie, only Q is transposed.
     scores    two of the eight chains at a time, c and c + 4, over MANY_KEYS keys: as many accumulators as there are registers;
               sums of pairs of chains wait in the first-level cache.  One chain at a time over twice the keys was 2 % slower.
     values    MANY_DIMS dimensions at a time, in key order.
   A chain begins with a product in place of a fused operation with +0, which differs in the sign of a zero alone: no weight sees it.

   A lane's first finite score sets its e before the block is begun, in place of an event: what it held then is 0 or NaN, and
   stays so.  */

#define STRIP (2 * LANES)

typedef struct strip {
  const sga_lanes *w;
  int at;                       /* its first lane */
  uint32_t lanes[2];            /* the lanes of each vector that hold rows */
  num *s, *q, *e, *l, *o, *m;   /* at its first lane; rows of SGA_TILE */
} strip;

static inline uint32_t lanes_of(const strip *x, int j, int v) {         /* that attend key j */
  return x->w->live[j] >> (x->at + v * LANES) & x->lanes[v];
}

/* ---- scores ---- */

static inline __attribute__((always_inline)) void chain_pair(const strip *x, const num *const *k, int c, vec a[MANY_KEYS][2]) {
  vec b[MANY_KEYS][2];
  const num *q = x->q + c * SGA_TILE;
  vec q0 = vec_load(q), q1 = vec_load(q + LANES), r0 = vec_load(q + 4 * SGA_TILE), r1 = vec_load(q + 4 * SGA_TILE + LANES);
  for (int j = 0; j < MANY_KEYS; j++) {
    vec y = vec_set1(k[j][c]), z = vec_set1(k[j][c + 4]);
    a[j][0] = vec_mul(q0, y);
    a[j][1] = vec_mul(q1, y);
    b[j][0] = vec_mul(r0, z);
    b[j][1] = vec_mul(r1, z);
  }
  for (size_t d = 8; d < x->w->dim_k; d += 8) {
    q += 8 * SGA_TILE;
    q0 = vec_load(q), q1 = vec_load(q + LANES);
    for (int j = 0; j < MANY_KEYS; j++) {
      vec y = vec_set1(k[j][d + (size_t)c]);
      a[j][0] = vec_fma(q0, y, a[j][0]);
      a[j][1] = vec_fma(q1, y, a[j][1]);
    }
    q0 = vec_load(q + 4 * SGA_TILE), q1 = vec_load(q + 4 * SGA_TILE + LANES);
    for (int j = 0; j < MANY_KEYS; j++) {
      vec y = vec_set1(k[j][d + (size_t)c + 4]);
      b[j][0] = vec_fma(q0, y, b[j][0]);
      b[j][1] = vec_fma(q1, y, b[j][1]);
    }
  }
  for (int j = 0; j < MANY_KEYS; j++)
    for (int v = 0; v < 2; v++)
      a[j][v] = vec_add(a[j][v], b[j][v]);
}

/* ((0+4) + (2+6)) + ((1+5) + (3+7)) for MANY_KEYS keys.  */
static inline void scores_keys(const strip *x, const num *const *k, num *to, int n) {
  num pair[2][MANY_KEYS][STRIP];
  vec a[MANY_KEYS][2];
  for (int i = 0; i < 4; i++) {
    static const int chain[4] = { 0, 2, 1, 3 };
    chain_pair(x, k, chain[i], a);
    for (int j = 0; j < MANY_KEYS; j++)
      for (int v = 0; v < 2; v++) {
        if (i & 1)
          a[j][v] = vec_add(vec_load(&pair[i / 2][j][v * LANES]), a[j][v]);
        if (i < 3)
          vec_store(&pair[i / 2][j][v * LANES], a[j][v]);
        else if (j < n)
          vec_store(to + j * SGA_TILE + v * LANES, vec_add(vec_load(&pair[0][j][v * LANES]), a[j][v]));
      }
  }
}

static void strip_scores(const strip *x) {
  const sga_lanes *w = x->w;
  for (int j = 0; j < w->keys; j += MANY_KEYS) {
    const num *k[MANY_KEYS];
    int n = w->keys - j < MANY_KEYS ? w->keys - j : MANY_KEYS;
    for (int i = 0; i < MANY_KEYS; i++)         /* past the end: the last key again, not stored */
      k[i] = (const num *)w->k + (size_t)(i < n ? j + i : w->keys - 1) * w->k_stride;
    scores_keys(x, k, x->s + j * SGA_TILE, n);
  }
}

/* ---- exponents ---- */

static void lanes_softcap(const sga_score *score, num *s) {
  for (int i = 0; i < LANES; i++)
    s[i] = (num)(score->cap_log2e * sga_tanh((double)s[i] * score->scale_over_cap));
}

static vec lanes_slope(const strip *x, int j, int v, vec t) {
  num slope[LANES], distance[LANES];
  for (int i = 0; i < LANES; i++) {
    slope[i] = (num)x->w->slope[x->at + v * LANES + i];
    distance[i] = (num)(x->w->distance[x->at + v * LANES + i] + j);
  }
  return vec_fma(vec_load(slope), vec_load(distance), t);
}

/* s -> t in place for one vector of lanes, -inf where a lane skips the key; the maxima; NaN and +inf counted.  */
static void strip_exponents(const strip *x, int v) {
  const sga_lanes *w = x->w;
  vec c = vec_set1((num)w->score->scale_log2e), none = vec_set1(-(num)INFINITY), largest = vec_set1(NUM_MAX);
  vec m = vec_load(x->m + v * LANES);
  uint32_t odd = 0;
  for (int j = 0; j < w->keys; j++) {
    num *s = x->s + j * SGA_TILE + v * LANES;
    if (w->score->cap_log2e > 0)
      lanes_softcap(w->score, s);
    vec t = w->score->cap_log2e > 0 ? vec_load(s) : vec_mul(vec_load(s), c);
    if (w->slope)
      t = lanes_slope(x, j, v, t);
    if (w->bias)
      t = vec_add(t, vec_load((const num *)w->bias + j * SGA_TILE + x->at + v * LANES));
    if (!w->all)
      t = vec_select(lanes_of(x, j, v), t, none);
    odd = (vec_nan(t) | vec_gt(t, largest)) & x->lanes[v];
    if (odd) {
      w->counts->nan += (uint64_t)__builtin_popcount(vec_nan(t) & x->lanes[v]);
      w->counts->inf += (uint64_t)__builtin_popcount(vec_gt(t, largest) & x->lanes[v]);
    }
    m = vec_max(t, m);
    vec_store(s, t);
  }
  vec_store(x->m + v * LANES, m);
}

/* The e of lanes that hold nothing yet: that of their first score that would be an event.  */
static void strip_begin(const strip *x, int v) {
  vec e = vec_load(x->e + v * LANES), headroom = vec_set1(HEADROOM), lowest = vec_set1(-NUM_MAX);
  uint32_t empty = ~vec_gt(e, lowest) & ~vec_gt(vec_load(x->l + v * LANES), vec_set1(0)) & x->lanes[v];
  for (int j = 0; j < x->w->keys && empty; j++) {
    vec n = vec_rint(vec_load(x->s + j * SGA_TILE + v * LANES));
    uint32_t first = vec_gt(vec_sub(n, e), headroom) & empty;
    e = vec_select(first, n, e);
    empty &= ~first;
  }
  vec_store(x->e + v * LANES, e);
}

/* ---- weights ---- */

static int strip_event(const strip *x, int a) {
  vec headroom = vec_set1(HEADROOM), e0 = vec_load(x->e), e1 = vec_load(x->e + LANES);
  for (int j = a; j < x->w->keys; j++) {
    const num *t = x->s + j * SGA_TILE;
    uint32_t low = vec_gt(vec_sub(vec_rint(vec_load(t)), e0), headroom) & x->lanes[0];
    uint32_t high = vec_gt(vec_sub(vec_rint(vec_load(t + LANES)), e1), headroom) & x->lanes[1];
    if (low | high)
      return j;
  }
  return x->w->keys;
}

/* The weights of keys [a, b) in place of their t, and their sums.  */
static void strip_weights(const strip *x, int a, int b, int v) {
  vec e = vec_load(x->e + v * LANES), l = vec_load(x->l + v * LANES), zero = vec_set1(0), none = vec_set1(-(num)INFINITY);
  uint64_t flushed = 0;
  for (int j = a; j < b; j++) {
    num *s = x->s + j * SGA_TILE + v * LANES;
    vec t = vec_load(s), p = weight(t, e);
    uint32_t lost = ~vec_gt(p, zero) & vec_gt(t, none) & x->lanes[v];
    if (lost)
      flushed += (uint64_t)__builtin_popcount(lost & ~vec_nan(p));
    l = vec_add(l, p);
    vec_store(s, p);
  }
  vec_store(x->l + v * LANES, l);
  x->w->counts->underflow += flushed;
}

/* ---- values ---- */

static inline __attribute__((always_inline)) void dims(const strip *x, int a, int b, size_t d, int n, bool all) {
  vec o[MANY_DIMS][2];
  for (int i = 0; i < n; i++)
    for (int v = 0; v < 2; v++)
      o[i][v] = vec_load(x->o + (d + (size_t)i) * SGA_TILE + v * LANES);
  for (int j = a; j < b; j++) {
    const num *value = (const num *)x->w->v + (size_t)j * x->w->v_stride + d, *p = x->s + j * SGA_TILE;
    vec p0 = vec_load(p), p1 = vec_load(p + LANES);
    if (all)
      for (int i = 0; i < n; i++) {
        vec y = vec_set1(value[i]);
        o[i][0] = vec_fma(p0, y, o[i][0]);
        o[i][1] = vec_fma(p1, y, o[i][1]);
      }
    else
      for (int i = 0; i < n; i++) {
        vec y = vec_set1(value[i]);
        o[i][0] = vec_fma_lanes(lanes_of(x, j, 0), p0, y, o[i][0]);
        o[i][1] = vec_fma_lanes(lanes_of(x, j, 1), p1, y, o[i][1]);
      }
  }
  for (int i = 0; i < n; i++)
    for (int v = 0; v < 2; v++)
      vec_store(x->o + (d + (size_t)i) * SGA_TILE + v * LANES, o[i][v]);
}

static inline __attribute__((always_inline)) void all_dims(const strip *x, int a, int b, bool all) {
  size_t d = 0;
  for (; d + MANY_DIMS <= x->w->dim_v; d += MANY_DIMS)
    dims(x, a, b, d, MANY_DIMS, all);
  for (; d < x->w->dim_v; d += MANY_REST)
    dims(x, a, b, d, MANY_REST, all);
}

/* A lane that skips a key must not meet its value: keys that all lanes attend, then those that some do, in order.  */
static void strip_values(const strip *x, int a, int b) {
  if (x->w->all) {
    all_dims(x, a, b, true);
    return;
  }
  for (int from = a, to; from < b; from = to) {
    bool all = lanes_of(x, from, 0) == x->lanes[0] && lanes_of(x, from, 1) == x->lanes[1], same = all;
    for (to = from + 1; to < b && same == all; to += same == all)
      same = lanes_of(x, to, 0) == x->lanes[0] && lanes_of(x, to, 1) == x->lanes[1];
    if (all)
      all_dims(x, from, to, true);
    else
      all_dims(x, from, to, false);
  }
}

/* Key j moves the e of some lanes: l and o are scaled by P(e - n), those of the others by 1.  */
static void strip_rescale(const strip *x, int j) {
  for (int v = 0; v < 2; v++) {
    num *e = x->e + v * LANES;
    vec n = vec_rint(vec_load(x->s + j * SGA_TILE + v * LANES)), old = vec_load(e);
    uint32_t moved = vec_gt(vec_sub(n, old), vec_set1(HEADROOM)) & x->lanes[v];
    num factor[LANES];
    if (!moved)
      continue;
    vec_store(factor, vec_sub(old, n));
    for (int i = 0; i < LANES; i++)
      factor[i] = moved >> i & 1 ? power(factor[i]) : 1;
    vec f = vec_load(factor);
    x->w->counts->rescales += (uint64_t)__builtin_popcount(moved & vec_gt(old, vec_set1(-NUM_MAX)));
    vec_store(e, vec_select(moved, n, old));
    vec_store(x->l + v * LANES, vec_mul(vec_load(x->l + v * LANES), f));
    for (size_t d = 0; d < x->w->dim_v; d++)
      vec_store(x->o + d * SGA_TILE + v * LANES, vec_mul(vec_load(x->o + d * SGA_TILE + v * LANES), f));
  }
}

/* ---- the tile ---- */

static void absorb_strip(const strip *x) {
  strip_scores(x);
  for (int v = 0; v < 2; v++) {
    strip_exponents(x, v);
    strip_begin(x, v);
  }
  for (int a = 0, b;; a = b) {
    b = strip_event(x, a);
    for (int v = 0; v < 2; v++)
      strip_weights(x, a, b, v);
    strip_values(x, a, b);
    if (b == x->w->keys)
      return;
    strip_rescale(x, b);
  }
}

static uint32_t lane_bits(int n) {
  return n <= 0 ? 0 : n >= LANES ? (uint32_t)(((uint64_t)1 << LANES) - 1) : (1u << n) - 1;
}

static void absorb_lanes(const sga_lanes *w) {
  for (int at = 0; at < w->rows; at += STRIP) {
    strip x = { w, at, { lane_bits(w->rows - at), lane_bits(w->rows - at - LANES) }, (num *)w->scores + at,
                (num *)(uintptr_t)w->q + at, (num *)w->e + at, (num *)w->l + at, (num *)w->o + at, (num *)w->m + at };
    absorb_strip(&x);
  }
}

/* ---- accumulators ---- */

static void join_lanes(sga_rows left, sga_rows right, size_t dim) {
  for (int at = 0; at < SGA_TILE; at += LANES) {
    num *ed = (num *)left.e + at, *ld = (num *)left.l + at, *od = (num *)left.o + at, fd[LANES], fa[LANES];
    const num *ea = (num *)right.e + at, *la = (num *)right.l + at, *oa = (num *)right.o + at;
    for (int i = 0; i < LANES; i++) {
      num m = ed[i] > ea[i] ? ed[i] : ea[i];
      fd[i] = power(ed[i] - m);
      fa[i] = power(ea[i] - m);
      ed[i] = m;
    }
    vec d = vec_load(fd), a = vec_load(fa);
    vec_store(ld, vec_fma(vec_load(ld), d, vec_mul(vec_load(la), a)));
    for (size_t i = 0; i < dim; i++, od += SGA_TILE, oa += SGA_TILE)
      vec_store(od, vec_fma(vec_load(od), d, vec_mul(vec_load(oa), a)));
  }
}

static void decode(sga_stored stored, const void *from, void *to, size_t n) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    vec_store((num *)to + i, vec_load_as(stored, from, i));
  if (i < n) {                  /* not a byte past the end is read */
    uint16_t rest[LANES * sizeof(num) / 2] = { 0 };
    num last[LANES];
    size_t bytes = stored == SGA_NUMBERS ? sizeof(num) : 2;
    __builtin_memcpy(rest, (const char *)from + i * bytes, (n - i) * bytes);
    vec_store(last, vec_load_as(stored, rest, 0));
    for (size_t j = i; j < n; j++)
      ((num *)to)[j] = last[j - i];
  }
}

const sga_kernel SGA_PASTE(sga_kernel, NUM, SGA_ISA) = {
  SGA_TEXT(NUM), SGA_TEXT(SGA_ISA), sizeof(num), absorb, absorb_lanes, join, join_lanes, decode, clear, sink, divide
};
