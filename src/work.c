/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a described call to numbers.  */

#include "work.h"

#include <stdlib.h>
#include <string.h>

#include "message.h"

/* What the library calls an argument is an option here.  */
int work_fail(const segattn_error *error) {
  static const struct { const char *argument, *option; } known[] = {
    { "options.arithmetic", "--arithmetic" }, { "options.isa", "--isa" }, { "options.threads", "--threads" },
    { "problem.softcap", "--softcap" }
  };
  int status = error->code == SEGATTN_ENOMEM ? FILES : USAGE;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(error->argument, known[i].argument))
      return fail(status, "%s%s", known[i].option, error->text + strlen(error->argument));
  return fail(status, "%s", error->text);
}

int work_plan(work *w) {
  segattn_error error;
  w->problem.slopes = w->slopes;
  w->problem.sinks = w->sinks;
  return segattn_plan_alloc(&w->plan, &w->problem, &w->options, &error) ? work_fail(&error) : DONE;
}

void work_free(work *w) {
  segattn_plan_free(w->plan);
  free(w->slopes);
  free(w->sinks);
  free(w->segments);
  *w = (work){ 0 };
}

segattn_format work_number(const char *arithmetic) {
  return strcmp(arithmetic, "f64") ? SEGATTN_F32 : SEGATTN_F64;
}

static int side_alloc(const work *w, side *s) {
  const size_t *shape = w->queries.q.shape;
  segattn_format number = work_number(segattn_plan_arithmetic(w->plan));
  return array_alloc(&s->out, number, shape[0], shape[1], shape[2], w->problem.dim_v) ||
         array_alloc(&s->lse, number, shape[0], shape[1], shape[2], 1) ||
         array_alloc(&s->M, SEGATTN_F64, shape[0], shape[1], shape[2], 1) ||
         array_alloc(&s->S, SEGATTN_F64, shape[0], shape[1], shape[2], 1) ? FILES : DONE;
}

int work_begin(const work *w, segattn_state **state) {
  segattn_error error;
  *state = NULL;
  return segattn_state_alloc(state, w->plan, &w->queries, &error) ? work_fail(&error) : DONE;
}

int work_absorb(const work *w, segattn_state *state) {
  segattn_error error;
  for (size_t i = 0; i < w->n_segments; i++)
    if (segattn_state_absorb(state, &w->queries, &w->segments[i], &error))
      return work_fail(&error);
  return DONE;
}

int work_finish(const work *w, const segattn_state *state, side *s, segattn_events *events) {
  segattn_error error;
  int status = side_alloc(w, s);
  if (status)
    return status;
  segattn_tensor out = array_view(&s->out), lse = array_view(&s->lse), M = array_view(&s->M), S = array_view(&s->S);
  if (segattn_state_finalise(state, &out, &lse, &error) || segattn_state_export(state, &M, &S, NULL, &error))
    return work_fail(&error);
  if (events)
    segattn_state_events(state, events);
  return DONE;
}

int work_attend(const work *w, side *s, segattn_events *events) {
  segattn_state *state;
  int status = work_begin(w, &state);
  if (!status)
    status = work_absorb(w, state);
  if (!status)
    status = work_finish(w, state, s, events);
  segattn_state_free(state);
  return status;
}

int work_bound(const work *w, array *bound) {
  segattn_error error;
  const size_t *shape = w->queries.q.shape;
  int status = array_alloc(bound, SEGATTN_F64, shape[0], shape[1], shape[2], w->problem.dim_v);
  if (status)
    return status;
  segattn_tensor view = array_view(bound);
  return segattn_bound(w->plan, &w->queries, w->segments, w->n_segments, &view, NULL, &error) ? work_fail(&error) : DONE;
}

oracle_problem work_oracle(const work *w, int64_t q_start, int64_t k_start) {
  return (oracle_problem){ .scale = segattn_plan_scale(w->plan), .softcap = w->problem.softcap, .causal = w->problem.causal,
                           .window = w->problem.window, .slopes = w->slopes, .sinks = w->sinks, .q_start = q_start,
                           .k_start = k_start };
}
