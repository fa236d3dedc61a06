/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figure mixed-cache-by-head: what quantisation costs each head, and what keeping recent keys wins there.

   An rms over the layer is that of its loudest heads.  A head that reads the keys nearby is helped by a window, one that reads
   the first key is not, and both drown in the others.  Per head and format: the error without a window (marker), and a line
   to that with the largest one.  */

#include <math.h>
#include "report_cache.h"

typedef struct look {
  const caches *c;
  size_t shown[MAX_SUBJECTS], n;        /* subjects, from above */
  size_t rows, series;                  /* heads; formats that there is room for, in the order of the experiment */
} look;

/* The cases of a series with fewest and most recent keys; false where there is none with the numbers.  */
static bool find_ends(const cached **least, const cached **most, const caches *c, size_t subject, size_t series) {
  *least = *most = NULL;
  for (size_t i = 0; i < c->n; i++) {
    const cached *x = &c->cases[i];
    if (x->subject != subject || x->series != series || x->quantisation->relative_by_head == NULL)
      continue;
    *least = *least == NULL || x->recent < (*least)->recent ? x : *least;
    *most = *most == NULL || x->recent > (*most)->recent ? x : *most;
  }
  return *least != NULL;
}

static size_t rows_of(const cached *x) {
  return x->quantisation->batch * x->quantisation->heads;
}

static look look_of(const report *r, double width) {
  const double marker = 1.2;            /* mm */
  look l = { .c = r->caches };
  l.n = caches_shown(l.shown, l.c);
  for (size_t i = 0; i < l.c->n; i++)
    l.rows = rows_of(&l.c->cases[i]) > l.rows ? rows_of(&l.c->cases[i]) : l.rows;
  const double room = fmax(1, floor(0.84 * width / (double) l.rows / marker));
  l.series = room < (double) l.c->n_series ? (size_t) room : l.c->n_series;
  return l;
}

static panel range_of(const look *l, size_t subject) {
  extent e = { NAN, NAN, false };
  const cached *end[2];
  for (size_t j = 0; j < l->series; j++)
    for (size_t row = 0; find_ends(&end[0], &end[1], l->c, subject, j) && row < rows_of(end[0]); row++)
      for (int k = 0; k < 2; k++)
        extent_add(&e, end[k]->quantisation->relative_by_head[row]);
  return panel_of(&e);
}

/* number of the panel, of the series, place of the head, error without a window and with the largest one */
static void write_subject(FILE *data, const look *l, size_t s, const panel *p) {
  const cached *least, *most;
  for (size_t j = 0; j < l->series; j++) {
    if (!find_ends(&least, &most, l->c, l->shown[s], j))
      continue;
    for (size_t row = 0; row < rows_of(least); row++)
      fprintf(data, "%zu %zu %.4f %.6e %.6e\n", s + 1, j + 1,
              (double) row + ((double) j - (double) (l->series - 1) / 2) * 0.84 / (double) l->series,
              panel_place(p, least->quantisation->relative_by_head[row]),
              panel_place(p, most->quantisation->relative_by_head[row]));
  }
}

static void draw(canvas *c, const report *r, const group *g) {
  enum { BOTTOM = 9, MARGINS = 18, TITLE = 5, PAGE = 180 };     /* mm */
  const look l = look_of(r, c->width - MARGINS);
  const double height = fmin(34, (double) PAGE / (double) l.n - TITLE);
  const group key = { .curves = r->caches->series, .n_curves = l.series };
  panel p[MAX_SUBJECTS];
  double bottom = BOTTOM;
  (void) g;
  for (size_t s = l.n; s-- > 0; bottom = p[s].top + TITLE) {
    p[s] = range_of(&l, l.shown[s]);
    p[s].bottom = bottom;
    p[s].top = bottom + height;
    write_subject(c->data, &l, s, &p[s]);
  }
  job_panels(c->job, p, l.n);
  cache_titles(c->job, l.c, l.shown, l.n, false);
  fprintf(c->job, "rows = %zu\nbatches = %zu\n", l.rows, l.rows / l.c->cases[0].quantisation->heads);
  c->height = bottom + 2 + curve_key(c, &key);
}

static void csv(FILE *f, const report *r, const group *g) {
  const caches *c = r->caches;
  (void) g;
  fputs("case,subject,stored,keys,recent,bits_per_value,batch,head,quantisation_relative_rms,quantisation_rms,"
        "arithmetic_relative_rms,arithmetic_rms\n", f);
  for (size_t i = 0; i < c->n; i++) {
    const cached *x = &c->cases[i];
    if (x->quantisation->relative_by_head == NULL || x->arithmetic->relative_by_head == NULL)
      continue;
    for (size_t row = 0; row < rows_of(x); row++)
      fprintf(f, "%s,\"%s\",\"%s\",%zu,%zu,%.9g,%zu,%zu,%.9g,%.9g,%.9g,%.9g\n", x->r->id, c->subjects[x->subject].label,
              c->series[x->series].name, x->keys, x->recent, x->bits, row / x->quantisation->heads,
              row % x->quantisation->heads,
              x->quantisation->relative_by_head[row], x->quantisation->by_head[row * STATISTICS + STAT_RMS],
              x->arithmetic->relative_by_head[row], x->arithmetic->by_head[row * STATISTICS + STAT_RMS]);
  }
}

const figure figure_cache_head = { .name = "mixed-cache-by-head", .title = "Error of mixed caches by head", .whole = true,
  .draw = draw, .csv = csv, .applies = caches_vary,
  .needs = "caches of different bits a value, computed by this version: run the experiment again",
  .caption = "What quantisation costs each head: rms over queries and elements of exact attention on the stored inputs minus "
  "exact attention on the inputs before storage, divided by the rms of the latter in that head.  Marker: fewest recent keys "
  "kept (none, where there is such a case); the line ends at the most.  Where there is no room for all formats, the first ones "
  "of the experiment." };
