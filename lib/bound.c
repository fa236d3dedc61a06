/* SPDX-License-Identifier: BSD-2-Clause */
/* segattn_bound: the certified error bound of each element (BOUNDS, theorem 1) and of each lse (theorem 2).

   For each KV head the keys and values that some row attends are decoded to f64 once, exactly; then every row is a loop over
   its keys of its own (bound_row.c), so threads never share a sum and the bits do not depend on their number.  */

#include <float.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
# include <omp.h>
#endif

#include "bound.h"
#include "kernel/exp2.h"

static const sga_bound_type bound_f32 = { 0x1p-24, 0x1p-149, FLT_MAX, EXP2_F32_EPSILON, -126 };
static const sga_bound_type bound_f64 = { 0x1p-53, 0x1p-1074, DBL_MAX, EXP2_F64_EPSILON, -1022 };

/* One call.  */
typedef struct call {
  const segattn_plan *plan;
  const segattn_queries *queries;
  const segattn_segment *segments;
  size_t n;                     /* segments */
  const segattn_tensor *bound, *lse_bound;
  sga_bound_keys keys;
  bool *attended;               /* by some row of the KV head */
  char *scratch;                /* of all threads, each: */
  size_t bytes;
} call;

static void decode(const segattn_tensor *t, const char *from, double *to, size_t n) {
  sga_format_of(t->format)->to_f64(from, t->stride[SEGATTN_DIM], to, n);
}

/* ---- who attends what ---- */

/* Appends the keys of a segment that row (head, query) attends; key 0 of the segment has number `offset`.  */
static void gather_segment(const call *c, sga_bound_row *r, const segattn_segment *s, size_t offset, size_t batch,
                           size_t query) {
  const segattn_tensor *m = &s->mask;
  size_t first, last;
  sga_reach(&c->plan->problem, r->position, sga_segment_start(s, batch), s->k.shape[SEGATTN_POS], &first, &last);
  double *mask = r->weight;     /* not in use yet */
  if (m->data && first < last) {
    const char *at = sga_at(m, m->shape[0] == 1 ? 0 : batch, m->shape[1] == 1 ? 0 : r->head, query);
    decode(m, at + (ptrdiff_t)first * m->stride[SEGATTN_DIM], mask, last - first);
  }
  for (size_t j = first; j < last; j++) {
    double x = m->data ? mask[j - first] : 0;
    if (x < -DBL_MAX)
      continue;                 /* -inf: skipped, K and V are never read */
    r->key[r->n] = (double)(offset + j);
    r->mask[r->n++] = x;
  }
}

static void gather(const call *c, sga_bound_row *r, size_t batch, size_t head, size_t query) {
  size_t offset = 0;
  r->head = head;
  r->position = sga_query_position(c->queries, batch, query);
  r->n = 0;
  for (size_t i = 0; i < c->n; i++) {
    gather_segment(c, r, &c->segments[i], offset, batch, query);
    offset += c->segments[i].k.shape[SEGATTN_POS];
  }
}

/* ---- keys and values ---- */

static void decode_key(const call *c, const segattn_segment *s, size_t batch, size_t kv_head, size_t j, size_t number) {
  const segattn_problem *p = &c->plan->problem;
  double *k = c->keys.k + number * p->dim_k, *v = c->keys.v + number * p->dim_v, size = 0;
  decode(&s->k, sga_at(&s->k, batch, kv_head, j), k, p->dim_k);
  decode(&s->v, sga_at(&s->v, batch, kv_head, j), v, p->dim_v);
  for (size_t d = 0; d < p->dim_k; d++)
    size += k[d] < 0 ? -k[d] : k[d];
  c->keys.size[number] = size;
  if (c->plan->kernel->coder)
    sga_bound_codes_key(&c->keys, p->dim_k, number, &s->k, sga_at(&s->k, batch, kv_head, j));
}

