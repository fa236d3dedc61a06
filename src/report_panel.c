/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Panels of a figure, stacked: curves of like magnitude share one.

   f64, f32 and 16-bit sides lie ten decades apart; one logarithmic axis over all of them would flatten each.  The curves are
   taken by magnitude, and a new panel begins where the next one does not come within a decade of those before it.  Zero has
   no logarithm: where a panel has zeros they get a place of their own below its lowest decade.  */

#include <math.h>
#include <stdlib.h>
#include "report_data.h"

void extent_add(extent *e, double value) {
  e->zero |= value == 0;
  if (!(value > 0) || isinf(value))
    return;
  e->lo = fmin(e->lo, value);   /* fmin and fmax skip the NaN of an empty one */
  e->hi = fmax(e->hi, value);
}

/* Larger values first; curves without any (all zero) last.  */
static void by_magnitude(size_t *order, const extent *e, size_t n) {
  for (size_t i = 0; i < n; i++) {
    size_t j = i;
    double hi = isnan(e[i].hi) ? 0 : e[i].hi;
    for (; j > 0 && (isnan(e[order[j - 1]].hi) ? 0 : e[order[j - 1]].hi) < hi; j--)
      order[j] = order[j - 1];
    order[j] = i;
  }
}

static int by_number(const void *a, const void *b) {
  const size_t x = *(const size_t *) a, y = *(const size_t *) b;
  return (x > y) - (x < y);
}

static bool near(const extent *e, const panel *p) {
  return isnan(e->hi) || e->hi * 10 >= pow(10, p->lo);
}

static void panel_take(panel *p, size_t number, const extent *e) {
  int lo = isnan(e->lo) ? -18 : (int) floor(log10(e->lo)), hi = isnan(e->hi) ? -17 : (int) ceil(log10(e->hi));
  if (p->n == 0)
    *p = (panel) { .lo = lo, .hi = hi > lo ? hi : lo + 1 };
  else if (!isnan(e->lo)) {
    p->lo = lo < p->lo ? lo : p->lo;
    p->hi = hi > p->hi ? hi : p->hi;
  }
  p->zero |= e->zero;
  p->curve[p->n++] = number;
}

size_t panels_make(panel p[MAX_PANELS], const extent *e, size_t n, size_t capacity) {
  size_t order[MAX_CURVES], panels = 0;
  by_magnitude(order, e, n);
  for (size_t i = 0; i < n; i++) {
    bool fits = panels > 0 && p[panels - 1].n < capacity && near(&e[order[i]], &p[panels - 1]);
    if (!fits && panels < MAX_PANELS)
      p[panels++] = (panel) { 0 };
    panel_take(&p[panels - 1], order[i], &e[order[i]]);
  }
  for (size_t i = 0; i < panels; i++) {
    qsort(p[i].curve, p[i].n, sizeof *p[i].curve, by_number);   /* sides in the order of the key */
    p[i].zero_at = pow(10, p[i].lo - 0.7);
    p[i].floor_at = p[i].zero ? pow(10, p[i].lo - 1.2) : pow(10, p[i].lo);
  }
  return panels;
}

/* With room under a lowest value that is near the edge.  */
panel panel_of(const extent *e) {
  panel p[MAX_PANELS];
  panels_make(p, e, 1, 1);
  if (!p->zero && e->lo < 1.4 * p->floor_at)
    p->floor_at *= 0.7;
  return *p;
}

double panels_stack(panel *p, size_t n, double bottom, double mm_per_decade, double least) {
  enum { GAP = 4 };             /* mm */
  for (size_t i = n; i-- > 0; ) {
    double decades = p[i].hi - log10(p[i].floor_at);
    p[i].bottom = bottom;
    p[i].top = bottom + fmax(least, mm_per_decade * decades);
    bottom = p[i].top + GAP;
  }
  return bottom - GAP;
}

double panel_place(const panel *p, double value) {
  return value == 0 ? p->zero_at : value;
}
