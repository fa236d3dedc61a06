/* SPDX-License-Identifier: BSD-2-Clause */
/* The scores of up to SGA_ROWS query rows against the keys of one block, dimensions across lanes (rule 1 of BOUNDS, section 1):
   eight FMA chains a key, four registers of keys at a time, or SCORE_KEYS (AVX2: four rows and two keys, which are converted
   once, not two and four, f32 9 % and f16 3 % faster).

   Tried with AVX-512, keys in the second-level cache: two rows and one key in a register, for which f32 keys are but loaded
   (f32 5 to 10 % faster, but f16 12 % slower, in place or decoded first: it converts each key twice as often, or stores it);
   the rows' queries side by side (2 to 4 %, not worth the copy).

   Keys that are decoded first are laid out as registers are filled, where these hold two keys (q4_0 and f8e4m3: 5 %).  */

enum { TILE = 4 * CHAIN_KEYS };         /* keys at a time at most: key i and key i + 4 share a register where two do */
#define SIDE_BY_SIDE SGA_OTHER          /* in the room, as decode_keys leaves them */

/* The sums of `rows` rows, `regs` registers each, to keys from s on.  */
FORCED void chains_sums(const chains x[SCORE_ROWS][4], int rows, int regs, num *s) {
  for (int r = 0; regs == 4 && r < rows; r++)
    chains_sum4(x[r], s + r * SGA_BLOCK);
  for (int r = 0; regs == 2 && r < rows; r += 2) {      /* SCORE_ROWS, which are even, and one key a register */
    const chains y[4] = { x[r][0], x[r][1], x[r + 1][0], x[r + 1][1] };
    num t[4];
    chains_sum4(y, t);
    __builtin_memcpy(s + r * SGA_BLOCK, t, 2 * sizeof *t);
    __builtin_memcpy(s + (r + 1) * SGA_BLOCK, t + 2, 2 * sizeof *t);
  }
}

/* Rows [first, first + rows), keys in `regs` registers at a time.  */
FORCED void scores_of(const sga_piece *w, int first, int rows, int regs, sga_stored stored, num *s) {
  const int tile = regs * CHAIN_KEYS;
  const size_t bytes = (size_t)tile * stored_bytes(stored, 8);
  const num *q[SCORE_ROWS];
  for (int r = 0; r < rows; r++)
    q[r] = w->q[first + r];
  for (int j = 0; j < w->keys; j += tile) {
    const char *k[TILE];
    for (int i = 0; i < tile; i++)      /* past the end: the last key again */
      k[i] = stored == SIDE_BY_SIDE ? key_at(w->k, w->k_stride, j + i * CHAIN_KEYS)
                                 : key_at(w->k, w->k_stride, j + i < w->keys ? j + i : w->keys - 1);
    chains x[SCORE_ROWS][4];
    for (int r = 0; r < rows; r++)
      for (int i = 0; i < regs; i++)
        x[r][i] = chains_zero();
    for (size_t d = 0; d < w->dim_k; d += 8) {
      for (size_t n = d / 8 * bytes / 64; w->k_ahead && n < (d / 8 + 1) * bytes / 64; n++)
        ask(k[n % (size_t)tile] + w->k_ahead + n / (size_t)tile * 64);
      for (int i = 0; i < regs; i++) {
        chains y = stored == SIDE_BY_SIDE ? chains_load((const num *)k[i] + CHAIN_KEYS * d)
                                       : chains_keys_as(stored, k[i], k[tile - regs + i], d);
        for (int r = 0; r < rows; r++)
          x[r][i] = chains_fma(chains_query(q[r] + d), y, x[r][i]);
      }
    }
    chains_sums(x, rows, regs, s + first * SGA_BLOCK + j);
  }
}

