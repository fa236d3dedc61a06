/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attention in double-double over whole tensors: which rows read which head, and the memory.  The mathematics and the stated
   error are in oracle_row.c.  Rows do not share anything that is written, so the number of threads changes nothing.  */

#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include "message.h"
#include "oracle_row.h"
#include "storage.h"

typedef struct tensors {
  array *out, *lse, *error;
  const array *q, *k, *v, *mask;
  double *q_values, *mask_values;
} tensors;

/* Row `query` of query head `head` of one batch element.  */
static row row_of(const tensors *t, const oracle_problem *p, size_t batch, size_t head, size_t query) {
  size_t heads = t->q->shape[SEGATTN_HEAD], queries = t->q->shape[SEGATTN_POS], dim_k = t->q->shape[SEGATTN_DIM];
  size_t dim_v = t->v->shape[SEGATTN_DIM], i = (batch * heads + head) * queries + query;
  row r = {.q = t->q_values + i * dim_k, .position = p->q_start + (int64_t)query,
           .slope = p->slopes == NULL ? 0 : p->slopes[head], .sink = p->sinks == NULL ? -INFINITY : p->sinks[head],
           .out = (double *)t->out->data + i * dim_v, .lse = (double *)t->lse->data + i,
           .error = (double *)t->error->data + i * dim_v};
  for (size_t d = 0; d < dim_k; d++)
    r.q_max = fmax(r.q_max, fabs(r.q[d]));
  if (t->mask_values != NULL) {
    const size_t *s = t->mask->shape;
    size_t b = s[SEGATTN_BATCH] == 1 ? 0 : batch, h = s[SEGATTN_HEAD] == 1 ? 0 : head;
    r.mask = t->mask_values + ((b * s[SEGATTN_HEAD] + h) * s[SEGATTN_POS] + query) * s[SEGATTN_DIM];
  }
  return r;
}

/* n elements from number `from` on; NULL when out of memory.  */
static double *decode(const array *a, size_t from, size_t n) {
  double *values = malloc((n + 1) * sizeof *values);
  if (values != NULL)
    segattn_decode(a->format, (const char *)a->data + segattn_format_bytes(a->format, from), values, n);
  return values;
}

static int head_alloc(kv_head *h, const tensors *t, const oracle_problem *p, size_t number) {
  size_t keys = t->k->shape[SEGATTN_POS], dim_k = t->k->shape[SEGATTN_DIM], dim_v = t->v->shape[SEGATTN_DIM];
  *h = (kv_head){.p = p, .keys = keys, .dim_k = dim_k, .dim_v = dim_v, .k_sum = calloc(keys + 1, sizeof *h->k_sum),
                 .k = decode(t->k, number * keys * dim_k, keys * dim_k), .v = decode(t->v, number * keys * dim_v, keys * dim_v),
                 .exact_scores = !storage_wide(t->q->format) && !storage_wide(t->k->format),
                 .exact_values = !storage_wide(t->v->format)};
  if (h->k == NULL || h->v == NULL || h->k_sum == NULL)
    return FILES;
  for (size_t i = 0; i < keys * dim_k; i++)
    h->k_sum[i / dim_k] += fabs(h->k[i]);
  return DONE;
}

static void head_free(kv_head *h) {
  free(h->k);
  free(h->v);
  free(h->k_sum);
}

/* All rows that read one KV head.  */
static int attend_head(const tensors *t, const oracle_problem *p, size_t batch, size_t number) {
  size_t queries = t->q->shape[SEGATTN_POS], kv_heads = t->k->shape[SEGATTN_HEAD];
  size_t group = t->q->shape[SEGATTN_HEAD] / kv_heads;
  kv_head h;
  int status = head_alloc(&h, t, p, batch * kv_heads + number);
  if (status == DONE) {
    #pragma omp parallel for schedule(dynamic) reduction(|:status)
    for (size_t i = 0; i < group * queries; i++) {
      row r = row_of(t, p, batch, number * group + i / queries, i % queries);
      status |= oracle_row(&r, &h);
    }
  }
  head_free(&h);
  return status;
}

/* Additive: false is -inf.  */
static double *mask_values(const array *mask) {
  double *values = decode(mask, 0, array_count(mask));
  if (values != NULL && mask->format == SEGATTN_BOOL)
    for (size_t i = 0; i < array_count(mask); i++)
      values[i] = ((const unsigned char *)mask->data)[i] ? 0 : -INFINITY;
  return values;
}

static int results_alloc(const tensors *t) {
  const size_t *s = t->q->shape;
  size_t dim_v = t->v->shape[SEGATTN_DIM];
  int status = array_alloc(t->out, SEGATTN_F64, s[SEGATTN_BATCH], s[SEGATTN_HEAD], s[SEGATTN_POS], dim_v);
  if (status == DONE)
    status = array_alloc(t->lse, SEGATTN_F64, s[SEGATTN_BATCH], s[SEGATTN_HEAD], s[SEGATTN_POS], 1);
  if (status == DONE)
    status = array_alloc(t->error, SEGATTN_F64, s[SEGATTN_BATCH], s[SEGATTN_HEAD], s[SEGATTN_POS], dim_v);
  return status;
}

static int attend_all(tensors *t, const oracle_problem *p) {
  size_t kv_heads = t->k->shape[SEGATTN_HEAD];
  bool masked = t->mask != NULL && t->mask->data != NULL;
  t->q_values = decode(t->q, 0, array_count(t->q));
  t->mask_values = masked ? mask_values(t->mask) : NULL;
  int status = t->q_values != NULL && (t->mask_values != NULL || !masked) ? DONE : FILES;
  for (size_t i = 0; i < t->q->shape[SEGATTN_BATCH] * kv_heads && status == DONE; i++)
    status = attend_head(t, p, i / kv_heads, i % kv_heads);
  free(t->q_values);
  free(t->mask_values);
  return status == DONE ? DONE : fail(FILES, "out of memory for the exact attention");
}

int oracle_attend(array *out, array *lse, array *error_out, const oracle_problem *p, const array *q, const array *k,
                  const array *v, const array *mask) {
  tensors t = {.out = out, .lse = lse, .error = error_out, .q = q, .k = k, .v = v, .mask = mask};
  *out = *lse = *error_out = (array){0};
  int status = results_alloc(&t);
  if (status == DONE)
    status = attend_all(&t, p);
  if (status == DONE)
    return DONE;
  array_free(out);
  array_free(lse);
  array_free(error_out);
  return status;
}
