/* SPDX-License-Identifier: BSD-2-Clause */
/* segattn_attend: absorb, finalise, nothing kept.  Every tile of rows runs over all keys with a tree of its own in the thread's
   scratch, so memory does not grow with the number of keys or queries.  */

#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
# include <omp.h>
#endif

#include "internal.h"

static segattn_status segments_check(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                                     size_t n, segattn_error *error) {
  segattn_status status;
  for (size_t i = 0; i < n; i++)
    if ((status = sga_segment_check(plan, queries, &segments[i], error)))
      return status;
  for (size_t b = 0; b < queries->q.shape[SEGATTN_BATCH]; b++) {
    int64_t end = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
      size_t keys = segments[i].k.shape[SEGATTN_POS];
      int64_t start = sga_segment_start(&segments[i], b);
      if (keys && start < end)
        return sga_fail(error, SEGATTN_EORDER, "segments", "[%zu].start is %lld, before the end of the one before it, %lld: "
                        "order them by position, or use states and segattn_state_merge", i, (long long)start, (long long)end);
      if (keys)
        end = start + (int64_t)keys;
    }
  }
  return SEGATTN_OK;
}

segattn_status sga_outputs_check(const segattn_plan *plan, const segattn_queries *queries, const sga_outputs *o,
                                 segattn_error *error) {
  size_t batch = queries->q.shape[SEGATTN_BATCH], heads = plan->problem.q_heads, n = queries->q.shape[SEGATTN_POS];
  const size_t out_shape[] = { batch, heads, n, plan->problem.dim_v }, lse_shape[] = { batch, heads, n, 1 };
  segattn_status status;
  if (o->out && (status = sga_output_check(o->out, o->out_name, out_shape, error)))
    return status;
  if (o->lse && (status = sga_output_check(o->lse, o->lse_name, lse_shape, error)))
    return status;
  return sga_alias_check(o->out, o->out_name, o->lse, o->lse_name, error);
}

static segattn_status aliases_check(const segattn_queries *queries, const segattn_segment *segments, size_t n,
                                    const segattn_tensor *output, const char *name, segattn_error *error) {
  segattn_status status = sga_alias_check(output, name, &queries->q, "queries.q", error);
  for (size_t i = 0; i < n && !status; i++) {
    status = sga_alias_check(output, name, &segments[i].k, "segment.k", error);
    if (!status)
      status = sga_alias_check(output, name, &segments[i].v, "segment.v", error);
    if (!status)
      status = sga_alias_check(output, name, &segments[i].mask, "segment.mask", error);
  }
  return status;
}

segattn_status sga_call_check(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                              size_t n_segments, const sga_outputs *o, segattn_error *error) {
  segattn_status status;
  if (!plan || (!segments && n_segments))
    return sga_fail(error, SEGATTN_EINVAL, plan ? "segments" : "plan", "is NULL");
  if ((status = sga_queries_check(plan, queries, error)) ||
      (status = segments_check(plan, queries, segments, n_segments, error)) ||
      (status = sga_outputs_check(plan, queries, o, error)) ||
      (status = aliases_check(queries, segments, n_segments, o->out, o->out_name, error)))
    return status;
  return aliases_check(queries, segments, n_segments, o->lse, o->lse_name, error);
}

/* Slabs that the longest range over a batch element needs: two nodes a level, the open block, one to carry.  */
static int slabs_needed(const segattn_queries *queries, const segattn_segment *segments, size_t n) {
  uint64_t span = 1;
  for (size_t b = 0; b < queries->q.shape[SEGATTN_BATCH]; b++) {
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
      int64_t start = sga_segment_start(&segments[i], b), end = start + (int64_t)segments[i].k.shape[SEGATTN_POS];
      if (start < end) {
        first = start < first ? start : first;
        last = end > last ? end : last;
      }
    }
    if (first < last && sga_block_of(last - 1) - sga_block_of(first) + 1 > span)
      span = sga_block_of(last - 1) - sga_block_of(first) + 1;
  }
  return 2 * (64 - __builtin_clzll(span)) + 2;
}

/* What one thread works in.  */
typedef struct worker {
  sga_scratch scratch;
  sga_tree tree;
  sga_slabs slabs;
  sga_counts counts;
  segattn_events events;
  char *slab[SGA_SLABS];
  void *m;
} worker;

