/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Differences of two outputs and their statistics.

   d = a - b.  A NaN or an infinity against anything else is an infinite difference, two NaNs or equal infinities none: a
   largest difference taken over finite ones only would let an output of nothing but NaN pass.  Where a set holds infinite
   differences its max, mean and rms are infinite and its bias is too (NaN if they have both signs); otherwise sums and
   quantiles are GSL's, accumulated in long double.  A quantile lies between two order statistics, linearly.  */

#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gsl/gsl_histogram.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <gsl/gsl_version.h>
#include "message.h"

const char *const statistic_name[STATISTICS] = {"max", "mean", "rms", "bias", "ulp", "ratio"};
const double probability[PROBABILITIES] = {0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};

/* ---- one element ---- */

double ulp_of(segattn_format format, double magnitude) {
  static const struct { int fraction, lowest; } table[SEGATTN_FORMATS] = {
    [SEGATTN_F64] = {52, -1022}, [SEGATTN_F32] = {23, -126}, [SEGATTN_F16] = {10, -14}, [SEGATTN_BF16] = {7, -126}
  };
  int exponent = table[format].lowest;
  if (isnan(magnitude) || isinf(magnitude))
    return fabs(magnitude);
  if (magnitude != 0 && ilogb(magnitude) > exponent)
    exponent = ilogb(magnitude);
  return ldexp(1, exponent - table[format].fraction);
}

static double difference(double a, double b) {
  if (a == b || (isnan(a) && isnan(b)))
    return 0;
  return isnan(a) || isnan(b) ? INFINITY : a - b;
}

static double in_ulps(double d, double b, segattn_format format) {
  return isfinite(d) && isfinite(b) ? fabs(d) / ulp_of(format, b) : d == 0 ? 0 : INFINITY;
}

/* No bound (NaN) allows no difference; an infinite one allows every finite difference.  */
static double against_bound(double d, double bound) {
  if (d == 0)
    return 0;
  return isinf(d) || isnan(bound) ? INFINITY : fabs(d) / bound;
}

