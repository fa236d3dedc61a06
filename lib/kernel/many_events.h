/* SPDX-License-Identifier: BSD-2-Clause */
/* Events of rows across lanes (events.h): each lane has its head.  */

static segattn_events *lane_events(const strip *x, int v, int lane) {
  return events_of(x->w->tally, x->at + v * LANES + lane);
}

/* The lanes' scores of key j are NaN, or +inf.  */
static void count_scores(const strip *x, int j, int v, bool nan, uint32_t lanes) {
  for (; lanes; lanes &= lanes - 1) {
    segattn_events *e = lane_events(x, v, __builtin_ctz(lanes));
    *(nan ? &e->nan : &e->inf) += 1;
    met(e, x->w->tally->position + j);
  }
}

static void count_rescales(const strip *x, int v, uint32_t lanes) {
  for (; lanes; lanes &= lanes - 1)
    lane_events(x, v, __builtin_ctz(lanes))->rescales++;
}

/* As many in each lane as n says, 0 in those without a row.  */
static void count_underflow(const strip *x, int v, vec n) {
  num of[LANES];
  if (!vec_gt(n, vec_set1(0)))
    return;
  vec_store(of, n);
  for (uint32_t lanes = x->lanes[v]; lanes; lanes &= lanes - 1) {
    int i = __builtin_ctz(lanes);
    lane_events(x, v, i)->underflow += (uint64_t)of[i];
  }
}

/* n dimensions of the lanes' sums of values.  */
FORCED void tally_dims(const strip *x, int vecs, sum o[][2], int n) {
  for (int v = 0; v < vecs; v++) {
    vec all = sum_high(o[0][v]);
    for (int i = 1; i < n; i++)
      all = vec_add(all, sum_high(o[i][v]));
    if (not_finite(all) & x->lanes[v])
      x->w->tally->odd = true;
  }
}