static void worker_place(worker *w, const segattn_plan *plan, const sga_slabs *shape, char *memory, int n_slabs) {
  size_t bytes = sga_slab_bytes(plan, shape);
  memset(&w->counts, 0, sizeof w->counts);
  memset(&w->events, 0, sizeof w->events);
  for (int i = 0; i < n_slabs; i++, memory += bytes)
    w->slab[i] = memory;
  w->slabs = *shape;
  w->slabs.slab = w->slab;
  w->m = memory;
  sga_scratch_place(&w->scratch, plan, memory + SGA_TILE * sizeof(double));
}

static void attend_tile(worker *w, const segattn_plan *plan, const segattn_queries *queries, size_t number,
                        const segattn_segment *segments, size_t n, const segattn_tensor *out, const segattn_tensor *lse) {
  sga_tile t = { .tree = &w->tree, .slabs = &w->slabs, .m = w->m, .counts = &w->counts, .scratch = &w->scratch };
  sga_join joins[SGA_SLABS];
  int slab;
  sga_tile_number(&t, plan, queries, number);
  t.tile = 0;
  sga_tree_reset(&w->tree);
  sga_numbers_fill(plan, w->m, SGA_TILE);
  sga_tile_begin(&t);
  for (size_t i = 0; i < n; i++)
    sga_tile_absorb(&t, &segments[i]);
  int n_joins = sga_tree_root(&w->tree, joins, &slab);
  sga_slab_joins(plan, &w->slabs, 0, joins, n_joins);
  if (slab < 0)
    sga_slab_clear(plan, &w->slabs, slab = 0, 0);
  sga_tile_output(&t, &w->slabs, sga_slab_tile(plan, &w->slabs, slab, 0), out, lse, &w->events);
}

void sga_events_add(segattn_events *to, const sga_counts *counts, const segattn_events *rows) {
  to->rescales += counts->rescales;
  to->underflow += counts->underflow;
  to->nan += counts->nan;
  to->inf += counts->inf;
  to->overflow += rows->overflow;
  to->masked_rows += rows->masked_rows;
}

segattn_status segattn_attend(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                              size_t n_segments, const segattn_tensor *out, const segattn_tensor *lse,
                              segattn_events *events, segattn_error *error) {
  const sga_outputs outputs = { out, lse, "out", "lse" };
  segattn_status status = sga_call_check(plan, queries, segments, n_segments, &outputs, error);
  if (status)
    return status;
  size_t tiles = sga_tile_count(plan, queries);
  int threads = tiles < (size_t)plan->threads ? (int)(tiles ? tiles : 1) : plan->threads;
  int n_slabs = slabs_needed(queries, segments, n_segments);
  sga_slabs shape = { 0 };
  sga_slabs_shape(&shape, plan, queries, 1);
  size_t bytes = (size_t)n_slabs * sga_slab_bytes(plan, &shape) + SGA_TILE * sizeof(double) + sga_scratch_bytes(plan);
  bytes = (bytes + 127) / 64 * 64;
  char *memory = aligned_alloc(64, bytes * (size_t)threads);
  if (!memory)
    return sga_fail(error, SEGATTN_ENOMEM, "plan", "cannot have %zu bytes of scratch", bytes * (size_t)threads);
  segattn_events total = { 0 };
  sga_environment outer;                /* libomp's serial regions drop the caller's exception flags */
  sga_environment_set(&outer);
#pragma omp parallel num_threads(threads)
  {
    worker w;
    sga_environment environment;
    sga_environment_set(&environment);
#ifdef _OPENMP
    worker_place(&w, plan, &shape, memory + (size_t)omp_get_thread_num() * bytes, n_slabs);
#else
    worker_place(&w, plan, &shape, memory, n_slabs);
#endif
#pragma omp for schedule(dynamic)
    for (size_t i = 0; i < tiles; i++)
      attend_tile(&w, plan, queries, i, segments, n_segments, out, lse);
#pragma omp critical(sga_events)
    sga_events_add(&total, &w.counts, &w.events);
    sga_environment_restore(&environment);
  }
  sga_environment_restore(&outer);
  free(memory);
  if (events)
    *events = total;
  return SEGATTN_OK;
}
