/* SPDX-License-Identifier: BSD-2-Clause */
/* The block kernel with dimensions across lanes: up to SGA_ROWS query rows against the keys of one block.

   Rules 1 to 4 of BOUNDS, section 1, in three passes over a piece of a block:
     scores    s = q.k                    few_scores.h; of codes: few_scores_i8.h
     weights   t from s, p = 2^(t - e)    row by row, keys across lanes
     values    l += p, o += p v           in key order; runs in which every row attends every key
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

/* Keys [a, b), which all of the rows [first, first + rows) attend.  v: the value of key a; p: the weights; raised: those that
   raw values want; scales: of blocks, as block_scales leaves them.  */
typedef struct run {
  const num *p, *raised;
  int first, a, b;
  const char *v;
  size_t stride;
  ptrdiff_t ahead;
  const float *scales;
} run;

/* Dimensions [d, d + vecs * LANES) of key j.  */
FORCED void load_value(run x, int j, sga_stored stored, size_t d, int vecs, vec *to) {
  const char *v = key_at(x.v, x.stride, j - x.a);
  if (stored <= SGA_F8E5M2) {
    vecs_load_raw(stored, true, v, d, vecs, to);
    return;
  }
  const float *scale = x.scales + d / 32 * 2 * SGA_BLOCK + (j - x.a);
  for (int c = 0; c < vecs; c += 32 / LANES, scale += 2 * SGA_BLOCK)
    block_scaled(stored, v + stored_bytes(stored, d + (size_t)c * LANES), vec_set1(scale[0]), vec_set1(scale[SGA_BLOCK]),
                 to + c);
}

/* Dimensions [d, d + vecs * LANES); with d = 0 the weights are summed too, in one more register of the loop over V.  */
FORCED void values_tile(const sga_piece *w, run x, int rows, size_t d, int vecs, sga_stored stored) {
  const size_t chunk = stored_bytes(stored, (size_t)vecs * LANES);
  sum o[SGA_ROWS][2 * SUM_VECS], l[SGA_ROWS];
  for (int r = 0; r < rows; r++) {
    num *at = w->o[x.first + r], *low = low_of_o(at, w->dim_v);
    l[r] = sum_set1(*(num *)w->l[x.first + r], *low_of_l(at, w->dim_v));
    for (int c = 0; c < vecs; c++)
      o[r][c] = sum_load(at + d + c * LANES, low + d + c * LANES);
  }
  for (int j = x.a; j < x.b; j++) {
    vec y[2 * SUM_VECS];
    for (size_t i = 0; x.ahead && i < chunk; i += 64)
      ask(key_at(x.v, x.stride, j - x.a) + x.ahead + stored_bytes(stored, d) + i);
    load_value(x, j, stored, d, vecs, y);
    for (int r = 0; r < rows; r++) {
      const int at = (x.first + r) * SGA_BLOCK + j;
      vec p = vec_set1(x.raised[at]);
      for (int c = 0; c < vecs; c++)
        o[r][c] = sum_fma(p, y[c], o[r][c]);
      if (d == 0)
        l[r] = sum_add(l[r], stored == SGA_F8E4M3 ? vec_set1(x.p[at]) : p);
    }
  }
  for (int r = 0; r < rows; r++) {
    num *at = w->o[x.first + r], *low = low_of_o(at, w->dim_v);
    for (int c = 0; c < vecs; c++)
      sum_store(at + d + c * LANES, low + d + c * LANES, o[r][c]);
    if (d == 0)
      sum_store_first(w->l[x.first + r], low_of_l(at, w->dim_v), l[r]);
  }
}

/* One row has registers for twice as many dimensions, and needs them: its sums wait for each other.  */
FORCED void values_rows(const sga_piece *w, run x, int rows, sga_stored stored) {
  const int vecs = rows == 1 ? 2 * SUM_VECS : SUM_VECS, least = stored <= SGA_F8E5M2 ? 1 : 32 / LANES;
  const size_t chunk = (size_t)vecs * LANES;
  size_t d = chunk;
  if (w->dim_v >= chunk) {
    values_tile(w, x, rows, 0, vecs, stored);
    for (; d + chunk <= w->dim_v; d += chunk)
      values_tile(w, x, rows, d, vecs, stored);
  } else {
    values_tile(w, x, rows, 0, least, stored);
    d = (size_t)least * LANES;
  }
  for (; d < w->dim_v; d += (size_t)least * LANES)
    values_tile(w, x, rows, d, least, stored);
}

FORCED void values_as(const sga_piece *w, run x, int rows, sga_stored stored) {
  switch (rows) {
  case 1: values_rows(w, x, 1, stored); break;
  case 2: values_rows(w, x, 2, stored); break;
  case 3: values_rows(w, x, 3, stored); break;
  default: values_rows(w, x, 4, stored); break;
  }
}

static void values_decoded(const sga_piece *w, run x, int rows) {       /* by way of the room */
  const int end = x.b, together = decoded_together(w->v_stored);
  for (; x.a < end; x.a = x.b) {
    x.b = x.a + together < end ? x.a + together : end;
    decode_rows(w->v_stored, x.v, (ptrdiff_t)x.stride, x.ahead, x.b - x.a, w->v_room, w->dim_v);
    run part = { x.p, x.p, x.first, x.a, x.b, w->v_room, w->dim_v * sizeof(num), 0, NULL };
    values_as(w, part, rows, SGA_NUMBERS);
    x.v = key_at(x.v, x.stride, x.b - x.a);
  }
}

/* Values of 8 bits and fewer stay in registers (q8_0, f8e4m3: 6 to 9 % of decode).  By way of the room go, to spare code, those
   for two or three rows, and those that go into sums of pairs.  */
#define STAY (SUM_PARTS == 1 ? VALUES_IN_PLACE : IN_PLACE)

/* The weights of a run for raw values, where its scores were.  They are 0, normal and far below the largest number, or no
   number: raised they are exact.  */
static const num *raised(const sga_piece *w, const run *x, int rows) {
  num *to = w->weights;
  for (int i = x->first * SGA_BLOCK; i < (x->first + rows) * SGA_BLOCK; i += SGA_BLOCK)
    for (int j = x->a - x->a % LANES; j < x->b; j += LANES)
      vec_store(to + i + j, vec_mul(vec_load(x->p + i + j), vec_set1(RAISED)));
  return to;
}

static void values_run(const sga_piece *w, const num *p, int first, int rows, int a, int b) {
  run x = { p, p, first, a, b, key_at(w->v, w->v_stride, a), w->v_stride, w->v_ahead, w->v_room };
  if (w->v_stored > STAY || (w->v_stored > IN_PLACE && ((rows > 1 && rows < SGA_ROWS) || x.stride > SGA_NEAR))) {
    values_decoded(w, x, rows);
    return;
  }
  if (w->v_stored == SGA_F8E4M3)
    x.raised = raised(w, &x, rows);
#ifdef LEVELS
  if (STAY > SGA_F8E5M2 && w->v_stored > SGA_F8E5M2)
    block_scales(w->v_stored, stored_bytes(w->v_stored, 32), x.v, x.stride, b - a, w->dim_v, w->v_room);
#endif
#define CASE(s) case s: \
    if (s <= IN_PLACE) \
      values_as(w, x, rows, s); \
    else if (s <= STAY && rows == 1) \
      values_rows(w, x, 1, s); \
    else if (s <= STAY) \
      values_rows(w, x, SGA_ROWS, s); \
    break
  switch (w->v_stored) { DECODED_CASES; }
#undef CASE
}

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
