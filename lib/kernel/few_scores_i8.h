/* SPDX-License-Identifier: BSD-2-Clause */
/* The scores of few.h from integer codes (rule 1 of BOUNDS, section 1, in arithmetic i8): keys across lanes, four of their
   codes in each.  The codes of LANES keys are turned once for all rows.  */

static inline __attribute__((always_inline)) void scores_of(const sga_piece *w, int first, int rows, num *s) {
  const float *scale = w->k;
  const size_t stride = sga_code_stride(w->dim_k);
  const int8_t *codes = sga_key_codes(w->k, w->dim_k), *row[LANES];
  for (int j = 0; j < w->keys; j += LANES) {
    vec x[SGA_ROWS];
    for (int i = 0; i < LANES; i++)
      row[i] = codes + (size_t)(j + i) * stride;
    for (int r = 0; r < rows; r++)
      x[r] = vec_set1(0);
    for (size_t b = 0; b < sga_code_blocks(w->dim_k); b++) {
      quads k[QUADS];
      ints total[SGA_ROWS];
      quads_of(row, b * SGA_CODES, k);
      for (int r = 0; r < rows; r++)
        total[r] = ints_set1(sga_query_starts(w->q[first + r], w->dim_k)[b]);
      for (int g = 0; g < QUADS; g++)
        for (int r = 0; r < rows; r++)
          total[r] = quads_dot(k[g], quads_set1((const int8_t *)w->q[first + r] + b * SGA_CODES + 4 * g), total[r]);
      vec d = vec_load(scale + b * SGA_BLOCK + j);
      for (int r = 0; r < rows; r++)
        x[r] = vec_fma(vec_mul(vec_set1(sga_query_scales(w->q[first + r], w->dim_k)[b]), d), ints_number(total[r]), x[r]);
    }
    for (int r = 0; r < rows; r++)
      vec_store(s + (first + r) * SGA_BLOCK + j, x[r]);
  }
  for (int r = first; r < first + rows; r++)
    for (int j = w->keys; j < whole_vecs(w->keys); j++)
      s[r * SGA_BLOCK + j] = s[r * SGA_BLOCK + w->keys - 1];
}

static void scores(const sga_piece *w, num *s) {
  switch (w->rows) {
  case 1: scores_of(w, 0, 1, s); break;
  case 2: scores_of(w, 0, 2, s); break;
  case 3: scores_of(w, 0, 3, s); break;
  default: scores_of(w, 0, 4, s); break;
  }
}
