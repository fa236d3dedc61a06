/* SPDX-License-Identifier: BSD-2-Clause */
/* The block kernel with query rows across lanes: SGA_LANES rows against the keys of one block, in strips of two vectors, or
   of one where no more rows are left.

   The same rules as few.h, so the same bits; K and V are read as broadcasts from where they lie, only Q is transposed.
     scores    many_scores.h
     exponents many_exponents.h
     weights   what the scores span is taken while they are in registers; where they are calm (weight.h), one pass makes
               the weights.
     values    SUM_DIMS dimensions at a time, in key order: a divisor of the numbers of a cache line (twelve, which fills the
               registers, but takes two lines of a key as often as one, was no faster).
     joins     where the block is complete, its sums go from registers into the nodes that they are joined to (2 % of the time
               less than joining what was stored).

   What is left to gain (AVX-512, f32): a score takes 7 additions (rule 1) and 2 for what it spans, its weight 14 operations,
   beside 2 D fused ones, so that D = 128 cannot reach more than 92 % of the FMA peak, D = 64 not more than 85 %.  128 queries
   and 2048 keys, so short that some calls are undisturbed, reach 82 % and 78 %.  Values in padded rows, of which fewer share a
   set of the first-level cache, gain 2 % before they are copied; asking for nothing gains nothing.  */

/* ---- weights ---- */

FORCED num *strip_low(const strip *x, int v) {
  return low_of_l(x->o + v * LANES, x->w->dim_v * SGA_LANES);
}
FORCED sum strip_l(const strip *x, int v) {
  return sum_load(x->l + v * LANES, strip_low(x, v));
}
FORCED void strip_set_l(const strip *x, int v, sum l) {
  sum_store(x->l + v * LANES, strip_low(x, v), l);
}

static void strip_count_nan(const strip *x) {
  for (int j = 0; j < x->w->keys; j++)
    for (int v = 0; v < x->vecs; v++)
      count_scores(x, j, v, true, vec_nan(vec_load(x->s + j * SGA_LANES + v * LANES)) & x->lanes[v]);
}

/* Of all keys, in place of their scores, and their sums; both vectors at once, whose sums would wait for each other.  */
FORCED void strip_weights_calm(const strip *x, int vecs, vec c) {
  vec e[2];
  sum l[2];
  uint32_t nan = 0;
  for (int v = 0; v < vecs; v++) {
    e[v] = vec_load(x->e + v * LANES);
    l[v] = strip_l(x, v);
  }
  for (int j = 0; j < x->w->keys; j++)
    for (int v = 0; v < vecs; v++) {
      num *s = x->s + j * SGA_LANES + v * LANES;
      vec p = weight_calm(vec_mul(vec_load(s), c), e[v]);
      l[v] = sum_add(l[v], p);
      vec_store(s, p);
    }
  for (int v = 0; v < vecs; v++) {
    strip_set_l(x, v, l[v]);
    nan |= vec_nan(sum_high(l[v])) & x->lanes[v];
  }
  if (nan)
    strip_count_nan(x);
}

/* The first key of [a, keys) that moves the e of a lane.  */
static int strip_event(const strip *x, vec c, int a) {
  vec headroom = vec_set1(HEADROOM);
  for (int j = a; j < x->w->keys; j++)
    for (int v = 0; v < x->vecs; v++) {
      vec n = vec_rint(vec_mul(vec_load(x->s + j * SGA_LANES + v * LANES), c));
      if (vec_gt(vec_sub(n, vec_load(x->e + v * LANES)), headroom) & x->lanes[v])
        return j;
    }
  return x->w->keys;
}

/* The weights of keys [a, b) in place of their scores, and their sums.  */
static void strip_weights(const strip *x, vec c, int a, int b, int v) {
  vec e = vec_load(x->e + v * LANES), zero = vec_set1(0), none = vec_set1(-(num)INFINITY), one = vec_set1(1), lost = zero;
  sum l = strip_l(x, v);
  for (int j = a; j < b; j++) {
    num *s = x->s + j * SGA_LANES + v * LANES;
    vec t = vec_mul(vec_load(s), c), p = weight(t, e);
    count_scores(x, j, v, true, vec_nan(t) & x->lanes[v]);
    lost = vec_add(lost, vec_select(~vec_gt(p, zero) & vec_gt(t, none) & ~vec_nan(p) & x->lanes[v], one, zero));
    l = sum_add(l, p);
    vec_store(s, p);
  }
  strip_set_l(x, v, l);
  count_underflow(x, v, lost);
}

/* ---- values ---- */

