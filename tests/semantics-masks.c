/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges, rows 1 to 6 and 10 (tests/SEMANTICS): masks, emptiness, and memory that is never read.  */

#include <float.h>
#include <unistd.h>
#include "guard.h"

static const double out_of_it = -(double)INFINITY;
static const segattn_format skipping[] = { SEGATTN_BOOL, SEGATTN_F64, SEGATTN_F32, SEGATTN_F16, SEGATTN_BF16 };
enum { SKIPPING = sizeof skipping / sizeof *skipping };

static double *mask_at(edge *e, size_t i, size_t j) { return &e->mask[i * e->keys + j]; }

/* Every other row is masked in both of its segments.  */
static void row_1_masked(edge *e, answer *other) {
  (void)other;
  for (int f = 0; f < SKIPPING; f++) {
    fresh(e, 2, 6);
    set_mask(e, skipping[f]);
    for (size_t i = 0; i < e->queries; i += 2)
      for (size_t j = 0; j < 6; j++)
        *mask_at(e, i, j) = out_of_it;
    prepare(e);
    bool fine = run_segments(e, (segattn_segment[]){ cut(e, 0, 3), cut(e, 3, 6) }, 2);
    for (size_t i = 0; i < e->queries; i++)
      fine = fine && (i % 2 ? isfinite(e->got.lse[i]) : empty_row(e, i));
    claim(e, fine, "row 1: a row masked in every segment: out 0, lse and M -inf, S and O 0");
    claim(e, e->got.events.masked_rows == e->queries / 2 && e->got.events.first == SEGATTN_NOWHERE,
          "row 1: such rows are counted");
  }
}

/* The first half of the queries comes before all keys, or after all of the window.  */
static void row_1_position(edge *e, answer *other) {
  (void)other;
  for (int window = 0; window < 2; window++) {
    fresh(e, 2, 6);
    e->problem.causal = true;
    e->problem.window = window ? 3 : 0;
    e->q_start = window ? 8 - (int64_t)e->queries / 2 : -(int64_t)e->queries / 2;
    e->k_start = 0;
    bool fine = run(e);
    size_t empty = 0;
    for (size_t i = 0; i < e->queries; i++) {
      int64_t position = e->q_start + (int64_t)i;
      bool sees = window ? position >= 0 && position < 8 : position >= 0;
      fine = fine && (sees ? isfinite(e->got.lse[i]) : empty_row(e, i));
      empty += !sees;
    }
    claim(e, fine && e->got.events.masked_rows == empty, "row 1: the same for rows whose positions see no key");
  }
}

static void row_2(edge *e, answer *other) {
  for (int late = 0; late < 2; late++) {
    fresh(e, 2, 6);
    set_mask(e, SEGATTN_F32);
    for (size_t i = 0; i < e->queries; i += 2)
      for (size_t j = 0; j < 3; j++)
        *mask_at(e, i, late ? j + 3 : j) = out_of_it;
    prepare(e);
    bool fine = run_segments(e, (segattn_segment[]){ late ? cut(e, 0, 3) : cut(e, 3, 6) }, 1);
    keep(other, e);
    fine = fine && run_segments(e, (segattn_segment[]){ cut(e, 0, 3), cut(e, 3, 6) }, 2);
    for (size_t i = 0; i < e->queries; i++)
      fine = fine && (i % 2 ? e->got.lse[i] != other->lse[i] : same_row(e, other, i) && same_state(e, other, i));
    claim(e, fine, "row 2: a row masked in one of two segments has the bits of the other one alone");
  }
}

static void row_3(edge *e, answer *other) {
  fresh(e, 2, 5);
  bool fine = run(e);
  keep(other, e);
  segattn_segment none = cut(e, 0, 0), nothing = { .start = 2 };
  none.k.data = none.v.data = NULL;
  fine = fine && run_segments(e, (segattn_segment[]){ none, cut(e, 0, 2), nothing, cut(e, 2, 5), { .start = 5 } }, 5);
  claim(e, fine && same_answer(e, other), "row 3: segments without keys, K and V NULL, change nothing");
  fine = run_segments(e, &none, 1) && e->got.events.masked_rows == e->queries;
  for (size_t i = 0; i < e->queries; i++)
    fine = fine && empty_row(e, i);
  claim(e, fine, "row 3: no key at all (n_kv = 0, K and V NULL) gives empty rows");
  fine = run_segments(e, NULL, 0);
  for (size_t i = 0; i < e->queries; i++)
    fine = fine && empty_row(e, i);
  claim(e, fine, "row 3: so does no segment at all");
}

