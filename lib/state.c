/* SPDX-License-Identifier: BSD-2-Clause */
/* The state: for every batch element a tree of accumulators, for every row its maximum.  Rows lie as tiles take them: by KV head,
   then query, then head of the group.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
# include <omp.h>
#endif

#include "elementary.h"
#include "internal.h"

typedef struct sequence {       /* a batch element */
  sga_tree tree;
  char *slab[SGA_SLABS];
  sga_slabs slabs;
  void *m;
} sequence;

struct segattn_state {
  const segattn_plan *plan;
  size_t batch, queries, rows;  /* rows of a batch element */
  sequence *sequences;
  segattn_events events;
  char *scratch;                /* one of scratch_bytes for each thread */
  size_t scratch_bytes;
  char **finish;                /* root evaluation, a thread each: slabs of SGA_TILE rows, finish_slabs of them */
  int finish_slabs;
  sga_merge merge;
};

static size_t tree_slabs(const sga_tree *t) {
  size_t n = 0;
  for (size_t i = 0; i < SGA_SLABS; i++)
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
  free(s);
}

void segattn_state_reset(segattn_state *s) {
  for (size_t b = 0; s && b < s->batch; b++) {
    sga_tree_reset(&s->sequences[b].tree);
    sga_numbers_fill(s->plan, s->sequences[b].m, s->rows);
  }
  if (s)
    s->events = (segattn_events){ 0 };
}