FORCED void scores_as(const sga_piece *w, sga_stored stored, num *s) {
  int r = 0;
  for (; r + SCORE_ROWS <= w->rows; r += SCORE_ROWS)
    scores_of(w, r, SCORE_ROWS, SCORE_KEYS, stored, s);
  for (; SCORE_ROWS > 2 && r + 2 <= w->rows; r += 2)
    scores_of(w, r, 2, 4, stored, s);
  for (; r < w->rows; r++)
    scores_of(w, r, 1, 4, stored, s);
}

/* Keys [j, j + keys) of a piece to its room, where two rows of the room are key i and key i + 4, eight numbers of each in turn;
   the last key is there again until TILE keys are whole.  */
static void decode_keys(const sga_piece *w, int j, int keys) {
  const char *from = key_at(w->k, w->k_stride, j);
#define CASE(s) case s: \
    for (int i = 0; s > IN_PLACE && s <= DECODED && i < (keys + TILE - 1) / TILE * TILE; i++) \
      decode_row(true, s, key_at(from, w->k_stride, i < keys ? i : keys - 1), w->k_ahead, \
                 (num *)w->k_room + (size_t)(i / TILE * TILE + i % 4 * 2) * w->dim_k + i % TILE / 4 * 8, w->dim_k); \
    break
  switch (w->k_stored) { DECODED_CASES; }
#undef CASE
}

/* The queries that raw keys want, in the half of the room that keys in f8e4m3 leave; false and nothing where one may
   overflow.  */
static bool raise_queries(sga_piece *w) {
  num *const to = (num *)w->k_room + SGA_ROOM / 2 * w->dim_k;
  const vec most = vec_set1(NUM_MAX / (2 * RAISED));
  range span = range_at(0);
  for (int r = 0; r < w->rows; r++)
    for (size_t d = 0; d < w->dim_k; d += LANES) {
      vec q = vec_load((const num *)w->q[r] + d);
      span = range_with(span, q);
      vec_store(to + (size_t)r * w->dim_k + d, vec_mul(q, vec_set1(RAISED)));
    }
  if (vec_gt(span.top, most) | vec_gt(vec_sub(vec_set1(0), most), span.low))
    return false;
  for (int r = 0; r < w->rows; r++)
    w->q[r] = to + (size_t)r * w->dim_k;
  return true;
}

/* Keys that are not read in place, so many at a time.  */
static void scores_decoded(const sga_piece *w, num *s) {
  const int together = decoded_together(w->k_stored);
  sga_piece part = *w;
  part.k = w->k_room;
  part.k_stride = w->dim_k * sizeof(num);
  part.k_ahead = 0;
  const bool beside = KEYS_SIDE_BY_SIDE && (w->k_stored != SGA_F8E4M3 || raise_queries(&part));
  for (int j = 0; j < w->keys; j += together) {
    part.keys = w->keys - j < together ? w->keys - j : together;
    if (beside) {
      decode_keys(w, j, part.keys);
      scores_as(&part, SIDE_BY_SIDE, s + j);
      continue;
    }
    decode_rows(w->k_stored, key_at(w->k, w->k_stride, j), (ptrdiff_t)w->k_stride, w->k_ahead, part.keys, w->k_room, w->dim_k);
    scores_as(&part, SGA_NUMBERS, s + j);
  }
}

static void scores(const sga_piece *w, num *s) {
  if (IN_PLACE >= SGA_F16 && w->k_stored == SGA_F16)
    scores_as(w, SGA_F16, s);
  else if (IN_PLACE >= SGA_BF16 && w->k_stored == SGA_BF16)
    scores_as(w, SGA_BF16, s);
  else if (w->k_stored == SGA_NUMBERS)
    scores_as(w, SGA_NUMBERS, s);
  else
    scores_decoded(w, s);
  for (int r = 0; r < w->rows; r++)
    for (int j = w->keys; j < whole_vecs(w->keys); j++)
      s[r * SGA_BLOCK + j] = s[r * SGA_BLOCK + w->keys - 1];
}
