/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges, rows 18 to 22 (tests/SEMANTICS): states, logarithms, one key, sinks, slopes.  */

#include "edge.h"

/* ---- states ---- */

static segattn_state *state_of(const edge *e, const segattn_plan *plan, const segattn_segment *segment) {
  segattn_state *state = NULL;
  if (segattn_state_alloc(&state, plan, &e->as_queries, NULL) || segattn_state_absorb(state, &e->as_queries, segment, NULL))
    diag("row 18: no state");
  return state;
}

static bool export_state(edge *e, const segattn_state *state) {
  segattn_tensor M = segattn_tensor_of(e->got.M, SEGATTN_F64, 1, 1, e->queries, 1);
  segattn_tensor S = segattn_tensor_of(e->got.S, SEGATTN_F64, 1, 1, e->queries, 1);
  segattn_tensor O = segattn_tensor_of(e->got.O, SEGATTN_F64, 1, 1, e->queries, e->problem.dim_v);
  return segattn_state_export(state, &M, &S, &O, NULL) == SEGATTN_OK;
}

/* States of another problem or of other queries.  */
static void row_18_refused(edge *e, answer *other) {
  for (int i = 0; i < 3; i++) {
    fresh(e, 2, 6);
    prepare(e);
    segattn_plan *plan = edge_plan(e);
    segattn_state *into = state_of(e, plan, &e->as_segment);
    bool fine = export_state(e, into);
    keep(other, e);
    const segattn_queries queries = e->as_queries;
    e->problem.scale = i == 0 ? 3 : SEGATTN_SCALE_DEFAULT;
    e->problem.causal = i == 1;
    e->as_queries.q.shape[SEGATTN_POS] -= i == 2;
    segattn_plan *plan_of_from = edge_plan(e);
    segattn_segment s = cut(e, 0, 3);
    segattn_state *from = state_of(e, plan_of_from, &s);
    e->as_queries = queries;
    segattn_error error = { 0 };
    fine = fine && segattn_state_merge(into, from, &error) == SEGATTN_EINVAL && *error.text && export_state(e, into);
    for (size_t r = 0; r < e->queries; r++)
      fine = fine && same_state(e, other, r);
    claim(e, fine, "row 18: a state that does not fit is refused, and nothing is changed");
    segattn_state_free(into);
    segattn_state_free(from);
    segattn_plan_free(plan);
    segattn_plan_free(plan_of_from);
  }
}

/* Rows in turn: nothing special, masked, NaN in the mask, +inf in the mask.  */
static void every_kind(edge *e) {
  static const double kind[] = { 0, -(double)INFINITY, (double)NAN, (double)INFINITY };
  fresh(e, 4, 6);
  set_mask(e, SEGATTN_F32);
  for (size_t i = 0; i < e->queries; i++)
    for (size_t j = 0; j < 6; j++)
      e->mask[6 * i + j] = i % 4 == 1 || j == 2 ? kind[i % 4] : 0;
}

static void row_18_exported(edge *e, answer *other) {
  (void)other;
  every_kind(e);
  bool fine = run(e);
  for (size_t i = 0; i < e->queries; i++) {
    double M = e->got.M[i], S = e->got.S[i];
    fine = fine && !isnan(M) && !(S < 0) && !(S > 0 && M == -(double)INFINITY) && isnan(S) == (i % 4 > 1);
  }
  claim(e, fine, "row 18: no state is inconsistent: M is a number, S > 0 only where M > -inf, S = NaN in poisoned rows");
}

static void row_18_poisoned(edge *e, answer *other) {
  every_kind(e);
  bool fine = run(e);
  keep(other, e);
  segattn_segment part[] = { cut(e, 0, 3), cut(e, 3, 6) };
  segattn_plan *plan = edge_plan(e);
  segattn_state *into = state_of(e, plan, &part[1]), *from = state_of(e, plan, &part[0]);
  fine = fine && segattn_state_merge(into, from, NULL) == SEGATTN_OK && export_state(e, into);
  for (size_t i = 0; i < e->queries; i++)
    fine = fine && (i % 4 > 1 ? isnan(e->got.S[i]) : i % 4 == 1 ? same_state(e, other, i)
                    : fabs(e->got.S[i] - other->S[i]) <= edge_gamma(e, 24) * other->S[i]);
  claim(e, fine, "row 18: a poisoned row may be merged, and stays the only one");
  segattn_state_free(into);
  segattn_state_free(from);
  segattn_plan_free(plan);
}

