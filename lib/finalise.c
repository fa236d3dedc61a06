/* SPDX-License-Identifier: BSD-2-Clause */
/* From the state to its outputs: the root of each row's tree, evaluated on a copy, then out and lse, or (M, S, O).  */

#include <math.h>
#include <string.h>

#include "elementary.h"
#include "state.h"

segattn_queries sga_state_shape(const segattn_state *s) {
  return (segattn_queries){ .q = { .shape = { s->batch, s->plan->problem.q_heads, s->queries, s->plan->problem.dim_k } } };
}

/* The tile's root, evaluated on a copy in this thread's memory: `slabs`, whose table has room for SGA_SLABS.  */
static sga_rows root_of(segattn_state *s, sga_tile *t, int thread, sga_slabs *slabs) {
  const segattn_plan *plan = s->plan;
  const sga_sequence *q = &s->sequences[t->batch];
  char *memory = s->finish[thread];
  sga_join joins[SGA_SLABS];
  int slab;
  sga_slabs_shape(slabs, plan, t->queries, SGA_TILE, 1);
  for (int i = 0; i < s->finish_slabs; i++) {
    slabs->slab[i] = memory + (size_t)i * sga_slab_bytes(plan, slabs);
    if (i < t->tree->slabs && t->tree->used[i])
      sga_slab_copy(plan, slabs, 0, &q->slabs, t->tile, i);
  }
  int n = sga_tree_root(t->tree, joins, &slab);
  sga_slab_joins(plan, slabs, 0, joins, n);
  if (slab < 0)
    sga_slab_clear(plan, slabs, slab = 0, 0);
  return sga_slab_tile(plan, slabs, slab, 0);
}

typedef struct outputs {
  const segattn_tensor *out, *lse, *M, *S, *O;
  const segattn_tensor *lse_2;          /* to base 2 */
  bool bare;                            /* out and lse without sinks */
} outputs;

/* S and O from the root's: relative to M instead of e.  */
static void export_row(const segattn_plan *plan, const sga_tile *t, size_t i, sga_rows row, const outputs *x) {
  size_t head = t->head[i], query = t->query[i];
  double m = sga_number(plan, t->m, i), e = sga_number(plan, row.e, 0), l = sga_sum_l(plan, row, 1, 0);
  double factor = m > -(double)INFINITY ? sga_exp2(e - m) : 1, M = m * SGA_LN2 + 0, S = l * factor + 0;
  if (x->M)
    memcpy(sga_at(x->M, t->batch, head, query), &M, sizeof M);
  if (x->S)
    memcpy(sga_at(x->S, t->batch, head, query), &S, sizeof S);
  for (size_t d = 0; x->O && d < plan->problem.dim_v; d++) {
    double o = sga_sum_o(plan, row, d) * factor;
    o = o != o ? (double)NAN : o + 0;
    memcpy(sga_at(x->O, t->batch, head, query) + (ptrdiff_t)d * x->O->stride[SEGATTN_DIM], &o, sizeof o);
  }
}

/* lse to base 2 = e + log2 l: e is exact, the rest at most 2 ulp of log2 l.  */
static void lse_2_row(const sga_tile *t, size_t i, sga_rows row, const segattn_tensor *lse) {
  double e = sga_number(t->plan, row.e, 0), l = sga_sum_l(t->plan, row, 1, 0);
  double x = l == 0 ? -(double)INFINITY : e + sga_log(l) * SGA_LOG2E;
  x = x != x ? (double)NAN : x + 0;
  sga_format_of(lse->format)->from_f64(&x, sga_at(lse, t->batch, t->head[i], t->query[i]), (ptrdiff_t)sizeof x, 1);
}

typedef struct evaluation {
  segattn_state *s;
  const outputs *x;
  segattn_queries queries;
  size_t tiles, next;
} evaluation;

