/* SPDX-License-Identifier: BSD-2-Clause */
/* A segment of keys, cut along the absolute grid of blocks and given to the kernel piece by piece.

   A tile is up to SGA_TILE query rows that share a KV head.  For each block that a segment touches: which keys does each row
   attend (position, mask), decode those keys and values once for the tile, run the kernel.  A key that no row of the tile
   attends is never read.  Keys and values that already lie as the kernel wants them are not copied.  */

#include <string.h>

#include "codes.h"

/* ---- keys and values as the kernel reads them ---- */

static bool full(const sga_span *s) {
  sga_keys all = sga_keys_from(0, s->keys);
  return s->any.word[0] == all.word[0] && s->any.word[1] == all.word[1];
}

/* How many keys ahead rows that are taken one by one ask for: a block; less in a token-major cache, where the hardware
   fetches nothing by itself and lines that were asked for early are lost again (32768 keys in f16: 9.6 ms so, 13 ms a block
   ahead).  */
static size_t few_ahead(const segattn_tensor *x) {
  return sga_heads_adjacent(x) ? 32 : SGA_BLOCK;
}

/* Where the key lies that comes `n` keys after the span's first one (as many as the segment has, where these are fewer), NULL
   where none does: K or V, of the segment or of the following one if its keys are stored and spaced alike.  */
static const char *key_ahead(const sga_tile *t, const sga_span *s, bool value, size_t n) {
  const segattn_tensor *x = value ? &s->segment->v : &s->segment->k;
  size_t keys = x->shape[SEGATTN_POS], from = s->from + (n < keys ? n : keys);
  if (from >= keys && s->following) {
    const segattn_tensor *next = value ? &s->following->v : &s->following->k;
    from -= keys;
    if (next->format != x->format || next->stride[SEGATTN_POS] != x->stride[SEGATTN_POS])
      return NULL;
    x = next;
  }
  return from < x->shape[SEGATTN_POS] ? sga_at(x, t->batch, t->kv_head, from) : NULL;
}

/* Does the kernel read what is stored so, or decode it?  Formats of 8 bits and fewer are not decoded again for each SGA_ROWS
   rows.  */
static bool read_in_place(const sga_tile *t, const segattn_tensor *x, bool value, sga_stored stored) {
  const sga_coder *coder = t->plan->kernel->coder;
  if (x->stride[SEGATTN_POS] <= 0)
    return false;
  if (!value && coder)
    return !t->slabs->many && t->n <= SGA_ROWS && stored >= SGA_Q8_0 && stored <= coder->in_place &&
           x->stride[SEGATTN_POS] <= SGA_NEAR;
  return stored == SGA_NUMBERS || (!t->slabs->many && (stored <= SGA_BF16 || t->n <= SGA_ROWS));
}

/* The keys or values of a span as the kernel can read them: where they lie, if they have padded dimensions and are all to be
   read, else as numbers in the scratch.  */
static const void *elements(const sga_tile *t, const sga_span *s, bool value, void *scratch, size_t pad, size_t *stride,
                            ptrdiff_t *ahead, sga_stored *stored) {
  const segattn_plan *plan = t->plan;
  const segattn_tensor *x = value ? &s->segment->v : &s->segment->k;
  const char *at = sga_at(x, t->batch, t->kv_head, s->from);
  *ahead = 0;
  const sga_stored as = sga_stored_as(plan, x, at);
  const bool rows = as != SGA_OTHER && x->shape[SEGATTN_DIM] == pad && full(s);
  if (rows && read_in_place(t, x, value, as)) {
    const char *next = key_ahead(t, s, value, few_ahead(x));
    *stride = (size_t)x->stride[SEGATTN_POS];
    *stored = as;
    if (next)
      *ahead = (ptrdiff_t)((uintptr_t)next - (uintptr_t)at);    /* they may lie in two arrays */
    return at;
  }
  *stride = pad * plan->kernel->size;
  *stored = SGA_NUMBERS;
  if (!value && plan->kernel->coder) {
    sga_codes_keys(t, s, scratch);
    return scratch;
  }
  if (rows) {
    plan->kernel->decode(as, at, x->stride[SEGATTN_POS], s->keys, scratch, pad);
    return scratch;
  }
  for (int j = 0; j < s->keys; j++) {
    void *row = sga_number_at(plan, scratch, (size_t)j * pad);
    if (sga_in(&s->any, j))
      sga_decode(plan, x, at + j * x->stride[SEGATTN_POS], row, x->shape[SEGATTN_DIM], pad);
    else
      memset(row, 0, pad * plan->kernel->size);
  }
  return scratch;
}