/* ---- logarithms ---- */

/* lse, M and S of two keys whose scores are one number; lse = M + ln S of what is exported.  */
static void row_19(edge *e, answer *other) {
  (void)other;
  fresh(e, 1, 2);
  e->problem.scale = 1;
  for (size_t c = 0; c < e->problem.dim_k; c++)
    e->k[c] = e->k[e->problem.dim_k + c] = e->q[c];
  bool fine = run_bounded(e);
  for (size_t i = 0; i < e->queries; i++) {
    double score = edge_score(e, i, 0), own = 0x1p-50 * (2 * fabs(score) + 4), bound = e->got.lse_bound[i] + own;
    double M = e->got.M[i], S = e->got.S[i], lse = e->got.lse[i];
    fine = fine && fabs(lse - (score + log(2.))) <= bound && fabs(M - score) <= bound && fabs(S - 2) <= 4 * bound &&
           fabs(M + log(S) - lse) <= own;
  }
  claim(e, fine, "row 19: M, S and lse are of base e");
}

/* ---- one key ---- */

/* The score's rounding where more than one product is in it: lemma 2.  */
static double rounding_of_score(const edge *e, size_t i) {
  double size = 0;
  size_t products = 0;
  for (size_t c = 0; c < e->problem.dim_k; c++) {
    double x = fabs(e->stored_q[i * e->problem.dim_k + c] * e->stored_k[c]);
    size += x;
    products += x > 0;
  }
  return products > 1 ? edge_gamma(e, e->problem.dim_k / 8 + 6) * size : 0;
}

static void one_key(edge *e, int n) {
  fresh(e, 1, 1);
  e->problem.scale = 1;
  memset(e->q, 0, sizeof e->q);
  for (size_t i = 0; i < e->queries; i++)
    e->q[i * e->problem.dim_k] = n % 2 ? 1 : -1;
  for (size_t c = 0; c < e->problem.dim_k; c++)
    e->k[c] = (double)(n * n) / 8;
  for (size_t c = 0; c < e->problem.dim_v; c++)
    e->v[c] = c % 2 ? (double)(2 * n + 17) / 16 : ldexp(-1, n / 4);
}

static void row_20(edge *e, answer *other) {
  (void)other;
  for (int n = 0; n < 16; n++) {
    one_key(e, n);
    bool value = run(e), lse = true;
    for (size_t i = 0; i < all_outputs(e); i++) {
      double v = edge_round(e, e->stored_v[i % e->problem.dim_v]);
      value = value && fabs(e->got.out[i] - v) <= (is_power(v) ? 0 : edge_ulp(e, v));
    }
    for (size_t i = 0; i < e->queries; i++) {
      double score = edge_round(e, e->stored_q[i * e->problem.dim_k]) * edge_round(e, e->stored_k[0]);
      double rounding = rounding_of_score(e, i);
      if (rounding > 0)
        score = edge_score(e, i, 0);
      lse = lse && fabs(e->got.lse[i] - score) <= 2 * edge_ulp(e, fmax(fabs(score), 1)) + rounding;
    }
    claim(e, value, "row 20: one key: its V within 1 ulp, exactly where that is a power of two");
    claim(e, lse, "row 20: one key: lse is its score, within 2 ulp");
  }
}

/* ---- sinks ---- */

static const double sinks[] = { 0.5, -3, 20, -(double)INFINITY };

static void four_heads(edge *e, size_t queries, size_t keys) {
  fresh(e, queries, keys);
  e->problem.q_heads = 4;
  e->problem.kv_heads = 2;
}

