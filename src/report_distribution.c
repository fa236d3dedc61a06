/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figure error-distribution: the share of elements whose error is below x, on a logarithmic axis.

   The curve is exact at the edges of the histogram's bins, ten a decade, and straight between them.  Elements without any
   error have no place on a logarithmic axis; their share is a marker in a strip of its own, "identical bits".  */

#include <math.h>
#include <string.h>
#include "report_data.h"

/* Counts over all heads: of exact zeros (bin 0) and so on.  */
static void pooled(double count[BINS], const errors *e) {
  for (size_t b = 0; b < BINS; b++)
    count[b] = 0;
  for (size_t row = 0; row < e->batch * e->heads; row++)
    for (size_t b = 0; b < BINS; b++)
      count[b] += e->histogram[row * BINS + b];
}

static double sum(const double count[BINS]) {
  double n = 0;
  for (size_t b = 0; b < BINS; b++)
    n += count[b];
  return n;
}

/* Share of elements below the lower edge of bin b.  */
static double share_below(const double count[BINS], size_t b) {
  double n = 0;
  for (size_t i = 0; i < b; i++)
    n += count[i];
  return n / sum(count);
}

/* The bins from the first to the last that holds something; false when there is none but zeros.  */
static bool support(size_t *first, size_t *last, const double count[BINS]) {
  for (*first = 1; *first < BINS - 1 && count[*first] == 0; ++*first)
    ;
  for (*last = BINS - 2; *last > 0 && count[*last] == 0; --*last)
    ;
  return *first <= *last;
}

static void curve_points(FILE *data, size_t number, const errors *e, double zero_at, double ceiling) {
  double count[BINS];
  size_t first, last;
  pooled(count, e);
  const double zeros = count[0] / sum(count);
  if (zeros > 0)
    fprintf(data, "%zu 0 %.6e %.6f\n", number, zero_at, zeros);
  if (!support(&first, &last, count))
    return;
  for (size_t b = first; b <= last + 1; b++)
    fprintf(data, "%zu 1 %.6e %.6f\n", number, bin_edge(b), share_below(count, b));
  fprintf(data, "%zu 2 %.6e %.6f\n", number, ceiling, share_below(count, last + 1));
}

/* The sides against the oracle, and the segmented one against the standard one: the promise as a mark.  */
static group with_promise(const group *g, curve storage[MAX_CURVES + 1]) {
  group all = *g;
  const errors *e = result_errors(g->cases[0], "standard-segmented");
  memcpy(storage, g->curves, g->n_curves * sizeof *storage);
  all.curves = storage;
  if (e != NULL)
    storage[all.n_curves++] = (curve) { "segmented vs standard", e, g->same_bits ? 1 : STYLES - 1 };
  return all;
}

static void draw(canvas *c, const report *r, const group *of) {
  enum { BOTTOM = 9, HEIGHT = 46, MARGINS = 18, STRIP = 11 };   /* mm */
  curve storage[MAX_CURVES + 1];
  const group all = with_promise(of, storage), *g = &all;
  (void) r;
  extent e = { NAN, NAN, true };
  for (size_t i = 0; i < g->n_curves; i++) {
    double count[BINS];
    size_t first, last;
    pooled(count, g->curves[i].e);
    if (support(&first, &last, count)) {
      extent_add(&e, bin_edge(first));
      extent_add(&e, bin_edge(last + 1));
    }
  }
  const int lo = isnan(e.lo) ? -18 : (int) floor(log10(e.lo) + 1e-9), hi = isnan(e.hi) ? -16 : (int) ceil(log10(e.hi) - 1e-9);
  const double strip = (hi - lo) * STRIP / (c->width - MARGINS - STRIP);         /* decades that the zeros' strip is wide */
  const double zero_at = pow(10, lo - 0.5 * strip), ceiling = pow(10, hi);
  for (size_t i = 0; i < g->n_curves; i++)
    curve_points(c->data, i + 1, g->curves[i].e, zero_at, ceiling);
  fprintf(c->job, "low = %d\nhigh = %d\nstrip = %.4f\nbottom = %d\ntop = %d\n", lo, hi, strip, BOTTOM, BOTTOM + HEIGHT);
  c->height = BOTTOM + HEIGHT + 1 + curve_key(c, g);
}

static void csv(FILE *f, const report *r, const group *of) {
  curve storage[MAX_CURVES + 1];
  const group all = with_promise(of, storage), *g = &all;
  (void) r;
  fputs("side,error_from,error_below,elements,share_below\n", f);
  for (size_t i = 0; i < g->n_curves; i++) {
    double count[BINS];
    pooled(count, g->curves[i].e);
    for (size_t b = 0; b < BINS; b++)
      if (count[b] > 0)
        fprintf(f, "%s,%.6g,%.6g,%.0f,%.9g\n", g->curves[i].name, bin_edge(b), b + 1 < BINS ? bin_edge(b + 1) : INFINITY,
                count[b], share_below(count, b + 1));
  }
}

const figure figure_distribution = { .name = "error-distribution", .title = "Distribution of the error", .draw = draw,
  .csv = csv,
  .caption = "Share of all elements whose error is below x.  Markers in the strip at the left: share of elements without any "
  "error (identical bits)." };
