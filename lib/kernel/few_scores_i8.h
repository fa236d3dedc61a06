/* SPDX-License-Identifier: BSD-2-Clause */
/* The scores of few.h from integer codes (rule 1 of BOUNDS, section 1, in arithmetic i8): keys across lanes, four of their
   codes in each.  The codes of LANES keys are turned once for all rows.

   Keys lie as codes.h has them, or as they are stored, in blocks of d and codes (32768 keys in q4_0: 8.0 ms by way of codes,
   6.0 ms as they are; what a loop of its own over all d took is in the first figure too).  */

enum { CODES_AT = 2 };                  /* in a block, after d */

/* LANES keys from key j on, those past the end the last one again: their codes, and with `stored` what comes a block later is
   asked for.  */
FORCED void code_rows(const sga_piece *w, int j, sga_stored stored, const int8_t *row[LANES]) {
  if (stored == SGA_NUMBERS) {
    for (int i = 0; i < LANES; i++)
      row[i] = sga_key_codes(w->k, w->dim_k) + (size_t)(j + i) * sga_code_stride(w->dim_k);
    return;
  }
  for (int i = 0; i < LANES; i++) {
    const char *key = key_at(w->k, w->k_stride, j + i < w->keys ? j + i : w->keys - 1);
    for (size_t n = 0; w->k_ahead && n < stored_bytes(stored, w->dim_k); n += 64)
      ask(key + w->k_ahead + n);
    row[i] = (const int8_t *)key + CODES_AT;
  }
}

FORCED void scores_of(const sga_piece *w, int rows, sga_stored stored, num *s) {
  const size_t bytes = stored_bytes(stored, SGA_CODES);
  const int8_t *row[LANES];
  for (int j = 0; j < w->keys; j += LANES) {
    const char *first = key_at(w->k, w->k_stride, j);
    vec x[SGA_ROWS];
    code_rows(w, j, stored, row);
    for (int r = 0; r < rows; r++)
      x[r] = vec_set1(0);
    for (size_t b = 0; b < sga_code_blocks(w->dim_k); b++) {
      quads k[QUADS];
      ints total[SGA_ROWS];
      if (stored == SGA_NUMBERS)
        quads_of(row, b * SGA_CODES, k);
      else
        quads_stored(stored, row, b * bytes, k);
      for (int r = 0; r < rows; r++)
        total[r] = ints_set1(sga_query_starts(w->q[r], w->dim_k)[b]);
      for (int g = 0; g < QUADS; g++)
        for (int r = 0; r < rows; r++)
          total[r] = quads_dot(k[g], quads_set1((const int8_t *)w->q[r] + b * SGA_CODES + 4 * g), total[r]);
      vec d = stored == SGA_NUMBERS ? vec_load((const num *)w->k + b * SGA_BLOCK + j)
                                    : halves_of(first + b * bytes, w->k_stride, w->keys - j, false);
      for (int r = 0; r < rows; r++)
        x[r] = vec_fma(vec_mul(vec_set1(sga_query_scales(w->q[r], w->dim_k)[b]), d), ints_number(total[r]), x[r]);
    }
    for (int r = 0; r < rows; r++)
      vec_store(s + r * SGA_BLOCK + j, x[r]);
  }
  for (int r = 0; r < rows; r++)
    for (int j = w->keys; j < whole_vecs(w->keys); j++)
      s[r * SGA_BLOCK + j] = s[r * SGA_BLOCK + w->keys - 1];
}

FORCED void scores_as(const sga_piece *w, sga_stored stored, num *s) {
  switch (w->rows) {
  case 1: scores_of(w, 1, stored, s); break;
  case 2: scores_of(w, 2, stored, s); break;
  case 3: scores_of(w, 3, stored, s); break;
  default: scores_of(w, 4, stored, s); break;
  }
}

static void scores(const sga_piece *w, num *s) {
  if (CODES_IN_PLACE >= SGA_Q8_0 && w->k_stored == SGA_Q8_0)
    scores_as(w, SGA_Q8_0, s);
  else if (CODES_IN_PLACE >= SGA_Q4_0 && w->k_stored == SGA_Q4_0)
    scores_as(w, SGA_Q4_0, s);
  else
    scores_as(w, SGA_NUMBERS, s);
}
