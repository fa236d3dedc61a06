/* SPDX-License-Identifier: BSD-2-Clause */
/* From scores to t, and to the reference exponents that a strip begins with (rules 1 and 2 of BOUNDS, section 1).  */

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

/* s -> t in place for one vector of lanes, -inf where a lane skips the key; +inf counted; what t spans.  */
static range strip_exponents(const strip *x, int v) {
  const sga_lanes *w = x->w;
  vec c = vec_set1((num)w->score->scale_log2e), none = vec_set1(-(num)INFINITY), largest = vec_set1(NUM_MAX);
  range span = range_empty();
  for (int j = 0; j < w->keys; j++) {
    num *s = x->s + j * SGA_LANES + v * LANES;
    if (w->score->cap_log2e > 0)
      lanes_softcap(w->score, s);
    vec t = w->score->cap_log2e > 0 ? vec_load(s) : vec_mul(vec_load(s), c);
    if (w->slope)
      t = lanes_slope(x, j, v, t);
    if (w->bias)
      t = vec_add(t, vec_load((const num *)w->bias + j * SGA_LANES + x->at + v * LANES));
    if (!w->all)
      t = vec_select(lanes_of(x, j, v), t, none);
    count_scores(x, j, v, false, vec_gt(t, largest) & x->lanes[v]);
    span = range_with(span, t);
    vec_store(s, t);
  }
  return span;
}

/* Nothing but t = s c, with c > 0: what t spans is what s spans, times c, for a rounded product is monotonic.  */
static bool plain(const sga_lanes *w) {
  return w->all && !w->slope && !w->bias && !(w->score->cap_log2e > 0) && (num)w->score->scale_log2e > 0;
}

/* What t spans, and the maxima.  Returns what the scores are to be multiplied with to give t: 1 when they are t already.  */
static vec strip_span(const strip *x, range span[2]) {
  vec c = vec_set1((num)x->w->score->scale_log2e);
  uint32_t infinite = 0;
  for (int v = 0; v < x->vecs; v++) {
    span[v] = (range){ vec_mul(span[v].top, c), vec_mul(span[v].low, c) };
    infinite |= range_infinite(span[v]) & x->lanes[v];
  }
  if (infinite || !plain(x->w)) {
    c = vec_set1(1);
    for (int v = 0; v < x->vecs; v++)
      span[v] = strip_exponents(x, v);
  }
  for (int v = 0; v < x->vecs; v++)
    vec_store(x->m + v * LANES, vec_max(span[v].top, vec_load(x->m + v * LANES)));
  return c;
}

/* The e of lanes that hold nothing yet.  */
static void strip_begin(const strip *x, vec c, int v) {
  vec e = vec_load(x->e + v * LANES), headroom = vec_set1(HEADROOM), lowest = vec_set1(-NUM_MAX);
  uint32_t empty = lanes_empty(e, vec_load(x->l + v * LANES)) & x->lanes[v];
  for (int j = 0; j < x->w->keys && empty; j++) {
    vec n = vec_rint(vec_mul(vec_load(x->s + j * SGA_LANES + v * LANES), c));
    e = vec_select(vec_gt(vec_sub(n, e), headroom) & empty, n, e);
    empty &= vec_gt(lowest, n);
  }
  vec_store(x->e + v * LANES, e);
}
