/* SPDX-License-Identifier: BSD-2-Clause */
/* segattn_attend: absorb, finalise, nothing kept.  Every tile of rows runs over all keys with a tree of its own in the thread's
   scratch, so memory does not grow with the number of keys or queries.  Small calls work on the stack.  */

#include <stdlib.h>
#include <string.h>
#include "internal.h"

/* ---- the memory of a worker ---- */

enum { STACK_BYTES = 96 << 10, TOGETHER = 8, SLABS_BYTES = 800 << 10, TURNS = 4 };

/* The blocks of a batch element's keys: [first, next).  */
typedef struct blocks { uint64_t first, next; } blocks;

static blocks blocks_of(const segattn_segment *segments, size_t n, size_t batch) {
  blocks r = { UINT64_MAX, 0 };
  for (size_t i = 0; i < n; i++) {
    int64_t start = sga_segment_start(&segments[i], batch), end = start + (int64_t)segments[i].k.shape[SEGATTN_POS];
    if (start < end) {
      r.first = sga_block_of(start) < r.first ? sga_block_of(start) : r.first;
      r.next = sga_block_of(end - 1) >= r.next ? sga_block_of(end - 1) + 1 : r.next;
    }
  }
  return r.first < r.next ? r : (blocks){ 0, 0 };
}

/* Slabs for a range absorbed in order: a node a level (two, where it does not begin at a multiple of its size), the open
   block, one to carry.  */
static int slabs_of(blocks r, bool windowed) {
  int levels = r.next > r.first + 1 ? 64 - __builtin_clzll(r.next - r.first - 1) : 0;
  bool aligned = !windowed && !(r.first & (((uint64_t)1 << levels) - 1));       /* a window may begin at any block */
  return (aligned ? levels : 2 * levels) + 2;
}

/* A tile under way, or one part of its keys.  */
typedef struct worker {
  sga_tile tile;
  sga_tree tree;
  sga_slabs slabs;
  char *slab[SGA_SLABS];
} worker;

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* A call, and how it is shared out: `tiles` of rows, `together` at a time to a thread; or the keys of each in `parts`.  */
typedef struct job {
  const segattn_plan *plan;
  const segattn_queries *queries;
  const segattn_segment *segments;
  size_t n;
  const segattn_tensor *out, *lse;
  size_t most, tiles, together, parts;  /* most: rows of a tile */
  sga_slabs shape;
  sga_need need;
  int threads, n_slabs;
  char *memory;                 /* scratch, one a thread; then workers: `together` a thread, or one a part of a tile */
  size_t scratch_bytes, worker_bytes, next;
  segattn_events *events;       /* of all query heads; or NULL */
} job;

static size_t workers_of(const job *j) {
  return j->parts > 1 ? j->tiles * j->parts : (size_t)j->threads * j->together;
}

static worker *worker_at(const job *j, size_t i) {
  return (worker *)(void *)(j->memory + (size_t)j->threads * j->scratch_bytes + i * j->worker_bytes);
}

static worker *worker_place(const job *j, size_t number, sga_scratch *scratch) {
  worker *w = worker_at(j, number);
  size_t bytes = sga_slab_bytes(j->plan, &j->shape);
  char *p = (char *)w + rounded(sizeof *w);
  for (int i = 0; i < j->n_slabs; i++, p += bytes)
    w->slab[i] = p;
  w->slabs = j->shape;
  w->slabs.slab = w->slab;
  w->tile.tree = &w->tree;      /* one by one: to clear the arrays of a tile would take a small call's time */
  w->tile.slabs = &w->slabs;
  w->tile.m = p;
  w->tile.q = p + rounded(SGA_TILE * sizeof(double));
  w->tile.events = (segattn_events *)(void *)((char *)w->tile.q + rounded(sga_query_bytes(j->plan, &j->need)));
  sga_events_clear(w->tile.events, j->plan->group);
  w->tile.scratch = scratch;
  return w;
}

/* ---- tiles ---- */

/* Blocks that causality and window leave to some row of the tile.  The others would be empty leaves, which change nothing.  */
static blocks reached(const sga_tile *t) {
  const segattn_problem *p = &t->plan->problem;
  blocks r = { 0, UINT64_MAX };
  if (p->causal)
    r.next = sga_block_of(t->highest) + 1;
  if (p->window && p->window < (size_t)1 << 61) {
    int64_t reach = (int64_t)p->window - 1;
    r.first = sga_block_of(t->lowest - reach);
    r.next = p->causal ? r.next : sga_block_of(t->highest + reach) + 1;
  }
  return r;
}

static blocks both(blocks a, blocks b) {
  blocks r = { a.first > b.first ? a.first : b.first, a.next < b.next ? a.next : b.next };
  return r.first < r.next ? r : (blocks){ a.first, a.first };
}

static void begin(const job *j, worker *w, size_t tile) {
  sga_tile_number(&w->tile, j->plan, j->queries, j->most, tile);
  w->tile.tile = 0;
  sga_tree_reset(&w->tree);
  sga_numbers_fill(j->plan, w->tile.m, j->shape.tile_rows);
  sga_tile_begin(&w->tile);
}

