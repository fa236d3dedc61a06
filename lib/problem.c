/* SPDX-License-Identifier: BSD-2-Clause */
/* Shape and semantics of a problem, and of the queries and segments that belong to it: validated once, here.  */

#include <math.h>

#include "elementary.h"
#include "internal.h"

void segattn_problem_init(segattn_problem *problem) {
  if (problem)
    *problem = (segattn_problem){ .q_heads = 1, .kv_heads = 1, .scale = SEGATTN_SCALE_DEFAULT };
}

/* Slopes 2^(-8 i / n), i = 1 .. n, for n a power of two; otherwise those of the power of two below, and then every other
   one of twice that power.  (Press et al., get_slopes of their code.)  */
void segattn_alibi_slopes(size_t heads, double *slopes) {
  size_t power = 1;
  while (power <= heads / 2)
    power *= 2;
  for (size_t i = 0; i < heads; i++)
    slopes[i] = i < power ? sga_exp2(-8.0 * (double)(i + 1) / (double)power)
                          : sga_exp2(-4.0 * (double)(2 * (i - power) + 1) / (double)power);
}

static segattn_status heads_check(const segattn_problem *p, segattn_error *error) {
  if (!p->q_heads)
    return sga_fail(error, SEGATTN_EINVAL, "problem.q_heads", "is 0, expected at least 1");
  if (!p->kv_heads || p->q_heads % p->kv_heads)
    return sga_fail(error, SEGATTN_EINVAL, "problem.kv_heads", "is %zu, expected a divisor of q_heads, which is %zu",
                    p->kv_heads, p->q_heads);
  if (!p->dim_k || p->dim_k > SEGATTN_MAX_DIM)
    return sga_fail(error, SEGATTN_EINVAL, "problem.dim_k", "is %zu, expected 1 to %d", p->dim_k, SEGATTN_MAX_DIM);
  if (!p->dim_v || p->dim_v > SEGATTN_MAX_DIM)
    return sga_fail(error, SEGATTN_EINVAL, "problem.dim_v", "is %zu, expected 1 to %d", p->dim_v, SEGATTN_MAX_DIM);
  return SEGATTN_OK;
}

segattn_status sga_problem_check(const segattn_problem *p, segattn_error *error) {
  segattn_status status = heads_check(p, error);
  if (status)
    return status;
  if (!isfinite(p->scale))
    return sga_fail(error, SEGATTN_EINVAL, "problem.scale", "is %g, expected a finite number", p->scale);
  if (!(p->softcap >= 0) || !isfinite(p->softcap))
    return sga_fail(error, SEGATTN_EINVAL, "problem.softcap", "is %g, expected 0 (off) or a positive number", p->softcap);
  for (size_t h = 0; p->slopes && h < p->q_heads; h++)
    if (!isfinite(p->slopes[h]))
      return sga_fail(error, SEGATTN_EINVAL, "problem.slopes", "has %g at head %zu, expected a finite number", p->slopes[h], h);
  for (size_t h = 0; p->sinks && h < p->q_heads; h++)
    if (!(p->sinks[h] < (double)INFINITY))
      return sga_fail(error, SEGATTN_EINVAL, "problem.sinks", "has %g at head %zu, expected a finite number or -inf",
                      p->sinks[h], h);
  return SEGATTN_OK;
}

static bool same_numbers(const double *a, const double *b, size_t n) {
  for (size_t i = 0; a && b && i < n; i++)
    if (a[i] < b[i] || a[i] > b[i])
      return false;
  return !a == !b;
}

segattn_status sga_problem_same(const segattn_problem *got, const char *name, const segattn_problem *expected, const char *as,
                                segattn_error *error) {
  const segattn_problem *p = expected, *q = got;
  const struct { const char *name; double expected, got; } field[] = {
    { "q_heads", (double)p->q_heads, (double)q->q_heads }, { "kv_heads", (double)p->kv_heads, (double)q->kv_heads },
    { "dim_k", (double)p->dim_k, (double)q->dim_k }, { "dim_v", (double)p->dim_v, (double)q->dim_v },
    { "scale", p->scale, q->scale }, { "softcap", p->softcap, q->softcap }, { "causal", p->causal, q->causal },
    { "window", (double)p->window, (double)q->window }
  };
  for (size_t i = 0; i < sizeof field / sizeof *field; i++)
    if (!(field[i].expected <= field[i].got && field[i].expected >= field[i].got))
      return sga_fail(error, SEGATTN_EINVAL, name, "is of a problem with %s %.17g, expected %.17g as in %s", field[i].name,
                      field[i].got, field[i].expected, as);
  if (!same_numbers(p->slopes, q->slopes, p->q_heads))
    return sga_fail(error, SEGATTN_EINVAL, name, "is of a problem with other slopes than %s", as);
  if (!same_numbers(p->sinks, q->sinks, p->q_heads))
    return sga_fail(error, SEGATTN_EINVAL, name, "is of a problem with other sinks than %s", as);
  return SEGATTN_OK;
}

