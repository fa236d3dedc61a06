/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What storage costs beside what arithmetic costs: by hand where the answer is known, and as parts of one whole.  */

#include <math.h>
#include <string.h>
#include "case.h"
#include "drawn_inputs.h"
#include "tap.h"

static result compute(const case_spec *c, uint64_t seed) {
  static char label[] = "test";
  result r;
  case_spec named = *c;
  named.label = label;
  if (case_compute(&r, &named, seed, &(case_options){ .threads = 1 }))
    exit(1);
  return r;
}

/* All of k and v in one format; q in f64.  */
static case_spec stored(case_spec c, segattn_format k, segattn_format v) {
  c.k = k;
  c.v = v;
  whole[0] = (segment_spec){ c.keys, k, v };
  return c;
}

/* Every element of q, k and v is `x`: all scores are equal, and the exact output is the mean of what is stored of v.  */
static case_spec constant(double x) {
  case_spec c = base("normal");
  c.input.parameter[0] = x;
  c.input.parameter[1] = 0;
  return c;
}

static const errors *pair(const result *r, const char *name) {
  const errors *e = result_errors(r, name);
  if (e == NULL)
    exit(1);
  return e;
}

static bool everywhere(const errors *e, double relative) {
  bool same = e->relative_rms == relative;
  for (size_t h = 0; h < e->batch * e->heads; h++)
    same = same && e->relative_by_head[h] == relative;
  return same;
}

static void test_by_hand(void) {
  const double lost = 0x1p-12;          /* f16 rounds 1 + 2^-12 to 1 */
  case_spec c = stored(constant(1 + lost), SEGATTN_F16, SEGATTN_F16);
  result r = compute(&c, 1);
  const errors *e = pair(&r, "oracle-unquantised");
  ok(e->total[STAT_MAX] == lost && e->total[STAT_BIAS] == -lost && e->total[STAT_RMS] == lost,
     "f16 holds 1 of 1 + 2^-12: quantisation costs 2^-12, downwards");
  ok(fabs(e->relative_rms - lost / (1 + lost)) <= 0x1p-50 * lost && everywhere(e, e->relative_rms),
     "relative: of the exact output before storage, in each head");
  ok(pair(&r, "segmented-oracle")->total[STAT_MAX] == 0, "arithmetic costs nothing: the mean of equal powers of two is exact");
  ok(pair(&r, "segmented-unquantised")->total[STAT_MAX] == lost, "in all: what quantisation costs");
  result_free(&r);
  segment_spec half[2] = { { c.keys / 2, SEGATTN_F32, SEGATTN_F16 }, { c.keys / 2, SEGATTN_F32, SEGATTN_F32 } };
  c.segments = half;
  c.n_segments = 2;
  c.mixed = true;
  c.k = c.v = SEGATTN_F32;
  r = compute(&c, 1);
  e = pair(&r, "oracle-unquantised");
  ok(fabs(e->total[STAT_MAX] - lost / 2) <= 0x1p-50, "with half of the values in f32, which holds them: half of it (%.17g)",
     e->total[STAT_MAX]);
  result_free(&r);
}

/* q, k and v are the same, so that the scores of quantised keys differ from the others': softmax of two kinds of keys.  With
   x = 1 + 2^-12, D = 16 and half of the keys stored as 1: s = x x D / 4 and x D / 4.  */
static void test_scores(void) {
  const double x = 1 + 0x1p-12, scale = 0.25, d = 16;
  case_spec c = constant(x);
  segment_spec half[2] = { { c.keys / 2, SEGATTN_F16, SEGATTN_F64 }, { c.keys / 2, SEGATTN_F64, SEGATTN_F16 } };
  c.segments = half;
  c.n_segments = 2;
  c.mixed = true;
  result r = compute(&c, 1);
  const double weight = exp((x - x * x) * d * scale);   /* of a key stored as 1, against one stored as x */
  const double out = (weight * x + 1) / (weight + 1);   /* whose value is x; the others' is 1 */
  const errors *e = pair(&r, "oracle-unquantised");
  ok(fabs(e->total[STAT_BIAS] - (out - x)) <= 8 * 0x1p-53 && e->total[STAT_BIAS] < 0,
     "rounded keys move weight to the others: %.17g", e->total[STAT_BIAS]);
  result_free(&r);
}