/* ---- the kernel ---- */

static double slope_of(const sga_tile *t, size_t i) {
  const double *slopes = t->plan->problem.slopes;
  return slopes ? sga_round(t->plan, slopes[t->head[i]] * SGA_LOG2E) : 0;
}

static int64_t distance_of(const sga_tile *t, const sga_span *s, size_t i) {
  return sga_segment_start(s->segment, t->batch) + (int64_t)s->from - t->position[i];
}

static void piece_row(const sga_tile *t, const sga_span *s, sga_piece *p, sga_rows tile, int r, size_t i) {
  const segattn_plan *plan = t->plan;
  sga_rows rows = sga_slab_row(plan, t->slabs, tile, i, NULL);
  p->q[r] = sga_number_at(plan, t->q, i * plan->pad_k);
  p->live[r] = s->live[i];
  p->bias[r] = s->segment->mask.data ? sga_number_at(plan, t->scratch->bias, i * SGA_BLOCK) : NULL;
  p->slope[r] = slope_of(t, i);
  p->distance[r] = distance_of(t, s, i);
  p->e[r] = rows.e;
  p->l[r] = rows.l;
  p->o[r] = rows.o;
  p->m[r] = sga_number_at(plan, t->m, i);
}

static int last_key(const sga_keys *set) {
  for (int w = 1; w >= 0; w--)
    if (set->word[w])
      return w * 64 + 63 - __builtin_clzll(set->word[w]);
  return -1;
}

/* SGA_ROWS rows at a time.  */
static void absorb_few(const sga_tile *t, const sga_span *s, int slab, sga_tally *tally) {
  const segattn_plan *plan = t->plan;
  sga_rows tile = sga_slab_tile(plan, t->slabs, slab, t->tile);
  sga_piece p;
  p.dim_k = plan->pad_k;
  p.dim_v = plan->pad_v;
  p.score = &plan->score;
  p.weights = t->scratch->weights;
  p.tally = tally;
  p.k_room = t->scratch->k;
  p.v_room = t->scratch->v;
  p.k = elements(t, s, false, t->scratch->k, plan->pad_k, &p.k_stride, &p.k_ahead, &p.k_stored);
  p.v = elements(t, s, true, t->scratch->v, plan->pad_v, &p.v_stride, &p.v_ahead, &p.v_stored);
  for (size_t i = 0; i < t->n; i += SGA_ROWS) {
    p.rows = (int)(t->n - i < SGA_ROWS ? t->n - i : SGA_ROWS);
    p.keys = 0;
    for (int r = 0; r < p.rows; r++) {
      piece_row(t, s, &p, tile, r, i + (size_t)r);
      p.keys = last_key(&p.live[r]) + 1 > p.keys ? last_key(&p.live[r]) + 1 : p.keys;
    }
    tally->row = t->row + i;
    if (p.keys)
      plan->kernel->absorb(&p);
  }
}

/* For each key the lanes of rows [row, row + n) that attend it: a bit changes where a row begins or ends to attend keys.  */
static void transpose(const sga_span *s, size_t row, size_t n, uint32_t lanes[SGA_BLOCK]) {
  memset(lanes, 0, SGA_BLOCK * sizeof *lanes);
  for (size_t i = 0; i < n; i++) {
    uint64_t last = 0;
    for (int w = 0; w < 2; w++) {
      uint64_t live = s->live[row + i].word[w];
      for (uint64_t change = live ^ (live << 1 | last); change; change &= change - 1)
        lanes[w * 64 + __builtin_ctzll(change)] ^= (uint32_t)1 << i;
      last = live >> 63;
    }
  }
  for (int j = 1; j < s->keys; j++)
    lanes[j] ^= lanes[j - 1];
}

