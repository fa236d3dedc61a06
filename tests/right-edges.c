/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens at the edges: the decisions, numbered as in the table of the project's semantics, in each arithmetic and
   each storage.  Where a decision is not exact, the certified bound is the tolerance.  */

#include <float.h>
#include <stdlib.h>
#include "edge.h"

static const double masked = -INFINITY;

/* ---- masks and emptiness ---- */

static void row_1(edge *e, edge *other) {
  (void) other;
  for (int boolean = 0; boolean < 2; boolean++) {
    fresh(e, 2, 6);
    e->masked = true;
    e->mask_format = boolean ? SEGATTN_BOOL : SEGATTN_F32;
    for (size_t j = 0; j < 6; j++)
      e->mask[j] = masked;
    prepare(e);
    bool fine = run_segments(e, (segattn_segment[]) { cut(e, 0, 3), cut(e, 3, 6) }, 2);
    ok(fine && all_are(e->out, 3, 0.) && e->lse[0] == masked && e->M[0] == masked && e->S[0] == 0 && all_are(e->O, 3, 0.) &&
       e->events.masked_rows == 1 && isfinite(e->lse[1]), "1: a row masked (%s) in every segment, %s", boolean ? "bool"
         : "-inf", e->name);
  }
}

static void row_2(edge *e, edge *other) {
  fresh(e, 2, 6);
  e->masked = true;
  for (size_t j = 3; j < 6; j++)
    e->mask[j] = masked;        /* query 0 */
  prepare(e);
  run_segments(e, (segattn_segment[]) { cut(e, 0, 3) }, 1);
  twin_of(other, e);
  bool fine = run_segments(e, (segattn_segment[]) { cut(e, 0, 3), cut(e, 3, 6) }, 2);
  ok(fine && same_bits(e->out, other->out, 3) && same_bits(e->lse, other->lse, 1) && same_bits(e->M, other->M, 1) &&
     same_bits(e->S, other->S, 1) && same_bits(e->O, other->O, 3) && e->lse[1] != other->lse[1],
     "2: a row masked in one segment keeps its state, %s", e->name);
}

static void row_3(edge *e, edge *other) {
  fresh(e, 2, 5);
  prepare(e);
  segattn_segment none = cut(e, 0, 0), nothing = { .start = 2 };
  none.k.data = none.v.data = NULL;
  bool fine = run_segments(e, &none, 1);
  ok(fine && all_are(e->out, 6, 0.) && all_are(e->lse, 2, masked) && all_are(e->S, 2, 0.), "3: a segment without keys, %s",
     e->name);
  fine = run_segments(e, NULL, 0);
  ok(fine && all_are(e->out, 6, 0.) && all_are(e->lse, 2, masked), "3: no segment, %s", e->name);
  fresh(other, 2, 5);
  run(other);
  fine = run_segments(e, (segattn_segment[]) { none, cut(e, 0, 2), nothing, cut(e, 2, 5) }, 4);
  ok(fine && same_bits(e->out, other->out, 6) && same_bits(e->lse, other->lse, 2),
     "3: empty segments between change nothing, %s", e->name);
}

static void row_4(edge *e, edge *other) {
  (void) other;
  fresh(e, 0, 5);
  e->out[0] = e->lse[0] = 7;
  ok(run(e) && e->out[0] == 7 && e->lse[0] == 7, "4: no queries is no work, %s", e->name);
  fresh(e, 1, 5);
  e->problem.dim_k = 0;
  segattn_plan *plan = NULL;
  ok(segattn_plan_alloc(&plan, &e->problem, NULL, NULL) == SEGATTN_EINVAL && !plan, "4: dimension 0 is an error, %s",
     e->name);
}

