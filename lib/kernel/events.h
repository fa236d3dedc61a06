/* SPDX-License-Identifier: BSD-2-Clause */
/* What kernels count: for which head, and where.

   A kernel counts where it is off the calm path already (weight.h).  Values have no such path: they are looked through
   (lib/events.c) only where a sum of them is not finite.  o must be NaN or infinite where a value was, whatever its weight, so
   one addition an element and block finds that out: the sum of the elements of o, which is not finite where one of them is not
   (or where it overflows itself: then nothing is found).  */

static inline segattn_events *events_of(const sga_tally *t, int row) {
  return &t->events[(t->row + (size_t)row) % t->group];
}

static inline void count(uint64_t *counter, uint32_t lanes) {
  if (lanes)
    *counter += (uint64_t)__builtin_popcount(lanes);
}

static inline void met(segattn_events *e, int64_t position) {
  e->first = position < e->first ? position : e->first;
}

/* The scores t of row r of a piece, and the weights p that they gave.  */
static void count_odd(const sga_piece *w, int r, const num *t, const num *p) {
  segattn_events *to = events_of(w->tally, r);
  vec zero = vec_set1(0), none = vec_set1(-(num)INFINITY), largest = vec_set1(NUM_MAX);
  for (int j = 0; j < w->keys; j += LANES) {
    uint32_t keys = w->keys - j < LANES ? (1u << (w->keys - j)) - 1 : (uint32_t)ALL_LANES;
    vec x = vec_load(t + j), y = vec_load(p + j);
    uint32_t nan = vec_nan(x) & keys, inf = vec_gt(x, largest) & keys;
    count(&to->nan, nan);
    count(&to->inf, inf);
    count(&to->underflow, vec_gt(x, none) & ~vec_gt(y, zero) & ~vec_nan(y) & keys);
    if (nan | inf)
      met(to, w->tally->position + j + __builtin_ctz(nan | inf));
  }
}

static inline uint32_t not_finite(vec a) { return vec_nan(vec_sub(a, a)); }

/* The rows' sums of values, after those of a piece.  */
static void tally_values(sga_tally *t, void *const *o, int rows, size_t dim) {
  uint32_t odd = 0;
  for (int r = 0; r < rows; r++) {
    vec all = vec_set1(0);
    for (size_t d = 0; d < dim; d += LANES)
      all = vec_add(all, vec_load((const num *)o[r] + d));
    odd |= not_finite(all);
  }
  if (odd)
    t->odd = true;
}
