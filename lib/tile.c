/* SPDX-License-Identifier: BSD-2-Clause */
/* Tiles of query rows: which rows they are, the scratch that they need, their queries decoded.  */

#include <string.h>

#include "internal.h"
#include "kernel/codes.h"

/* ---- tiles ---- */

static size_t tiles_of_head(const segattn_plan *plan, const segattn_queries *queries, size_t most) {
  return (queries->q.shape[SEGATTN_POS] * plan->group + most - 1) / most;
}

size_t sga_tile_count(const segattn_plan *plan, const segattn_queries *queries, size_t most) {
  return queries->q.shape[SEGATTN_BATCH] * plan->problem.kv_heads * tiles_of_head(plan, queries, most);
}

void sga_tile_number(sga_tile *t, const segattn_plan *plan, const segattn_queries *queries, size_t most, size_t i) {
  size_t tiles = tiles_of_head(plan, queries, most), rows = queries->q.shape[SEGATTN_POS] * plan->group;
  t->plan = plan;
  t->queries = queries;
  t->row = i % tiles * most;
  t->n = rows - t->row < most ? rows - t->row : most;
  t->kv_head = i / tiles % plan->problem.kv_heads;
  t->batch = i / tiles / plan->problem.kv_heads;
  t->tile = i % (tiles * plan->problem.kv_heads);
  size_t query = t->row / plan->group, head = t->row % plan->group;     /* a division a row would take a small call's time */
  for (size_t r = 0; r < t->n; r++) {
    t->query[r] = query;
    t->head[r] = t->kv_head * plan->group + head;
    query += ++head == plan->group;
    head = head == plan->group ? 0 : head;
  }
  t->block_first = 0;
  t->block_next = UINT64_MAX;
}

/* In integers, for the caller's exception flags.  */
uint64_t sga_flops(const segattn_plan *plan, const segattn_queries *queries, size_t keys) {
  const size_t *shape = queries->q.shape;
  const uint64_t factor[] = { shape[SEGATTN_BATCH], shape[SEGATTN_POS], plan->problem.q_heads, keys,
                              plan->pad_k + plan->pad_v };
  uint64_t flops = 2;
  for (size_t i = 0; i < sizeof factor / sizeof *factor; i++)
    if (__builtin_mul_overflow(flops, factor[i], &flops))
      return UINT64_MAX;
  return flops;
}

/* ---- scratch ---- */

static size_t number_bytes(const segattn_plan *plan, size_t n) {
  return (n * plan->kernel->size + 63) / 64 * 64;
}

/* Rows across lanes have their scores in [key][SGA_LANES], and before that their queries, after that their outputs, row by
   row; rows one by one have scores, weights and factors of SGA_ROWS.  */
static size_t weights_bytes(const segattn_plan *plan, const sga_need *need) {
  size_t dim = plan->pad_k > plan->pad_v ? plan->pad_k : plan->pad_v;
  return number_bytes(plan, need->lanes ? SGA_LANES * (need->keys > dim ? need->keys : dim) : 3 * SGA_ROWS * SGA_BLOCK);
}

/* Decoded keys; codes are always those of a block.  */
static size_t keys_bytes(const segattn_plan *plan, const sga_need *need) {
  return plan->kernel->coder ? (sga_key_codes_bytes(plan->pad_k) + 63) / 64 * 64 : number_bytes(plan, need->keys * plan->pad_k);
}

size_t sga_query_bytes(const segattn_plan *plan, const sga_need *need) {
  return number_bytes(plan, need->rows * plan->pad_k);
}

size_t sga_scratch_bytes(const segattn_plan *plan, const sga_need *need) {
  return keys_bytes(plan, need) + number_bytes(plan, need->keys * plan->pad_v) +
         weights_bytes(plan, need) +
         (need->mask ? number_bytes(plan, need->rows * SGA_BLOCK) + SGA_BLOCK * sizeof(double) : 0);
}

void sga_scratch_place(sga_scratch *s, const segattn_plan *plan, const sga_need *need, void *memory) {
  char *p = memory;
  s->k = p;
  s->v = p += keys_bytes(plan, need);
  s->weights = p += number_bytes(plan, need->keys * plan->pad_v);
  s->bias = p += weights_bytes(plan, need);
  s->mask = (double *)(void *)(p + number_bytes(plan, need->rows * SGA_BLOCK));
}

