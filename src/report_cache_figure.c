/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figure mixed-cache: what a cache of so many bits a value costs.

   One panel a subject (a layer), the error against the bits, split in two: above what quantisation costs, below what arithmetic
   adds to it; they lie orders of magnitude apart.  A line is one format of the bulk, its marks are more and more recent keys
   kept in a wide one: the window costs bits, too, and has to pay for itself.  */

#include <math.h>
#include <string.h>
#include "report_cache.h"

enum { QUANTISATION, ARITHMETIC, PARTS };

static double part_of(const cached *c, int part) {
  return (part == QUANTISATION ? c->quantisation : c->arithmetic)->relative_rms;
}

static bool is_in(const size_t *list, size_t n, size_t x) {
  for (size_t i = 0; i < n; i++)
    if (list[i] == x)
      return true;
  return false;
}

/* The range of each part over all subjects, as a panel, so that panels beside and below each other can be compared.  */
static void find_ranges(panel range[PARTS], const caches *c, const size_t *shown, size_t n) {
  for (int part = 0; part < PARTS; part++) {
    extent e = { NAN, NAN, false };
    for (size_t i = 0; i < c->n; i++)
      if (is_in(shown, n, c->cases[i].subject))
        extent_add(&e, part_of(&c->cases[i], part));
    range[part] = panel_of(&e);
  }
}

static void write_points(FILE *data, const caches *c, const size_t *shown, size_t n, const panel range[PARTS]) {
  for (size_t s = 0; s < n; s++)
    for (size_t i = 0; i < c->n; i++)
      if (c->cases[i].subject == shown[s])
        fprintf(data, "%zu %zu %.6f %.6e %.6e\n", s + 1, c->cases[i].series + 1, c->cases[i].bits,
                panel_place(&range[QUANTISATION], part_of(&c->cases[i], QUANTISATION)),
                panel_place(&range[ARITHMETIC], part_of(&c->cases[i], ARITHMETIC)));
}

static void write_bits(FILE *job, const caches *c) {
  double low = INFINITY, high = 0;
  for (size_t i = 0; i < c->n; i++) {
    low = fmin(low, c->cases[i].bits);
    high = fmax(high, c->cases[i].bits);
  }
  fprintf(job, "low = %.6f\nhigh = %.6f\n", low / 1.14, high * 1.08);
}

void cache_titles(FILE *job, const caches *c, const size_t *shown, size_t n, bool of_kin) {
  fprintf(job, "cells = %zu\narray title[cells]\n", n);
  for (size_t i = 0; i < n; i++) {
    char variable[32];
    snprintf(variable, sizeof variable, "title[%zu]", i + 1);
    job_text(job, variable, of_kin ? c->subjects[shown[i]].of_kin : c->subjects[shown[i]].label);
  }
}

/* "along a line: 0, 64, 128, 256 recent keys in f16", as far as it fits.  */
static void write_note(FILE *job, const caches *c, const size_t *shown, size_t n) {
  char text[TEXT_SIZE] = "along a line";
  size_t last = 0, count = 0;
  for (bool more = true; more && count < 8; count++) {
    size_t next = SIZE_MAX;
    for (size_t i = 0; i < c->n; i++)
      if (is_in(shown, n, c->cases[i].subject) && c->cases[i].recent < next && (count == 0 || c->cases[i].recent > last))
        next = c->cases[i].recent;
    more = next != SIZE_MAX;
    if (more)
      snprintf(text + strlen(text), sizeof text - strlen(text), "%s%zu", count == 0 ? ": " : ", ", next);
    last = next;
  }
  snprintf(text + strlen(text), sizeof text - strlen(text), " recent keys in f16");
  job_text(job, "note", text);
}

/* Rows of cells from below, each the arithmetic and over it the quantisation; returns the upper edge.  */
static double stack(panel p[2 * MAX_SUBJECTS], const panel range[PARTS], size_t rows, double bottom) {
  enum { TITLE = 5, GAP = 3, PAGE = 180 };      /* mm; a page of a journal holds no more */
  const double low = 13, high = fmin(46, (PAGE - 10) / (double) rows - low - TITLE - GAP);
  for (size_t row = rows; row-- > 0; ) {
    p[2 * row] = range[QUANTISATION];
    p[2 * row + 1] = range[ARITHMETIC];
    p[2 * row + 1].bottom = bottom;
    p[2 * row + 1].top = bottom + low;
    p[2 * row].bottom = bottom + low + GAP;
    p[2 * row].top = bottom + low + GAP + high;
    bottom = p[2 * row].top + TITLE;
  }
  return bottom;
}

static void draw(canvas *c, const report *r, const group *g) {
  enum { BOTTOM = 9 };          /* mm */
  size_t shown[MAX_SUBJECTS];
  panel range[PARTS], p[2 * MAX_SUBJECTS];
  const caches *of = r->caches;
  const size_t n = caches_shown(shown, of), across = c->columns == 1 ? (n > 3 ? 2 : 1) : n < 3 ? n : n == 4 ? 2 : 3;
  const size_t rows = (n + across - 1) / across;
  const group key = { .curves = r->caches->series, .n_curves = of->n_series };
  (void) g;
  find_ranges(range, of, shown, n);
  write_points(c->data, of, shown, n, range);
  write_bits(c->job, of);
  cache_titles(c->job, of, shown, n, false);
  write_note(c->job, of, shown, n);
  const double top = stack(p, range, rows, BOTTOM);
  job_panels(c->job, p, 2 * rows);
  fprintf(c->job, "across = %zu\n", across);
  c->height = top + 2 + curve_key(c, &key);
}

const figure figure_cache = { .name = "mixed-cache", .title = "Error of mixed caches", .whole = true, .draw = draw,
  .csv = cache_csv, .tex = cache_tex, .table = cache_table, .applies = caches_vary,
  .needs = "caches of different bits a value, computed by this version: run the experiment again",
  .caption = "Relative rms error against the bits of a stored value, the mean over all K and V.  Quantisation: exact attention "
  "on the stored inputs against exact attention on the inputs before storage.  Arithmetic: the output against exact attention "
  "on the stored inputs.  Each is divided by the rms of its exact side; the total is at most their sum.  A line is one format "
  "of the bulk; along it more recent keys are kept in f16, unless said otherwise." };
