/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figure error-by-head: the distribution of |out - exact| in each head, all sides beside each other.

   A mean over heads hides that a head which attends to one key has hardly an error, and that another has most of it.
   Per head and side: median (marker), quartiles (thick), 5 to 95 % (thin), largest (cap).  */

#include <math.h>
#include "report_data.h"

/* probability[]: 0 .01 .05 .25 .5 .75 .95 .99 1 */
enum { LOW = 2, QUARTILE = 3, MEDIAN = 4, UPPER = 5, HIGH = 6, LARGEST = 8 };

static const double *quantile(const errors *e, size_t row) {
  return &e->quantiles[row * PROBABILITIES];
}

static void data_row(FILE *data, size_t number, double x, const panel *p, const double *q) {
  static const int shown[] = { LOW, QUARTILE, MEDIAN, UPPER, HIGH, LARGEST };
  fprintf(data, "%zu %.4f", number, x);
  for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
    fprintf(data, " %.6e", panel_place(p, q[shown[k]]));
  fputc('\n', data);
}

/* The sides of a panel stand side by side around the number of the head.  */
static void data_panel(FILE *data, const group *g, const panel *p, size_t rows) {
  for (size_t j = 0; j < p->n; j++)
    for (size_t row = 0; row < rows; row++)
      data_row(data, p->curve[j] + 1, (double) row + ((double) j - (double) (p->n - 1) / 2) * 0.8 / (double) p->n, p,
               quantile(g->curves[p->curve[j]].e, row));
}

static void draw(canvas *c, const report *r, const group *g) {
  enum { BOTTOM = 9, MARGINS = 18, PAGE = 190 };        /* mm; a page of a journal holds no more */
  const double marker = 1.1, decade = 5.5;              /* mm */
  (void) r;
  const size_t rows = group_rows(g);
  const double slot = (c->width - MARGINS) / (double) rows;
  extent e[MAX_CURVES];
  panel p[MAX_PANELS];
  for (size_t i = 0; i < g->n_curves; i++) {
    e[i] = (extent) { NAN, NAN, false };
    for (size_t row = 0; row < rows; row++)
      for (size_t k = LOW; k <= LARGEST; k++)
        extent_add(&e[i], quantile(g->curves[i].e, row)[k]);
  }
  size_t panels = panels_make(p, e, g->n_curves, (size_t) fmax(1, floor(0.8 * slot / marker)));
  double top = panels_stack(p, panels, BOTTOM, decade, 14);
  if (top > PAGE)
    top = panels_stack(p, panels, BOTTOM, decade * (PAGE - BOTTOM) / (top - BOTTOM) - 0.5, 8);
  c->height = top + 1 + curve_key(c, g);
  job_panels(c->job, p, panels);
  fprintf(c->job, "rows = %zu\nbatches = %zu\n", rows, rows / g->curves[0].e->heads);
  for (size_t i = 0; i < panels; i++)
    data_panel(c->data, g, &p[i], rows);
}

static void csv(FILE *f, const report *r, const group *g) {
  (void) r;
  fputs("side,batch,head,elements", f);
  for (size_t k = 0; k < PROBABILITIES; k++)
    fprintf(f, ",q%g", probability[k]);
  for (size_t k = 0; k < STATISTICS; k++)
    fprintf(f, ",%s", statistic_name[k]);
  fputs(",ulp_format\n", f);
  for (size_t i = 0; i < g->n_curves; i++) {
    const errors *e = g->curves[i].e;
    for (size_t row = 0; row < e->batch * e->heads; row++) {
      fprintf(f, "%s,%zu,%zu,%zu", g->curves[i].name, row / e->heads, row % e->heads, e->queries * e->dim);
      for (size_t k = 0; k < PROBABILITIES; k++)
        fprintf(f, ",%.17g", quantile(e, row)[k]);
      for (size_t k = 0; k < STATISTICS; k++)
        fprintf(f, ",%.17g", e->by_head[row * STATISTICS + k]);
      fprintf(f, ",%s\n", e->ulp_format);
    }
  }
}

const figure figure_head = { .name = "error-by-head", .title = "Error by head", .draw = draw, .csv = csv,
  .caption = "Per head and side: median (marker), quartiles (thick line), 5 to 95 % (thin line), largest (cap)." };
