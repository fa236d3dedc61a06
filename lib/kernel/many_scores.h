/* SPDX-License-Identifier: BSD-2-Clause */
/* Strips: one or two vectors of query rows across lanes, and their scores against the keys of a block (rule 1 of BOUNDS,
   section 1).

   Two of the eight chains at a time, c and c + 4, over MANY_KEYS keys: as many accumulators as there are registers; sums of
   pairs of chains wait in the first-level cache.  One chain at a time over twice the keys was 2 % slower, three vectors of
   rows over fewer keys no faster.  A chain begins with a product in place of a fused operation with +0, which differs in the
   sign of a zero alone: no weight sees it.

   What will be read a block later is asked for meanwhile, into the second-level cache, a few lines at a time: prefetches wait
   for the same buffers as loads that miss, and all of a block at once, while the first strip was made, held up an eighth of
   the time.  */

#define STRIP (STRIP_VECS * LANES)
#define EACH_KEY(j) _Pragma("GCC unroll 16") for (int j = 0; j < keys; j++)

typedef struct strip {
  const sga_lanes *w;
  int at, vecs;                 /* its first lane; 1 or 2, a constant wherever time is spent */
  uint32_t lanes[2];            /* the lanes of each vector that hold rows */
  num *s, *q, *e, *l, *o, *m;   /* at its first lane; rows of SGA_LANES */
  int levels;                   /* joins that the loop over V ends with, once their factors are known */
  factors factor[SGA_LEVELS][2];
} strip;

static inline uint32_t lanes_of(const strip *x, int j, int v) {         /* that attend key j */
  return x->w->live[j] >> (x->at + v * LANES) & x->lanes[v];
}

/* The strip's share of row j of what comes next: lines by turns.  */
static inline void ask_next(const strip *x, const sga_ahead *next, int j) {
  enum { STRIPS = SGA_LANES / STRIP };
  size_t turn = (size_t)(x->w->turn * STRIPS + x->at / STRIP), turns = (size_t)(x->w->turns * STRIPS);
  for (size_t i = turn * 64; next->from && i < next->bytes; i += turns * 64)
    ask(next->from + j * next->stride + i);
}

#ifdef CODED
#include "many_scores_i8.h"
#else

typedef struct keys_at { const num *at[MANY_KEYS]; } keys_at;

static inline void key_take(const sga_lanes *w, keys_at *k, int i, int key) {
  k->at[i] = (const num *)w->k + (size_t)key * w->k_stride;
}

FORCED void chain_pair(const strip *x, const keys_at *k, int keys, int vecs, int c, vec a[MANY_KEYS][2]) {
  vec b[MANY_KEYS][2], q[2], r[2];
  const num *row = x->q + c * SGA_LANES;
  for (int v = 0; v < vecs; v++) {
    q[v] = vec_load(row + v * LANES);
    r[v] = vec_load(row + 4 * SGA_LANES + v * LANES);
  }
  EACH_KEY(j) {
    vec y = vec_set1(k->at[j][c]), z = vec_set1(k->at[j][c + 4]);
    for (int v = 0; v < vecs; v++) {
      a[j][v] = vec_mul(q[v], y);
      b[j][v] = vec_mul(r[v], z);
    }
  }
  for (size_t d = 8; d < x->w->dim_k; d += 8) {
    row += 8 * SGA_LANES;
    for (int v = 0; v < vecs; v++)
      q[v] = vec_load(row + v * LANES);
    EACH_KEY(j) {
      vec y = vec_set1(k->at[j][d + (size_t)c]);
      for (int v = 0; v < vecs; v++)
        a[j][v] = vec_fma(q[v], y, a[j][v]);
    }
    for (int v = 0; v < vecs; v++)
      q[v] = vec_load(row + 4 * SGA_LANES + v * LANES);
    EACH_KEY(j) {
      vec y = vec_set1(k->at[j][d + (size_t)c + 4]);
      for (int v = 0; v < vecs; v++)
        b[j][v] = vec_fma(q[v], y, b[j][v]);
    }
  }
  EACH_KEY(j)
    for (int v = 0; v < vecs; v++)
      a[j][v] = vec_add(a[j][v], b[j][v]);
}

typedef num sums[MANY_KEYS][STRIP];

FORCED void sums_store(sums to, int keys, int vecs, vec a[MANY_KEYS][2]) {
  EACH_KEY(j)
    for (int v = 0; v < vecs; v++)
      vec_store(to[j] + v * LANES, a[j][v]);
}

/* a <- s + a */
FORCED void sums_add(const sums s, int keys, int vecs, vec a[MANY_KEYS][2]) {
  EACH_KEY(j)
    for (int v = 0; v < vecs; v++)
      a[j][v] = vec_add(vec_load(s[j] + v * LANES), a[j][v]);
}

/* ((0+4) + (2+6)) + ((1+5) + (3+7)) for so many keys, the first n of which are wanted; what they span.  */
FORCED void scores_keys(const strip *x, const keys_at *k, int keys, int vecs, num *to, int n, range span[2]) {
  sums even, odd;
  vec a[MANY_KEYS][2];
  chain_pair(x, k, keys, vecs, 0, a);
  sums_store(even, keys, vecs, a);
  chain_pair(x, k, keys, vecs, 2, a);
  sums_add(even, keys, vecs, a);
  sums_store(even, keys, vecs, a);
  chain_pair(x, k, keys, vecs, 1, a);
  sums_store(odd, keys, vecs, a);
  chain_pair(x, k, keys, vecs, 3, a);
  sums_add(odd, keys, vecs, a);
  sums_add(even, keys, vecs, a);
  EACH_KEY(j)
    for (int v = 0; v < vecs; v++) {
      span[v] = range_with(span[v], a[j][v]);
      if (j < n)
        vec_store(to + j * SGA_LANES + v * LANES, a[j][v]);
    }
}

#endif

/* The scores, and what they span.  Sixes and, so that nothing is left of a block, fours.  */
FORCED void strip_scores(const strip *x, int vecs, range span[2]) {
  const sga_lanes *w = x->w;
  for (int j = 0, step; j < w->keys; j += step) {
    keys_at k;
    int left = w->keys - j;
    step = left < MANY_KEYS || left == 2 * MANY_LAST ? MANY_LAST : MANY_KEYS;
    for (int i = 0; i < step; i++) {            /* past the end: the last key again, not stored */
      key_take(w, &k, i, i < left ? j + i : w->keys - 1);
      if (i < left)
        ask_next(x, &w->k_next, j + i);
    }
    if (step == MANY_KEYS)
      scores_keys(x, &k, MANY_KEYS, vecs, x->s + j * SGA_LANES, left, span);
    else
      scores_keys(x, &k, MANY_LAST, vecs, x->s + j * SGA_LANES, left, span);
  }
}
