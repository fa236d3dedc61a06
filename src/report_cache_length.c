/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figure mixed-cache-by-length: does a longer text make quantisation dearer?  One panel for what differs in its length only; a
   line is a format, without a window and with one of the same number of keys at every length.  */

#include <math.h>
#include "report_cache.h"

/* The cases of one line: of this kin, series and window, by length.  */
typedef struct line {
  const cached *at[MAX_SUBJECTS];
  size_t n;
} line;

static line line_of(const caches *c, size_t kin, size_t series, size_t recent) {
  line l = { .n = 0 };
  for (size_t s = 0; s < c->n_subjects; s++) {
    const cached *x = c->subjects[s].kin == kin ? cache_find(c, s, series, recent) : NULL;
    size_t i = x == NULL ? 0 : l.n++;
    for (; x != NULL && i > 0 && l.at[i - 1]->keys > x->keys; i--)
      l.at[i] = l.at[i - 1];
    if (x != NULL)
      l.at[i] = x;
  }
  return l;
}

/* The smallest window, of at least one key, that a line has at two lengths or more; 0: none.  */
static size_t find_window(const caches *c, const size_t *kin, size_t n) {
  size_t least = 0;
  for (size_t i = 0; i < c->n; i++)
    for (size_t k = 0; k < n; k++)
      if (c->cases[i].recent > 0 && (least == 0 || c->cases[i].recent < least)
          && line_of(c, kin[k], c->cases[i].series, c->cases[i].recent).n > 1)
        least = c->cases[i].recent;
  return least;
}

/* The key: series that have a line.  */
static group with_lines(const caches *c, const size_t *kin, size_t n, curve storage[MAX_CURVES], size_t number[MAX_CURVES]) {
  group g = { .curves = storage };
  for (size_t j = 0; j < c->n_series; j++) {
    bool has = false;
    for (size_t k = 0; k < n; k++)
      has |= line_of(c, kin[k], j, 0).n > 1;
    if (has) {
      number[g.n_curves] = j;
      storage[g.n_curves++] = c->series[j];
    }
  }
  return g;
}

static panel range_of(const caches *c, const size_t *kin, size_t n, const size_t *number, size_t series, size_t window) {
  extent e = { NAN, NAN, false };
  for (size_t k = 0; k < n; k++)
    for (size_t j = 0; j < series; j++)
      for (int with = 0; with < 2; with++) {
        const line l = line_of(c, kin[k], number[j], with ? window : 0);
        for (size_t i = 0; i < l.n; i++)
          extent_add(&e, l.at[i]->quantisation->relative_rms);
      }
  return panel_of(&e);
}

/* panel, series, keys, error, 1: with the window */
static void write_lines(FILE *data, const caches *c, size_t kin, size_t cell, const size_t *number, size_t series,
                        size_t window, const panel *p) {
  for (size_t j = 0; j < series; j++)
    for (int with = 0; with < (window > 0 ? 2 : 1); with++) {
      const line l = line_of(c, kin, number[j], with ? window : 0);
      for (size_t i = 0; i < l.n; i++)
        fprintf(data, "%zu %zu %zu %.6e %d\n", cell, j + 1, l.at[i]->keys, panel_place(p, l.at[i]->quantisation->relative_rms),
                with);
    }
}

static void write_keys(FILE *job, const caches *c) {
  size_t low = SIZE_MAX, high = 0;
  fputs("lengths = '", job);
  for (size_t s = 0; s < c->n_subjects; s++) {
    fprintf(job, "%zu ", c->subjects[s].keys);
    low = c->subjects[s].keys < low ? c->subjects[s].keys : low;
    high = c->subjects[s].keys > high ? c->subjects[s].keys : high;
  }
  fprintf(job, "'\nlow = %.3f\nhigh = %.3f\n", (double) low / 1.25, (double) high * 1.25);
}

static void draw(canvas *c, const report *r, const group *g) {
  enum { BOTTOM = 9, HEIGHT = 44, TITLE = 5, PAGE = 180 };     /* mm */
  const caches *of = r->caches;
  size_t kin[MAX_SUBJECTS], number[MAX_CURVES], n = caches_kin(kin, of);
  curve storage[MAX_CURVES];
  panel p[MAX_SUBJECTS];
  const group key = with_lines(of, kin, n, storage, number);
  const size_t window = find_window(of, kin, n), across = c->columns == 1 ? 1 : n < 3 ? n : 3, rows = (n + across - 1) / across;
  const double height = fmin(HEIGHT, (double) PAGE / (double) rows - TITLE);
  double bottom = BOTTOM;
  (void) g;
  for (size_t row = rows; row-- > 0; bottom = p[row].top + TITLE) {
    p[row] = range_of(of, kin, n, number, key.n_curves, window);
    p[row].bottom = bottom;
    p[row].top = bottom + height;
  }
  for (size_t k = 0; k < n; k++)
    write_lines(c->data, of, kin[k], k + 1, number, key.n_curves, window, &p[0]);
  job_panels(c->job, p, rows);
  cache_titles(c->job, of, kin, n, true);
  write_keys(c->job, of);
  fprintf(c->job, "across = %zu\nnote = 'solid: no window%s", across, window > 0 ? "" : "'\n");
  if (window > 0)
    fprintf(c->job, "; dashed: %zu recent keys in f16'\n", window);
  c->height = bottom + 2 + curve_key(c, &key);
}

const figure figure_cache_length = { .name = "mixed-cache-by-length", .title = "Error of mixed caches by length", .whole = true,
  .draw = draw, .csv = cache_csv, .applies = caches_in_lengths, .needs = "the same formats at two lengths or more",
  .caption = "What quantisation costs, against the number of keys: relative rms of exact attention on the stored inputs "
  "against exact attention on the inputs before storage.  Solid: no window; dashed: with a window of recent keys in f16." };