static void evaluate_tiles(void *job, int thread) {
  evaluation *v = job;
  const outputs *x = v->x;
  const segattn_plan *plan = v->s->plan;
  segattn_plan bare = *plan;
  bare.problem.sinks = NULL;
  for (size_t i; (i = sga_take(&v->next)) < v->tiles;) {
    sga_tile t;
    sga_tree tree;
    sga_scratch scratch;
    char *copy[SGA_SLABS];
    double room[SGA_ROW];
    sga_slabs slabs = { .slab = copy };
    sga_state_tile(v->s, &v->queries, i, thread, &t, &tree, &scratch);
    sga_rows root = root_of(v->s, &t, thread, &slabs);
    for (size_t r = 0; (x->M || x->S || x->O) && r < t.n; r++)
      export_row(plan, &t, r, sga_slab_row(plan, &slabs, root, r, room), x);
    for (size_t r = 0; x->lse_2 && r < t.n; r++)
      lse_2_row(&t, r, sga_slab_row(plan, &slabs, root, r, room), x->lse_2);
    t.plan = x->bare ? &bare : plan;
    sga_tile_output(&t, &slabs, root, x->out, x->lse);
    sga_events_collect(&t, v->s->finished);
  }
}

/* Every tile's root to the outputs that are asked for.  */
static void evaluate(segattn_state *s, const outputs *x) {
  evaluation v = { .s = s, .x = x, .queries = sga_state_shape(s) };
  for (size_t h = 0; h < s->plan->problem.q_heads; h++) {
    uint64_t kept = x->out || x->lse || x->lse_2 ? 0 : s->finished[h].saturations;
    s->finished[h] = (segattn_events){ .saturations = kept, .first = SEGATTN_NOWHERE };
  }
  v.tiles = sga_tile_count(s->plan, &v.queries, SGA_TILE);
  sga_parallel(sga_threads(s->plan, v.tiles, sga_flops(s->plan, &v.queries, 64)), evaluate_tiles, &v);
}

segattn_status segattn_state_finalise(const segattn_state *state, const segattn_tensor *out, const segattn_tensor *lse,
                                      segattn_error *error) {
  if (!state)
    return sga_fail(error, SEGATTN_EINVAL, "state", "is NULL");
  segattn_queries queries = sga_state_shape(state);
  segattn_status status = sga_outputs_check(state->plan, &queries, &(sga_outputs){ out, lse, "out", "lse" }, error);
  if (!status)
    evaluate((segattn_state *)(uintptr_t)state, &(outputs){ .out = out, .lse = lse });
  return status;
}

segattn_status segattn_state_export_pair(const segattn_state *state, segattn_base base, const segattn_tensor *out,
                                         const segattn_tensor *lse, segattn_error *error) {
  segattn_status status;
  if (!state)
    return sga_fail(error, SEGATTN_EINVAL, "state", "is NULL");
  if ((status = sga_base_check(base, error)))
    return status;
  segattn_queries queries = sga_state_shape(state);
  if ((status = sga_outputs_check(state->plan, &queries, &(sga_outputs){ out, lse, "out", "lse" }, error)))
    return status;
  evaluate((segattn_state *)(uintptr_t)state, &(outputs){ .out = out, .lse = base == SEGATTN_NATURAL ? lse : NULL,
                                                          .lse_2 = base == SEGATTN_NATURAL ? NULL : lse, .bare = true });
  return SEGATTN_OK;
}

static segattn_status f64_check(const segattn_tensor *t, const char *name, size_t dim, const segattn_state *s,
                                segattn_error *error) {
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

void segattn_state_events(const segattn_state *state, segattn_events *events) {
  segattn_state *s = (segattn_state *)(uintptr_t)state;
  segattn_status status = segattn_state_finalise(s, NULL, NULL, NULL);  /* counts rows */
  memcpy(events, s->events, s->plan->problem.q_heads * sizeof *events);
  for (size_t h = 0; h < s->plan->problem.q_heads; h++)
    sga_events_add(&events[h], &s->finished[h]);
  (void)status;
}