/* Dimensions [d, d + n) of keys [a, b).  `fresh`: o begins at 0.  */
FORCED void dims(const strip *x, int vecs, int a, int b, size_t d, int n, bool all, bool fresh) {
  const size_t numbers = x->w->dim_v * SGA_LANES;
  sum o[SUM_DIMS][2];
  num *to = x->o + d * SGA_LANES, *low = low_of_o(to, numbers);
  for (int i = 0; i < n; i++)
    for (int v = 0; v < vecs; v++)
      o[i][v] = fresh ? sum_set1(0, 0) : sum_load(to + i * SGA_LANES + v * LANES, low + i * SGA_LANES + v * LANES);
  for (int j = a; j < b; j++) {
    const num *value = (const num *)x->w->v + (size_t)j * x->w->v_stride + d, *p = x->s + j * SGA_LANES;
    for (int i = 0; i < n; i++) {
      vec y = vec_set1(value[i]);
      for (int v = 0; v < vecs; v++)
        o[i][v] = all ? sum_fma(vec_load(p + v * LANES), y, o[i][v])
                      : sum_fma_lanes(lanes_of(x, j, v), vec_load(p + v * LANES), y, o[i][v]);
    }
  }
  tally_dims(x, vecs, o, n);
  for (int k = 0; k < x->levels; k++) {
    to = (num *)x->w->node[k].o + x->at + d * SGA_LANES;
    low = low_of_o(to, numbers);
    for (int i = 0; i < n; i++)
      for (int v = 0; v < vecs; v++)
        o[i][v] = join_one(sum_load(to + i * SGA_LANES + v * LANES, low + i * SGA_LANES + v * LANES), o[i][v],
                           x->factor[k][v]);
  }
  for (int i = 0; i < n; i++)
    for (int v = 0; v < vecs; v++)
      sum_store(to + i * SGA_LANES + v * LANES, low + i * SGA_LANES + v * LANES, o[i][v]);
}

FORCED void all_dims(const strip *x, int vecs, int a, int b, bool all, bool fresh) {
  size_t d = 0;
  int asked = 0;
  for (; d + SUM_DIMS <= x->w->dim_v; d += SUM_DIMS) {
    for (; (size_t)asked * x->w->dim_v < (size_t)x->w->keys * (d + SUM_DIMS); asked++)
      ask_next(x, &x->w->v_next, asked);
    dims(x, vecs, a, b, d, SUM_DIMS, all, fresh);
  }
  for (; d < x->w->dim_v; d += SUM_REST)
    dims(x, vecs, a, b, d, SUM_REST, all, fresh);
}

FORCED bool all_attend(const strip *x, int vecs, int j) {
  return lanes_of(x, j, 0) == x->lanes[0] && (vecs == 1 || lanes_of(x, j, 1) == x->lanes[1]);
}

/* A lane that skips a key must not meet its value: keys that all lanes attend, then those that some do, in order.  */
FORCED void values_runs(const strip *x, int vecs, int a, int b) {
  if (x->w->all) {
    all_dims(x, vecs, a, b, true, false);
    return;
  }
  for (int from = a, to; from < b; from = to) {
    bool all = all_attend(x, vecs, from), same = all;
    for (to = from + 1; to < b && same == all; to += same == all)
      same = all_attend(x, vecs, to);
    if (all)
      all_dims(x, vecs, from, to, true, false);
    else
      all_dims(x, vecs, from, to, false, false);
  }
}

static void strip_values(const strip *x, int a, int b) {
  if (STRIP_VECS == 2 && x->vecs == 2)
    values_runs(x, 2, a, b);
  else
    values_runs(x, 1, a, b);
}

/* Of a calm strip whose lanes all attend all keys: one pass, from nothing to the joined sums.  Meanwhile the next values are
   asked for.  */
FORCED void strip_values_calm(strip *x, int vecs) {
  const sga_lanes *w = x->w;
  for (int v = 0; v < vecs; v++) {
    vec e = vec_load(x->e + v * LANES);
    sum l = strip_l(x, v);
    for (int k = 0; k < w->levels; k++) {
      num *ed = (num *)w->node[k].e + x->at + v * LANES, *ld = (num *)w->node[k].l + x->at + v * LANES;
      num *low = low_of_l((num *)w->node[k].o + x->at + v * LANES, w->dim_v * SGA_LANES);
      x->factor[k][v] = join_sums(ed, ld, low, e, l);
      e = vec_load(ed);
      l = sum_load(ld, low);
    }
  }
  x->levels = w->levels;
  if (w->fresh)
    all_dims(x, vecs, 0, w->keys, true, true);
  else
    all_dims(x, vecs, 0, w->keys, true, false);
}