static void row_21(edge *e, answer *other) {
  four_heads(e, 2, 6);
  bool fine = run(e);
  keep(other, e);
  e->problem.sinks = sinks;
  fine = fine && run(e);
  for (size_t i = 0; i < all_rows(e); i++)
    fine = fine && same_state(e, other, i) &&
           (i / e->queries == 3 ? same_row(e, other, i)
                                : e->got.lse[i] > other->lse[i] && e->got.lse[i] > sinks[i / e->queries]);
  claim(e, fine, "row 21: sinks enter at finalise only, and one of -inf not at all");
  keep(other, e);
  fine = run_segments(e, (segattn_segment[]){ cut(e, 0, 2), cut(e, 2, 6) }, 2);
  claim(e, fine && same_answer(e, other), "row 21: a sink counts once, however many segments there are");
}

static void row_21_alone(edge *e, answer *other) {
  (void)other;
  four_heads(e, 1, 0);
  e->problem.sinks = sinks;
  bool fine = run(e) && all_are(e->got.out, all_outputs(e), 0);
  for (size_t i = 0; i < all_rows(e); i++) {
    double sink = sinks[i / e->queries];
    fine = fine && (isinf(sink) ? e->got.lse[i] == sink
                                : fabs(e->got.lse[i] - sink) <= 2 * edge_ulp(e, fmax(fabs(sink), 1)));
  }
  claim(e, fine, "row 21: an empty row with a sink: out 0, lse the sink within 2 ulp");
}

/* ---- slopes ---- */

/* 2^(-8 i / n) for a power of two n; for 6 heads those of 4, then every other one of 8.  */
static const double six[] = { 0x1p-2, 0x1p-4, 0x1p-6, 0x1p-8, 0x1p-1, 0x1p-3 };

static void row_22_slopes(edge *e, answer *other) {
  double slopes[12];
  (void)other;
  segattn_alibi_slopes(6, slopes);
  claim(e, same_bits(slopes, six, 6), "row 22: ALiBi slopes of 6 heads");
  bool fine = true;
  segattn_alibi_slopes(12, slopes);
  for (int i = 0; i < 12; i++)
    fine = fine && fabs(slopes[i] - exp2(i < 8 ? -(i + 1) : -(i - 8) - 0.5)) <= 0x1p-52;
  claim(e, fine, "row 22: ALiBi slopes of 12 heads");
}

static void row_22(edge *e, answer *other) {
  double slopes[6];
  segattn_alibi_slopes(6, slopes);
  fresh(e, 2, 40);
  e->problem.q_heads = 6;
  e->problem.kv_heads = 3;
  e->problem.slopes = slopes;
  e->q_start = 38;
  bool fine = run(e);
  keep(other, e);
  fine = fine && run_segments(e, (segattn_segment[]){ cut(e, 0, 13), cut(e, 13, 39), cut(e, 39, 40) }, 3);
  claim(e, fine && same_answer(e, other), "row 22: slopes use absolute positions: segments change nothing");
  e->q_start += (int64_t)128 * 1000000;
  e->k_start += (int64_t)128 * 1000000;
  claim(e, run(e) && same_answer(e, other), "row 22: only distances count");
  e->q_start++;
  claim(e, run(e) && !same_answer(e, other), "row 22: and they do");
}

/* One key, at a distance of its own for each query: lse = score + slope (key position - query position).  */
static void row_22_sign(edge *e, answer *other) {
  (void)other;
  fresh(e, 3, 1);
  e->problem.q_heads = 6;
  e->problem.slopes = six;
  e->k_start = 7;
  e->q_start = 5;
  bool fine = run_bounded(e);
  for (size_t i = 0; i < all_rows(e); i++) {
    double distance = 7 - (5 + (double)(i % e->queries));
    double lse = edge_score(e, i, 0) / sqrt((double)e->problem.dim_k) + six[i / e->queries] * distance;
    fine = fine && fabs(e->got.lse[i] - lse) <= e->got.lse_bound[i] + 0x1p-46;
  }
  claim(e, fine, "row 22: slope of the query's head, times key position - query position");
}

static test_row *const rows[] = { row_18_refused, row_18_exported, row_18_poisoned, row_19, row_20, row_21, row_21_alone,
  row_22_slopes, row_22, row_22_sign };

int main(void) {
  rows_run(rows, sizeof rows / sizeof *rows);
  return edge_done();
}