segattn_status sga_queries_check(const segattn_plan *plan, const segattn_queries *queries, segattn_error *error) {
  if (!queries)
    return sga_fail(error, SEGATTN_EINVAL, "queries", "is NULL");
  const size_t shape[] = { SIZE_MAX, plan->problem.q_heads, SIZE_MAX, plan->problem.dim_k };
  segattn_status status = sga_tensor_check(&queries->q, "queries.q", shape, false, error);
  if (status)
    return status;
  for (size_t b = 0; b < queries->q.shape[SEGATTN_BATCH]; b++)
    for (size_t i = 0; i < queries->q.shape[SEGATTN_POS]; i++) {
      int64_t position = sga_query_position(queries, b, i);
      if (position < -((int64_t)1 << 61) || position > (int64_t)1 << 61)
        return sga_fail(error, SEGATTN_EINVAL, "queries.start", "gives query %zu the position %lld, expected within 2^61 of 0",
                        i, (long long)position);
    }
  return SEGATTN_OK;
}

static segattn_status mask_check(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segment,
                                 segattn_error *error) {
  const segattn_tensor *m = &segment->mask;
  size_t batch = queries->q.shape[SEGATTN_BATCH], heads = plan->problem.q_heads;
  if (!m->data)
    return SEGATTN_OK;
  const size_t shape[] = { m->shape[0] == 1 ? 1 : batch, m->shape[1] == 1 ? 1 : heads, queries->q.shape[SEGATTN_POS],
                           segment->k.shape[SEGATTN_POS] };
  return sga_tensor_check(m, "segment.mask", shape, true, error);
}

segattn_status sga_segment_check(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segment,
                                 segattn_error *error) {
  if (!segment)
    return sga_fail(error, SEGATTN_EINVAL, "segment", "is NULL");
  const segattn_problem *p = &plan->problem;
  size_t batch = queries->q.shape[SEGATTN_BATCH], keys = segment->k.shape[SEGATTN_POS];
  const size_t k_shape[] = { batch, p->kv_heads, SIZE_MAX, p->dim_k }, v_shape[] = { batch, p->kv_heads, keys, p->dim_v };
  segattn_status status;
  if (!segment->k.data && !segment->v.data && !keys && !segment->v.shape[SEGATTN_POS])
    return SEGATTN_OK;          /* no keys: K and V may be anything, NULL too */
  if ((status = sga_tensor_check(&segment->k, "segment.k", k_shape, false, error)) ||
      (status = sga_tensor_check(&segment->v, "segment.v", v_shape, false, error)) ||
      (status = mask_check(plan, queries, segment, error)))
    return status;
  for (size_t b = 0; b < batch; b++) {
    int64_t start = sga_segment_start(segment, b), limit = (int64_t)1 << 61;
    if (start < -limit || start > limit || keys > (size_t)limit)
      return sga_fail(error, SEGATTN_EINVAL, "segment.start", "is %lld, expected within 2^61 of 0", (long long)start);
  }
  return SEGATTN_OK;
}

void sga_reach(const segattn_problem *p, int64_t query, int64_t start, size_t keys, size_t *first, size_t *last) {
  int64_t low = start, high = start + (int64_t)keys;    /* positions */
  if (p->causal && high > query + 1)
    high = query + 1;
  if (p->window && p->window < (size_t)1 << 61) {
    int64_t reach = (int64_t)p->window - 1;
    low = low > query - reach ? low : query - reach;
    high = high < query + reach + 1 ? high : query + reach + 1;
  }
  *first = high > low ? (size_t)(low - start) : 0;
  *last = high > low ? (size_t)(high - start) : 0;
}