static void row_4(edge *e, answer *other) {
  (void)other;
  fresh(e, 0, 5);
  e->got.out[0] = e->got.lse[0] = 7;
  bool fine = run(e);
  claim(e, fine && e->got.out[0] == 7 && e->got.lse[0] == 7, "row 4: no queries: nothing is done, and that is no error");
  for (int v = 0; v < 2; v++) {
    segattn_plan *plan = NULL;
    segattn_error error = { 0 };
    fresh(e, 1, 5);
    *(v ? &e->problem.dim_v : &e->problem.dim_k) = 0;
    segattn_status status = segattn_plan_alloc(&plan, &e->problem, NULL, &error);
    claim(e, status == SEGATTN_EINVAL && !plan && strstr(error.text, v ? "dim_v" : "dim_k"),
          "row 4: head dimension 0 is an error");
    segattn_plan_free(plan);
  }
}

/* Keys that every row masks hold NaN and infinities (a block: NaN); without them nothing is different.  */
static void row_5_stale(edge *e, answer *other) {
  static const double stale[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
  for (int f = 0; f < SKIPPING; f++) {
    fresh(e, 3, 8);
    set_mask(e, skipping[f]);
    for (size_t i = 0; i < e->queries * 8; i++)
      e->mask[i] = i % 8 == 2 || i % 8 > 5 ? out_of_it : 0;
    bool fine = run(e);
    keep(other, e);
    for (size_t j = 0; j < 8; j++)
      for (size_t c = 0; e->mask[j] == out_of_it && c < EDGE_DIM; c++) {
        e->k[j * e->problem.dim_k + c % e->problem.dim_k] = stale[(j + c) % 3];
        e->v[j * e->problem.dim_v + c % e->problem.dim_v] = stale[(j + c + 1) % 3];
      }
    fine = fine && run(e);
    claim(e, fine && same_answer(e, other) && !e->got.events.nan && !e->got.events.inf,
          "row 5: NaN and infinities in masked keys and values change nothing");
  }
}

/* A key that holds NaN is masked for two rows of three, in another order each: only the third is NaN.  */
static void row_5_lanes(edge *e, answer *other) {
  fresh(e, 3, 8);
  set_mask(e, SEGATTN_BOOL);
  for (size_t i = 0; i < e->queries; i++)
    *mask_at(e, i, 5) = i % 3 != 1 ? out_of_it : 0;
  bool fine = run(e);
  keep(other, e);
  for (size_t c = 0; c < e->problem.dim_k; c++)
    e->k[5 * e->problem.dim_k + c] = (double)NAN;
  for (size_t c = 0; c < e->problem.dim_v; c++)
    e->v[5 * e->problem.dim_v + c] = (double)NAN;
  fine = fine && run(e);
  for (size_t i = 0; i < e->queries; i++)
    fine = fine && (i % 3 == 1 ? poisoned_row(e, i) : same_row(e, other, i) && same_state(e, other, i));
  claim(e, fine, "row 5: a key that one row masks and its neighbour does not: its NaN reaches the neighbour alone");
}

static void on_pages(edge *e, answer *other, const bool hidden[6], const char *text) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  bool fine = run(e);
  keep(other, e);
  guarded k = guard_spread(&e->as_segment.k, SEGATTN_POS, page, hidden);
  guarded v = guard_spread(&e->as_segment.v, SEGATTN_POS, page, hidden);
  claim(e, fine && k.region && v.region && guard_run(e, &e->as_segment) && same_answer(e, other), text);
  guard_free(k);
  guard_free(v);
}

static void row_5_pages(edge *e, answer *other) {
  static const bool holes[] = { false, true, true, false, false, true };
  for (int f = 0; f < 2; f++) {
    fresh(e, 2, 6);
    set_mask(e, skipping[f]);
    for (size_t i = 0; i < e->queries * 6; i++)
      e->mask[i] = holes[i % 6] ? out_of_it : 0;
    on_pages(e, other, holes, "row 5: masked keys and values may lie on pages that cannot be read");
  }
}

/* One position for all queries.  */
static void row_5_window(edge *e, answer *other) {
  static const bool holes[] = { true, true, false, false, false, true };
  fresh(e, 1, 6);
  e->problem.causal = true;
  e->problem.window = 3;
  e->queries = 1;
  if (e->many)
    e->problem.q_heads = EDGE_MANY;             /* of one KV head: as many rows */
  e->q_start = 4;
  on_pages(e, other, holes, "row 5: so may keys that the window leaves out");
}

