/* SPDX-License-Identifier: BSD-2-Clause */
/* The state: for every batch element a tree of accumulators, for every row its maximum.  Memory, absorb, merge.  */

#include <stdlib.h>
#include <string.h>
#include "state.h"

static size_t tree_slabs(const sga_tree *t) {
  size_t n = 0;
  for (size_t i = 0; i < (size_t)t->slabs; i++)
    n = t->used[i] ? i + 1 : n;
  return n;
}

void segattn_state_free(segattn_state *s) {
  if (!s)
    return;
  for (size_t b = 0; s->sequences && b < s->batch; b++) {
    for (int i = 0; i < SGA_SLABS; i++)
      free(s->sequences[b].slab[i]);
    free(s->sequences[b].m);
  }
  for (int i = 0; s->finish && i < s->plan->threads; i++)
    free(s->finish[i]);
  free(s->finish);
  free(s->sequences);
  free(s->scratch);
  free(s->events);
  free(s);
}

void segattn_state_reset(segattn_state *s) {
  for (size_t b = 0; s && b < s->batch; b++) {
    sga_tree_reset(&s->sequences[b].tree);
    sga_numbers_fill(s->plan, s->sequences[b].m, s->sequences[b].slabs.tiles * SGA_TILE);
  }
  if (s)
    sga_events_clear(s->events, 2 * s->plan->problem.q_heads);
}

int64_t segattn_state_end(const segattn_state *state, size_t batch) {
  return batch < state->batch ? state->sequences[batch].tree.end : INT64_MIN;
}

uint64_t segattn_state_inexact(const segattn_state *state) {
  uint64_t most = 0;
  for (size_t b = 0; b < state->batch; b++)
    most = state->sequences[b].tree.inexact > most ? state->sequences[b].tree.inexact : most;
  return most;
}

bool sga_state_reserve(segattn_state *s, sga_sequence *q, int n_slabs) {
  for (int i = 0; i < n_slabs; i++)
    if (!q->slab[i] && !(q->slab[i] = aligned_alloc(64, (sga_slab_bytes(s->plan, &q->slabs) + 127) / 64 * 64)))
      return false;
  if (n_slabs > s->finish_slabs) {
    size_t bytes = (size_t)n_slabs * (sga_slab_bytes(s->plan, &q->slabs) / (q->slabs.tiles ? q->slabs.tiles : 1));
    for (int i = 0; i < s->plan->threads; i++) {
      char *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
      if (!p)
        return false;
      free(s->finish[i]);
      s->finish[i] = p;
    }
    s->finish_slabs = n_slabs;
  }
  return true;
}

static int slabs_of_keys(size_t keys) {
  int levels = 1;
  for (size_t blocks = keys / SGA_BLOCK + 1; blocks > 1; blocks /= 2)
    levels++;
  return keys ? 2 * levels + 1 : 1;
}

static const sga_need whole_scratch = { SGA_TILE, SGA_BLOCK, true, true };

static size_t events_bytes(const segattn_plan *plan) { return (plan->group * sizeof(segattn_events) + 63) / 64 * 64; }

static bool state_memory(segattn_state *s, const segattn_queries *queries) {
  const segattn_plan *plan = s->plan;
  s->scratch_bytes = (sga_query_bytes(plan, &whole_scratch) + sga_scratch_bytes(plan, &whole_scratch) + 127) / 64 * 64 +
                     events_bytes(plan);
  s->sequences = calloc(s->batch ? s->batch : 1, sizeof *s->sequences);
  s->finish = calloc((size_t)plan->threads, sizeof *s->finish);
  s->scratch = aligned_alloc(64, s->scratch_bytes * (size_t)plan->threads);
  s->events = calloc(plan->problem.q_heads, 2 * sizeof *s->events);
  if (!s->sequences || !s->finish || !s->scratch || !s->events)
    return false;
  s->finished = s->events + plan->problem.q_heads;
  for (size_t b = 0; b < s->batch; b++) {
    sga_sequence *q = &s->sequences[b];
    q->slabs.slab = q->slab;
    sga_slabs_shape(&q->slabs, plan, queries, SGA_TILE, s->batch ? sga_tile_count(plan, queries, SGA_TILE) / s->batch : 0);
    q->m = malloc(q->slabs.tiles * SGA_TILE * sizeof(double) + 1);
    if (!q->m || !sga_state_reserve(s, q, slabs_of_keys(plan->keys)))
      return false;
  }
  return true;
}