/* The blocks of which the tile takes keys.  */
static void take_blocks(sga_tile *t, blocks r) {
  r = both(r, reached(t));
  t->block_first = r.first;
  t->block_next = r.next;
}

static void absorb(const job *j, worker *w, blocks r) {
  take_blocks(&w->tile, r);
  for (size_t i = 0; i < j->n; i++)
    sga_tile_absorb(&w->tile, &j->segments[i], i + 1 < j->n ? &j->segments[i + 1] : NULL);
}

static void output(const job *j, worker *w) {
  sga_join joins[SGA_SLABS];
  int slab, n_joins = sga_tree_root(&w->tree, joins, &slab);
  sga_slab_joins(j->plan, &w->slabs, 0, joins, n_joins);
  if (slab < 0)
    sga_slab_clear(j->plan, &w->slabs, slab = 0, 0);
  sga_tile_output(&w->tile, &w->slabs, sga_slab_tile(j->plan, &w->slabs, slab, 0), j->out, j->lse);
  if (j->events)
    sga_events_collect(&w->tile, j->events);
}

/* n tiles of one batch element, block by block: their keys lie side by side.  Segments lie in order, so that each block has
   its own run of them; those without keys may stand anywhere.  */
static void absorb_together(const job *j, worker *const *w, size_t n) {
  blocks r = blocks_of(j->segments, j->n, w[0]->tile.batch);
  size_t from = 0, next = 0;
  for (uint64_t block = r.first; block < r.next; block++) {
    for (; next < j->n && blocks_of(&j->segments[next], 1, w[0]->tile.batch).first <= block; next++)
      ;
    for (; from < next && blocks_of(&j->segments[from], 1, w[0]->tile.batch).next <= block; from++)
      ;
    for (size_t i = 0; i < n; i++) {
      take_blocks(&w[i]->tile, (blocks){ block, block + 1 });
      for (size_t k = from; k < next; k++)
        sga_tile_absorb(&w[i]->tile, &j->segments[k], k + 1 < j->n ? &j->segments[k + 1] : NULL);
    }
  }
}

static void whole_tiles(void *call, int thread) {
  job *j = call;
  worker *w[TOGETHER];
  sga_scratch scratch;
  sga_scratch_place(&scratch, j->plan, &j->need, j->memory + (size_t)thread * j->scratch_bytes);
  for (size_t i = 0; i < j->together; i++)
    w[i] = worker_place(j, (size_t)thread * j->together + i, &scratch);
  for (size_t i; (i = j->threads > 1 ? sga_take(&j->next) : j->next++) * j->together < j->tiles;) {
    size_t first = i * j->together, n = j->tiles - first < j->together ? j->tiles - first : j->together;
    for (size_t k = 0; k < n; k++)
      begin(j, w[k], first + k);
    if (n > 1)
      absorb_together(j, w, n);
    else
      absorb(j, w[0], (blocks){ 0, UINT64_MAX });
    for (size_t k = 0; k < n; k++)
      output(j, w[k]);
  }
}

/* ---- parts of a tile's keys ---- */

static void parts_absorb(void *call, int thread) {
  job *j = call;
  sga_scratch scratch;
  sga_scratch_place(&scratch, j->plan, &j->need, j->memory + (size_t)thread * j->scratch_bytes);
  for (size_t i; (i = sga_take(&j->next)) < j->tiles * j->parts;) {
    worker *w = worker_place(j, i, &scratch);
    begin(j, w, i / j->parts);
    blocks r = blocks_of(j->segments, j->n, w->tile.batch);
    uint64_t each = (r.next - r.first + j->parts - 1) / j->parts;
    uint64_t first = r.first + i % j->parts * each;
    absorb(j, w, (blocks){ first, first + each });
  }
}

/* Parts that meet on block lines merge exactly.  */
static void merge_part(const job *j, worker *into, const worker *from) {
  sga_merge m;
  sga_tree_merge(&into->tree, &from->tree, &m);
  for (int i = 0; i < m.n_copies; i++)
    memcpy(into->slab[m.copy[i].right], from->slab[m.copy[i].left], sga_slab_bytes(j->plan, &j->shape));
  sga_slab_joins(j->plan, &into->slabs, 0, m.join, m.n_joins);
}

static void parts_merge(void *call, int thread) {
  job *j = call;
  sga_scratch scratch;
  sga_scratch_place(&scratch, j->plan, &j->need, j->memory + (size_t)thread * j->scratch_bytes);
  for (size_t i; (i = sga_take(&j->next)) < j->tiles;) {
    worker *into = worker_at(j, i * j->parts);
    into->tile.scratch = &scratch;
    for (size_t part = 1; part < j->parts; part++)
      merge_part(j, into, worker_at(j, i * j->parts + part));
    output(j, into);
    for (size_t part = 1; j->events && part < j->parts; part++)
      sga_events_collect(&worker_at(j, i * j->parts + part)->tile, j->events);
  }
}

/* ---- the call ---- */

