/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges, rows 12 to 17 (tests/SEMANTICS): scale, softcap, ties, constant V, and scores in order.  */

#include "edge.h"

static segattn_status plan_status(const edge *e, const char *names) {
  segattn_plan *plan = NULL;
  segattn_error error = { 0 };
  segattn_options options = { .arithmetic = e->arithmetic, .isa = e->isa };
  segattn_status status = segattn_plan_alloc(&plan, &e->problem, &options, &error);
  segattn_plan_free(plan);
  return status == SEGATTN_EINVAL && strcmp(error.argument, names) ? SEGATTN_OK : status;
}

static void row_12_zero(edge *e, answer *other) {
  (void)other;
  fresh(e, 1, 8);
  e->problem.scale = 0;
  bool fine = run(e);
  for (size_t i = 0; i < e->queries; i++)
    for (size_t c = 0; c < e->problem.dim_v; c++) {
      double mean = 0, size = 0;
      for (size_t j = 0; j < 8; j++) {
        double x = edge_round(e, e->stored_v[j * e->problem.dim_v + c]) / 8;
        mean += x;
        size += fabs(x);
      }
      fine = fine && fabs(out_at(e, &e->got, i, c) - mean) <= edge_gamma(e, 9) * size;
    }
  for (size_t i = 0; i < e->queries; i++)
    fine = fine && fabs(e->got.lse[i] - log(8.)) <= 0x1p-50 && e->got.M[i] == 0 && e->got.S[i] == 8;
  claim(e, fine, "row 12: scale 0 is legal: the mean of V");
}

/* -q stored is -(q stored) in formats that are the same on both sides of 0.  */
static void row_12_negative(edge *e, answer *other) {
  static double q[EDGE_INPUTS];
  fresh(e, 2, 8);
  e->problem.scale = -0.75;
  bool fine = run(e), mirrored = true;
  keep(other, e);
  size_t n = e->queries * e->problem.dim_k;
  memcpy(q, e->stored_q, n * sizeof *q);
  e->problem.scale = 0.75;
  for (size_t i = 0; i < n; i++)
    e->q[i] = -e->q[i];
  fine = fine && run(e);
  for (size_t i = 0; i < n; i++)
    mirrored = mirrored && e->stored_q[i] == -q[i];
  if (mirrored)
    claim(e, fine && same_answer(e, other), "row 12: a negative scale is legal: that of the mirrored query");
}