static void decode_keys(const call *c, size_t batch, size_t kv_head) {
  size_t number = 0;
  for (size_t i = 0; i < c->n; i++)
    for (size_t j = 0; j < c->segments[i].k.shape[SEGATTN_POS]; j++, number++) {
      c->keys.position[number] = sga_segment_start(&c->segments[i], batch) + (int64_t)j;
      if (c->attended[number])
        decode_key(c, &c->segments[i], batch, kv_head, j, number);
    }
}

/* ---- rows ---- */

static bool wide(const call *c, const segattn_tensor *t) {
  return c->plan->number == SEGATTN_F32 && sga_format_of(t->format)->wide;
}

/* Lays the arrays of a row into a thread's scratch.  */
static void row_place(const call *c, sga_bound_row *r, char *memory) {
  const segattn_problem *p = &c->plan->problem;
  double *x = (double *)(void *)memory;
  double **by_key[] = { &r->key, &r->mask, &r->t, &r->error, &r->own, &r->weight, &r->loss };
  double **by_dim[] = { &r->y, &r->size, &r->spread, &r->sum, &r->low, &r->high };
  *r = (sga_bound_row){ .plan = c->plan, .keys = &c->keys, .type = c->plan->number == SEGATTN_F32 ? &bound_f32 : &bound_f64 };
  r->narrow_q = wide(c, &c->queries->q);
  for (size_t i = 0; i < c->n; i++) {
    r->narrow_k |= wide(c, &c->segments[i].k);
    r->narrow_v |= wide(c, &c->segments[i].v);
  }
  for (size_t i = 0; i < sizeof by_key / sizeof *by_key; i++, x += c->keys.n + 1)
    *by_key[i] = x;
  for (size_t i = 0; i < sizeof by_dim / sizeof *by_dim; i++, x += p->dim_v)
    *by_dim[i] = x;
  r->q = x;
  r->codes.scale = (float *)(void *)(x + p->dim_k);
  r->codes.code = (int8_t *)(r->codes.scale + sga_code_blocks(p->dim_k));
}

static size_t codes_bytes(const segattn_problem *p) {
  return sga_code_blocks(p->dim_k) * (SGA_CODES + sizeof(float));
}

static size_t row_bytes(const segattn_problem *p, size_t keys) {
  return (7 * (keys + 1) + 6 * p->dim_v + p->dim_k) * sizeof(double) +
         (codes_bytes(p) + 7) / 8 * 8;
}

static void store(const segattn_tensor *t, size_t batch, size_t head, size_t query, const double *x) {
  char *at = sga_at(t, batch, head, query);
  for (size_t d = 0; d < t->shape[SEGATTN_DIM]; d++)
    memcpy(at + (ptrdiff_t)d * t->stride[SEGATTN_DIM], &x[d], sizeof x[d]);
}

static void bound_row(const call *c, sga_bound_row *r, size_t batch, size_t head, size_t query) {
  double bound[SEGATTN_MAX_DIM], lse_bound;
  gather(c, r, batch, head, query);
  const char *from = sga_at(&c->queries->q, batch, head, query);
  decode(&c->queries->q, from, r->q, c->plan->problem.dim_k);
  if (c->plan->kernel->coder)
    sga_bound_codes_query(r, c->plan->problem.dim_k, &c->queries->q, from);
  sga_bound_row_evaluate(r, bound, &lse_bound);
  if (c->bound)
    store(c->bound, batch, head, query, bound);
  if (c->lse_bound)
    store(c->lse_bound, batch, head, query, &lse_bound);
}

static void mark_attended(const call *c, size_t batch, size_t kv_head) {
  size_t group = c->plan->group, queries = c->queries->q.shape[SEGATTN_POS];
  sga_bound_row r;
  row_place(c, &r, c->scratch);
  memset(c->attended, 0, c->keys.n);
  for (size_t i = 0; i < group * queries; i++) {
    gather(c, &r, batch, kv_head * group + i / queries, i % queries);
    for (size_t j = 0; j < r.n; j++)
      c->attended[(size_t)r.key[j]] = true;
  }
}