static bool same_bits(double a, double b) {
  return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* ---- sets of elements ---- */

/* All elements, in C order.  */
typedef struct elements {
  size_t n;
  double *d, *magnitude, *ulps, *ratio;         /* d signed; ratio NULL without a bound */
} elements;

static void elements_free(elements *x) {
  free(x->d);
  free(x->magnitude);
  free(x->ulps);
  free(x->ratio);
}

static int elements_make(elements *x, size_t n, const double *a, const double *b, const double *bound, segattn_format ulp) {
  size_t bytes = (n + 1) * sizeof(double);
  *x = (elements){n, malloc(bytes), malloc(bytes), malloc(bytes), bound != NULL ? malloc(bytes) : NULL};
  if (x->d == NULL || x->magnitude == NULL || x->ulps == NULL || (bound != NULL && x->ratio == NULL))
    return FILES;
  for (size_t i = 0; i < n; i++) {
    x->d[i] = difference(a[i], b[i]);
    x->magnitude[i] = fabs(x->d[i]);
    x->ulps[i] = in_ulps(x->d[i], b[i], ulp);
    if (bound != NULL)
      x->ratio[i] = against_bound(x->d[i], bound[i]);
  }
  return DONE;
}

static void statistics_infinite(double to[STATISTICS], const double *d, size_t stride, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    if (isinf(d[i * stride]))
      sum += d[i * stride];
  to[STAT_MEAN] = to[STAT_RMS] = INFINITY;
  to[STAT_BIAS] = sum;
}

/* Of the n elements first, first + stride, ...  */
static void statistics(double to[STATISTICS], const elements *x, size_t first, size_t stride, size_t n) {
  const double *d = x->d + first;
  for (int i = 0; i < STATISTICS; i++)
    to[i] = i == STAT_RATIO && x->ratio == NULL ? NAN : 0;
  if (n == 0)
    return;
  to[STAT_MAX] = gsl_stats_max(x->magnitude + first, stride, n);
  to[STAT_ULP] = gsl_stats_max(x->ulps + first, stride, n);
  if (x->ratio != NULL)
    to[STAT_RATIO] = gsl_stats_max(x->ratio + first, stride, n);
  if (isinf(to[STAT_MAX])) {
    statistics_infinite(to, d, stride, n);
    return;
  }
  to[STAT_MEAN] = gsl_stats_mean(x->magnitude + first, stride, n);
  to[STAT_RMS] = sqrt(gsl_stats_tss_m(d, stride, n, 0) / (double)n);
  to[STAT_BIAS] = gsl_stats_mean(d, stride, n);
}

/* ---- distributions ---- */

/* Between order statistics; on one of them GSL's formula would take 0 times the next, which may be infinite.  */
static double quantile(const double *sorted, size_t n, double p) {
  if (n == 0)
    return 0;
  double place = p * (double)(n - 1);
  size_t low = (size_t)place;
  return place == (double)low ? sorted[low] : gsl_stats_quantile_from_sorted_data(sorted, 1, n, p);
}

static double edge(size_t i) {
  return pow(10, DECADE_MIN + (double)(i - 1) / BINS_PER_DECADE);
}

double bin_edge(size_t i) {
  return i == 0 ? 0 : i >= BINS - 1 ? INFINITY : edge(i);
}

/* Counts of the bins between zeros and infinities.  */
static void count(gsl_histogram *bins, double *to, const double *magnitude, size_t n) {
  double low = gsl_histogram_min(bins), high = nextafter(gsl_histogram_max(bins), 0);
  gsl_histogram_reset(bins);
  for (size_t i = 0; i < n; i++) {
    if (magnitude[i] == 0)
      to[0]++;
    else if (isinf(magnitude[i]))
      to[BINS - 1]++;
    else
      gsl_histogram_increment(bins, fmin(fmax(magnitude[i], low), high));
  }
  for (size_t i = 1; i < BINS - 1; i++)
    to[i] = gsl_histogram_get(bins, i - 1);
}

/* Quantiles and histogram of each head.  */
static int distributions(errors *e, const elements *x) {
  double edges[BINS - 1];
  size_t n = e->queries * e->dim;
  for (size_t i = 1; i < BINS; i++)
    edges[i - 1] = edge(i);
  gsl_error_handler_t *handler = gsl_set_error_handler_off();   /* it would abort when out of memory */
  gsl_histogram *bins = gsl_histogram_alloc(BINS - 2);
  gsl_set_error_handler(handler);
  double *sorted = malloc((n + 1) * sizeof *sorted);
  int status = bins != NULL && sorted != NULL ? DONE : FILES;
  if (status == DONE)
    gsl_histogram_set_ranges(bins, edges, BINS - 1);
  for (size_t head = 0; head < e->batch * e->heads && status == DONE; head++) {
    count(bins, e->histogram + head * BINS, x->magnitude + head * n, n);
    memcpy(sorted, x->magnitude + head * n, n * sizeof *sorted);
    gsl_sort(sorted, 1, n);
    for (size_t i = 0; i < PROBABILITIES; i++)
      e->quantiles[head * PROBABILITIES + i] = quantile(sorted, n, probability[i]);
  }
  free(sorted);
  if (bins != NULL)
    gsl_histogram_free(bins);
  return status;
}

/* ---- the whole ---- */

static void by_axes(errors *e, const elements *x) {
  size_t heads = e->batch * e->heads, row = e->dim, n = e->queries * row;
  statistics(e->total, x, 0, 1, x->n);
  for (size_t h = 0; h < heads; h++) {
    statistics(e->by_head + h * STATISTICS, x, h * n, 1, n);
    for (size_t c = 0; c < e->dim; c++)
      statistics(e->by_element + (h * e->dim + c) * STATISTICS, x, h * n + c, row, e->queries);
    for (size_t q = 0; q < e->queries; q++)
      statistics(e->by_query + (h * e->queries + q) * STATISTICS, x, h * n + q * row, 1, row);
  }
}

static void find_worst(errors *e, const elements *x, const double *a, const double *b, const double *bound) {
  size_t worst = 0;
  for (size_t i = 1; i < x->n; i++) {
    double lead = x->ratio == NULL ? 0 : x->ratio[i] - x->ratio[worst];        /* NaN: both infinite */
    if (lead > 0 || (!(lead < 0) && x->magnitude[i] > x->magnitude[worst]))
      worst = i;
  }
  e->worst_bound = NAN;
  if (x->n == 0)
    return;
  e->worst[3] = worst % e->dim;
  e->worst[2] = worst / e->dim % e->queries;
  e->worst[1] = worst / e->dim / e->queries % e->heads;
  e->worst[0] = worst / e->dim / e->queries / e->heads;
  e->worst_a = a[worst];
  e->worst_b = b[worst];
  if (bound != NULL)
    e->worst_bound = bound[worst];
}

/* rms(d) / rms(b) of n elements from number `first` on, over those in which b is finite; infinite differences count wherever
   they are.  */
static double relative_rms(const elements *x, const double *b, size_t first, size_t n, double *scratch) {
  size_t finite = 0;
  for (size_t i = first; i < first + n; i++)
    if (isfinite(b[i]))
      scratch[finite++] = b[i];
  double square = finite == 0 ? 0 : gsl_stats_tss_m(scratch, 1, finite, 0);
  if (square == 0)
    return NAN;
  if (isinf(gsl_stats_max(x->magnitude + first, 1, n)))
    return INFINITY;
  return sqrt(gsl_stats_tss_m(x->d + first, 1, n, 0) / square);
}

static void relative(errors *e, const elements *x, const double *b, double *scratch) {
  size_t heads = e->batch * e->heads, n = e->queries * e->dim;
  e->relative_rms = relative_rms(x, b, 0, x->n, scratch);
  for (size_t h = 0; h < heads; h++)
    e->relative_by_head[h] = relative_rms(x, b, h * n, n, scratch);
}

static void count_special(errors *e, size_t n, const double *a, const double *b) {
  bool constant = true;
  e->identical = true;
  for (size_t i = 0; i < n; i++) {
    e->nan_both += isnan(a[i]) && isnan(b[i]);
    e->nan_one_side += isnan(a[i]) != isnan(b[i]);
    e->inf_equal += isinf(a[i]) && a[i] == b[i];
    e->identical = e->identical && same_bits(a[i], b[i]);
    constant = constant && difference(b[i], b[0]) == 0;
  }
  e->vacuous = constant && (n != 1 || b[0] == 0);
}

static int tables_alloc(errors *e) {
  size_t heads = e->batch * e->heads;
  e->by_head = calloc(heads * STATISTICS + 1, sizeof(double));
  e->relative_by_head = calloc(heads + 1, sizeof(double));
  e->by_element = calloc(heads * e->dim * STATISTICS + 1, sizeof(double));
  e->by_query = calloc(heads * e->queries * STATISTICS + 1, sizeof(double));
  e->quantiles = calloc(heads * PROBABILITIES + 1, sizeof(double));
  e->histogram = calloc(heads * BINS + 1, sizeof(double));
  return e->by_head && e->relative_by_head && e->by_element && e->by_query && e->quantiles && e->histogram ? DONE : FILES;
}

int errors_measure(errors *e, const char *pair, const double *a, const double *b, const double *bound, const size_t shape[4],
                   segattn_format ulp) {
  size_t n = shape[0] * shape[1] * shape[2] * shape[3];
  elements x = {0};
  *e = (errors){.batch = shape[0], .heads = shape[1], .queries = shape[2], .dim = shape[3]};
  snprintf(e->pair, sizeof e->pair, "%s", pair);
  snprintf(e->ulp_format, sizeof e->ulp_format, "%s", segattn_format_name(ulp));
  int status = tables_alloc(e);
  if (status == DONE)
    status = elements_make(&x, n, a, b, bound, ulp);
  if (status == DONE)
    status = distributions(e, &x);
  if (status == DONE) {
    by_axes(e, &x);
    find_worst(e, &x, a, b, bound);
    count_special(e, n, a, b);
    relative(e, &x, b, x.ulps);         /* the ulps have been used */
  }
  elements_free(&x);
  if (status == DONE)
    return DONE;
  errors_free(e);
  return fail(FILES, "out of memory for the differences of %s", pair);
}

void errors_free(errors *e) {
  free(e->by_head);
  free(e->relative_by_head);
  free(e->by_element);
  free(e->by_query);
  free(e->quantiles);
  free(e->histogram);
  *e = (errors){0};
}

void measure_library_version(char *text, size_t size) {
  snprintf(text, size, "%s", gsl_version);
}