static bool heads_adjacent(const job *j) {
  for (size_t i = 0; i < j->n; i++)
    if (!sga_heads_adjacent(&j->segments[i].k))
      return false;
  return j->n > 0;
}

/* What the call's keys are like, for the memory of its workers.  Returns the blocks of the longest batch element.  */
static uint64_t survey(job *j, size_t *keys) {
  size_t longest = 0;
  uint64_t span = 0;
  for (size_t i = 0; i < j->n; i++) {
    size_t n = j->segments[i].k.shape[SEGATTN_POS];
    *keys += n;
    longest = n > longest ? n : longest;
    j->need.mask |= j->segments[i].mask.data != NULL;
  }
  for (size_t b = 0; b < j->queries->q.shape[SEGATTN_BATCH]; b++) {
    blocks r = blocks_of(j->segments, j->n, b);
    int slabs = slabs_of(r, j->plan->problem.window > 0);
    j->n_slabs = slabs > j->n_slabs ? slabs : j->n_slabs;
    span = r.next - r.first > span ? r.next - r.first : span;
  }
  j->need.keys = longest > SGA_BLOCK ? SGA_BLOCK : longest < SGA_ROOM ? SGA_ROOM : longest;
  return span;
}

/* The more rows share a block of keys the better, as far as their accumulators stay in the second-level cache and each thread
   has its turns.  */
static void make_tiles(job *j, size_t threads) {
  for (j->most = SGA_TILE;; j->most /= 2) {
    j->tiles = sga_tile_count(j->plan, j->queries, j->most);
    sga_slabs_shape(&j->shape, j->plan, j->queries, j->most, 1);
    bool large = (size_t)j->n_slabs * sga_slab_bytes(j->plan, &j->shape) > SLABS_BYTES;
    if (j->most == SGA_LANES || !j->shape.many || !(large || (threads > 1 && j->tiles < TURNS * threads)))
      break;
  }
  j->need.rows = j->shape.tile_rows;
  j->need.lanes = j->shape.many;
}

/* Threads take tiles; where there are fewer tiles than threads, parts of their keys, whole blocks; in a token-major cache,
   few rows of several heads together, for what a head has of a token is a fraction of a page.  */
static void share_out(job *j) {
  size_t keys = 0, heads = j->plan->problem.kv_heads;
  uint64_t span = survey(j, &keys);
  size_t threads = (size_t)sga_threads(j->plan, SIZE_MAX, sga_flops(j->plan, j->queries, keys));
  make_tiles(j, threads);
  size_t items = j->tiles;
  j->parts = j->together = 1;
  if (j->tiles && j->tiles < threads && span > 1) {
    j->parts = (threads + j->tiles - 1) / j->tiles * (j->tiles > 1 ? 2 : 1);
    j->parts = j->parts < span ? j->parts : span;
    j->n_slabs *= 2;                            /* a merge holds what both had */
    items *= j->parts;
  } else if (!j->shape.many && heads > 1 && j->tiles % heads == 0 && span > 1 && heads_adjacent(j)) {
    for (size_t n = 2; n <= TOGETHER && n * threads <= j->tiles; n++)
      j->together = heads % n == 0 ? n : j->together;
    items /= j->together;
  }
  j->threads = items < threads ? (int)(items ? items : 1) : (int)threads;
  j->scratch_bytes = rounded(sga_scratch_bytes(j->plan, &j->need));
  j->worker_bytes = rounded(sizeof(worker)) + (size_t)j->n_slabs * sga_slab_bytes(j->plan, &j->shape) +
                    rounded(SGA_TILE * sizeof(double)) + rounded(sga_query_bytes(j->plan, &j->need)) +
                    rounded(j->plan->group * sizeof(segattn_events));
}

static void attend(job *j) {
  if (j->events)
    sga_events_clear(j->events, j->plan->problem.q_heads);
  sga_parallel(j->threads, j->parts > 1 ? parts_absorb : whole_tiles, j);
  j->next = 0;
  if (j->parts > 1)
    sga_parallel(j->tiles < (size_t)j->threads ? (int)j->tiles : j->threads, parts_merge, j);
}

segattn_status segattn_attend(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                              size_t n_segments, const segattn_tensor *out, const segattn_tensor *lse,
                              segattn_events *events, segattn_error *error) {
  const sga_outputs outputs = { out, lse, "out", "lse" };
  segattn_status status = sga_call_check(plan, queries, segments, n_segments, &outputs, error);
  if (status)
    return status;
  job j = { .plan = plan, .queries = queries, .segments = segments, .n = n_segments, .out = out, .lse = lse,
            .events = events };
  share_out(&j);
  size_t bytes = (size_t)j.threads * j.scratch_bytes + workers_of(&j) * j.worker_bytes;
  if (bytes <= STACK_BYTES) {
    _Alignas(64) char memory[STACK_BYTES];
    j.memory = memory;
    attend(&j);
  } else {
    if (!(j.memory = aligned_alloc(64, bytes)))
      return sga_fail(error, SEGATTN_ENOMEM, "plan", "cannot have %zu bytes of scratch", bytes);
    attend(&j);
    free(j.memory);
  }
  return SEGATTN_OK;
}
