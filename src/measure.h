/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Differences of two outputs and their distributions, by head, by element, by query.  Statistics are GSL's.  */

#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include "array.h"

/* Statistics of a set of differences d = a - b: max |d|, mean |d|, root mean square d, mean d (bias), largest |d| in units in
   the last place (of the narrower format of the two sides, at the magnitude of b, at least the smallest normal), largest
   |d| / bound (NaN without a bound).  NaN on one side counts as an infinite difference; on both, or same-sign inf: 0.  */
enum statistic { STAT_MAX, STAT_MEAN, STAT_RMS, STAT_BIAS, STAT_ULP, STAT_RATIO, STATISTICS };
extern const char *const statistic_name[STATISTICS];    /* "max", "mean", "rms", "bias", "ulp", "ratio" */

enum { PROBABILITIES = 9, BINS_PER_DECADE = 10, DECADE_MIN = -20, DECADE_MAX = 4 };
extern const double probability[PROBABILITIES];         /* 0 .01 .05 .25 .5 .75 .95 .99 1 */
/* Histogram of |d|: bin 0 counts exact zeros; bin i, 1 <= i < BINS - 1, counts 10^(DECADE_MIN + (i-1)/BINS_PER_DECADE) <=
   |d| < the next edge (what is below the first edge falls into bin 1, above the last into bin BINS - 2); bin BINS - 1
   counts infinite ones.  */
enum { BINS = (DECADE_MAX - DECADE_MIN) * BINS_PER_DECADE + 2 };
double bin_edge(size_t i);                              /* lower edge of bin i; 0 for bin 0, inf for the last */

typedef struct errors {
  char pair[2 * 48];            /* "segmented-oracle" */
  size_t batch, heads, queries, dim;
  char ulp_format[8];           /* whose ulp: "f32" */
  double total[STATISTICS];
  double relative_rms;          /* rms(a - b) / rms(b); NaN where b is all zero: "undefined", vacuous */
  bool vacuous;                 /* b all zero or constant (semantics 35) */
  bool identical;               /* as bits (a zero's sign included; any NaN equals any NaN) */
  size_t nan_one_side, nan_both, inf_equal;
  size_t worst[4];              /* batch, head, query, element of the largest |d| (or ratio where there is a bound) */
  double worst_a, worst_b, worst_bound;
  double *by_head;              /* [batch][head][STATISTICS] */
  double *relative_by_head;     /* [batch][head]: rms(a - b) / rms(b) of each head, NaN as above; NULL: an older file */
  double *by_element;           /* [batch][head][dim][STATISTICS] */
  double *by_query;             /* [batch][head][query][STATISTICS] */
  double *quantiles;            /* [batch][head][PROBABILITIES] of |d| */
  double *histogram;            /* [batch][head][BINS], counts */
} errors;

/* a against b (b the better one), f64 values [batch][head][query][dim] in C order; bound NULL or the like.  `ulp` is the
   format whose ulp is meant.  0 or FILES (out of memory).  */
int errors_measure(errors *e, const char *pair, const double *a, const double *b, const double *bound, const size_t shape[4],
                   segattn_format ulp);
void errors_free(errors *e);
double ulp_of(segattn_format format, double magnitude);
void measure_library_version(char *text, size_t size);          /* of the GSL that is loaded */

#endif