/* Masked keys hold NaN and infinities, and change nothing.  */
static void row_5_10(edge *e, edge *other) {
  static const double stale[] = { NAN, INFINITY, -INFINITY };
  for (int boolean = 0; boolean < 2; boolean++) {
    fresh(e, 3, 8);
    e->masked = true;
    e->mask_format = boolean ? SEGATTN_BOOL : SEGATTN_F16;
    for (size_t i = 0; i < 3 * 8; i++)
      e->mask[i] = i % 8 == 2 || i % 8 > 5 ? masked : 0;
    run(e);
    twin_of(other, e);
    for (size_t j = 0; j < 8; j++)
      for (size_t c = 0; e->mask[j] == masked && c < 4; c++) {
        e->k[4 * j + c] = stale[(j + c) % 3];
        if (c < 3)
          e->v[3 * j + c] = stale[(j + c + 1) % 3];
      }
    ok(run(e) && same_bits(e->out, other->out, 9) && same_bits(e->lse, other->lse, 3) && e->events.nan == 0,
       "5, 10: keys masked (%s) are never read, %s", boolean ? "bool" : "-inf", e->name);
  }
}

static void row_6(edge *e, edge *other) {
  static const double minima[] = { -1e4, -65504, -0x1.fffffep127, -DBL_MAX };
  fresh(other, 1, 8);
  run_bounded(other);
  for (int i = 0; i < 4; i++) {
    fresh(e, 1, 8);
    e->masked = true;
    for (size_t j = 0; j < 8; j++)
      e->mask[j] = minima[i];
    bool fine = run_bounded(e);
    if (i < 2)
      ok(fine && agree(e, other), "6: %g on every key is an ordinary number, %s", minima[i], e->name);
    else {
      double mean[3] = { 0 };
      for (size_t j = 0; j < 24; j++)
        mean[j % 3] += e->v[j] / 8;
      for (size_t c = 0; c < 3; c++)
        fine &= e->out[c] == mean[c];
      ok(fine, "6: %g on every key gives the mean of V, %s", minima[i], e->name);
    }
    e->mask[5] = 0;
    fine = run(e);
    for (size_t c = 0; c < 3; c++)
      fine &= fabs(e->out[c] - e->v[3 * 5 + c]) <= edge_ulp(e, e->v[3 * 5 + c]);
    ok(fine, "6: %g on every key but one gives that one, %s", minima[i], e->name);
  }
}

/* ---- numbers that are none ---- */

static void row_7(edge *e, edge *other) {
  fresh(e, 1, 4);
  for (size_t c = 0; c < 4; c++)
    e->q[c] = 0.5;
  e->masked = true;
  e->mask[1] = masked;
  run(e);
  twin_of(other, e);
  e->mask[1] = 0;
  e->k[4] = -INFINITY;
  ok(run(e) && same_bits(e->out, other->out, 3) && same_bits(e->lse, other->lse, 1),
     "7: a score of -inf weighs nothing, %s", e->name);
  e->v[3] = NAN;
  ok(run(e) && isnan(e->out[0]) && !isnan(e->out[1]) && same_bits(e->lse, other->lse, 1), "7: but its V is read, %s",
     e->name);
  fresh(e, 1, 4);
  for (size_t c = 0; c < 4; c++)
    e->q[c] = 0.5, e->k[4 * c] = -INFINITY;
  ok(run(e) && all_are(e->out, 3, 0.) && e->lse[0] == masked && e->S[0] == 0, "7: a row of such scores, %s", e->name);
}

static void row_8(edge *e, edge *other) {
  (void) other;
  fresh(e, 2, 4);
  e->k[4] = INFINITY;
  e->q[0] = 0.5;
  e->q[4] = -0.5;               /* query 1 sees -inf */
  ok(run(e) && all_are(e->out, 3, NAN) && isnan(e->lse[0]) && !isnan(e->out[3]) && e->events.inf == 1,
     "8: a score of +inf gives NaN in its row alone, and is counted, %s", e->name);
}

