/* SPDX-License-Identifier: BSD-2-Clause */
/* The block kernel with dimensions across lanes: up to SGA_ROWS query rows against the keys of one block.

   Rules 1 to 4 of BOUNDS, section 1, in three passes over a piece of a block:
     scores    s = q.k                    few_scores.h; of codes: few_scores_i8.h
     weights   t from s, p = 2^(t - e)    row by row, keys across lanes
     values    l += p, o += p v           few_values.h: in key order; runs in which every row attends every key
   The reference exponents depend on t alone, so all weights of a piece are known before its values are read.

   Every line of the block after this one is asked for one block ahead, into the second-level cache (32768 keys in f16: 18 ms
   without, 11 ms into the first level, 8 ms into the second; half or a quarter of a block ahead, or line after line whatever
   key it is of: no difference).  */

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

/* ---- scores ---- */

/* Key j where it lies.  */
static inline const char *key_at(const void *keys, size_t stride, int j) { return (const char *)keys + (size_t)j * stride; }

/* Scores are made for whole vectors of keys: past the end, the last key's again.  */
static inline int whole_vecs(int keys) { return (keys + LANES - 1) / LANES * LANES; }

#ifdef CODED
#include "few_scores_i8.h"
#else
#include "few_scores.h"
#endif

/* ---- t ---- */

static void softcap(const sga_score *score, int keys, num *s) {
  for (int j = 0; j < keys; j++)
    s[j] = (num)(score->cap_log2e * sga_tanh((double)s[j] * score->scale_over_cap));
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

/* s -> t in place, -inf where the row skips the key.  Lanes past the last key hold that key again.  */
static range exponents(const sga_piece *w, int r, num *t) {
  const num *bias = w->bias[r];
  sga_keys skipped = complement(w->live[r]);
  range span = range_empty();
  bool capped = w->score->cap_log2e > 0;
  vec c = vec_set1(capped ? 1 : (num)w->score->scale_log2e);
  if (capped)
    softcap(w->score, whole_vecs(w->keys), t);
  for (int j = 0; j < w->keys; j += LANES) {
    vec x = vec_mul(vec_load(t + j), c);
    span = range_with(span, x);
    vec_store(t + j, x);
  }
  bool sloped = w->slope[r] < 0 || w->slope[r] > 0;
  if (next_in(&skipped, 0) >= w->keys && !sloped && !bias)
    return span;
  if (sloped)
    add_slope(w, r, t);
  for (int j = 0; bias && j < w->keys; j += LANES)
    vec_store(t + j, vec_add(vec_load(t + j), vec_load(bias + j)));
  for (int j = next_in(&skipped, 0); j < w->keys; j = next_in(&skipped, j + 1))
    t[j] = -(num)INFINITY;
  for (int j = w->keys; j < whole_vecs(w->keys); j++)   /* the slope has moved on */
    t[j] = t[w->keys - 1];
  span = range_empty();
  for (int j = 0; j < w->keys; j += LANES)
    span = range_with(span, vec_load(t + j));
  return span;
}

/* ---- weights ---- */

/* The first key of [a, keys) that moves e: rint(t) - e > HEADROOM; `keys` when there is none.  */
static int next_event(const num *t, int a, int keys, num e) {
  vec ev = vec_set1(e), headroom = vec_set1(HEADROOM);
  for (int j = a - a % LANES; j < keys; j += LANES) {
    uint32_t over = vec_gt(vec_sub(vec_rint(vec_load(t + j)), ev), headroom);
    if (j < a)
      over &= ~0u << (a - j);
    if (over)
      return j + __builtin_ctz(over) < keys ? j + __builtin_ctz(over) : keys;
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

/* With all that may happen; `moved` gets the keys that move e, `factor` what l and o are scaled by before such a key.  */
static void weights_wild(const sga_piece *w, int r, const num *t, num *p, sga_keys *moved, num *factor) {
  num *e = w->e[r];
  for (int a = 0;;) {
    int j = next_event(t, a, w->keys, *e);
    weights_run(t, p, a, j, *e);
    if (j >= w->keys)
      break;
    num n = round_even(t[j]);
    factor[j] = power(*e - n);
    moved->word[j >> 6] |= (uint64_t)1 << (j & 63);
    events_of(w->tally, r)->rescales += *e > -NUM_MAX;
    *e = n;
    a = j;
  }
  count_odd(w, r, t, p);
}

/* The e of a row that holds nothing yet.  */
static void begin(num *e, const num *t, int keys) {
  int j = 0;
  while (j < keys && t[j] < -NUM_MAX)
    j++;
  num n = j < keys ? round_even(t[j]) : *e;
  if (n - *e > HEADROOM)
    *e = n;
}

/* The weights of row r from its scores, in t.  */
static void weights(const sga_piece *w, int r, num *t, num *p, sga_keys *moved, num *factor) {
  num *e = w->e[r];
  range span = exponents(w, r, t);
  num top = vec_largest(span.top), *m = w->m[r];
  *m = top > *m ? top : *m;
  if (lanes_empty(vec_set1(*e), vec_set1(*(num *)w->l[r])))
    begin(e, t, w->keys);
  if (range_wild(span, vec_set1(*e)))
    weights_wild(w, r, t, p, moved, factor);
  else {
    vec all = vec_set1(0);
    for (int j = 0; j < w->keys; j += LANES) {
      vec x = weight_calm(vec_load(t + j), vec_set1(*e));
      all = vec_add(all, x);
      vec_store(p + j, x);
    }
    if (vec_nan(all))
      count_odd(w, r, t, p);
  }
}

/* ---- values ---- */

#include "few_values.h"

static void values_one(const sga_piece *w, const num *p, int j) {       /* a key that only some of the rows attend */
  for (int r = 0; r < w->rows; r++)
    if (has(&w->live[r], j))
      values_run(w, p, r, 1, j, j + 1);
}

static void rescale(const sga_piece *w, const sga_keys *moved, const num *factor, int j) {
  for (int r = 0; r < w->rows; r++)
    if (has(&moved[r], j)) {
      num *o = w->o[r], *l = w->l[r], *low = low_of_l(o, w->dim_v);
      vec f = vec_set1(factor[r * SGA_BLOCK + j]);
      sum_store_first(l, low, sum_scale(sum_set1(*l, *low), f));
      low = low_of_o(o, w->dim_v);
      for (size_t d = 0; d < w->dim_v; d += LANES)
        sum_store(o + d, low + d, sum_scale(sum_load(o + d, low + d), f));
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
      values_run(w, p, 0, w->rows, j, b);
    } else
      values_one(w, p, j);
  }
}

static void absorb(const sga_piece *w) {
  num *t = w->weights, *p = t + SGA_ROWS * SGA_BLOCK, *factor = p + SGA_ROWS * SGA_BLOCK;
  sga_keys moved[SGA_ROWS] = { { { 0, 0 } } };
  scores(w, t);
  for (int r = 0; r < w->rows; r++)
    weights(w, r, t + r * SGA_BLOCK, p + r * SGA_BLOCK, &moved[r], factor + r * SGA_BLOCK);
  values(w, p, moved, factor);
  tally_values(w->tally, w->o, w->rows, w->dim_v);
}