/* The keys up to the last one that rows [row, row + n) attend; *all: do they all attend all of these?  */
static int keys_of(const sga_span *s, size_t row, size_t n, bool *all) {
  sga_keys any = { { 0, 0 } }, each = { { ~(uint64_t)0, ~(uint64_t)0 } };
  for (size_t i = row; i < row + n; i++)
    for (int w = 0; w < 2; w++) {
      any.word[w] |= s->live[i].word[w];
      each.word[w] &= s->live[i].word[w];
    }
  int keys = last_key(&any) + 1;
  sga_keys wanted = sga_keys_from(0, keys);
  *all = each.word[0] == wanted.word[0] && each.word[1] == wanted.word[1];
  return keys;
}

/* What is done to the open block of a tile: absorb a span, then join it where that completes it.  */
typedef struct step {
  int slab, levels;             /* levels: of `joins`, those that go from one to the next, the open block first */
  bool fresh;                   /* the slab holds anything */
  const sga_join *joins;
} step;

/* Rows that attend nothing.  */
static void absorb_nothing(const sga_tile *t, const sga_lanes *p) {
  const sga_kernel *kernel = t->plan->kernel;
  if (p->fresh)
    kernel->clear(p->open, SGA_LANES, p->dim_v);
  for (int i = 0; i < p->levels; i++)
    kernel->join_lanes(p->node[i], i ? p->node[i - 1] : p->open, p->dim_v);
}

/* What SGA_LANES rows from `row` on differ in from the others of the tile.  */
static void absorb_lanes(const sga_tile *t, const sga_span *s, const step *to, sga_lanes *p, size_t row) {
  const segattn_plan *plan = t->plan;
  uint32_t live[SGA_BLOCK];
  double slope[SGA_LANES] = { 0 };
  int64_t distance[SGA_LANES] = { 0 };
  size_t n = t->n <= row ? 0 : t->n - row < SGA_LANES ? t->n - row : SGA_LANES;
  p->rows = (int)n;
  p->keys = n ? s->keys : 0;
  p->all = s->whole;
  p->open = sga_slab_lanes(plan, sga_slab_tile(plan, t->slabs, to->slab, t->tile), row);
  for (int i = 0; i < p->levels; i++)
    p->node[i] = sga_slab_lanes(plan, sga_slab_tile(plan, t->slabs, to->joins[i].left, t->tile), row);
  if (!s->whole && n)
    p->keys = keys_of(s, row, n, &p->all);
  if (!p->keys) {
    absorb_nothing(t, p);
    return;
  }
  if (!p->all)
    transpose(s, row, n, live);
  for (size_t i = 0; plan->problem.slopes && i < n; i++) {
    slope[i] = slope_of(t, row + i);
    distance[i] = distance_of(t, s, row + i);
  }
  p->live = live;
  p->slope = plan->problem.slopes ? slope : NULL;
  p->distance = distance;
  p->bias = s->segment->mask.data ? sga_lanes_at(plan, t->scratch->bias, row, SGA_BLOCK) : NULL;
  p->q = sga_lanes_at(plan, t->q, row, plan->pad_k);
  p->m = sga_number_at(plan, t->m, row);
  p->turn = (int)(row / SGA_LANES);
  p->tally->row = t->row + row;
  plan->kernel->absorb_lanes(p);
}

/* The rows of the span's keys one block on.  */
static sga_ahead next_rows(const sga_tile *t, const sga_span *s, bool value) {
  const segattn_tensor *x = value ? &s->segment->v : &s->segment->k;
  return (sga_ahead){ key_ahead(t, s, value, SGA_BLOCK), x->stride[SEGATTN_POS],
                      segattn_format_bytes(x->format, x->shape[SEGATTN_DIM]) };
}