/* The mean of V, of key 0 on: what equal weights give.  */
static bool is_mean(const edge *e) {
  for (size_t i = 0; i < all_rows(e); i++)
    for (size_t c = 0; c < e->problem.dim_v; c++) {
      double mean = 0, size = 0;
      for (size_t j = 0; j < e->keys; j++) {
        double x = edge_round(e, e->stored_v[j * e->problem.dim_v + c]) / (double)e->keys;
        mean += x;
        size += fabs(x);
      }
      if (!(fabs(out_at(e, &e->got, i, c) - mean) <= edge_gamma(e, e->keys + 1) * size))
        return false;
    }
  return true;
}

static const double minima[] = { -1e4, -65504, -0x1.fffffep127, -DBL_MAX };

static void all_keys(edge *e, double x) {
  set_mask(e, SEGATTN_F64);
  for (size_t i = 0; i < e->queries * e->keys; i++)
    e->mask[i] = x;
}

static void row_6_ordinary(edge *e, answer *other) {
  for (int i = 0; i < 2; i++) {
    fresh(e, 1, 8);
    bool fine = run_bounded(e);
    keep(other, e);
    all_keys(e, minima[i]);
    fine = fine && run_bounded(e) && agree(e, other) && !e->got.events.masked_rows;
    for (size_t r = 0; r < e->queries; r++)
      fine = fine && fabs(e->got.lse[r] - minima[i] - other->lse[r]) <= e->got.lse_bound[r] + other->lse_bound[r];
    claim(e, fine, "row 6: -1e4 or -65504 on every key is an ordinary number");
  }
}

static void row_6_minima(edge *e, answer *other) {
  for (int i = 2; i < 4; i++) {
    fresh(e, 1, 8);
    e->problem.scale = 0;
    bool fine = run(e);
    keep(other, e);
    e->problem.scale = SEGATTN_SCALE_DEFAULT;
    all_keys(e, minima[i]);
    fine = fine && run(e) && is_mean(e) && !e->got.events.masked_rows;
    claim(e, fine && same_bits(e->got.out, other->out, all_outputs(e)),
          "row 6: a row masked by finite minima alone gives the mean of V");
    for (size_t r = 0; r < e->queries; r++)
      *mask_at(e, r, 5) = 0;
    fine = run(e);
    for (size_t r = 0; r < e->queries; r++)
      for (size_t c = 0; c < e->problem.dim_v; c++) {
        double v = e->stored_v[5 * e->problem.dim_v + c];
        fine = fine && fabs(out_at(e, &e->got, r, c) - v) <= edge_ulp(e, v);
      }
    claim(e, fine, "row 6: finite minima on all keys but one give that one");
  }
}

static void row_10_gaps(edge *e, answer *other) {
  fresh(e, 2, 6);
  bool fine = run(e);
  keep(other, e);
  segattn_tensor *const tensor[] = { &e->as_segment.k, &e->as_segment.v, &e->as_queries.q };
  guarded g[3];
  for (int i = 0; i < 3; i++) {
    g[i] = guard_spread(tensor[i], SEGATTN_POS, (size_t)tensor[i]->stride[SEGATTN_POS] + 64, NULL);
    fine = fine && g[i].region;
  }
  fine = fine && run_segments(e, &e->as_segment, 1);
  claim(e, fine && same_answer(e, other), "row 10: stale NaN between positions is never read");
  for (int i = 0; i < 3; i++)
    guard_free(g[i]);
}

/* Q, K, V and the mask touch a page that cannot be read, with their ends or with their beginnings.  */
static void row_10_ends(edge *e, answer *other) {
  for (int end = 0; end < 2; end++) {
    fresh(e, 2, 6);
    set_mask(e, SEGATTN_F16);
    bool fine = run(e);
    keep(other, e);
    segattn_tensor *const tensor[] = { &e->as_segment.k, &e->as_segment.v, &e->as_queries.q };
    guarded g[4];
    for (int i = 0; i < 3; i++) {
      g[i] = guard_flush(tensor[i], end);
      fine = fine && g[i].region;
    }
    segattn_tensor mask = segattn_tensor_of(e->as_segment.mask.data, SEGATTN_F16, 1, 1, 1, e->queries * 6);
    g[3] = guard_flush(&mask, end);
    e->as_segment.mask.data = mask.data;
    claim(e, fine && g[3].region && guard_run(e, &e->as_segment) && same_answer(e, other),
          "row 10: nothing before or after Q, K, V and the mask is read");
    for (int i = 0; i < 4; i++)
      guard_free(g[i]);
  }
}

static test_row *const rows[] = { row_1_masked, row_1_position, row_2, row_3, row_4, row_5_stale, row_5_lanes, row_5_pages,
  row_5_window, row_6_ordinary, row_6_minima, row_10_gaps, row_10_ends };

int main(void) {
  rows_run(rows, sizeof rows / sizeof *rows);
  return edge_done();
}
