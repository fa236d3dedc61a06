/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges, rows 29 and 33 (tests/SEMANTICS): 2^25 equal keys, and a segment of more than 2^32 keys; one key in memory, by a
   stride of 0.  */

#include "edge.h"

static bool best(const edge *e) {
  int i = 0;
  while (segattn_isa_name(i + 1))
    i++;
  return !strcmp(e->isa, segattn_isa_name(i));
}

/* What f64 sees nothing of, or does as all others do, is left out for it: it would take as long.  */
static bool is_f64(const edge *e) { return !strcmp(e->arithmetic, "f64"); }

/* A key for `keys` positions; dimensions 1 and 3.  */
static void one_for_all(edge *e, size_t keys) {
  fresh(e, 1, 1);
  e->problem.dim_k = 1;
  e->problem.dim_v = 3;
  prepare(e);
  e->as_segment.k.shape[SEGATTN_POS] = e->as_segment.v.shape[SEGATTN_POS] = keys;
  e->as_segment.k.stride[SEGATTN_POS] = e->as_segment.v.stride[SEGATTN_POS] = 0;
}

static bool attend(edge *e) {
  segattn_tensor out = segattn_tensor_of(e->got.out, SEGATTN_F64, 1, 1, e->queries, e->problem.dim_v);
  segattn_tensor lse = segattn_tensor_of(e->got.lse, SEGATTN_F64, 1, 1, e->queries, 1);
  segattn_plan *plan = edge_plan(e);
  segattn_status status = segattn_attend(plan, &e->as_queries, &e->as_segment, 1, &out, &lse, NULL, NULL);
  segattn_plan_free(plan);
  return status == SEGATTN_OK;
}

static const double log_keys = 25 * 0x1.62e42fefa39efp-1;       /* of 2^25 */

/* Scores 0, weights 1: V and the sum of the weights are exact.  */
static void row_33_exact(edge *e, answer *other) {
  (void)other;
  if (is_f64(e) && !best(e))
    return;
  for (int many = 0; many <= (best(e) && !is_f64(e)); many++) {
    e->many = many;
    one_for_all(e, (size_t)1 << 25);
    memset(e->bytes[0], 0, e->queries * sizeof(float));         /* q */
    bool fine = attend(e);
    for (size_t i = 0; i < e->queries; i++)
      fine = fine && same_bits(&e->got.out[3 * i], e->stored_v, 3) && fabs(e->got.lse[i] - log_keys) <= 0x1p-47;
    claim(e, fine, "row 33: 2^25 keys of score 0 are exact");
  }
}

/* A score whose weight no float holds exactly.  */
static void row_33_bound(edge *e, answer *other) {
  (void)other;
  if (!best(e))
    return;
  one_for_all(e, (size_t)1 << 25);
  double score = edge_score(e, 0, 0);
  double error = edge_gamma(e, 128 + 18) + 4 * edge_unit(e);
  bool fine = score != 0 && attend(e) && fabs(e->got.lse[0] - (score + log_keys)) <= error * 20;
  for (size_t c = 0; c < 3; c++)          /* 2^18 blocks of 128 keys: lemma 4 */
    fine = fine && fabs(e->got.out[c] - e->stored_v[c]) <= (2 * edge_gamma(e, 128 + 18) + edge_unit(e)) * fabs(e->stored_v[c]);
  claim(e, fine, "row 33: 2^25 keys of another score are within the bound");
}

/* Causality and a window leave three of them.  */
static void row_29_keys(edge *e, answer *other) {
  if (!best(e) || is_f64(e))
    return;
  one_for_all(e, 3);
  bool fine = attend(e);
  keep(other, e);
  one_for_all(e, ((size_t)1 << 32) + 77);
  e->problem.causal = true;
  e->problem.window = 3;
  e->as_segment.start = -2;
  e->as_queries.start = (int64_t)1 << 32;
  claim(e, fine && attend(e) && same_answer(e, other),
        "row 29: a segment of more than 2^32 keys, of which a window attends three");
}

static test_row *const rows[] = { row_33_exact, row_33_bound, row_29_keys };

int main(void) {
  kernels_run(rows, sizeof rows / sizeof *rows);
  return edge_done();
}
