/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statistics of differences: against plain loops, and by hand where a NaN, an infinity or a constant makes them special.  */

#include <float.h>
#include <math.h>
#include <string.h>
#include "measure.h"
#include "random.h"
#include "tap.h"

enum { B = 2, H = 3, Q = 5, D = 7, N = B * H * Q * D };
static const size_t shape[4] = {B, H, Q, D};

/* Sums of at most N terms: each rounding is at most 2^-53 of a sum of magnitudes.  */
static bool near(double x, double y, double magnitude) {
  return fabs(x - y) <= 2 * N * 0x1p-53 * magnitude;
}

static void plain(double to[STATISTICS], const double *a, const double *b, const double *bound, size_t first, size_t stride,
                  size_t n) {
  for (int i = 0; i < STATISTICS; i++)
    to[i] = 0;
  for (size_t k = 0; k < n; k++) {
    size_t i = first + k * stride;
    double d = a[i] - b[i];
    to[STAT_MAX] = fmax(to[STAT_MAX], fabs(d));
    to[STAT_MEAN] += fabs(d) / (double)n;
    to[STAT_RMS] += d * d / (double)n;
    to[STAT_BIAS] += d / (double)n;
    to[STAT_ULP] = fmax(to[STAT_ULP], fabs(d) / ulp_of(SEGATTN_F32, b[i]));
    to[STAT_RATIO] = fmax(to[STAT_RATIO], fabs(d) / bound[i]);
  }
  to[STAT_RMS] = sqrt(to[STAT_RMS]);
}

static bool agree(const double *ours, const double *theirs) {
  bool same = true;
  for (int i = 0; i < STATISTICS; i++)
    same = same && near(ours[i], theirs[i], i == STAT_BIAS ? theirs[STAT_MEAN] : theirs[i]);
  return same;
}

static void measure(errors *e, const double *a, const double *b, const double *bound, const size_t s[4]) {
  if (errors_measure(e, "a-b", a, b, bound, s, SEGATTN_F32) != 0)
    exit(1);
}

static void test_plain(const double *a, const double *b, const double *bound) {
  errors e;
  double to[STATISTICS];
  measure(&e, a, b, bound, shape);
  plain(to, a, b, bound, 0, 1, N);
  ok(agree(e.total, to), "total: as plain loops have it");
  bool head = true, element = true, query = true;
  for (size_t h = 0; h < B * H; h++) {
    plain(to, a, b, bound, h * Q * D, 1, Q * D);
    head = head && agree(e.by_head + h * STATISTICS, to);
    for (size_t c = 0; c < D; c++) {
      plain(to, a, b, bound, h * Q * D + c, D, Q);
      element = element && agree(e.by_element + (h * D + c) * STATISTICS, to);
    }
    for (size_t q = 0; q < Q; q++) {
      plain(to, a, b, bound, (h * Q + q) * D, 1, D);
      query = query && agree(e.by_query + (h * Q + q) * STATISTICS, to);
    }
  }
  ok(head && element && query, "by head, by element, by query: as plain loops have it");
  size_t i = ((e.worst[0] * H + e.worst[1]) * Q + e.worst[2]) * D + e.worst[3];
  ok(fabs(a[i] - b[i]) / bound[i] == e.total[STAT_RATIO] && e.worst_a == a[i] && e.worst_b == b[i] && e.worst_bound == bound[i],
     "the worst element is the one of the largest ratio");
  double square = 0;
  for (size_t k = 0; k < N; k++)
    square += b[k] * b[k] / N;
  ok(near(e.relative_rms, e.total[STAT_RMS] / sqrt(square), e.relative_rms), "relative rms");
  bool relative = true;
  for (size_t h = 0; h < B * H; h++) {
    square = 0;
    for (size_t k = h * Q * D; k < (h + 1) * Q * D; k++)
      square += b[k] * b[k] / (Q * D);
    const double expected = e.by_head[h * STATISTICS + STAT_RMS] / sqrt(square);
    relative = relative && near(e.relative_by_head[h], expected, expected);
  }
  ok(relative, "relative rms of each head");
  ok(!e.vacuous && !e.identical && strcmp(e.ulp_format, "f32") == 0 && strcmp(e.pair, "a-b") == 0, "names and flags");
  errors_free(&e);
  measure(&e, a, b, NULL, shape);
  i = ((e.worst[0] * H + e.worst[1]) * Q + e.worst[2]) * D + e.worst[3];
  ok(fabs(a[i] - b[i]) == e.total[STAT_MAX] && isnan(e.worst_bound) && isnan(e.total[STAT_RATIO]),
     "without a bound: the one of the largest difference");
  errors_free(&e);
}

