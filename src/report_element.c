/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figure error-by-element: where in the output the error sits.  A map head x element of each side's rms error over the queries,
   in units of that side's rms error over everything, so that sides ten decades apart share one scale and a pattern shows;
   below it the rms over heads and queries against the element, absolute.  */

#include <math.h>
#include "report_data.h"

static double cell_rms(const errors *e, size_t row, size_t d) {
  return e->by_element[(row * e->dim + d) * STATISTICS + STAT_RMS];
}

static double profile_rms(const errors *e, size_t d) {
  double s = 0;
  const size_t rows = e->batch * e->heads;
  for (size_t row = 0; row < rows; row++)
    s += cell_rms(e, row, d) * cell_rms(e, row, d) / (double) rows;
  return sqrt(s);
}

/* Which curves get a map: all on two columns; on one, ours and the next one of like magnitude.  */
static size_t choose_maps(size_t map[MAX_CURVES], const group *g, int columns) {
  size_t n = 0;
  for (size_t i = 0; i < g->n_curves; i++) {
    double ratio = g->curves[i].e->total[STAT_RMS] / g->curves[0].e->total[STAT_RMS];
    if (columns == 2 || i == 0 || (n == 1 && ratio > 0.1 && ratio < 10))
      map[n++] = i;
  }
  return n;
}

/* Writes a block of gnuplot's data; extends the range of log10 of the ratios.  */
static void map_block(FILE *data, const errors *e, double *lo, double *hi) {
  const double all = e->total[STAT_RMS];
  for (size_t row = 0; row < e->batch * e->heads; row++)
    for (size_t d = 0; d < e->dim; d++) {
      const double rms = cell_rms(e, row, d), x = log10(rms / all);
      if (rms > 0 && isfinite(x)) {
        fprintf(data, "%zu %zu %.4f\n", d, row, x);
        *lo = fmin(*lo, x);
        *hi = fmax(*hi, x);
      } else
        fprintf(data, "%zu %zu NaN\n", d, row);
    }
  fputs("\n\n", data);
}

static void map_titles(FILE *job, const group *g, const size_t *map, size_t n) {
  fprintf(job, "maps = %zu\narray title[maps + 1]\narray rms[maps + 1]\n", n);
  for (size_t i = 0; i < n; i++) {
    char variable[32];
    snprintf(variable, sizeof variable, "title[%zu]", i + 1);
    job_text(job, variable, g->curves[map[i]].name);
    fprintf(job, "rms[%zu] = %.6e\n", i + 1, g->curves[map[i]].e->total[STAT_RMS]);
  }
}

static void profile_block(FILE *data, const group *g, const panel *p, size_t panels) {
  for (size_t i = 0; i < panels; i++)
    for (size_t j = 0; j < p[i].n; j++)
      for (size_t d = 0; d < g->curves[0].e->dim; d++)
        fprintf(data, "%zu %zu %.6e\n", p[i].curve[j] + 1, d, panel_place(&p[i], profile_rms(g->curves[p[i].curve[j]].e, d)));
}

static void job_scale(FILE *job, double lo, double hi) {
  hi = isnan(hi) ? 1 : ceil(hi * 2) / 2;
  lo = isnan(lo) ? -1 : fmax(floor(lo * 2) / 2, hi - 3);
  fprintf(job, "scale_low = %.1f\nscale_high = %.1f\n", lo, hi > lo ? hi : lo + 1);
}

/* The panels of the profile, from `bottom` upwards; returns their upper edge.  */
static double profile(canvas *c, const group *g, double bottom) {
  extent e[MAX_CURVES];
  panel p[MAX_PANELS];
  for (size_t i = 0; i < g->n_curves; i++) {
    e[i] = (extent) { NAN, NAN, false };
    for (size_t d = 0; d < g->curves[i].e->dim; d++)
      extent_add(&e[i], profile_rms(g->curves[i].e, d));
  }
  const size_t panels = panels_make(p, e, g->n_curves, MAX_CURVES);
  const double top = panels_stack(p, panels, bottom, 5, 11);
  profile_block(c->data, g, p, panels);
  job_panels(c->job, p, panels);
  return top;
}

static void draw(canvas *c, const report *r, const group *g) {
  enum { BOTTOM = 9, TICS = 6, TITLE = 4 };     /* mm */
  const double scale_gap = 3.6, scale_height = 3.4;
  const size_t rows = group_rows(g), across = c->columns == 1 ? 1 : 3;
  size_t map[MAX_CURVES], n = choose_maps(map, g, c->columns);
  double lo = NAN, hi = NAN;
  (void) r;
  for (size_t i = 0; i < n; i++)
    map_block(c->data, g->curves[map[i]].e, &lo, &hi);
  const double low_edge = profile(c, g, BOTTOM) + TICS, map_height = fmin(30, fmax(12, 2.2 * (double) rows));
  const double scale_at = low_edge + (double) ((n + across - 1) / across) * (map_height + TITLE) + scale_gap;
  map_titles(c->job, g, map, n);
  job_scale(c->job, lo, hi);
  fprintf(c->job, "rows = %zu\ndims = %zu\nacross = %zu\nmap_low = %.3f\nmap_height = %.3f\nmap_step = %.3f\nscale_at = %.3f\n",
          rows, g->curves[0].e->dim, across, low_edge, map_height, map_height + TITLE, scale_at);
  c->height = scale_at + scale_height + curve_key(c, g);
}

static void csv(FILE *f, const report *r, const group *g) {
  (void) r;
  fputs("side,batch,head,element,queries", f);
  for (size_t k = 0; k < STATISTICS; k++)
    fprintf(f, ",%s", statistic_name[k]);
  fputs(",ulp_format\n", f);
  for (size_t i = 0; i < g->n_curves; i++) {
    const errors *e = g->curves[i].e;
    for (size_t row = 0; row < e->batch * e->heads; row++)
      for (size_t d = 0; d < e->dim; d++) {
        fprintf(f, "%s,%zu,%zu,%zu,%zu", g->curves[i].name, row / e->heads, row % e->heads, d, e->queries);
        for (size_t k = 0; k < STATISTICS; k++)
          fprintf(f, ",%.9g", e->by_element[(row * e->dim + d) * STATISTICS + k]);
        fprintf(f, ",%s\n", e->ulp_format);
      }
  }
}

const figure figure_element = { .name = "error-by-element", .title = "Error by element", .draw = draw, .csv = csv,
  .caption = "Maps: rms error over the queries, divided by the side's rms error over everything (white: no error at all).  "
  "Below: rms error over heads and queries." };
