/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn as a contestant, and in arithmetic i8 as another: through its public interface, as any user would call it.

   absorb: single keys, after those of the case.  merge: the later half of the keys into a state of the earlier half, which is
   made anew, untimed, for each run.  finalise: a state of all keys.  */

#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 128 };           /* keys absorbed one by one in one run: a block, so that its closing is in the mean */

typedef struct mine {
  segattn_plan *plan;
  segattn_queries queries;
  segattn_tensor k[BENCH_PARTS], v[BENCH_PARTS], out;
  int64_t start[BENCH_PARTS];   /* positions of the parts */
  segattn_segment *segments;
  size_t n_segments;
  segattn_state *state, *other; /* other: the later half */
  int64_t next;                 /* position of the next single key */
} mine;

static bool hello(char *version, char *isa, size_t size, int threads) {
  segattn_problem p;
  segattn_error error;
  segattn_plan *plan;
  segattn_problem_init(&p);
  p.dim_k = p.dim_v = 1;
  bool there = !segattn_plan_alloc(&plan, &p, &(segattn_options){ .threads = threads }, &error);
  snprintf(version, size, "%s", there ? segattn_version() : error.text);
  if (there) {
    snprintf(isa, size, "%s", segattn_plan_isa(plan));
    segattn_plan_free(plan);
  }
  return there;
}

static segattn_tensor part(const segattn_tensor *whole, size_t from, size_t n) {
  segattn_tensor t = *whole;
  t.data = (char *)t.data + (ptrdiff_t)from * t.stride[SEGATTN_POS];
  t.shape[SEGATTN_POS] = n;
  return t;
}

static segattn_segment segment_of(const mine *m, size_t i, size_t from, size_t n) {
  return (segattn_segment){ .k = part(&m->k[i], from, n), .v = part(&m->v[i], from, n), .start = m->start[i] + (int64_t)from };
}

/* Of a case of one part.  */
static segattn_segment segment(const mine *m, size_t from, size_t n) {
  return segment_of(m, 0, from, n);
}

static void views(mine *m, const bench_job *job) {
  const bench_case *c = &job->c;
  const char *axes = c->token_major ? "bphd" : "bhpd";
  m->queries.q = segattn_tensor_of(job->q, c->q_format, 1, c->q_heads, c->queries, c->dim);
  m->queries.start = (int64_t)(c->keys - c->queries);
  m->out = segattn_tensor_of(job->out, c->q_format == SEGATTN_F64 ? SEGATTN_F64 : SEGATTN_F32, 1, c->q_heads, c->queries,
                             c->dim);
  int64_t start = 0;
  for (size_t i = 0; i < c->parts; i++) {
    const bench_part *p = &c->part[i];
    m->k[i] = segattn_tensor_axes(axes, job->k[i], p->format, 1, c->kv_heads, p->keys, c->dim);
    m->v[i] = segattn_tensor_axes(axes, job->v[i], p->format, 1, c->kv_heads, p->keys, c->dim);
    m->start[i] = start;
    start += (int64_t)p->keys;
    for (size_t s = 0; s < c->segments; s++) {
      size_t from = s * p->keys / c->segments;
      m->segments[m->n_segments++] = segment_of(m, i, from, (s + 1) * p->keys / c->segments - from);
    }
  }
}

static segattn_status fill(segattn_state **state, const mine *m, size_t from, size_t n, segattn_error *error) {
  segattn_segment s = segment(m, from, n);
  segattn_status status = *state ? SEGATTN_OK : segattn_state_alloc(state, m->plan, &m->queries, error);
  if (!status)
    segattn_state_reset(*state);
  return status ? status : segattn_state_absorb(*state, &m->queries, &s, error);
}

static segattn_status plan(mine *m, const bench_job *job, const char *arithmetic, segattn_error *error) {
  const bench_case *c = &job->c;
  segattn_problem p;
  segattn_problem_init(&p);
  p.q_heads = c->q_heads;
  p.kv_heads = c->kv_heads;
  p.dim_k = p.dim_v = c->dim;
  p.causal = c->causal;
  segattn_options o = { .arithmetic = arithmetic, .threads = job->threads, .keys = c->keys };
  return segattn_plan_alloc(&m->plan, &p, &o, error);
}

static bool prepare_in(bench_job *job, const char *arithmetic) {
  segattn_error error = { .text = "out of memory" };
  mine *m = job->mine = calloc(1, sizeof *m);
  if (m)
    m->segments = calloc(job->c.parts * job->c.segments, sizeof *m->segments);
  bool made = m && m->segments && !plan(m, job, arithmetic, &error);
  size_t keys = job->c.keys, half = keys / 2;
  if (made) {
    views(m, job);
    m->next = (int64_t)keys;
    if (job->c.work == BENCH_MERGE)
      made = !fill(&m->other, m, half, keys - half, &error) && !fill(&m->state, m, 0, half, &error);
    else if (job->c.work != BENCH_ATTEND)
      made = !fill(&m->state, m, 0, keys, &error);
  }
  if (!made)
    snprintf(job->reason, sizeof job->reason, "%.190s", error.text);
  return made;
}

static bool prepare(bench_job *job) { return prepare_in(job, job->c.arithmetic); }
static bool prepare_i8(bench_job *job) { return prepare_in(job, "i8"); }

static segattn_status absorb_batch(mine *m) {
  segattn_status status = SEGATTN_OK;
  for (size_t i = 0; i < BATCH && !status; i++) {
    segattn_segment s = segment(m, i, 1);
    s.start = m->next++;
    status = segattn_state_absorb(m->state, &m->queries, &s, NULL);
  }
  return status;
}

static double run(bench_job *job) {
  mine *m = job->mine;
  segattn_status status = SEGATTN_OK;
  if (job->c.work == BENCH_MERGE)
    status = fill(&m->state, m, 0, job->c.keys / 2, NULL);
  double start = bench_clock();
  switch (job->c.work) {
  case BENCH_ATTEND:
    status = segattn_attend(m->plan, &m->queries, m->segments, m->n_segments, &m->out, NULL, NULL, NULL);
    break;
  case BENCH_ABSORB: status = absorb_batch(m); break;
  case BENCH_MERGE: status = status ? status : segattn_state_merge(m->state, m->other, NULL); break;
  default: status = segattn_state_finalise(m->state, &m->out, NULL, NULL);
  }
  double seconds = bench_clock() - start;
  if (status)
    return NAN;
  return job->c.work == BENCH_ABSORB ? seconds / BATCH : seconds;
}

/* The last call's output; for absorb a state to which the last key came alone.  */
static void output(bench_job *job) {
  mine *m = job->mine;
  segattn_segment last = segment(m, job->c.keys - 1, 1);
  if (job->c.work == BENCH_ATTEND)
    return;
  if (job->c.work == BENCH_ABSORB) {
    fill(&m->state, m, 0, job->c.keys - 1, NULL);
    segattn_state_absorb(m->state, &m->queries, &last, NULL);
  }
  segattn_state_finalise(m->state, &m->out, NULL, NULL);
}

static void release(bench_job *job) {
  mine *m = job->mine;
  segattn_state_free(m->state);
  segattn_state_free(m->other);
  segattn_plan_free(m->plan);
  free(m->segments);
  free(m);
}

const bench_contestant bench_segattn = { "segattn", hello, prepare, run, output, release };
const bench_contestant bench_segattn_i8 = { "segattn-i8", hello, prepare_i8, run, output, release };