static void test_distribution(void) {
  static const size_t s[4] = {1, 1, 1, 8};
  const double b[8] = {0}, a[8] = {0, -0.0, 1e-20, -1e-30, 1.5e-3, 2, 1e9, NAN};
  errors e;
  measure(&e, a, b, NULL, s);
  double sum = 0;
  bool inside = true;
  for (size_t i = 0; i < BINS; i++)
    sum += e.histogram[i];
  for (size_t i = 1; i + 1 < BINS; i++)
    inside = inside && bin_edge(i) > bin_edge(i - 1);
  ok(sum == 8 && e.histogram[0] == 2 && e.histogram[BINS - 1] == 1 && e.histogram[1] == 2 && e.histogram[BINS - 2] == 1,
     "histogram: zeros, infinite ones and those beyond either end have their bins");
  size_t decade = (size_t)BINS_PER_DECADE, i = 1 + (size_t)(-3 - DECADE_MIN) * decade + 1;      /* 10^-2.9 < 1.5e-3 < 10^-2.8 */
  ok(e.histogram[i] == 1 && bin_edge(i) <= 1.5e-3 && 1.5e-3 < bin_edge(i + 1) && inside && bin_edge(0) == 0
     && bin_edge(BINS - 1) == INFINITY, "histogram: logarithmic bins");
  /* Sorted: 0 0 1e-30 1e-20 1.5e-3 2 1e9 inf; probability p lies at place 7 p.  */
  const double *x = e.quantiles;
  ok(x[0] == 0 && near(x[4], (1e-20 + 1.5e-3) / 2, 1e-3) && near(x[3], 0.75 * 1e-30, 1e-30) && x[8] == INFINITY
     && x[7] == INFINITY,
     "quantiles: between order statistics, infinite beside an infinite one");
  errors_free(&e);
  static const size_t five[4] = {1, 1, 1, 5};
  const double c[5] = {NAN, 1, NAN, 0, NAN};
  measure(&e, c, b, NULL, five);
  ok(e.quantiles[3] == 1 && e.quantiles[4] == INFINITY, "quantiles: an order statistic itself, whatever comes after it");
  errors_free(&e);
}

static void test_special(void) {
  static const size_t s[4] = {1, 1, 1, 6};
  const double a[6] = {NAN, 1, INFINITY, -INFINITY, NAN, 2}, b[6] = {NAN, NAN, INFINITY, INFINITY, 1, 2};
  const double bound[6] = {NAN, 1, 1, INFINITY, INFINITY, 0};
  errors e;
  measure(&e, a, b, bound, s);
  ok(e.nan_both == 1 && e.nan_one_side == 2 && e.inf_equal == 1, "NaN and infinities are counted");
  ok(e.total[STAT_MAX] == INFINITY && e.total[STAT_RMS] == INFINITY && e.total[STAT_RATIO] == INFINITY
     && e.relative_rms == INFINITY && !e.identical, "NaN against a number, and opposite infinities, are infinite differences");
  ok(e.by_element[0 * STATISTICS + STAT_MAX] == 0 && e.by_element[2 * STATISTICS + STAT_MAX] == 0
     && e.by_element[1 * STATISTICS + STAT_RATIO] == INFINITY && e.by_element[4 * STATISTICS + STAT_RATIO] == INFINITY
     && e.by_element[5 * STATISTICS + STAT_RATIO] == 0, "NaN against NaN and equal infinities are not");
  errors_free(&e);
  const double all[6] = {NAN, NAN, NAN, NAN, NAN, NAN}, good[6] = {1, 2, 3, 4, 5, 6};
  measure(&e, all, good, NULL, s);
  ok(e.total[STAT_MAX] == INFINITY && e.total[STAT_MEAN] == INFINITY && e.total[STAT_BIAS] == INFINITY
     && e.nan_one_side == 6, "an output of nothing but NaN does not pass");
  errors_free(&e);
}

static void test_vacuous(void) {
  static const size_t s[4] = {1, 2, 1, 2}, none[4] = {1, 2, 0, 2};
  const double zero[4] = {0}, constant[4] = {3, 3, 3, 3}, a[4] = {1, 2, 3, 4}, minus[4] = {0, -0.0, 0, 0};
  errors e;
  measure(&e, a, zero, NULL, s);
  ok(e.vacuous && isnan(e.relative_rms) && isnan(e.relative_by_head[0]) && isnan(e.relative_by_head[1]),
     "against zeros: vacuous, the relative error is undefined");
  errors_free(&e);
  measure(&e, a, constant, NULL, s);
  ok(e.vacuous && isfinite(e.relative_rms), "against a constant: vacuous");
  errors_free(&e);
  measure(&e, zero, minus, NULL, s);
  ok(!e.identical && e.total[STAT_MAX] == 0, "0 and -0 do not differ, but are not identical bits");
  errors_free(&e);
  measure(&e, a, a, NULL, s);
  ok(e.identical && !e.vacuous && e.total[STAT_ULP] == 0, "identical");
  errors_free(&e);
  measure(&e, a, a, NULL, none);
  ok(e.vacuous && e.total[STAT_MAX] == 0 && e.by_head[STAT_RMS] == 0, "no elements");
  errors_free(&e);
}

static void test_ulp(void) {
  ok(ulp_of(SEGATTN_F32, 1) == FLT_EPSILON && ulp_of(SEGATTN_F32, -1.99) == FLT_EPSILON
     && ulp_of(SEGATTN_F32, 2) == 2 * FLT_EPSILON
     && ulp_of(SEGATTN_F64, 1) == DBL_EPSILON && ulp_of(SEGATTN_F16, 1) == 0x1p-10 && ulp_of(SEGATTN_BF16, 1) == 0x1p-7,
     "ulp of 1 and 2");
  ok(ulp_of(SEGATTN_F32, 0) == 0x1p-149 && ulp_of(SEGATTN_F32, 1e-44) == 0x1p-149 && ulp_of(SEGATTN_F16, 1e-9) == 0x1p-24
     && ulp_of(SEGATTN_F64, 0) == 0x1p-1074 && ulp_of(SEGATTN_BF16, 0) == 0x1p-133, "ulp of 0: that of the smallest normal");
}

int main(void) {
  double a[N], b[N], bound[N];
  random_stream *r = random_alloc(5);
  if (r == NULL)
    return 1;
  for (size_t i = 0; i < N; i++) {
    b[i] = random_normal(r);
    a[i] = b[i] + 1e-3 * random_normal(r);
    bound[i] = 1e-3 * random_uniform(r) + 1e-6;
  }
  random_free(r);
  test_plain(a, b, bound);
  test_distribution();
  test_special();
  test_vacuous();
  test_ulp();
  return done();
}
