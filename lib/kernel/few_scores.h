/* SPDX-License-Identifier: BSD-2-Clause */
/* The scores of up to SGA_ROWS query rows against the keys of one block, dimensions across lanes (rule 1 of BOUNDS, section 1):
   eight FMA chains a key, four registers of keys at a time.

   Tried with AVX-512, keys in the second-level cache: two rows and one key in a register, for which f32 keys are but loaded
   (f32 5 to 10 % faster, but f16 12 % slower, in place or decoded first: it converts each key twice as often, or stores it);
   the rows' queries side by side (2 to 4 %, not worth the copy).  */

enum { TILE = 4 * CHAIN_KEYS };         /* keys at a time */

static inline __attribute__((always_inline)) void scores_of(const sga_piece *w, int first, int rows, sga_stored stored,
                                                            num *s) {
  const size_t lines = TILE * stored_bytes(stored, 8) / 64;     /* of TILE keys, 8 dimensions */
  const num *q[SCORE_ROWS];
  for (int r = 0; r < rows; r++)
    q[r] = w->q[first + r];
  for (int j = 0; j < w->keys; j += TILE) {
    const char *k[TILE];
    for (int i = 0; i < TILE; i++)      /* past the end: the last key again */
      k[i] = key_at(w->k, w->k_stride, j + i < w->keys ? j + i : w->keys - 1);
    chains x[SCORE_ROWS][4];
    for (int r = 0; r < rows; r++)
      for (int i = 0; i < 4; i++)
        x[r][i] = chains_zero();
    for (size_t d = 0; d < w->dim_k; d += 8) {
      for (size_t i = 0, n = d / 8 * lines; w->k_ahead && i < lines; i++, n++)
        ask(k[n % TILE] + w->k_ahead + n / TILE * 64);
      for (int i = 0; i < 4; i++) {
        chains y = chains_keys_as(stored, k[i], k[TILE - 4 + i], d);
        for (int r = 0; r < rows; r++)
          x[r][i] = chains_fma(chains_query(q[r] + d), y, x[r][i]);
      }
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
  if (IN_PLACE >= SGA_F16 && w->k_stored == SGA_F16)
    scores_as(w, SGA_F16, s);
  else if (IN_PLACE >= SGA_BF16 && w->k_stored == SGA_BF16)
    scores_as(w, SGA_BF16, s);
  else if (w->k_stored == SGA_NUMBERS)
    scores_as(w, SGA_NUMBERS, s);
  else {
    sga_piece part = *w;
    part.k = w->k_room;
    part.k_stride = w->dim_k * sizeof(num);
    part.k_ahead = 0;
    const int together = decoded_together(w->k_stored);
    for (int j = 0; j < w->keys; j += together) {
      part.keys = w->keys - j < together ? w->keys - j : together;
      decode_rows(w->k_stored, key_at(w->k, w->k_stride, j), (ptrdiff_t)w->k_stride, w->k_ahead, part.keys, w->k_room,
                  w->dim_k);
      scores_as(&part, SGA_NUMBERS, s + j);
    }
  }
  for (int r = 0; r < w->rows; r++)
    for (int j = (w->keys + TILE - 1) / TILE * TILE; j < whole_vecs(w->keys); j++)
      s[r * SGA_BLOCK + j] = s[r * SGA_BLOCK + w->keys - 1];
}