/* Memory for the slabs in use by `tree`, and for evaluating a root of as many.  What was had before failure stays.  */
static bool reserve(segattn_state *s, sequence *q, int n_slabs) {
  for (int i = 0; i < n_slabs; i++)
    if (!q->slab[i] && !(q->slab[i] = aligned_alloc(64, (sga_slab_bytes(s->plan, s->rows) + 127) / 64 * 64)))
      return false;
  if (n_slabs > s->finish_slabs) {
    size_t bytes = (size_t)n_slabs * sga_slab_bytes(s->plan, SGA_TILE);
    for (int i = 0; i < s->plan->threads; i++) {
      char *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
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

static bool state_memory(segattn_state *s) {
  const segattn_plan *plan = s->plan;
  s->scratch_bytes = (sga_scratch_bytes(plan) + 127) / 64 * 64;
  s->sequences = calloc(s->batch ? s->batch : 1, sizeof *s->sequences);
  s->finish = calloc((size_t)plan->threads, sizeof *s->finish);
  s->scratch = aligned_alloc(64, s->scratch_bytes * (size_t)plan->threads);
  if (!s->sequences || !s->finish || !s->scratch)
    return false;
  for (size_t b = 0; b < s->batch; b++) {
    sequence *q = &s->sequences[b];
    q->slabs = (sga_slabs){ q->slab, s->rows };
    if (!(q->m = malloc(s->rows * sizeof(double) + 1)) || !reserve(s, q, slabs_of_keys(plan->keys)))
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
                  __builtin_mul_overflow(rows, (2 + plan->pad_v) * sizeof(double) * 2, &bytes);
  s->rows = overflow ? 0 : rows;
  if (overflow || !state_memory(s)) {
    segattn_state_free(s);
    return sga_fail(error, SEGATTN_ENOMEM, "state", "of %zu x %zu x %zu queries cannot have its memory",
                    queries->q.shape[SEGATTN_BATCH], plan->problem.q_heads, queries->q.shape[SEGATTN_POS]);
  }
  segattn_state_reset(s);
  *state = s;
  return SEGATTN_OK;
}

/* ---- tiles of a state ---- */

static int thread_number(void) {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/* Tile number i of the state, to work in this thread's scratch.  The tree is the caller's copy.  */
static void tile_of(segattn_state *s, const segattn_queries *queries, size_t i, sga_tile *t, sga_tree *tree,
                    sga_scratch *scratch, sga_counts *counts) {
  sga_tile_number(t, s->plan, queries, i);
  sequence *q = &s->sequences[t->batch];
  sga_scratch_place(scratch, s->plan, s->scratch + (size_t)thread_number() * s->scratch_bytes);
  memcpy(tree, &q->tree, sizeof *tree);
  t->tree = tree;
  t->slabs = &q->slabs;
  t->slab_row = t->kv_head * s->queries * s->plan->group + t->row;
  t->m = (char *)q->m + t->slab_row * s->plan->kernel->size;
  t->counts = counts;
  t->scratch = scratch;
}

static segattn_queries shape_of(const segattn_state *s) {       /* queries without data, to number tiles */
  return (segattn_queries){ .q = { .shape = { s->batch, s->plan->problem.q_heads, s->queries, s->plan->problem.dim_k } } };
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
      return sga_fail(error, SEGATTN_EORDER, "segment.start", "is %lld, before position %lld, where the keys absorbed so far end: "
                      "absorb it into a state of its own and use segattn_state_merge",
                      (long long)sga_segment_start(segment, b), (long long)s->sequences[b].tree.end);
  return SEGATTN_OK;
}

segattn_status segattn_state_absorb(segattn_state *s, const segattn_queries *queries, const segattn_segment *segment,
                                    segattn_error *error) {
  segattn_status status = absorb_check(s, queries, segment, error);
  if (status)
    return status;
  sga_tree after;
  for (size_t b = 0; b < s->batch; b++) {
    memcpy(&after, &s->sequences[b].tree, sizeof after);
    if (!reserve(s, &s->sequences[b], foresee(&after, segment, b)))
      return sga_fail(error, SEGATTN_ENOMEM, "state", "cannot grow");
  }
  size_t tiles = segment->k.shape[SEGATTN_POS] ? sga_tile_count(s->plan, queries) : 0;
  int threads = tiles < (size_t)s->plan->threads ? (int)(tiles ? tiles : 1) : s->plan->threads;
#pragma omp parallel num_threads(threads)
  {
    sga_counts counts = { 0 };
    sga_tree tree;
    sga_tile t;
    sga_scratch scratch;
    sga_environment environment;
    sga_environment_set(&environment);
#pragma omp for schedule(dynamic)
    for (size_t i = 0; i < tiles; i++) {
      tile_of(s, queries, i, &t, &tree, &scratch, &counts);
      sga_tile_begin(&t);
      sga_tile_absorb(&t, segment);
    }
#pragma omp critical(sga_events)
    sga_events_add(&s->events, &counts, &(segattn_events){ 0 });
    sga_environment_restore(&environment);
  }
  for (size_t b = 0; b < s->batch; b++)
    foresee(&s->sequences[b].tree, segment, b);
  return SEGATTN_OK;
}

/* ---- merge ---- */

static void merge_sequence(segattn_state *into, sequence *a, const sequence *b, const sga_merge *m) {
  const segattn_plan *plan = into->plan;
  for (int i = 0; i < m->n_copies; i++)
    memcpy(a->slab[m->copy[i].right], b->slab[m->copy[i].left], sga_slab_bytes(plan, into->rows));
  sga_slab_joins(plan, &a->slabs, 0, into->rows, m->join, m->n_joins);
  for (size_t r = 0; r < into->rows; r++)
    if (sga_number(plan, b->m, r) > sga_number(plan, a->m, r))
      memcpy((char *)a->m + r * plan->kernel->size, (const char *)b->m + r * plan->kernel->size, plan->kernel->size);
}

/* Of one problem and arithmetic: plans may be two, what decides about bits must be the same.  */
static bool same_problem(const segattn_plan *a, const segattn_plan *b) {
  const segattn_problem *p = &a->problem, *q = &b->problem;
  return p->q_heads == q->q_heads && p->kv_heads == q->kv_heads && p->dim_v == q->dim_v && a->number == b->number &&
         p->scale == q->scale && p->softcap == q->softcap;
}

static segattn_status merge_check(const segattn_state *into, const segattn_state *from, segattn_error *error) {
  if (!into || !from)
    return sga_fail(error, SEGATTN_EINVAL, into ? "from" : "into", "is NULL");
  if (into == from)
    return sga_fail(error, SEGATTN_EALIAS, "from", "is the same state as into");
  if (!same_problem(into->plan, from->plan))
    return sga_fail(error, SEGATTN_EINVAL, "from", "is of another problem or arithmetic (%s) than into (%s)",
                    from->plan->kernel->arithmetic, into->plan->kernel->arithmetic);
  if (into->batch != from->batch || into->queries != from->queries)
    return sga_fail(error, SEGATTN_EINVAL, "from", "has %zu x %zu queries, expected %zu x %zu as in into", from->batch,
                    from->queries, into->batch, into->queries);
  return SEGATTN_OK;
}

segattn_status segattn_state_merge(segattn_state *into, const segattn_state *from, segattn_error *error) {
  segattn_status status = merge_check(into, from, error);
  if (status)
    return status;
  sga_tree after;
  for (size_t b = 0; b < into->batch; b++) {
    memcpy(&after, &into->sequences[b].tree, sizeof after);
    size_t before = tree_slabs(&after), most = before;
    if (!sga_tree_merge(&after, &from->sequences[b].tree, &into->merge))
      return sga_fail(error, SEGATTN_EUNSUPPORTED, "from", "brings more separate ranges than the %d that a state holds: merge "
                      "neighbours first", SGA_NODES);
    for (int i = 0; i < into->merge.n_copies; i++)
      most = (size_t)into->merge.copy[i].right + 1 > most ? (size_t)into->merge.copy[i].right + 1 : most;
    if (!reserve(into, &into->sequences[b], (int)most))
      return sga_fail(error, SEGATTN_ENOMEM, "into", "cannot grow");
  }
  sga_environment environment;
  sga_environment_set(&environment);
  for (size_t b = 0; b < into->batch; b++) {
    sga_tree_merge(&into->sequences[b].tree, &from->sequences[b].tree, &into->merge);
    merge_sequence(into, &into->sequences[b], &from->sequences[b], &into->merge);
  }
  sga_environment_restore(&environment);
  sga_counts counts = { from->events.rescales, from->events.underflow, from->events.nan, from->events.inf };
  sga_events_add(&into->events, &counts, &(segattn_events){ 0 });
  return SEGATTN_OK;
}

void segattn_state_events(const segattn_state *state, segattn_events *events) {
  segattn_state *s = (segattn_state *)(uintptr_t)state;
  segattn_status status = segattn_state_finalise(s, NULL, NULL, NULL);  /* counts rows */
  *events = s->events;
  (void)status;
}

/* ---- finalise and export ---- */

/* The tile's root, evaluated on a copy in this thread's memory.  */
static sga_rows root_of(segattn_state *s, sga_tile *t) {
  const segattn_plan *plan = s->plan;
  const sequence *q = &s->sequences[t->batch];
  char *copy[SGA_SLABS], *memory = s->finish[thread_number()];
  sga_slabs slabs = { copy, SGA_TILE };
  sga_join joins[SGA_SLABS];
  int slab;
  for (int i = 0; i < s->finish_slabs; i++) {
    copy[i] = memory + (size_t)i * sga_slab_bytes(plan, SGA_TILE);
    if (!t->tree->used[i])
      continue;
    sga_rows to = sga_slab_rows(plan, &slabs, i, 0), from = sga_slab_rows(plan, &q->slabs, i, t->slab_row);
    memcpy(to.e, from.e, t->n * plan->kernel->size);
    memcpy(to.l, from.l, t->n * plan->kernel->size);
    memcpy(to.o, from.o, t->n * plan->pad_v * plan->kernel->size);
  }
  int n = sga_tree_root(t->tree, joins, &slab);
  sga_slab_joins(plan, &slabs, 0, t->n, joins, n);
  sga_rows root = sga_slab_rows(plan, &slabs, slab < 0 ? 0 : slab, 0);
  if (slab < 0)
    plan->kernel->clear(root, t->n, plan->pad_v);
  return root;
}

typedef struct outputs { const segattn_tensor *out, *lse, *M, *S, *O; } outputs;

/* S and O from the root's: relative to M instead of e.  */
static void export_row(const segattn_plan *plan, const sga_tile *t, size_t i, sga_rows root, const outputs *x) {
  size_t head = sga_tile_head(t, i), query = sga_tile_query(t, i);
  double m = sga_number(plan, t->m, i), e = sga_number(plan, root.e, i), l = sga_number(plan, root.l, i);
  double factor = m > -(double)INFINITY ? sga_exp2(e - m) : 1, M = m * SGA_LN2 + 0, S = l * factor + 0;
  if (x->M)
    memcpy(sga_at(x->M, t->batch, head, query), &M, sizeof M);
  if (x->S)
    memcpy(sga_at(x->S, t->batch, head, query), &S, sizeof S);
  for (size_t d = 0; x->O && d < plan->problem.dim_v; d++) {
    double o = sga_number(plan, root.o, i * plan->pad_v + d) * factor;
    o = o != o ? (double)NAN : o + 0;
    memcpy(sga_at(x->O, t->batch, head, query) + (ptrdiff_t)d * x->O->stride[SEGATTN_DIM], &o, sizeof o);
  }
}

/* Every tile's root to the outputs that are asked for.  */
static void evaluate(segattn_state *s, const outputs *x) {
  segattn_queries queries = shape_of(s);
  size_t tiles = sga_tile_count(s->plan, &queries);
  int threads = tiles < (size_t)s->plan->threads ? (int)(tiles ? tiles : 1) : s->plan->threads;
  segattn_events rows = { 0 };
#pragma omp parallel num_threads(threads)
  {
    segattn_events own = { 0 };
    sga_environment environment;
    sga_environment_set(&environment);
#pragma omp for schedule(dynamic)
    for (size_t i = 0; i < tiles; i++) {
      sga_tile t;
      sga_tree tree;
      sga_scratch scratch;
      sga_counts counts = { 0 };
      tile_of(s, &queries, i, &t, &tree, &scratch, &counts);
      sga_rows root = root_of(s, &t);
      for (size_t r = 0; (x->M || x->S || x->O) && r < t.n; r++)
        export_row(s->plan, &t, r, root, x);
      sga_tile_output(&t, root, x->out, x->lse, &own);
    }
#pragma omp critical(sga_events)
    sga_events_add(&rows, &(sga_counts){ 0 }, &own);
    sga_environment_restore(&environment);
  }
  s->events.overflow = rows.overflow;
  s->events.masked_rows = rows.masked_rows;
}

segattn_status segattn_state_finalise(const segattn_state *state, const segattn_tensor *out, const segattn_tensor *lse,
                                      segattn_error *error) {
  if (!state)
    return sga_fail(error, SEGATTN_EINVAL, "state", "is NULL");
  segattn_queries queries = shape_of(state);
  segattn_status status = sga_outputs_check(state->plan, &queries, out, lse, error);
  if (!status)
    evaluate((segattn_state *)(uintptr_t)state, &(outputs){ .out = out, .lse = lse });
  return status;
}

static segattn_status f64_check(const segattn_tensor *t, const char *name, size_t dim, const segattn_state *s, segattn_error *error) {
  const size_t shape[] = { s->batch, s->plan->problem.q_heads, s->queries, dim };
  if (t && t->format != SEGATTN_F64)
    return sga_fail(error, SEGATTN_EINVAL, name, "has format %s, expected f64",
                    segattn_format_name(t->format) ? segattn_format_name(t->format) : "unknown");
  return t ? sga_output_check(t, name, shape, error) : SEGATTN_OK;
}

segattn_status segattn_state_export(const segattn_state *state, const segattn_tensor *M, const segattn_tensor *S,
                                    const segattn_tensor *O, segattn_error *error) {
  segattn_status status;
  if (!state)
    return sga_fail(error, SEGATTN_EINVAL, "state", "is NULL");
  if ((status = f64_check(M, "M", 1, state, error)) || (status = f64_check(S, "S", 1, state, error)) ||
      (status = f64_check(O, "O", state->plan->problem.dim_v, state, error)) ||
      (status = sga_alias_check(M, "M", S, "S", error)) || (status = sga_alias_check(M, "M", O, "O", error)) ||
      (status = sga_alias_check(S, "S", O, "O", error)))
    return status;
  evaluate((segattn_state *)(uintptr_t)state, &(outputs){ .M = M, .S = S, .O = O });
  return SEGATTN_OK;
}
