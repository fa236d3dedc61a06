/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges, rows 7 to 9 and 11 (tests/SEMANTICS): NaN, infinities, and what f16 would overflow to.

   A slope near the largest number of the arithmetic makes a score of any stored numbers -inf two positions before the query,
   and +inf two positions after it: slope * distance overflows.  */

#include "edge.h"

static double steep(const edge *e) { return strcmp(e->arithmetic, "f64") ? 2e38 : 1e308; }

/* ---- scores of -inf ---- */

/* Row p: key p counts alone; key p - 1 lies 2^127 below it, those before it at -inf, those after it are not seen.  */
static void row_7_weight(edge *e, answer *other) {
  fresh(e, 8, 8);
  double slope = steep(e);
  e->problem.causal = true;
  e->problem.window = 1;
  bool fine = run(e);
  keep(other, e);
  e->problem.window = 0;
  e->problem.slopes = &slope;
  fine = fine && run(e);
  for (size_t i = 0; i < 8; i++)
    fine = fine && same_row(e, other, i) && same_state(e, other, i);
  claim(e, fine, "row 7: keys whose scores are -inf by arithmetic weigh nothing");
  keep(other, e);
  for (size_t c = 0; c < e->problem.dim_v; c++)
    e->v[e->problem.dim_v + c] = (double)NAN;
  fine = run(e) && same_row(e, other, 0);
  for (size_t i = 1; i < e->queries; i++)
    fine = fine && all_are(&e->got.out[i * e->problem.dim_v], e->problem.dim_v, (double)NAN) &&
           same_bits(&e->got.lse[i], &other->lse[i], 1);
  claim(e, fine, "row 7: but their V is read");
  claim(e, e->got.events.nonfinite_values == e->queries - 1 && e->got.events.first == 1,
        "row 7: and what it holds is counted, with the key's position");
}

static void row_7_alone(edge *e, answer *other) {
  (void)other;
  fresh(e, 2, 4);
  double slope = steep(e);
  e->problem.slopes = &slope;
  e->q_start = 100;
  bool fine = run(e);
  for (size_t i = 0; i < e->queries; i++)
    fine = fine && empty_row(e, i);
  claim(e, fine && e->got.events.masked_rows == e->queries, "row 7: a row of nothing else has S = 0 and out 0, and is counted");
}

static void halves(edge *e, double by_turns) {
  for (size_t i = 0; i < e->queries; i++)
    for (size_t c = 0; c < e->problem.dim_k; c++)
      e->q[i * e->problem.dim_k + c] = i % 2 ? by_turns : 0.5;
}

/* In i8, no scale makes a code of an infinity.  */
static bool of_codes(const edge *e) { return !strcmp(e->arithmetic, "i8"); }

static void row_8_codes(edge *e, answer *other) {
  (void)other;
  for (int sign = 0; sign < 2; sign++) {
    fresh(e, 2, 4);
    if (!of_codes(e) || !format_holds(e->k_format, (double)INFINITY))
      return;
    halves(e, -0.5);
    e->k[e->problem.dim_k] = sign ? -(double)INFINITY : (double)INFINITY;
    bool fine = run(e);
    for (size_t i = 0; i < e->queries; i++)
      fine = fine && poisoned_row(e, i);
    claim(e, fine && e->got.events.nan == e->queries, "row 8: an infinity in a key that is quantised makes its score NaN");
  }
}

static void row_7_stored(edge *e, answer *other) {
  fresh(e, 2, 4);
  if (of_codes(e) || !format_holds(e->k_format, -(double)INFINITY))
    return;
  halves(e, 0.5);
  set_mask(e, SEGATTN_F32);
  for (size_t i = 0; i < e->queries; i++)
    e->mask[4 * i + 1] = -(double)INFINITY;
  bool fine = run(e);
  keep(other, e);
  memset(e->mask, 0, e->queries * 4 * sizeof *e->mask);
  e->k[e->problem.dim_k] = -(double)INFINITY;
  claim(e, fine && run(e) && same_answer(e, other), "row 7: -inf in a key makes its score so");
}

/* ---- scores of +inf ---- */