static void absorb_many(const sga_tile *t, const sga_span *s, const step *to, sga_tally *tally) {
  const segattn_plan *plan = t->plan;
  sga_stored stored;
  ptrdiff_t ahead;
  sga_lanes p = { .dim_k = plan->pad_k, .dim_v = plan->pad_v, .score = &plan->score, .scores = t->scratch->weights,
                  .tally = tally, .fresh = to->fresh, .levels = to->levels,
                  .turns = (int)((t->n + SGA_LANES - 1) / SGA_LANES) };
  p.k = elements(t, s, false, t->scratch->k, plan->pad_k, &p.k_stride, &ahead, &stored);
  p.v = elements(t, s, true, t->scratch->v, plan->pad_v, &p.v_stride, &ahead, &stored);
  p.k_stride /= plan->kernel->size;
  p.v_stride /= plan->kernel->size;
  p.k_next = next_rows(t, s, false);
  p.v_next = next_rows(t, s, true);
  for (size_t row = 0; row < t->slabs->tile_rows; row += SGA_LANES)
    absorb_lanes(t, s, to, &p, row);
}

static void absorb_span(const sga_tile *t, sga_span *s, const step *to) {
  bool some = sga_span_attended(t, s), many = some && t->slabs->many;
  sga_tally tally = { .events = t->events, .group = t->plan->group, .odd = false,
                      .position = sga_segment_start(s->segment, t->batch) + (int64_t)s->from };
  if (many)
    absorb_many(t, s, to, &tally);
  else if (to->fresh)
    sga_slab_clear(t->plan, t->slabs, to->slab, t->tile);
  if (some && !many)
    absorb_few(t, s, to->slab, &tally);
  if (tally.odd)
    sga_events_values(t, s);
  if (!many)
    sga_slab_joins(t->plan, t->slabs, t->tile, to->joins, to->levels);
}

/* Absorbs a span of one block; `closes`: it is the block's last, for keys of another follow.  */
static void absorb_in_block(const sga_tile *t, sga_span *s, uint64_t block, bool closes) {
  sga_join joins[SGA_SLABS];
  step to = { .joins = joins };
  int n = sga_tree_enter(t->tree, block, joins, &to.fresh);
  sga_slab_joins(t->plan, t->slabs, t->tile, joins, n);
  to.slab = t->tree->slab;
  n = closes ? sga_tree_close(t->tree, joins) : 0;
  while (to.levels < n && to.levels < SGA_LEVELS && joins[to.levels].right == (to.levels ? joins[to.levels - 1].left : to.slab))
    to.levels++;
  absorb_span(t, s, &to);
  sga_slab_joins(t->plan, t->slabs, t->tile, joins + to.levels, n - to.levels);
}

void sga_tile_absorb(const sga_tile *t, const segattn_segment *segment, const segattn_segment *following) {
  int64_t start = sga_segment_start(segment, t->batch), from = start, end = start + (int64_t)segment->k.shape[SEGATTN_POS];
  if (from < end && sga_block_of(from) < t->block_first)
    from = sga_block_of(end - 1) < t->block_first ? end : sga_block_start(t->block_first);
  if (from < end && sga_block_of(end - 1) >= t->block_next)
    end = sga_block_of(from) >= t->block_next ? from : sga_block_start(t->block_next);
  size_t keys = (size_t)(end - start);
  for (size_t j = (size_t)(from - start); j < keys;) {
    uint64_t block = sga_block_of(start + (int64_t)j);
    size_t in_block = (size_t)(sga_block_start(block + 1) - (start + (int64_t)j));
    sga_span s;
    s.segment = segment;
    s.following = following;
    s.from = j;
    s.keys = (int)(keys - j < in_block ? keys - j : in_block);
    j += (size_t)s.keys;
    absorb_in_block(t, &s, block, j < keys);
  }
}
