/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One attention call as data: a plan, queries, segments; and what is computed from it.  */

#ifndef WORK_H
#define WORK_H

#include "oracle.h"
#include "result.h"

typedef struct work {
  segattn_problem problem;
  double *slopes, *sinks;       /* owned; or NULL */
  segattn_options options;
  segattn_queries queries;
  segattn_segment *segments;    /* owned; the tensors are views of the caller's arrays */
  size_t n_segments;
  segattn_plan *plan;
} work;

segattn_format work_number(const char *arithmetic);     /* what its results are: f64, or f32 */
/* Fills in the plan: 0, or USAGE with the library's own words.  */
int work_plan(work *w);
void work_free(work *w);
/* Alloc, absorb segment by segment, finalise: out and lse in the arithmetic's type, M and S in f64; `events` of every query
   head, or NULL.  */
int work_attend(const work *w, side *s, segattn_events *events);
/* The same step by step.  *state is the caller's to free, also after a failure.  */
int work_begin(const work *w, segattn_state **state);
int work_absorb(const work *w, segattn_state *state);
int work_finish(const work *w, const segattn_state *state, side *s, segattn_events *events);
/* The bound of the output: f64.  */
int work_bound(const work *w, array *bound);
oracle_problem work_oracle(const work *w, int64_t q_start, int64_t k_start);
/* A library call failed: its message, USAGE, or FILES when out of memory.  */
int work_fail(const segattn_error *error);

#endif