static void test_lossless(void) {
  static const struct { segattn_format format; double x; } exact[] = {
    { SEGATTN_F64, 1 + 0x1p-40 }, { SEGATTN_F32, 1 + 0x1p-20 }, { SEGATTN_F16, 1 + 0x1p-10 }, { SEGATTN_BF16, 1.5 },
    { SEGATTN_F8E4M3, 1.125 } };
  for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
    case_spec c = stored(constant(exact[i].x), exact[i].format, exact[i].format);
    result r = compute(&c, 1);
    const errors *e = pair(&r, "oracle-unquantised");
    ok(e->total[STAT_MAX] == 0 && e->identical && everywhere(e, 0) && r.unquantised.data == NULL
       && result_errors(&r, "segmented-unquantised") == NULL,
       "%s that holds every value: quantisation costs exactly 0", segattn_format_name(exact[i].format));
    result_free(&r);
  }
}

/* The side before storage is the oracle of the case that stores everything in f64; every kind of storage has its turn, so that
   an oracle that was kept for another case would show.  */
static void test_before_storage(void) {
  static const segattn_format formats[] = { SEGATTN_F16, SEGATTN_F8E5M2, SEGATTN_BF16 };
  bool same = true;
  for (size_t i = 0; i < 3; i++) {
    case_spec c = base("normal"), exact = c;
    result f64 = compute(&exact, i), r;
    c = stored(c, formats[i], formats[(i + 1) % 3]);
    if (i == 2)
      c.q = SEGATTN_BF16;
    r = compute(&c, i);
    same = same && r.unquantised.data && array_bytes(&r.unquantised) == array_bytes(&f64.oracle_out)
           && memcmp(r.unquantised.data, f64.oracle_out.data, array_bytes(&f64.oracle_out)) == 0;
    whole[0] = (segment_spec){ exact.keys, SEGATTN_F64, SEGATTN_F64 };
    result_free(&f64);
    result_free(&r);
  }
  ok(same, "before storage: the oracle of the case in f64, for each seed and format");
}

/* total = arithmetic + quantisation, element by element: so are the biases, and no norm of the sum is above the sum of norms.
   Each of n elements is subtracted with an error of 2^-53 of it.  */
static bool adds_up(const double *total, const double *arithmetic, const double *quantisation) {
  static const enum statistic norm[] = { STAT_MAX, STAT_MEAN, STAT_RMS };
  const double rounding = 0x1p-50;      /* outputs are below 4 */
  bool right = fabs(total[STAT_BIAS] - arithmetic[STAT_BIAS] - quantisation[STAT_BIAS]) <= rounding;
  for (int i = 0; i < 3; i++)
    right = right && total[norm[i]] <= arithmetic[norm[i]] + quantisation[norm[i]] + rounding
            && total[norm[i]] >= quantisation[norm[i]] - arithmetic[norm[i]] - rounding;
  return right;
}

static void test_sum(void) {
  case_spec c = base("normal");
  c.dim_k = 64;
  c.dim_v = 32;
  segment_spec parts[2] = { { 150, SEGATTN_Q8_0, SEGATTN_Q4_0 }, { 50, SEGATTN_F16, SEGATTN_F16 } };
  c.segments = parts;
  c.n_segments = 2;
  c.mixed = true;
  result r = compute(&c, 3);
  const errors *t = pair(&r, "segmented-unquantised"), *a = pair(&r, "segmented-oracle"), *q = pair(&r, "oracle-unquantised");
  bool heads = true;
  for (size_t h = 0; h < t->batch * t->heads; h++)
    heads = heads && adds_up(t->by_head + h * STATISTICS, a->by_head + h * STATISTICS, q->by_head + h * STATISTICS);
  ok(adds_up(t->total, a->total, q->total), "the whole is at most quantisation and arithmetic, and its bias is their sum");
  ok(heads, "and so in each head");
  ok(q->total[STAT_RMS] > 1000 * a->total[STAT_RMS] && a->total[STAT_RMS] > 0, "q4_0 costs more than f32 arithmetic does");
  result_free(&r);
}

int main(void) {
  test_by_hand();
  test_scores();
  test_lossless();
  test_before_storage();
  test_sum();
  case_forget();
  return done();
}