static void row_12_errors(edge *e, answer *other) {
  static const double none[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
  (void)other;
  fresh(e, 1, 8);
  for (int i = 0; i < 3; i++) {
    e->problem.scale = none[i];
    claim(e, plan_status(e, "problem.scale") == SEGATTN_EINVAL, "row 12: a scale that is NaN or infinite is an error");
  }
}

/* One key whose capped score is the cap: lse = cap + slope distance + mask; M the same.  */
static void row_13_order(edge *e, answer *other) {
  (void)other;
  fresh(e, 1, 1);
  const double slope = 0.5;
  for (size_t c = 0; c < EDGE_INPUTS; c++)
    e->q[c] = e->k[c] = 60;
  e->problem.softcap = 2;
  e->problem.slopes = &slope;
  e->q_start = 3;
  set_mask(e, SEGATTN_F16);
  for (size_t i = 0; i < e->queries; i++)
    e->mask[i] = 0.25;
  bool fine = run_bounded(e);
  for (size_t i = 0; i < e->queries; i++) {
    double lse = 2 - 0.5 * (double)(3 + i) + 0.25;
    fine = fine && fabs(e->got.lse[i] - lse) <= e->got.lse_bound[i] && fabs(e->got.M[i] - lse) <= e->got.lse_bound[i];
  }
  claim(e, fine, "row 13: softcap of the scaled score, then slope times distance, then the mask");
}

/* q.k = score in two keys: cap tanh(score / cap) apart from 0.  */
static void row_13_cap(edge *e, answer *other) {
  fresh(e, 2, 6);
  e->problem.softcap = 1.5;
  bool fine = run_bounded(e);
  double cap = 1.5, scale = 1 / sqrt((double)e->problem.dim_k);
  for (size_t i = 0; i < e->queries; i++) {
    double sum = 0;
    for (size_t j = 0; j < 6; j++)
      sum += exp(cap * tanh(edge_score(e, i, j) * scale / cap));
    fine = fine && fabs(e->got.lse[i] - log(sum)) <= e->got.lse_bound[i] + 0x1p-48;
  }
  claim(e, fine, "row 13: cap tanh(score / cap)");
  keep(other, e);
  e->problem.softcap = 0;
  fine = run_bounded(e);
  for (size_t i = 0; i < e->queries; i++) {
    double sum = 0;
    for (size_t j = 0; j < 6; j++)
      sum += exp(edge_score(e, i, j) * scale);
    fine = fine && fabs(e->got.lse[i] - log(sum)) <= e->got.lse_bound[i] + 0x1p-48;
  }
  claim(e, fine && !same_answer(e, other), "row 13: softcap 0 is off");
  e->problem.softcap = -1.5;
  claim(e, plan_status(e, "problem.softcap") == SEGATTN_EINVAL, "row 13: a negative softcap is an error");
}

/* Keys 0 and 39 are one key; all 40 are where scale is 0.  Their values change places.  */
static void row_14(edge *e, answer *other) {
  for (int all = 0; all < 2; all++) {
    fresh(e, 1, 40);
    size_t dim_k = e->problem.dim_k, dim_v = e->problem.dim_v;
    e->problem.scale = all ? 0 : 1;
    for (size_t c = 0; c < dim_k; c++)
      e->k[c] = e->k[39 * dim_k + c] = 14 * (e->q[c] > 0 ? 1 : -1);
    bool fine = run_bounded(e);
    keep(other, e);
    for (size_t c = 0; c < dim_v; c++) {
      double v = e->v[c];
      e->v[c] = e->v[39 * dim_v + c];
      e->v[39 * dim_v + c] = v;
    }
    fine = fine && run_bounded(e) && agree(e, other) && same_bits(e->got.M, other->M, all_rows(e)) &&
           same_bits(e->got.lse, other->lse, all_rows(e));
    claim(e, fine, "row 14: keys that tie for the maximum: which comes first does not matter");
  }
}

/* Blocks of one value c that the format holds: d = c and codes of level 1, where the format's own quantiser would round.  */
static void constant_blocks(edge *e, double c) {
  size_t bytes = segattn_format_bytes(e->v_format, EDGE_DIM), n = e->keys * e->problem.dim_v / EDGE_DIM;
  for (size_t b = 0; b < n; b++) {
    unsigned char *at = e->bytes[2] + b * bytes;
    segattn_encode(SEGATTN_F16, &c, at, 1);
    memset(at + 2, e->v_format == SEGATTN_Q8_0 ? 1 : 0x88, bytes - 2);
  }
  segattn_decode(e->v_format, e->bytes[2], e->stored_v, e->keys * e->problem.dim_v);
}

static const double constants[] = { 0, 1, -4, 0.0625, 0.75, -1.3125 };

static void row_15(edge *e, answer *other) {
  (void)other;
  for (int i = 0; i < 6; i++) {
    fresh(e, 2, 300);
    e->k_start = 77;
    for (size_t j = 0; j < e->problem.dim_v * 300; j++)
      e->v[j] = constants[i];
    prepare(e);
    if (e->v_format == SEGATTN_Q8_0 || e->v_format == SEGATTN_IQ4_NL)
      constant_blocks(e, constants[i]);
    double c = e->stored_v[0];
    bool fine = all_are(e->stored_v, e->problem.dim_v * 300, c) && run_segments(e, &e->as_segment, 1);
    for (size_t j = 0; j < all_outputs(e); j++)
      fine = fine && (is_power(c) ? e->got.out[j] == c
                                  : fabs(e->got.out[j] - c) <= (2 * edge_gamma(e, 132) + edge_unit(e)) * fabs(c));
    if (is_power(constants[i]))
      claim(e, fine && c == constants[i], "row 15: V constant, 0 or a power of two: exactly that");
    else
      claim(e, fine, "row 15: V another constant: within the bound of its chains");
  }
}

/* 32 constants c from 1 to 2, one a column; a row's errors have that of its l in common, so a row is one sample.  The mean of n
   samples that have no bias lies within 4 of its standard errors.  */
static void row_15_bias(edge *e, answer *other) {
  enum { DRAWS = 16 };
  (void)other;
  if (!e->many || e->ragged || e->q_format != SEGATTN_F32 || e->k_format != SEGATTN_F32 || e->v_format != SEGATTN_F32)
    return;
  double sum = 0, square = 0, n = 0;
  fresh(e, 1, 200);
  for (size_t j = 0; j < EDGE_DIM * 200; j++)
    e->v[j] = (double)(float)(1 + ((double)(j % EDGE_DIM) + 0.37) / EDGE_DIM);
  for (size_t draw = 0; draw < DRAWS; draw++) {
    for (size_t i = 0; i < e->queries * EDGE_DIM; i++)
      e->q[i] = (double)((i * 37 + draw * 11 + i / 7) % 64) / 16 - 2;
    if (!run(e))
      sum = (double)NAN;
    for (size_t i = 0; i < e->queries; i++, n++) {
      double row = 0;
      for (size_t c = 0; c < EDGE_DIM; c++)
        row += (out_at(e, &e->got, i, c) - e->stored_v[c]) / edge_ulp(e, e->stored_v[c]) / EDGE_DIM;
      sum += row;
      square += row * row;
    }
  }
  double mean = sum / n, deviation = sqrt(square / n - mean * mean);
  claim(e, fabs(mean) <= 4 * deviation / sqrt(n), "row 15: the errors have no bias over the constant");
  diag("row 15: %s, %s: mean error %.2g ulp, standard deviation %.2g of %g rows", e->arithmetic, e->isa, mean, deviation, n);
}

/* Keys 2^-6, 2^-5 ... 2^5 times 1, queries of 1: each score is 50 and more above the one before it.  Across a line between
   blocks.  */
static void in_order(edge *e, bool falling) {
  fresh(e, 1, 12);
  e->k_start = 122;
  for (size_t i = 0; i < e->queries * e->problem.dim_k; i++)
    e->q[i] = 1;
  for (size_t j = 0; j < 12; j++) {
    size_t at = falling ? 11 - j : j;
    for (size_t c = 0; c < e->problem.dim_k; c++)
      e->k[at * e->problem.dim_k + c] = ldexp(1, (int)j - 6);
    for (size_t c = 0; c < e->problem.dim_v; c++)
      e->v[at * e->problem.dim_v + c] = (double)((j * 5 + c * 3) % 13 + 1) / 16;
  }
  e->problem.scale = 64 * 60 / (double)e->problem.dim_k;
}

static void row_16(edge *e, answer *other) {
  in_order(e, false);
  bool fine = run_bounded(e) && e->got.events.rescales == e->queries * (6 - 1 + 6 - 1);
  keep(other, e);
  for (size_t i = 0; i < all_outputs(e); i++) {
    /* the last key, exp(-60) of the one before it, and less of the others */
    double last = e->stored_v[11 * e->problem.dim_v + i % e->problem.dim_v];
    fine = fine && fabs(e->got.out[i] - last) <= e->got.bound[i] + 2 * exp(-60.);
  }
  claim(e, fine, "row 16: rising scores, a rescale a key: within the bound");
  in_order(e, true);
  claim(e, run_bounded(e) && agree(e, other) && e->got.events.rescales == 0, "row 16: falling scores: within the bound");
}

/* Keys along the query, and keys against it that lie far below: in f64 too.  */
static void far_below(edge *e, bool late) {
  fresh(e, 1, 6);
  e->problem.scale = 1e4;
  for (size_t i = 0; i < e->queries * e->problem.dim_k; i++)
    e->q[i] = 1;
  for (size_t j = 0; j < 6; j++)
    for (size_t c = 0; c < e->problem.dim_k; c++)
      e->k[j * e->problem.dim_k + c] = (late ? j < 3 : j >= 3) ? -1 : 1;
}

/* In a second head, of zeros, nothing is far below.  */
static bool underflow_by_head(edge *e) {
  far_below(e, false);
  e->problem.q_heads = 2;
  memset(e->q + e->queries * e->problem.dim_k, 0, e->queries * e->problem.dim_k * sizeof *e->q);
  return run(e) && e->got.heads[0].underflow == 3 * e->queries && !e->got.heads[1].underflow;
}

static void row_17(edge *e, answer *other) {
  for (int late = 0; late < 2; late++) {
    far_below(e, late);
    prepare(e);
    bool fine = run_segments(e, (segattn_segment[]){ late ? cut(e, 3, 6) : cut(e, 0, 3) }, 1);
    keep(other, e);
    fine = fine && run_segments(e, (segattn_segment[]){ cut(e, 0, 3), cut(e, 3, 6) }, 2) && same_answer(e, other) &&
           !e->got.events.overflow && !e->got.events.nan && !e->got.events.inf;
    claim(e, fine, "row 17: a segment far below the maximum, before or after it, adds nothing and overflows nothing");
    if (!late)
      claim(e, e->got.events.underflow == 3 * e->queries, "row 17: its keys are counted as underflow");
  }
  claim(e, underflow_by_head(e), "row 17: in their head");
}

/* The same by merging states, either into the other.  */
static void row_17_merge(edge *e, answer *other) {
  for (int late = 0; late < 2; late++) {
    far_below(e, late);
    prepare(e);
    segattn_segment part[] = { cut(e, 0, 3), cut(e, 3, 6) };
    bool fine = run_segments(e, &part[late], 1);
    keep(other, e);
    segattn_tensor out = segattn_tensor_of(e->got.out, SEGATTN_F64, 1, 1, e->queries, e->problem.dim_v);
    segattn_tensor lse = segattn_tensor_of(e->got.lse, SEGATTN_F64, 1, 1, e->queries, 1);
    segattn_plan *plan = edge_plan(e);
    segattn_state *state[2] = { NULL, NULL };
    for (int i = 0; i < 2; i++)
      fine = fine && !segattn_state_alloc(&state[i], plan, &e->as_queries, NULL) &&
             !segattn_state_absorb(state[i], &e->as_queries, &part[i], NULL);
    fine = fine && !segattn_state_merge(state[late], state[!late], NULL) &&
           !segattn_state_finalise(state[late], &out, &lse, NULL);
    claim(e, fine && same_answer(e, other), "row 17: so does a state far below another in a merge");
    segattn_state_free(state[0]);
    segattn_state_free(state[1]);
    segattn_plan_free(plan);
  }
}

static test_row *const rows[] = { row_12_zero, row_12_negative, row_12_errors, row_13_order, row_13_cap, row_14, row_15,
  row_15_bias, row_16, row_17, row_17_merge };

int main(void) {
  rows_run(rows, sizeof rows / sizeof *rows);
  return edge_done();
}