static void row_9(edge *e, edge *other) {
  fresh(e, 3, 6);
  e->q[4] = NAN;
  ok(run(e) && all_are(&e->out[3], 3, NAN) && isnan(e->lse[1]) && isfinite(e->out[0]) && isfinite(e->out[6]) &&
     e->events.nan > 0,
     "9: NaN in a query reaches its row alone, %s", e->name);
  fresh(e, 3, 6);
  e->problem.causal = true;
  e->k[4] = NAN;                /* key 1: queries 1 and 2 */
  ok(run(e) && isfinite(e->out[0]) && all_are(&e->out[3], 6, NAN) && e->events.nan == 2,
     "9: NaN in a key reaches the rows that see it, %s", e->name);
  fresh(e, 3, 6);
  run(e);
  twin_of(other, e);
  e->v[7] = NAN;
  bool fine = run(e) && same_bits(e->lse, other->lse, 3);
  for (size_t i = 0; i < 9; i++)
    fine &= i % 3 == 1 ? isnan(e->out[i]) : e->out[i] == other->out[i];
  ok(fine, "9: NaN in a value reaches its element alone, %s", e->name);
  fresh(e, 3, 6);
  e->masked = true;
  e->mask[6 + 2] = NAN;
  ok(run(e) && all_are(&e->out[3], 3, NAN) && isfinite(e->out[0]) && isfinite(e->out[6]),
     "9: NaN in the mask reaches its row alone, %s", e->name);
}

/* M is the largest score that is a number, whether rows lie in memory one by one or across lanes.  */
static void row_9_maximum(edge *e, edge *other) {
  for (size_t queries = 3; queries <= 24; queries += 21) {
    fresh(e, queries, 6);
    e->masked = true;
    for (size_t i = 0; i < queries; i++)
      e->mask[6 * i + i % 6] = -INFINITY;
    run(e);
    twin_of(other, e);
    for (size_t i = 0; i < queries; i++)
      e->mask[6 * i + i % 6] = NAN;
    ok(run(e) && all_are(e->out, 3 * queries, NAN) && same_bits(e->M, other->M, queries),
       "9: NaN is no maximum, %zu queries, %s", queries, e->name);
  }
}

/* A NaN in V survives a weight of 0 and the join of blocks: one block has scores of -inf, or far below all others.  */
static void row_9_blocks(edge *e, edge *other) {
  (void) other;
  for (size_t i = 0; i < 6; i++) {
    size_t block = i / 2, from = 128 * block, to = block < 2 ? from + 128 : 300;
    bool far = i % 2;
    fresh(e, 1, 300);
    for (size_t c = 0; c < 4; c++)
      e->q[c] = 1;
    for (size_t j = 4 * from; j < 4 * to; j++)
      e->k[j] = far ? -30000 : -INFINITY;
    e->v[3 * (from + 7) + 1] = NAN;
    ok(run(e) && isnan(e->out[1]) && isfinite(e->out[0]) && isfinite(e->lse[0]), "9: NaN in a value of weight 0, block %zu %s, %s",
       block, far ? "far below" : "of -inf", e->name);
  }
}

/* ---- scale, softcap, ties ---- */

static void mean_of_v(const edge *e, double mean[3]) {
  for (size_t c = 0; c < 3; c++)
    mean[c] = 0;
  for (size_t j = 0; j < 3 * e->keys; j++)
    mean[j % 3] += e->v[j] / (double) e->keys;
}

static void row_12(edge *e, edge *other) {
  double mean[3];
  fresh(e, 1, 8);
  e->problem.scale = 0;
  mean_of_v(e, mean);
  ok(run(e) && same_bits(e->out, mean, 3), "12: scale 0 gives the mean of V, %s", e->name);
  fresh(e, 2, 8);
  e->problem.scale = -0.75;
  run(e);
  twin_of(other, e);
  e->problem.scale = 0.75;
  for (size_t i = 0; i < 8; i++)
    e->q[i] = -e->q[i];
  ok(run(e) && same_bits(e->out, other->out, 6) && same_bits(e->lse, other->lse, 2), "12: a negative scale, %s", e->name);
}