segattn_status segattn_state_alloc(segattn_state **state, const segattn_plan *plan, const segattn_queries *queries,
                                   segattn_error *error) {
  if (!state || !plan)
    return sga_fail(error, SEGATTN_EINVAL, plan ? "state" : "plan", "is NULL");
  segattn_status status = sga_queries_check(plan, queries, error);
  if (status)
    return status;
  segattn_state *s = calloc(1, sizeof *s);
  size_t rows, bytes;
  if (!s)
    return sga_fail(error, SEGATTN_ENOMEM, "state", "cannot have its memory");
  s->plan = plan;
  s->batch = queries->q.shape[SEGATTN_BATCH];
  s->queries = queries->q.shape[SEGATTN_POS];
  bool overflow = __builtin_mul_overflow(s->queries, plan->problem.q_heads, &rows) ||
                  __builtin_mul_overflow(rows, (2 + plan->width) * sizeof(double) * 2, &bytes);
  s->rows = overflow ? 0 : rows;
  if (overflow || !state_memory(s, queries)) {
    segattn_state_free(s);
    return sga_fail(error, SEGATTN_ENOMEM, "state", "of %zu x %zu x %zu queries cannot have its memory",
                    queries->q.shape[SEGATTN_BATCH], plan->problem.q_heads, queries->q.shape[SEGATTN_POS]);
  }
  segattn_state_reset(s);
  *state = s;
  return SEGATTN_OK;
}

/* ---- tiles of a state ---- */

void sga_state_tile(segattn_state *s, const segattn_queries *queries, size_t i, int thread, sga_tile *t, sga_tree *tree,
                    sga_scratch *scratch) {
  sga_tile_number(t, s->plan, queries, SGA_TILE, i);
  sga_sequence *q = &s->sequences[t->batch];
  t->q = s->scratch + (size_t)thread * s->scratch_bytes;
  sga_scratch_place(scratch, s->plan, &whole_scratch, (char *)t->q + sga_query_bytes(s->plan, &whole_scratch));
  sga_tree_copy(tree, &q->tree);
  t->tree = tree;
  t->slabs = &q->slabs;
  t->m = (char *)q->m + t->tile * SGA_TILE * s->plan->kernel->size;
  t->events = (segattn_events *)(void *)((char *)t->q + s->scratch_bytes - events_bytes(s->plan));
  sga_events_clear(t->events, s->plan->group);
  t->scratch = scratch;
}

/* ---- absorb ---- */

/* What the tree will be after the segment, and how many slabs are in use at once on the way.  */
static int foresee(sga_tree *t, const segattn_segment *segment, size_t batch) {
  int64_t start = sga_segment_start(segment, batch);
  size_t keys = segment->k.shape[SEGATTN_POS], most = tree_slabs(t);
  sga_join joins[SGA_SLABS];
  bool fresh;
  if (!keys)
    return (int)most;
  for (uint64_t block = sga_block_of(start); block <= sga_block_of(start + (int64_t)keys - 1); block++) {
    sga_tree_enter(t, block, joins, &fresh);
    most = (size_t)t->slab + 1 > most ? (size_t)t->slab + 1 : most;
  }
  t->end = start + (int64_t)keys;
  return (int)most;
}

static segattn_status absorb_check(segattn_state *s, const segattn_queries *queries, const segattn_segment *segment,
                                   segattn_error *error) {
  segattn_status status;
  if (!s)
    return sga_fail(error, SEGATTN_EINVAL, "state", "is NULL");
  if ((status = sga_queries_check(s->plan, queries, error)))
    return status;
  const size_t shape[] = { s->batch, s->plan->problem.q_heads, s->queries, s->plan->problem.dim_k };
  if ((status = sga_tensor_check(&queries->q, "queries.q", shape, false, error)) ||
      (status = sga_segment_check(s->plan, queries, segment, error)))
    return status;
  for (size_t b = 0; b < s->batch && segment->k.shape[SEGATTN_POS]; b++)
    if (sga_segment_start(segment, b) < s->sequences[b].tree.end)
      return sga_fail(error, SEGATTN_EORDER, "segment.start",
                      "is %lld, before position %lld, where the keys absorbed so far end: absorb it "
                      "into a state of its own and use segattn_state_merge",
                      (long long)sga_segment_start(segment, b), (long long)s->sequences[b].tree.end);
  return SEGATTN_OK;
}

typedef struct absorption {
  segattn_state *s;
  const segattn_queries *queries;
  const segattn_segment *segment;
  size_t tiles, next;
} absorption;

static void absorb_tiles(void *job, int thread) {
  absorption *a = job;
  for (size_t i; (i = sga_take(&a->next)) < a->tiles;) {
    sga_tree tree;
    sga_tile t;
    sga_scratch scratch;
    sga_state_tile(a->s, a->queries, i, thread, &t, &tree, &scratch);
    sga_tile_begin(&t);
    sga_tile_absorb(&t, a->segment, NULL);
    sga_events_collect(&t, a->s->events);
  }
}