/* Key j moves the e of some lanes: l and o are scaled by P(e - n), those of the others by 1.  */
static void strip_rescale(const strip *x, vec c, int j) {
  for (int v = 0; v < x->vecs; v++) {
    num *e = x->e + v * LANES;
    vec n = vec_rint(vec_mul(vec_load(x->s + j * SGA_LANES + v * LANES), c)), old = vec_load(e);
    uint32_t moved = vec_gt(vec_sub(n, old), vec_set1(HEADROOM)) & x->lanes[v];
    num factor[LANES];
    if (!moved)
      continue;
    vec_store(factor, vec_sub(old, n));
    for (int i = 0; i < LANES; i++)
      factor[i] = moved >> i & 1 ? power(factor[i]) : 1;
    vec f = vec_load(factor);
    count_rescales(x, v, moved & vec_gt(old, vec_set1(-NUM_MAX)));
    vec_store(e, vec_select(moved, n, old));
    strip_set_l(x, v, sum_scale(strip_l(x, v), f));
    num *o = x->o + v * LANES, *low = low_of_o(o, x->w->dim_v * SGA_LANES);
    for (size_t d = 0; d < x->w->dim_v * SGA_LANES; d += SGA_LANES)
      sum_store(o + d, low + d, sum_scale(sum_load(o + d, low + d), f));
  }
}

/* ---- the rows ---- */

/* With all that may happen: weights and values between the keys that move an e.  */
static void strip_wild(const strip *x, vec c) {
  for (int a = 0, b;; a = b) {
    b = strip_event(x, c, a);
    for (int v = 0; v < x->vecs; v++)
      strip_weights(x, c, a, b, v);
    strip_values(x, a, b);
    if (b == x->w->keys)
      return;
    strip_rescale(x, c, b);
  }
}

static void strip_clear(const strip *x) {
  for (int v = 0; v < x->vecs; v++) {
    vec_store(x->e + v * LANES, vec_set1(-NUM_MAX));
    strip_set_l(x, v, sum_set1(0, 0));
  }
}

static void strip_clear_values(const strip *x) {
  num *low = low_of_o(x->o, x->w->dim_v * SGA_LANES);
  for (size_t d = 0; d < x->w->dim_v * SGA_LANES; d += SGA_LANES)
    for (int v = 0; v < x->vecs; v++)
      sum_store(x->o + d + v * LANES, low + d + v * LANES, sum_set1(0, 0));
}

/* Lanes that no row lies in: joins go over all.  */
static void clear_rest(const sga_lanes *w) {
  strip x = { .w = w, .vecs = 1 };
  for (int at = (w->rows + LANES - 1) / LANES * LANES; at < SGA_LANES; at += LANES) {
    x.e = (num *)w->open.e + at;
    x.l = (num *)w->open.l + at;
    x.o = (num *)w->open.o + at;
    strip_clear(&x);
    strip_clear_values(&x);
  }
}

FORCED void absorb_strip(strip *x, int vecs) {
  const sga_lanes *w = x->w;
  range span[2] = { range_empty(), range_empty() };
  uint32_t wild = 0;
  strip_scores(x, vecs, span);
  vec c = strip_span(x, span);
  if (w->fresh)
    strip_clear(x);
  for (int v = 0; v < x->vecs; v++) {
    strip_begin(x, c, v);
    wild |= range_wild(span[v], vec_load(x->e + v * LANES)) & x->lanes[v];
  }
  if (!wild)
    strip_weights_calm(x, vecs, c);
  if (!wild && w->all) {
    strip_values_calm(x, vecs);
    return;
  }
  if (w->fresh)
    strip_clear_values(x);
  if (wild)
    strip_wild(x, c);
  else
    strip_values(x, 0, w->keys);
  for (int k = 0; k < w->levels; k++)
    join_strip(w->node[k], k ? w->node[k - 1] : w->open, x->at, x->vecs * LANES, w->dim_v);
}

static uint32_t lane_bits(int n) {
  return n <= 0 ? 0 : n >= LANES ? (uint32_t)ALL_LANES : (1u << n) - 1;
}

static void absorb_lanes(const sga_lanes *w) {
  for (int at = 0; at < w->rows; at += STRIP) {
    strip x = { .w = w, .at = at, .vecs = w->rows - at > LANES ? STRIP_VECS : 1,
                .lanes = { lane_bits(w->rows - at), lane_bits(STRIP_VECS == 2 ? w->rows - at - LANES : 0) },
                .s = (num *)w->scores + at, .q = (num *)(uintptr_t)w->q + at, .m = (num *)w->m + at,
                .e = (num *)w->open.e + at, .l = (num *)w->open.l + at, .o = (num *)w->open.o + at };
    if (STRIP_VECS == 2 && x.vecs == 2)
      absorb_strip(&x, 2);
    else
      absorb_strip(&x, 1);
  }
  if (w->fresh)
    clear_rest(w);
}
