/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges, rows 23 to 26 and 28 (tests/SEMANTICS): positions, heads, dimensions, overlap.  */

#include "edge.h"

/* Queries at the first keys, at the last, before them all; 7 keys, another number of queries.  */
static void row_23(edge *e, answer *other) {
  for (int at = 0; at < 6; at++) {
    fresh(e, 3, 7);
    int64_t starts[] = { 0, 7 - (int64_t)e->queries, -2 }, start = starts[at % 3];
    e->problem.causal = true;
    e->problem.window = at < 3 ? 0 : 3;
    e->q_start = start;
    bool fine = run(e);
    keep(other, e);
    e->problem.causal = false;
    e->problem.window = 0;
    e->q_start = 0;
    set_mask(e, SEGATTN_BOOL);
    for (int64_t i = 0; i < (int64_t)e->queries; i++)
      for (int64_t j = 0; j < 7; j++)
        if (j > i + start || (at >= 3 && j <= i + start - 3))
          e->mask[7 * i + j] = -(double)INFINITY;
    claim(e, fine && run(e) && same_answer(e, other), "row 23: causal (and window) from explicit positions: the mask of them");
  }
}

/* A position for each query, in no order.  */
static void row_23_positions(edge *e, answer *other) {
  int64_t position[2 * EDGE_MANY];
  fresh(e, 3, 7);
  set_mask(e, SEGATTN_BOOL);
  for (size_t i = 0; i < e->queries; i++) {
    position[i] = (int64_t)(i * 5 % 9) - 1;
    for (int64_t j = 0; j < 7; j++)
      e->mask[7 * i + (size_t)j] = j > position[i] ? -(double)INFINITY : 0;
  }
  bool fine = run(e);
  keep(other, e);
  e->masked = false;
  e->problem.causal = true;
  prepare(e);
  e->as_queries.positions = position;
  claim(e, fine && run_segments(e, &e->as_segment, 1) && same_answer(e, other), "row 23: each query may have its own position");
}

static void row_24(edge *e, answer *other) {
  (void)other;
  fresh(e, 1, 2);
  e->problem.q_heads = 5;
  e->problem.kv_heads = 2;
  segattn_plan *plan = NULL;
  segattn_error error = { 0 };
  segattn_options options = { .arithmetic = e->arithmetic, .isa = e->isa };
  bool fine = segattn_plan_alloc(&plan, &e->problem, &options, &error) == SEGATTN_EINVAL && !plan;
  claim(e, fine && strchr(error.text, '5') && strchr(error.text, '2'), "row 24: 5 query heads of 2 KV heads are an error");
}

/* out against a loop over keys in f64; the bound is the tolerance.  */
static bool right(const edge *e) {
  double scale = 1 / sqrt((double)e->problem.dim_k), weight[16];
  bool fine = true;
  for (size_t i = 0; i < all_rows(e); i++) {
    double sum = 0;
    for (size_t j = 0; j < e->keys; j++)
      sum += weight[j] = exp(scale * edge_score(e, i, j));
    for (size_t c = 0; c < e->problem.dim_v; c++) {
      double out = 0, size = 0;
      for (size_t j = 0; j < e->keys; j++) {
        out += weight[j] / sum * e->stored_v[j * e->problem.dim_v + c];
        size += weight[j] / sum * fabs(e->stored_v[j * e->problem.dim_v + c]);
      }
      fine = fine && fabs(out_at(e, &e->got, i, c) - out) <= e->got.bound[i * e->problem.dim_v + c] + 0x1p-44 * size;
    }
  }
  return fine;
}

static void row_25_dims(edge *e, answer *other) {
  static const size_t dims[][2] = { { 64, 32 }, { 32, 64 }, { 7, 3 }, { 3, 18 } };
  (void)other;
  for (int i = e->ragged ? 2 : 0; i < (e->ragged ? 4 : 2); i++) {
    fresh(e, 2, 9);
    set_dims(e, dims[i][0], dims[i][1]);
    claim(e, run_bounded(e) && right(e), "row 25: D_k != D_v");
  }
}

/* Elements of K from the second one on, or from its second block: the same as a copy of them.  */
static void row_25_view(edge *e, answer *other) {
  if (e->v_format != SEGATTN_F32)
    return;
  bool blocks = segattn_format_block(e->k_format) > 1;
  fresh(e, 2, 9);
  set_dims(e, blocks ? 64 : e->problem.dim_k, 3);
  e->problem.dim_v = blocks ? EDGE_DIM : 3;
  prepare(e);
  segattn_segment view = e->as_segment, copied = view;
  view.v = view.k;
  view.v.data = (char *)view.k.data + view.k.stride[SEGATTN_DIM];
  view.v.shape[SEGATTN_DIM] = e->problem.dim_v;
  copied.v = segattn_tensor_of(e->bytes[2], e->k_format, 1, 1, 9, e->problem.dim_v);
  for (size_t j = 0; j < 9; j++)
    memcpy(e->bytes[2] + (ptrdiff_t)j * copied.v.stride[SEGATTN_POS],
           (char *)view.v.data + (ptrdiff_t)j * view.v.stride[SEGATTN_POS], (size_t)copied.v.stride[SEGATTN_POS]);
  bool fine = run_segments(e, &copied, 1);
  keep(other, e);
  claim(e, fine && run_segments(e, &view, 1) && same_answer(e, other), "row 25: V may be a view of K");
}

/* ---- blocks ---- */

