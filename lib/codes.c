/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetics whose scores are of integer codes (kernel/codes.h): queries and keys as codes, whatever they are stored as.

   Queries are decoded to f32 and quantised; keys too, but for those stored as blocks d code, which keep codes and d.  */

#include "codes.h"

#include "kernel/codes.h"

void sga_codes_stored(const segattn_tensor *t, const char *from, size_t dim, int8_t *code, float *d) {
  const sga_format *f = sga_format_of(t->format);
  if (f->codes)
    f->codes(from, t->stride[SEGATTN_DIM], code, d, dim);
  else
    sga_codes_of(t, from, dim, code, d);
}

void sga_codes_of(const segattn_tensor *t, const char *from, size_t dim, int8_t *code, float *d) {
  float x[SEGATTN_MAX_DIM + SGA_CODES];
  sga_format_of(t->format)->to_f32(from, t->stride[SEGATTN_DIM], x, dim);
  for (size_t i = dim; i % SGA_CODES; i++)
    x[i] = 0;
  for (size_t b = 0; b < sga_code_blocks(dim); b++)
    d[b] = sga_quantise(x + b * SGA_CODES, code + b * SGA_CODES);
}

/* Key j of the span, decoded.  */
static void key(const sga_tile *t, const sga_span *s, int j, void *keys) {
  const segattn_plan *plan = t->plan;
  const sga_coder *coder = plan->kernel->coder;
  const segattn_tensor *k = &s->segment->k;
  const char *from = sga_at(k, t->batch, t->kv_head, s->from + (size_t)j);
  const sga_format *f = sga_format_of(k->format);
  if (f->codes) {
    int8_t code[SEGATTN_MAX_DIM];
    float d[SEGATTN_MAX_DIM / SGA_CODES];
    f->codes(from, k->stride[SEGATTN_DIM], code, d, plan->problem.dim_k);
    coder->key_store(keys, plan->pad_k, j, code, d);
  } else {
    float x[SEGATTN_MAX_DIM];
    sga_decode(plan, k, from, x, plan->problem.dim_k, plan->pad_k);
    coder->key_code(keys, plan->pad_k, j, x);
  }
}

/* Keys [first, last), all of which are to be read.  */
static void keys_run(const sga_tile *t, const sga_span *s, int first, int last, void *keys) {
  const segattn_tensor *k = &s->segment->k;
  sga_blocks blocks = { (int)k->format, sga_at(k, t->batch, t->kv_head, s->from + (size_t)first), k->stride[SEGATTN_POS],
                        k->stride[SEGATTN_DIM], first, last, 0 };
  if (!t->slabs->many && s->from + (size_t)last + SGA_BLOCK <= k->shape[SEGATTN_POS])
    blocks.ahead = k->stride[SEGATTN_POS] * SGA_BLOCK;  /* of many rows, the kernel asks */
  if (t->plan->kernel->coder->keys_blocks(keys, t->plan->pad_k, &blocks))
    return;
  for (int j = first; j < last; j++)
    key(t, s, j, keys);
}

void sga_codes_keys(const sga_tile *t, const sga_span *s, void *keys) {
  for (int j = 0, end; j < s->keys; j = end) {
    bool read = sga_in(&s->any, j);
    for (end = j + 1; end < s->keys && sga_in(&s->any, end) == read;)
      end++;
    if (read)
      keys_run(t, s, j, end, keys);
    for (int i = j; !read && i < end; i++)
      t->plan->kernel->coder->key_code(keys, t->plan->pad_k, i, NULL);
  }
  for (int j = s->keys; j % SGA_PAD; j++)
    t->plan->kernel->coder->key_code(keys, t->plan->pad_k, j, NULL);
}