/* Positions around the keys: row p meets +inf at every key from p + 2 on.  */
static void row_8(edge *e, answer *other) {
  (void)other;
  fresh(e, 2, 4);
  double slope = steep(e);
  uint64_t infinite = 0;
  e->problem.slopes = &slope;
  e->q_start = 2 - (int64_t)e->queries / 2;
  bool fine = run(e);
  for (size_t i = 0; i < e->queries; i++) {
    int64_t position = e->q_start + (int64_t)i, meets = 4 - (position + 2);
    infinite += (uint64_t)(meets < 0 ? 0 : meets > 4 ? 4 : meets);
    fine = fine && (meets > 0 ? poisoned_row(e, i) : !isnan(e->got.lse[i]) && !isnan(e->got.out[i * e->problem.dim_v]));
  }
  claim(e, fine, "row 8: a score of +inf makes its row NaN, and no other");
  claim(e, e->got.events.inf == infinite && e->got.events.first == (e->q_start < -2 ? 0 : e->q_start + 2),
        "row 8: scores of +inf are counted, with the first position");
}

static void row_8_stored(edge *e, answer *other) {
  (void)other;
  fresh(e, 2, 4);
  if (of_codes(e) || !format_holds(e->k_format, (double)INFINITY))
    return;
  halves(e, -0.5);
  e->k[e->problem.dim_k] = (double)INFINITY;
  bool fine = run(e);
  for (size_t i = 0; i < e->queries; i++)
    fine = fine && (i % 2 ? isfinite(e->got.lse[i]) : poisoned_row(e, i));
  claim(e, fine && e->got.events.inf == e->queries / 2 && e->got.events.first == 1,
        "row 8: +inf in a key does so where the query is positive");
}

/* Heads 1 and 3 have steep slopes: where the keys lie before the queries all their scores are -inf, where they lie behind them
   +inf.  */
static void rows_7_and_8_heads(edge *e, answer *other) {
  (void)other;
  for (int behind = 0; behind < 2; behind++) {
    fresh(e, 2, 6);
    double steep_by_turns[] = { 0, steep(e), 0, steep(e) };
    e->problem.q_heads = 4;
    e->problem.kv_heads = 2;
    e->problem.slopes = steep_by_turns;
    e->q_start = 100;
    e->k_start = behind ? 300 : 0;
    bool fine = run(e);
    for (size_t h = 0; h < 4; h++) {
      const segattn_events *is = &e->got.heads[h];
      uint64_t n = h % 2 ? e->queries : 0;
      fine = fine && is->masked_rows == (behind ? 0 : n) && is->inf == (behind ? 6 * n : 0) && !is->nan &&
             !is->nonfinite_values;
      fine = fine && is->first == (behind && n ? 300 : SEGATTN_NOWHERE);
    }
    claim(e, fine, "rows 7 and 8: counted in the heads where they are, and nowhere else");
  }
}

/* An infinite value has its place in the counts too: of the rows that it makes infinite, and of keys.  */
static void row_9_infinite(edge *e, answer *other) {
  (void)other;
  fresh(e, 2, 6);
  if (!format_holds(e->v_format, (double)INFINITY))
    return;
  e->v[4 * e->problem.dim_v] = -(double)INFINITY;
  bool fine = run(e) && e->got.events.nonfinite_values == all_rows(e) && e->got.events.overflow == all_rows(e);
  claim(e, fine && e->got.events.first == 4, "row 9: an infinity in a value is counted as NaN is, and as an overflow");
}

/* ---- NaN ---- */

static void row_9_query(edge *e, answer *other) {
  fresh(e, 3, 6);
  bool fine = run(e);
  keep(other, e);
  for (size_t i = 1; i < e->queries; i += 3)
    e->q[i * e->problem.dim_k + 2] = (double)NAN;
  fine = fine && run(e);
  for (size_t i = 0; i < e->queries; i++)
    fine = fine && (i % 3 == 1 ? poisoned_row(e, i) : same_row(e, other, i));
  claim(e, fine, "row 9: NaN in a query reaches its row alone");
  claim(e, e->got.events.nan == e->queries / 3 * 6 && e->got.events.first == 0, "row 9: scores that are NaN are counted");
}

