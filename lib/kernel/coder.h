/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys and queries as integer codes in the layouts of codes.h, for dot.h.  */

static void code_stored(const int8_t *code, size_t dim, int8_t *to) {
  for (size_t i = 0; i < dim; i++)
    to[i] = (int8_t)(code[i] - CODE_ZERO);
}

/* Key j of a block from its codes and scales.  */
static void key_store(void *keys, size_t dim, int j, const int8_t *code, const float *scale) {
  for (size_t b = 0; b < sga_code_blocks(dim); b++)
    sga_key_scales(keys)[b * SGA_BLOCK + (size_t)j] = scale[b];
  code_stored(code, dim, sga_key_codes(keys, dim) + (size_t)j * sga_code_stride(dim));
}

static int32_t start_of(const int8_t code[SGA_CODES]) {
  int32_t total = 0;
  for (int i = 0; i < SGA_CODES; i++)
    total += code[i];
  return CODE_ZERO * total;
}

/* One row of numbers, in place.  */
static void query_code(void *row, size_t dim) {
  int8_t code[SEGATTN_MAX_DIM];
  float scale[SEGATTN_MAX_DIM / SGA_CODES];
  for (size_t b = 0; b < sga_code_blocks(dim); b++)
    scale[b] = sga_quantise((const float *)row + b * SGA_CODES, code + b * SGA_CODES);
  for (size_t b = 0; b < sga_code_blocks(dim); b++) {
    memcpy((int8_t *)row + b * SGA_CODES, code + b * SGA_CODES, SGA_CODES);
    sga_query_scales(row, dim)[b] = scale[b];
    sga_query_starts(row, dim)[b] = start_of(code + b * SGA_CODES);
  }
}

/* n rows of numbers; the other lanes become 0.  */
static void lanes_code(void *lanes, const void *const *rows, size_t n, size_t dim) {
  float *scale = sga_lanes_scales(lanes, dim);
  int32_t *start = sga_lanes_starts(lanes, dim);
  for (size_t b = 0; b < sga_code_blocks(dim); b++)
    for (size_t i = 0; i < SGA_LANES; i++) {
      int8_t code[SGA_CODES] = { 0 };
      scale[b * SGA_LANES + i] = i < n ? sga_quantise((const float *)rows[i] + b * SGA_CODES, code) : 0;
      start[b * SGA_LANES + i] = start_of(code);
      for (size_t g = 0; g < QUADS; g++)
        memcpy((int8_t *)lanes + ((b * QUADS + g) * SGA_LANES + i) * 4, code + 4 * g, 4);
    }
}

/* Key j of a block from its numbers, NULL for a key that is not to be read.  */
static void key_code(void *keys, size_t dim, int j, const float *x) {
  int8_t code[SEGATTN_MAX_DIM];
  float scale[SEGATTN_MAX_DIM / SGA_CODES];
  if (!x) {
    memset(code, 0, dim);
    memset(scale, 0, sizeof scale);
  }
  for (size_t b = 0; x && b < sga_code_blocks(dim); b++)
    scale[b] = sga_quantise(x + b * SGA_CODES, code + b * SGA_CODES);
  key_store(keys, dim, j, code, scale);
}

/* ---- keys that are stored as blocks of codes: without a stop between ---- */

enum { HALF = 2 };              /* bytes of a block's d, which comes first */

FORCED bool keys_unpack(void *keys, size_t dim, const sga_blocks *x, sga_stored stored) {
  uint16_t d[SEGATTN_MAX_DIM / SGA_CODES][SGA_BLOCK + SGA_PAD];
  for (int j = x->first; j < x->last; j++) {
    const char *from = x->from + (j - x->first) * x->key_stride;
    int8_t *to = sga_key_codes(keys, dim) + (size_t)j * sga_code_stride(dim);
    for (ptrdiff_t i = 0; x->ahead && i < (ptrdiff_t)sga_code_blocks(dim) * x->block_stride; i += 64)
      ask(from + x->ahead + i);
    for (size_t b = 0; b < sga_code_blocks(dim); b++, from += x->block_stride) {
      memcpy(&d[b][j], from, HALF);
      codes_less(stored, from + HALF, CODE_ZERO, to + b * SGA_CODES);
    }
  }
  for (size_t b = 0; b < sga_code_blocks(dim); b++)
    decode(SGA_F16, d[b] + x->first, 0, 1, sga_key_scales(keys) + b * SGA_BLOCK + x->first, (size_t)(x->last - x->first));
  return true;
}

static bool keys_blocks(void *keys, size_t dim, const sga_blocks *x) {
  switch (x->format) {
  case SEGATTN_Q8_0: return keys_unpack(keys, dim, x, SGA_Q8_0);
  case SEGATTN_Q4_0: return keys_unpack(keys, dim, x, SGA_Q4_0);
#ifdef DECODE_BLOCKS
  case SEGATTN_Q5_0: return keys_unpack(keys, dim, x, SGA_Q5_0);
  case SEGATTN_IQ4_NL: return keys_unpack(keys, dim, x, SGA_IQ4_NL);
#endif
  default: return false;
  }
}

static const sga_coder coder = { CODES_IN_PLACE, key_code, key_store, keys_blocks, query_code, lanes_code };
