/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evaluates a variant of a drawn problem by one of the library's routes: in one call, segment by segment, or in parts
   that are merged in a random order; see render.h.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "render.h"

/* What the routes share.  A route returns the first status that is not SEGATTN_OK.  */
typedef struct call {
  rendering s;
  segattn_plan *plan;
  segattn_tensor out, lse;
  segattn_events *events;       /* room for those of each head; NULL: not asked for */
  rng *r;
  segattn_error error;
} call;

typedef segattn_status evaluate_by(call *c);

static segattn_status attend(call *c) {
  return segattn_attend(c->plan, &c->s.queries, c->s.segments, c->s.n_segments, &c->out, &c->lse, c->events, &c->error);
}

/* Segments [from, to) into the state; on the way it may be looked at, which must not change it.  */
static segattn_status absorb_range(call *c, segattn_state *state, size_t from, size_t to) {
  segattn_status status = SEGATTN_OK;
  for (size_t i = from; i < to && status == SEGATTN_OK; i++) {
    if (rng_chance(c->r, 10))
      status = segattn_state_finalise(state, &c->out, NULL, &c->error);
    if (status == SEGATTN_OK)
      status = segattn_state_absorb(state, &c->s.queries, &c->s.segments[i], &c->error);
  }
  return status;
}

static void look(call *c, const segattn_state *state, segattn_status status) {
  if (status == SEGATTN_OK && c->events)
    segattn_state_events(state, c->events);
}

static segattn_status absorb(call *c) {
  segattn_state *state = NULL;
  segattn_status status = segattn_state_alloc(&state, c->plan, &c->s.queries, &c->error);
  if (status == SEGATTN_OK && rng_chance(c->r, 20)) {           /* a state that has seen other things */
    status = absorb_range(c, state, 0, c->s.n_segments);
    segattn_state_reset(state);
  }
  if (status == SEGATTN_OK)
    status = absorb_range(c, state, 0, c->s.n_segments);
  for (int times = rng_chance(c->r, 20) ? 2 : 1; times && status == SEGATTN_OK; times--)
    status = segattn_state_finalise(state, &c->out, &c->lse, &c->error);
  look(c, state, status);
  segattn_state_free(state);
  return status;
}

/* ---- merging ---- */

typedef struct parts {
  segattn_state **state;
  size_t n;
} parts;

static void drop(parts *p, size_t i) {
  segattn_state_free(p->state[i]);
  memmove(&p->state[i], &p->state[i + 1], (--p->n - i) * sizeof *p->state);
}

/* One random merge of any two, neighbours or not.  */
static segattn_status merge_two(call *c, parts *p) {
  size_t into = rng_below(c->r, p->n), from = rng_below(c->r, p->n - 1);
  from += from >= into;
  segattn_status status = segattn_state_merge(p->state[into], p->state[from], &c->error);
  if (status == SEGATTN_OK)
    drop(p, from);
  return status;
}

static segattn_status add_part(call *c, parts *p, size_t from, size_t to) {
  segattn_status status = segattn_state_alloc(&p->state[p->n], c->plan, &c->s.queries, &c->error);
  if (status != SEGATTN_OK)
    return status;
  return absorb_range(c, p->state[p->n++], from, to);
}

/* Parts [0, last) each by itself and merged; the last one by itself too, or absorbed into what the others gave.  */
static segattn_status merge_parts(call *c, parts *p) {
  segattn_status status = SEGATTN_OK;
  size_t n = c->s.n_segments, from = 0, to = 0;
  bool onto = rng_chance(c->r, 30);
  for (; status == SEGATTN_OK && (to < n || p->n == 0); from = to) {
    for (to = from < n ? from + 1 : n; to < n && !c->s.part[to]; to++)
      ;
    if (onto && to == n && p->n)
      break;
    status = add_part(c, p, from, to);
    if (status == SEGATTN_OK && rng_chance(c->r, 10))
      status = add_part(c, p, 0, 0);            /* an empty state */
  }
  while (status == SEGATTN_OK && p->n > 1)
    status = merge_two(c, p);
  return status == SEGATTN_OK ? absorb_range(c, p->state[0], from, n) : status;
}

static segattn_status merge(call *c) {
  parts p = { allocate(2 * c->s.n_segments + 2, sizeof *p.state), 0 };
  segattn_status status = merge_parts(c, &p);
  if (status == SEGATTN_OK)
    status = segattn_state_finalise(p.state[0], &c->out, &c->lse, &c->error);
  look(c, p.state[0], status);
  while (p.n)
    drop(&p, p.n - 1);
  free(p.state);
  return status;
}

/* ---- the whole ---- */

static evaluate_by *const routes[] = { [ATTEND] = attend, [ABSORB] = absorb, [MERGE] = merge };

variant variant_base(const drawn *d) {
  return (variant) { .batch = d->batch, .heads = d->problem.q_heads, .groups = d->problem.kv_heads, .queries = d->queries,
    .joined = true, .q = plain_layout, .k = plain_layout, .v = plain_layout, .mask = plain_layout, .out = plain_layout,
    .lse = plain_layout, .isa = "portable", .threads = 1 };
}

static void gather(answer *a, const call *c, const laid *out, const laid *lse) {
  size_t rows = c->out.shape[0] * c->out.shape[1] * c->out.shape[2];
  a->out = allocate(rows * c->out.shape[SEGATTN_DIM], sizeof(double));
  a->lse = allocate(rows, sizeof(double));
  layout_copy(&c->out, a->out, false);
  layout_copy(&c->lse, a->lse, false);
  if (!layout_untouched(&c->out, out) || !layout_untouched(&c->lse, lse))
    snprintf(a->text, sizeof a->text, "memory between the elements of an output was written");
}

static bool evaluate_call(answer *a, call *c, const drawn *d, const variant *w) {
  size_t shape[] = { w->batch, w->heads, w->queries, d->problem.dim_v }, one[] = { w->batch, w->heads, w->queries, 1 };
  laid under_out, under_lse;
  c->out = layout_make(c->s.memory, &w->out, w->exact_out ? SEGATTN_F64 : d->out_format, shape, NULL, &under_out);
  c->lse = layout_make(c->s.memory, &w->lse, w->exact_out ? SEGATTN_F64 : d->lse_format, one, NULL, &under_lse);
  c->events = rng_chance(c->r, 80) ? allocate(w->heads, sizeof *c->events) : NULL;
  segattn_options options = { .arithmetic = d->arithmetic, .isa = w->isa, .threads = w->threads, .thread_work = 1,
    .keys = rng_chance(c->r, 50) ? d->keys : 0 };
  segattn_status status = segattn_plan_alloc(&c->plan, &c->s.problem, &options, &c->error);
  if (status == SEGATTN_OK)
    status = routes[w->route](c);
  if (status == SEGATTN_OK)
    gather(a, c, &under_out, &under_lse);
  else
    snprintf(a->text, sizeof a->text, "status %d, %s: %s", (int) status, c->error.argument, c->error.text);
  segattn_plan_free(c->plan);
  a->events = c->events;
  return a->text[0] == 0;
}

bool evaluate(answer *a, const drawn *d, const variant *w, rng *r) {
  call c = { .r = r };
  *a = (answer) { 0 };
  render(&c.s, d, w, r);
  bool fine = evaluate_call(a, &c, d, w);
  rendering_free(&c.s);
  return fine;
}

void answer_free(answer *a) {
  free(a->out);
  free(a->lse);
  free(a->events);
  *a = (answer) { 0 };
}