static void row_9_key(edge *e, answer *other) {
  fresh(e, 3, 6);
  e->problem.causal = true;
  e->q_start = 3 - (int64_t)e->queries / 3;
  bool fine = run(e);
  keep(other, e);
  e->k[3 * e->problem.dim_k + 1] = (double)NAN;
  fine = fine && run(e);
  uint64_t seen = 0;
  for (size_t i = 0; i < e->queries; i++) {
    bool sees = e->q_start + (int64_t)i >= 3;
    fine = fine && (sees ? poisoned_row(e, i) : same_row(e, other, i));
    seen += sees;
  }
  claim(e, fine && e->got.events.nan == seen && e->got.events.first == 3,
        "row 9: NaN in a key reaches the rows that see it, and is counted there");
}

static void row_9_heads(edge *e, answer *other) {
  fresh(e, 1, 6);
  e->problem.q_heads = 4;
  e->problem.kv_heads = 2;
  bool fine = run(e);
  keep(other, e);
  e->k[(6 + 2) * e->problem.dim_k] = (double)NAN;
  fine = fine && run(e);
  for (size_t i = 0; i < all_rows(e); i++)
    fine = fine && (i / e->queries > 1 ? poisoned_row(e, i) : same_row(e, other, i));
  claim(e, fine, "row 9: NaN in a KV head reaches the query heads that read it");
  for (size_t h = 0; h < 4; h++)
    fine = fine && e->got.heads[h].nan == (h > 1 ? e->queries : 0) && e->got.heads[h].first == (h > 1 ? 2 : SEGATTN_NOWHERE);
  claim(e, fine, "row 9: and is counted in these, with its position");
  fresh(e, 1, 6);
  e->problem.q_heads = 4;
  e->problem.kv_heads = 2;
  e->k_start = 1000;
  e->v[(6 + 3) * e->problem.dim_v] = (double)NAN;
  fine = run(e);
  for (size_t h = 0; h < 4; h++)
    fine = fine && e->got.heads[h].nonfinite_values == (h > 1 ? e->queries : 0) && !e->got.heads[h].nan &&
           e->got.heads[h].first == (h > 1 ? 1003 : SEGATTN_NOWHERE);
  claim(e, fine, "row 9: NaN in a value likewise");
}

/* Elements share a block: as much of V is NaN as is stored so.  */
static void row_9_value(edge *e, answer *other) {
  fresh(e, 3, 6);
  set_dims(e, e->problem.dim_k, e->ragged ? 3 : 2 * EDGE_DIM);
  bool fine = run(e);
  keep(other, e);
  e->v[2 * e->problem.dim_v + 1] = (double)NAN;
  fine = fine && run(e) && same_bits(e->got.lse, other->lse, all_rows(e));
  for (size_t i = 0; i < all_outputs(e); i++)
    fine = fine && (isnan(e->stored_v[2 * e->problem.dim_v + i % e->problem.dim_v]) ? isnan(e->got.out[i])
                                                                                  : e->got.out[i] == other->out[i]);
  claim(e, fine, "row 9: NaN in a value reaches the elements that are stored as NaN, and no other");
  claim(e, e->got.events.nonfinite_values == all_rows(e) && e->got.events.first == 2 && !e->got.events.nan,
        "row 9: NaN in a value is counted for each row that attends it");
}

/* M is the largest score that is a number.  */
static void row_9_mask(edge *e, answer *other) {
  fresh(e, 3, 6);
  set_mask(e, SEGATTN_F32);
  for (size_t i = 1; i < e->queries; i += 3)
    e->mask[6 * i + i % 6] = -(double)INFINITY;
  bool fine = run(e);
  keep(other, e);
  for (size_t i = 1; i < e->queries; i += 3)
    e->mask[6 * i + i % 6] = (double)NAN;
  fine = fine && run(e);
  for (size_t i = 0; i < e->queries; i++)
    fine = fine && (i % 3 == 1 ? poisoned_row(e, i) : same_row(e, other, i));
  claim(e, fine && e->got.events.nan == e->queries / 3 && e->got.events.first == 1,
        "row 9: NaN in the mask reaches its row alone, and is counted");
  claim(e, same_bits(e->got.M, other->M, all_rows(e)), "row 9: NaN is no maximum");
}