segattn_status segattn_state_absorb(segattn_state *s, const segattn_queries *queries, const segattn_segment *segment,
                                    segattn_error *error) {
  segattn_status status = absorb_check(s, queries, segment, error);
  if (status)
    return status;
  sga_tree after;
  for (size_t b = 0; b < s->batch; b++) {
    sga_tree_copy(&after, &s->sequences[b].tree);
    if (!sga_state_reserve(s, &s->sequences[b], foresee(&after, segment, b)))
      return sga_fail(error, SEGATTN_ENOMEM, "state", "cannot grow");
  }
  size_t keys = segment->k.shape[SEGATTN_POS];
  absorption a = { s, queries, segment, keys ? sga_tile_count(s->plan, queries, SGA_TILE) : 0, 0 };
  sga_parallel(sga_threads(s->plan, a.tiles, sga_flops(s->plan, queries, keys)), absorb_tiles, &a);
  for (size_t b = 0; b < s->batch; b++)
    foresee(&s->sequences[b].tree, segment, b);
  return SEGATTN_OK;
}

/* ---- merge ---- */

static void merge_sequence(segattn_state *into, sga_sequence *a, const sga_sequence *b, const sga_merge *m) {
  const segattn_plan *plan = into->plan;
  for (int i = 0; i < m->n_copies; i++)
    memcpy(a->slab[m->copy[i].right], b->slab[m->copy[i].left], sga_slab_bytes(plan, &a->slabs));
  for (size_t tile = 0; tile < a->slabs.tiles; tile++)
    sga_slab_joins(plan, &a->slabs, tile, m->join, m->n_joins);
  for (size_t r = 0; r < a->slabs.tiles * SGA_TILE; r++)
    if (sga_number(plan, b->m, r) > sga_number(plan, a->m, r))
      memcpy((char *)a->m + r * plan->kernel->size, (const char *)b->m + r * plan->kernel->size, plan->kernel->size);
}

static segattn_status merge_check(const segattn_state *into, const segattn_state *from, segattn_error *error) {
  if (!into || !from)
    return sga_fail(error, SEGATTN_EINVAL, into ? "from" : "into", "is NULL");
  if (into == from)
    return sga_fail(error, SEGATTN_EALIAS, "from", "is the same state as into");
  if (strcmp(into->plan->kernel->arithmetic, from->plan->kernel->arithmetic))
    return sga_fail(error, SEGATTN_EINVAL, "from", "has arithmetic %s, expected %s as in into", from->plan->kernel->arithmetic,
                    into->plan->kernel->arithmetic);
  segattn_status status = sga_problem_same(&from->plan->problem, "from", &into->plan->problem, "into", error);
  if (status)
    return status;
  if (into->batch != from->batch || into->queries != from->queries)
    return sga_fail(error, SEGATTN_EINVAL, "from", "has batch %zu and %zu queries, expected %zu and %zu as in into",
                    from->batch, from->queries, into->batch, into->queries);
  return SEGATTN_OK;
}

segattn_status segattn_state_merge(segattn_state *into, const segattn_state *from, segattn_error *error) {
  segattn_status status = merge_check(into, from, error);
  if (status)
    return status;
  sga_tree after;
  for (size_t b = 0; b < into->batch; b++) {
    sga_tree_copy(&after, &into->sequences[b].tree);
    size_t before = tree_slabs(&after), most = before;
    if (!sga_tree_merge(&after, &from->sequences[b].tree, &into->merge))
      return sga_fail(error, SEGATTN_EUNSUPPORTED, "from", "brings more separate ranges than the %d that a state holds: merge "
                      "neighbours first", SGA_NODES);
    for (int i = 0; i < into->merge.n_copies; i++)
      most = (size_t)into->merge.copy[i].right + 1 > most ? (size_t)into->merge.copy[i].right + 1 : most;
    if (!sga_state_reserve(into, &into->sequences[b], (int)most))
      return sga_fail(error, SEGATTN_ENOMEM, "into", "cannot grow");
  }
  sga_environment environment;
  sga_environment_set(&environment);
  for (size_t b = 0; b < into->batch; b++) {
    sga_tree_merge(&into->sequences[b].tree, &from->sequences[b].tree, &into->merge);
    merge_sequence(into, &into->sequences[b], &from->sequences[b], &into->merge);
  }
  sga_environment_restore(&environment);
  for (size_t h = 0; h < into->plan->problem.q_heads; h++)
    sga_events_add(&into->events[h], &from->events[h]);
  return SEGATTN_OK;
}