static void bound_head(const call *c, size_t batch, size_t kv_head) {
  size_t group = c->plan->group, queries = c->queries->q.shape[SEGATTN_POS];
  mark_attended(c, batch, kv_head);
  decode_keys(c, batch, kv_head);
#pragma omp parallel num_threads(c->plan->threads)
  {
    sga_bound_row r;
    sga_environment environment;
    sga_environment_set(&environment);
#ifdef _OPENMP
    row_place(c, &r, c->scratch + (size_t)omp_get_thread_num() * c->bytes);
#else
    row_place(c, &r, c->scratch);
#endif
#pragma omp for schedule(dynamic)
    for (size_t i = 0; i < group * queries; i++)
      bound_row(c, &r, batch, kv_head * group + i / queries, i % queries);
    sga_environment_restore(&environment);
  }
}

/* ---- the call ---- */

static segattn_status format_check(const segattn_tensor *t, const char *name, segattn_error *error) {
  if (t && t->format != SEGATTN_F64)
    return sga_fail(error, SEGATTN_EINVAL, name, "has format %s, expected f64", segattn_format_name(t->format));
  return SEGATTN_OK;
}

static bool allocate(call *c, int threads) {
  const segattn_problem *p = &c->plan->problem;
  for (size_t i = 0; i < c->n; i++)
    c->keys.n += c->segments[i].k.shape[SEGATTN_POS];
  size_t n = c->keys.n + 1;
  bool coded = c->plan->kernel->coder;
  c->bytes = row_bytes(p, c->keys.n);
  c->keys.k = calloc(n, p->dim_k * sizeof(double));
  c->keys.v = calloc(n, p->dim_v * sizeof(double));
  c->keys.size = calloc(n, sizeof(double));
  if (coded && (c->keys.codes.scale = calloc(n, codes_bytes(p))))
    c->keys.codes.code = (int8_t *)(c->keys.codes.scale + n * sga_code_blocks(p->dim_k));
  c->keys.position = calloc(n, sizeof(int64_t));
  c->attended = calloc(n, sizeof(bool));
  c->scratch = calloc((size_t)threads, c->bytes);
  return (c->keys.codes.code || !coded) && c->keys.k && c->keys.v && c->keys.size && c->keys.position && c->attended &&
         c->scratch;
}

static void release(call *c) {
  free(c->keys.k);
  free(c->keys.v);
  free(c->keys.size);
  free(c->keys.codes.scale);
  free(c->keys.position);
  free(c->attended);
  free(c->scratch);
}

segattn_status segattn_bound(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                             size_t n_segments, const segattn_tensor *bound, const segattn_tensor *lse_bound,
                             segattn_error *error) {
  const sga_outputs outputs = { bound, lse_bound, "bound", "lse_bound" };
  segattn_status status = sga_call_check(plan, queries, segments, n_segments, &outputs, error);
  if (status || (status = format_check(bound, "bound", error)) || (status = format_check(lse_bound, "lse_bound", error)))
    return status;
  call c = { .plan = plan, .queries = queries, .segments = segments, .n = n_segments, .bound = bound, .lse_bound = lse_bound };
  if (!allocate(&c, plan->threads)) {
    release(&c);
    return sga_fail(error, SEGATTN_ENOMEM, "segments", "cannot have the memory to decode %zu keys", c.keys.n);
  }
  sga_environment environment;
  sga_environment_set(&environment);
  for (size_t b = 0; b < queries->q.shape[SEGATTN_BATCH]; b++)
    for (size_t g = 0; g < plan->problem.kv_heads; g++)
      bound_head(&c, b, g);
  sga_environment_restore(&environment);
  release(&c);
  return SEGATTN_OK;
}