/* A NaN in V survives a weight of 0 and the join of blocks: all keys of its block lie far below the others.  */
static void row_9_blocks(edge *e, answer *other) {
  (void)other;
  for (size_t block = 0; block < 3; block++) {
    fresh(e, 1, 300);
    size_t dim = e->problem.dim_v;
    set_mask(e, SEGATTN_F32);
    for (size_t i = 0; i < e->queries; i++)
      for (size_t j = 128 * block; j < 128 * (block + 1) && j < 300; j++)
        e->mask[300 * i + j] = -1e6;
    e->v[dim * (128 * block + 7) + 1] = (double)NAN;
    bool fine = run(e);
    for (size_t i = 0; i < e->queries; i++)
      fine = fine && isnan(out_at(e, &e->got, i, 1)) && isfinite(e->got.lse[i]) &&
             (isnan(e->stored_v[dim * (128 * block + 7)]) || isfinite(out_at(e, &e->got, i, 0)));
    fine = fine && e->got.events.nonfinite_values == e->queries && e->got.events.first == 128 * (int64_t)block + 7;
    claim(e, fine, "row 9: NaN in a value of weight 0 survives, and the join of its block with others");
  }
}

/* ---- what f16 cannot hold ---- */

/* Scores of 32 * 2^16 or 5 * 2^16, and 300 times 2^8 in O: both beyond 65504.  */
static void row_11(edge *e, answer *other) {
  (void)other;
  fresh(e, 1, 300);
  e->problem.scale = 1;
  for (size_t i = 0; i < EDGE_INPUTS; i++)
    e->q[i] = e->k[i] = e->v[i] = 256;
  bool fine = run(e) && !e->got.events.overflow && !e->got.events.inf && !e->got.events.nan;
  double score = edge_score(e, 0, 0), lse = score + log(300.);
  /* the score: as many roundings as lemma 2 counts, then scale, lse; of O: a block's chain and two joins */
  double score_error = edge_gamma(e, e->problem.dim_k / 8 + 12) * score;
  for (size_t i = 0; i < all_rows(e); i++) {
    fine = fine && score > 65504 && fabs(e->got.M[i] - score) <= score_error && fabs(e->got.lse[i] - lse) <= score_error;
    for (size_t c = 0; c < e->problem.dim_v; c++) {
      double v = e->stored_v[c], o = e->got.O[i * e->problem.dim_v + c];
      fine = fine && o > 65504 && fabs(out_at(e, &e->got, i, c) - v) <= 2 * edge_gamma(e, 132) * v;
    }
  }
  claim(e, fine, "row 11: scores and O beyond what f16 holds are finite, and right");
}

/* Queries of 2^124 in their first dimension: key 1 is far above all others, or key 3 for a negative one.  */
static void row_11_queries(edge *e, answer *other) {
  static const double keys[] = { 0.5, 1, 0.25, 0.125 };
  (void)other;
  fresh(e, 2, 4);
  const size_t dim_k = e->problem.dim_k, dim_v = e->problem.dim_v;
  if (!format_holds(e->q_format, 0x1p124))
    return;
  memset(e->q, 0, sizeof e->q);
  memset(e->k, 0, sizeof e->k);
  for (size_t i = 0; i < e->queries; i++)
    e->q[i * dim_k] = i % 2 ? -0x1p124 : 0x1p124;
  for (size_t j = 0; j < 4; j++)
    e->k[j * dim_k] = keys[j];
  bool fine = run(e) && !e->got.events.overflow && !e->got.events.inf && !e->got.events.nan;
  for (size_t i = 0; i < e->queries; i++)
    for (size_t c = 0; c < dim_v; c++)
      fine = fine && out_at(e, &e->got, i, c) == edge_round(e, e->stored_v[(i % 2 ? 3 : 1) * dim_v + c]);
  claim(e, fine, "row 11: queries near the largest number of f32 have finite scores, if their keys are small");
}

static test_row *const rows[] = { row_7_weight, row_7_alone, row_7_stored, row_8, row_8_codes, row_8_stored, row_9_query,
  row_9_key, rows_7_and_8_heads, row_9_heads, row_9_value, row_9_infinite, row_9_mask, row_9_blocks, row_11,
  row_11_queries };

int main(void) {
  rows_run(rows, sizeof rows / sizeof *rows);
  return edge_done();
}