sga_stored sga_stored_as(const segattn_plan *plan, const segattn_tensor *t, const char *from) {
  static const sga_stored stored[SEGATTN_FORMATS] = {
    [SEGATTN_F64] = SGA_OTHER, [SEGATTN_F32] = SGA_OTHER, [SEGATTN_BOOL] = SGA_OTHER, [SEGATTN_F16] = SGA_F16,
    [SEGATTN_BF16] = SGA_BF16, [SEGATTN_F8E4M3] = SGA_F8E4M3, [SEGATTN_F8E5M2] = SGA_F8E5M2, [SEGATTN_Q8_0] = SGA_Q8_0,
    [SEGATTN_Q4_0] = SGA_Q4_0, [SEGATTN_Q4_1] = SGA_Q4_1, [SEGATTN_Q5_0] = SGA_Q5_0, [SEGATTN_Q5_1] = SGA_Q5_1,
    [SEGATTN_IQ4_NL] = SGA_IQ4_NL
  };
  sga_stored as = t->format == plan->number ? SGA_NUMBERS : stored[t->format];
  size_t bytes = sga_format_of(t->format)->bytes, aligned = as > SGA_BF16 ? 1 : bytes;  /* a power of two */
  uintptr_t rows = (uintptr_t)from | (uintptr_t)t->stride[SEGATTN_POS];
  bool ordered = t->stride[SEGATTN_DIM] == (ptrdiff_t)bytes && !(rows & (aligned - 1));
  return ordered && as <= plan->kernel->decodes ? as : SGA_OTHER;
}

void sga_decode(const segattn_plan *plan, const segattn_tensor *t, const char *from, void *to, size_t dim, size_t pad) {
  const sga_format *f = sga_format_of(t->format);
  sga_stored stored = sga_stored_as(plan, t, from);
  if (stored != SGA_OTHER)
    plan->kernel->decode(stored, from, 0, 1, to, dim);
  else if (plan->number == SEGATTN_F32)
    f->to_f32(from, t->stride[SEGATTN_DIM], to, dim);
  else
    f->to_f64(from, t->stride[SEGATTN_DIM], to, dim);
  memset(sga_number_at(plan, to, dim), 0, (pad - dim) * plan->kernel->size);
}

/* The query of row i as padded numbers: where it lies if it does so, or decoded into `room`.  */
static const void *query_row(const sga_tile *t, size_t i, void *room) {
  const segattn_plan *plan = t->plan;
  const segattn_tensor *q = &t->queries->q;
  const char *from = sga_at(q, t->batch, t->head[i], t->query[i]);
  size_t size = plan->kernel->size;
  if (q->format == plan->number && q->stride[SEGATTN_DIM] == (ptrdiff_t)size && plan->problem.dim_k == plan->pad_k &&
      (uintptr_t)from % size == 0)
    return from;
  sga_decode(plan, q, from, room, plan->problem.dim_k, plan->pad_k);
  return room;
}

/* Rows of queries, or [dim][SGA_LANES] for SGA_LANES rows together where rows lie across lanes; or their codes.  */
static void decode_queries(const sga_tile *t) {
  const segattn_plan *plan = t->plan;
  const segattn_tensor *q = &t->queries->q;
  const sga_coder *coder = plan->kernel->coder;
  const void *rows[SGA_LANES];
  for (size_t i = 0; !t->slabs->many && i < t->n; i++) {
    void *row = sga_number_at(plan, t->q, i * plan->pad_k);
    sga_decode(plan, q, sga_at(q, t->batch, t->head[i], t->query[i]), row, plan->problem.dim_k, plan->pad_k);
    if (coder)
      coder->query_code(row, plan->pad_k);
  }
  for (size_t first = 0; t->slabs->many && first < t->n; first += SGA_LANES) {
    size_t n = t->n - first < SGA_LANES ? t->n - first : SGA_LANES;
    for (size_t i = 0; i < n; i++)
      rows[i] = query_row(t, first + i, sga_number_at(plan, t->scratch->weights, i * plan->pad_k));
    (coder ? coder->lanes_code : plan->kernel->lanes_set)(sga_lanes_at(plan, t->q, first, plan->pad_k), rows, n, plan->pad_k);
  }
}

void sga_tile_begin(sga_tile *t) {
  t->lowest = INT64_MAX;
  t->highest = INT64_MIN;
  for (size_t i = 0; i < t->n; i++) {
    int64_t position = t->position[i] = sga_query_position(t->queries, t->batch, t->query[i]);
    t->lowest = position < t->lowest ? position : t->lowest;
    t->highest = position > t->highest ? position : t->highest;
  }
  decode_queries(t);
}
