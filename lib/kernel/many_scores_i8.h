/* SPDX-License-Identifier: BSD-2-Clause */
/* The scores of many.h from integer codes (rule 1 of BOUNDS, section 1, in arithmetic i8): queries across lanes, four of their
   codes in each; four codes of a key are one broadcast.  */

/* Keys of a block: where their codes lie, and their scales from block to block SGA_BLOCK apart.  */
typedef struct keys_at { const int8_t *code[MANY_KEYS]; const float *scale[MANY_KEYS]; } keys_at;

static inline void key_take(const sga_lanes *w, keys_at *k, int i, int key) {
  k->code[i] = sga_key_codes(w->k, w->dim_k) + (size_t)key * sga_code_stride(w->dim_k);
  k->scale[i] = (const float *)w->k + key;
}

FORCED void block_sums(const strip *x, const keys_at *k, int keys, int vecs, size_t b, ints total[MANY_KEYS][2]) {
  const sga_lanes *w = x->w;
  const int8_t *codes = (const int8_t *)w->q + (b * SGA_CODES * SGA_LANES + (size_t)x->at * 4);
  const int32_t *starts = sga_lanes_starts(w->q, w->dim_k) + b * SGA_LANES + x->at;
  quads q[2];
  EACH_KEY(j)
    for (int v = 0; v < vecs; v++)
      total[j][v] = ints_load(starts + v * LANES);
  for (int g = 0; g < QUADS; g++, codes += 4 * SGA_LANES) {
    for (int v = 0; v < vecs; v++)
      q[v] = quads_load(codes + 4 * LANES * v);
    EACH_KEY(j) {
      quads y = quads_set1(k->code[j] + b * SGA_CODES + 4 * g);
      for (int v = 0; v < vecs; v++)
        total[j][v] = quads_dot(y, q[v], total[j][v]);
    }
  }
}

FORCED void scores_keys(const strip *x, const keys_at *k, int keys, int vecs, num *to, int n, range span[2]) {
  vec a[MANY_KEYS][2], d[2];
  ints total[MANY_KEYS][2];
  EACH_KEY(j)
    for (int v = 0; v < vecs; v++)
      a[j][v] = vec_set1(0);
  for (size_t b = 0; b < sga_code_blocks(x->w->dim_k); b++) {
    block_sums(x, k, keys, vecs, b, total);
    for (int v = 0; v < vecs; v++)
      d[v] = vec_load(sga_lanes_scales(x->w->q, x->w->dim_k) + b * SGA_LANES + x->at + v * LANES);
    EACH_KEY(j) {
      vec y = vec_set1(k->scale[j][b * SGA_BLOCK]);
      for (int v = 0; v < vecs; v++)
        a[j][v] = vec_fma(vec_mul(d[v], y), ints_number(total[j][v]), a[j][v]);
    }
  }
  EACH_KEY(j)
    for (int v = 0; v < vecs; v++) {
      span[v] = range_with(span[v], a[j][v]);
      if (j < n)
        vec_store(to + j * SGA_LANES + v * LANES, a[j][v]);
    }
}