/* One key whose capped score is the cap: lse = cap + slope distance + mask.  */
static void row_13(edge *e, edge *other) {
  (void) other;
  fresh(e, 1, 1);
  const double slope = 0.5;
  for (size_t c = 0; c < 4; c++)
    e->q[c] = e->k[c] = 60;
  e->problem.softcap = 2;
  e->problem.slopes = &slope;
  e->q_start = 3;
  e->masked = true;
  e->mask[0] = 0.25;
  ok(run_bounded(e) && fabs(e->lse[0] - 0.75) <= e->lse_bound[0],
     "13: softcap, then slope and mask: lse %.9g, expected 0.75, %s", e->lse[0], e->name);
}

static void row_14(edge *e, edge *other) {
  fresh(e, 1, 40);
  for (size_t c = 0; c < 4; c++)
    e->k[c] = e->k[4 * 39 + c] = 30 * (e->q[c] > 0 ? 1 : -1);
  run_bounded(e);
  twin_of(other, e);
  for (size_t c = 0; c < 3; c++) {
    e->v[c] = other->v[3 * 39 + c];
    e->v[3 * 39 + c] = other->v[c];
  }
  ok(run_bounded(e) && agree(e, other) && e->M[0] == other->M[0], "14: two keys that tie, swapped, %s", e->name);
}

static void row_15(edge *e, edge *other) {
  static const double constants[] = { 0, 1, -4, 0.0625, 0.75, -1.3125 };
  (void) other;
  for (int i = 0; i < 6; i++) {
    fresh(e, 2, 300);
    for (size_t j = 0; j < 3 * 300; j++)
      e->v[j] = constants[i];
    bool fine = run_bounded(e);
    for (size_t j = 0; j < 6; j++)
      fine &= i < 4 ? e->out[j] == constants[i] : fabs(e->out[j] - constants[i]) <= e->bound[j];
    ok(fine, "15: V constant %g, %s", constants[i], e->name);
  }
}

/* Scores that rise by 40 a key, so that each moves the reference; reversed they fall.  */
static void row_16(edge *e, edge *other) {
  fresh(e, 1, 200);
  fresh(other, 1, 200);
  for (size_t j = 0; j < 200; j++)
    for (size_t c = 0; c < 4; c++) {
      e->q[c] = other->q[c] = 2;
      e->k[4 * j + c] = other->k[4 * (199 - j) + c] = 10 * (double) j;
      if (c < 3)
        other->v[3 * (199 - j) + c] = e->v[3 * j + c];
    }
  ok(run_bounded(e) && run_bounded(other) && agree(e, other) && e->events.rescales > 0 && other->events.rescales == 0,
     "16: rising and falling scores, %s", e->name);
}

static void row_17(edge *e, edge *other) {
  for (int late = 0; late < 2; late++) {
    fresh(e, 1, 6);
    prepare(e);
    run_segments(e, (segattn_segment[]) { cut(e, late ? 3 : 0, late ? 6 : 3) }, 1);
    twin_of(other, e);
    for (size_t c = 0; c < 4; c++)
      for (size_t j = late ? 0 : 3; j < (late ? 3 : 6); j++)
        e->k[4 * j + c] = e->q[c] > 0 ? -30000 : 30000;
    prepare(e);
    bool fine = run_segments(e, (segattn_segment[]) { cut(e, 0, 3), cut(e, 3, 6) }, 2);
    ok(fine && same_bits(e->out, other->out, 3) && same_bits(e->lse, other->lse, 1) && (late || e->events.underflow == 3),
       "17: a segment far below the maximum, %s it, adds nothing, %s", late ? "before" : "after", e->name);
  }
}

static test_row *const rows[] = { row_1, row_2, row_3, row_4, row_5_10, row_6, row_7, row_8, row_9, row_9_maximum,
  row_9_blocks, row_12, row_13, row_14, row_15, row_16, row_17 };

int main(void) {
  edge_rows(rows, sizeof rows / sizeof *rows);
  return done();
}