/* The three functions that take segments.  */
static bool all_refuse(const edge *e, segattn_status expected, const segattn_tensor *out, const char *argument,
                       const char *says) {
  segattn_error error[3] = { { .text = "" } };
  segattn_plan *plan = edge_plan(e);
  segattn_state *state = NULL;
  segattn_status status[3];
  status[0] = segattn_attend(plan, &e->as_queries, &e->as_segment, 1, out, NULL, NULL, &error[0]);
  status[1] = segattn_bound(plan, &e->as_queries, &e->as_segment, 1, out, NULL, &error[1]);
  status[2] = segattn_state_alloc(&state, plan, &e->as_queries, &error[2]);
  if (!status[2])
    status[2] = segattn_state_absorb(state, &e->as_queries, &e->as_segment, &error[2]);
  segattn_state_free(state);
  segattn_plan_free(plan);
  bool fine = true;
  for (int i = 0; i < 3; i++)
    fine = fine && status[i] == expected && !strcmp(error[i].argument, argument) && strstr(error[i].text, says);
  return fine;
}

/* 40 elements in blocks of 32.  */
static void row_26(edge *e, answer *other) {
  (void)other;
  const segattn_format format[] = { e->q_format, e->k_format, e->v_format };
  static const char *const name[] = { "queries.q", "segment.k", "segment.v" };
  for (int i = 0; i < 3; i++) {
    if (segattn_format_block(format[i]) == 1)
      continue;
    char expected[80];
    fresh(e, 2, 6);
    prepare(e);
    segattn_tensor out = segattn_tensor_of(e->got.out, SEGATTN_F64, 1, 1, e->queries, i < 2 ? e->problem.dim_v : 40);
    *(i < 2 ? &e->problem.dim_k : &e->problem.dim_v) = 40;
    if (i < 2)
      e->as_queries.q.shape[SEGATTN_DIM] = e->as_segment.k.shape[SEGATTN_DIM] = 40;
    else
      e->as_segment.v.shape[SEGATTN_DIM] = 40;
    snprintf(expected, sizeof expected, "has 40 along axis dim, expected a multiple of 32, the block of format %s",
             segattn_format_name(format[i]));
    claim(e, all_refuse(e, SEGATTN_EINVAL, &out, name[i], expected),
          "row 26: a dimension that is no whole blocks is an error that names the multiple");
  }
}

/* ---- overlap ---- */

static bool alias(edge *e, void *out_data, void *lse_data, const char *argument, const char *with) {
  segattn_tensor out = segattn_tensor_of(out_data, SEGATTN_F64, 1, 1, e->queries, e->problem.dim_v);
  segattn_tensor lse = segattn_tensor_of(lse_data, SEGATTN_F64, 1, 1, e->queries, 1);
  segattn_error error = { 0 };
  segattn_plan *plan = edge_plan(e);
  segattn_status status = segattn_attend(plan, &e->as_queries, &e->as_segment, 1, &out, &lse, NULL, &error);
  segattn_plan_free(plan);
  return status == SEGATTN_EALIAS && !strcmp(error.argument, argument) && strstr(error.text, with);
}

static void row_28(edge *e, answer *other) {
  (void)other;
  fresh(e, 2, 5);
  set_mask(e, SEGATTN_F16);
  prepare(e);
  static const char *const name[] = { "queries.q", "segment.k", "segment.v", "segment.mask" };
  const segattn_tensor *tensor[] = { &e->as_queries.q, &e->as_segment.k, &e->as_segment.v, &e->as_segment.mask };
  bool fine = true;
  for (int i = 0; i < 4; i++) {
    const segattn_tensor *t = tensor[i];
    char *first = t->data, *last = first + (ptrdiff_t)t->shape[SEGATTN_POS] * t->stride[SEGATTN_POS] - 1;
    fine = fine && alias(e, first, e->got.lse, "out", name[i]) && alias(e, last, e->got.lse, "out", name[i]) &&
           alias(e, e->got.out, first, "lse", name[i]) && alias(e, e->got.out, last, "lse", name[i]);
  }
  claim(e, fine, "row 28: out or lse in the memory of Q, K, V or the mask is an error that says which");
  claim(e, alias(e, e->got.out, &e->got.out[1], "out", "lse"), "row 28: so is lse in out");
}

/* Two states that meet on a block line, merged into the one and into the other.  */
static void row_28_merge(edge *e, answer *other) {
  fresh(e, 1, 140);
  bool fine = run(e);
  keep(other, e);
  segattn_segment part[] = { cut(e, 0, 128), cut(e, 128, 140) };
  segattn_plan *plan = edge_plan(e);
  for (int into = 0; into < 2; into++) {
    segattn_state *state[2] = { NULL, NULL };
    segattn_tensor out = segattn_tensor_of(e->got.out, SEGATTN_F64, 1, 1, e->queries, e->problem.dim_v);
    segattn_tensor lse = segattn_tensor_of(e->got.lse, SEGATTN_F64, 1, 1, e->queries, 1);
    for (int i = 0; i < 2; i++)
      fine = fine && !segattn_state_alloc(&state[i], plan, &e->as_queries, NULL) &&
             !segattn_state_absorb(state[i], &e->as_queries, &part[i], NULL);
    fine = fine && !segattn_state_merge(state[into], state[!into], NULL) &&
           !segattn_state_finalise(state[into], &out, &lse, NULL);
    claim(e, fine && same_answer(e, other), "row 28: a state may be merged in place");
    segattn_state_free(state[0]);
    segattn_state_free(state[1]);
  }
  segattn_plan_free(plan);
}

static test_row *const rows[] = { row_23, row_23_positions, row_24, row_25_dims, row_25_view, row_26, row_28, row_28_merge };

int main(void) {
  rows_run(rows, sizeof rows / sizeof *rows);
  return edge_done();
}
