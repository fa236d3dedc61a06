/* SPDX-License-Identifier: BSD-2-Clause */
/* What is checked of a call before anything is done: segments in order, outputs of the right shape, no memory shared.  */

#include "internal.h"

static segattn_status segments_check(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                                     size_t n, segattn_error *error) {
  segattn_status status;
  for (size_t i = 0; i < n; i++)
    if ((status = sga_segment_check(plan, queries, &segments[i], error)))
      return status;
  for (size_t b = 0; b < queries->q.shape[SEGATTN_BATCH]; b++) {
    int64_t end = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
      size_t keys = segments[i].k.shape[SEGATTN_POS];
      int64_t start = sga_segment_start(&segments[i], b);
      if (keys && start < end)
        return sga_fail(error, SEGATTN_EORDER, "segments", "[%zu].start is %lld, before the end of the one before it, %lld: "
                        "order them by position, or use states and segattn_state_merge", i, (long long)start, (long long)end);
      if (keys)
        end = start + (int64_t)keys;
    }
  }
  return SEGATTN_OK;
}

segattn_status sga_outputs_check(const segattn_plan *plan, const segattn_queries *queries, const sga_outputs *o,
                                 segattn_error *error) {
  size_t batch = queries->q.shape[SEGATTN_BATCH], heads = plan->problem.q_heads, n = queries->q.shape[SEGATTN_POS];
  const size_t out_shape[] = { batch, heads, n, plan->problem.dim_v }, lse_shape[] = { batch, heads, n, 1 };
  segattn_status status;
  if (o->out && (status = sga_output_check(o->out, o->out_name, out_shape, error)))
    return status;
  if (o->lse && (status = sga_output_check(o->lse, o->lse_name, lse_shape, error)))
    return status;
  return sga_alias_check(o->out, o->out_name, o->lse, o->lse_name, error);
}

static segattn_status aliases_check(const segattn_queries *queries, const segattn_segment *segments, size_t n,
                                    const segattn_tensor *output, const char *name, segattn_error *error) {
  segattn_status status = sga_alias_check(output, name, &queries->q, "queries.q", error);
  for (size_t i = 0; i < n && !status; i++) {
    status = sga_alias_check(output, name, &segments[i].k, "segment.k", error);
    if (!status)
      status = sga_alias_check(output, name, &segments[i].v, "segment.v", error);
    if (!status)
      status = sga_alias_check(output, name, &segments[i].mask, "segment.mask", error);
  }
  return status;
}

segattn_status sga_call_check(const segattn_plan *plan, const segattn_queries *queries, const segattn_segment *segments,
                              size_t n_segments, const sga_outputs *o, segattn_error *error) {
  segattn_status status;
  if (!plan || (!segments && n_segments))
    return sga_fail(error, SEGATTN_EINVAL, plan ? "segments" : "plan", "is NULL");
  if ((status = sga_queries_check(plan, queries, error)) ||
      (status = segments_check(plan, queries, segments, n_segments, error)) ||
      (status = sga_outputs_check(plan, queries, o, error)) ||
      (status = aliases_check(queries, segments, n_segments, o->out, o->out_name, error)))
    return status;
  return aliases_check(queries, segments, n_segments, o->lse, o->lse_name, error);
}
