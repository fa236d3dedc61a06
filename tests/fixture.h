/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small valid call of everything in segattn.h, for tests that spoil one thing of it.  */

#ifndef FIXTURE_H
#define FIXTURE_H

#include <string.h>
#include <segattn.h>

enum { F_BATCH = 2, F_HEADS = 4, F_KV = 2, F_QUERIES = 3, F_KEYS = 6, F_DK = 5, F_DV = 3 };

typedef struct fixture {
  segattn_problem problem;
  segattn_options options;
  segattn_queries queries;
  segattn_segment segment;
  segattn_tensor out, lse, M, S, O, bound;
  double slopes[F_HEADS], sinks[F_HEADS];
  double q[F_BATCH * F_HEADS * F_QUERIES * F_DK], k[F_BATCH * F_KV * F_KEYS * F_DK], v[F_BATCH * F_KV * F_KEYS * F_DV];
  double mask[F_QUERIES * F_KEYS];
  double rows[3][F_BATCH * F_HEADS * F_QUERIES], wide[3][F_BATCH * F_HEADS * F_QUERIES * F_DV];
} fixture;

static inline void fixture_fill(double *x, size_t n, double by) {
  for (size_t i = 0; i < n; i++)
    x[i] = by * ((double) (i * 37 % 64) - 31) / 32;
}

static inline segattn_tensor fixture_output(void *data, size_t dim) {
  return segattn_tensor_of(data, SEGATTN_F64, F_BATCH, F_HEADS, F_QUERIES, dim);
}

static inline void fixture_init(fixture *f) {
  memset(f, 0, sizeof *f);
  segattn_problem_init(&f->problem);
  f->problem.q_heads = F_HEADS;
  f->problem.kv_heads = F_KV;
  f->problem.dim_k = F_DK;
  f->problem.dim_v = F_DV;
  f->options.arithmetic = "f64";
  f->options.threads = 1;
  f->options.thread_work = 1;    /* threads start however little there is to do */
  fixture_fill(f->q, sizeof f->q / sizeof *f->q, 2);
  fixture_fill(f->k, sizeof f->k / sizeof *f->k, 3);
  fixture_fill(f->v, sizeof f->v / sizeof *f->v, 1);
  f->queries.q = segattn_tensor_of(f->q, SEGATTN_F64, F_BATCH, F_HEADS, F_QUERIES, F_DK);
  f->segment.k = segattn_tensor_of(f->k, SEGATTN_F64, F_BATCH, F_KV, F_KEYS, F_DK);
  f->segment.v = segattn_tensor_of(f->v, SEGATTN_F64, F_BATCH, F_KV, F_KEYS, F_DV);
  f->segment.mask = segattn_tensor_of(f->mask, SEGATTN_F64, 1, 1, F_QUERIES, F_KEYS);
  f->out = fixture_output(f->wide[0], F_DV);
  f->O = fixture_output(f->wide[1], F_DV);
  f->bound = fixture_output(f->wide[2], F_DV);
  f->lse = fixture_output(f->rows[0], 1);
  f->M = fixture_output(f->rows[1], 1);
  f->S = fixture_output(f->rows[2], 1);
}

/* As many keys as asked for, each of them the fixture's first, at positions from `start`; no mask.  */
static inline segattn_segment fixture_keys(const fixture *f, size_t n, int64_t start) {
  segattn_segment s = f->segment;
  s.k.shape[SEGATTN_POS] = s.v.shape[SEGATTN_POS] = n;
  s.k.stride[SEGATTN_POS] = s.v.stride[SEGATTN_POS] = 0;
  s.mask.data = NULL;
  s.start = start;
  return s;
}

#endif
