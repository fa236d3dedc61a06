/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figure bench-time: the time of a call, for suites whose rates say nothing: calls so short that starting one is what counts
   (small), the same keys in ever more segments (segments), and single steps (state).  Across, time on a logarithmic axis; a
   line for each case, a mark for each contestant, shifted up or down a little so that equal ones stay visible.  On the right
   stands segattn's time, beside it, where the keys were cut, that over the time of the first cut.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench_figure.h"

enum { TEXT = 64 };

/* One case, or what stands above some.  */
typedef struct text_line {
  const bench_row *row;         /* segattn's, or that of the first who has numbers */
  bool title;
} text_line;

bool bench_in_times(const bench_row *row) {
  return !row->reason && !bench_roofline(row->c);
}

/* What the lines from here on have in common.  */
static void title_of(char text[TEXT], const bench_case *c) {
  if (c->work != BENCH_ATTEND)
    snprintf(text, TEXT, "%s: absorb one key, merge two, finalise", c->suite);
  else if (!strcmp(c->suite, "segments"))
    snprintf(text, TEXT, "%s: %zu quer%s × %zu keys, %s", c->suite, c->queries, c->queries == 1 ? "y" : "ies", c->keys,
             c->format);
  else
    snprintf(text, TEXT, "%s: queries × keys", c->suite);
}

static void name_of(char text[TEXT], const bench_case *c) {
  if (c->work != BENCH_ATTEND)
    snprintf(text, TEXT, "%s, %zu keys", bench_work_name[c->work], c->keys);
  else if (!strcmp(c->suite, "segments"))
    snprintf(text, TEXT, "%zu segment%s", c->segments, c->segments == 1 ? "" : "s");
  else
    snprintf(text, TEXT, "%zu × %zu, %s", c->queries, c->keys, c->format);
}

static void time_of(char text[TEXT], const bench_row *row) {
  static const struct { double unit; const char *name; } units[] = {
    { 1, "s" }, { 1e-3, "ms" }, { 1e-6, "µs" }, { 1e-9, "ns" }
  };
  size_t i = 0;
  while (i < 3 && row->minimum < units[i].unit)
    i++;
  double x = row->minimum / units[i].unit;
  snprintf(text, TEXT, "%.*f %s", x < 9.995 ? 2 : x < 99.95 ? 1 : 0, x, units[i].name);
}

/* The lines of all cases, titles among them; returns their number.  */
static size_t lines_of(text_line *lines, const bench_result *r) {
  size_t n = 0;
  const bench_case *c = NULL;
  char text[TEXT], before[TEXT] = "";
  for (size_t i = 0; i < r->n_rows; i++) {
    const bench_row *row = &r->rows[i];
    if (!bench_in_times(row) || row->c == c)
      continue;
    title_of(text, row->c);
    if (strcmp(text, before))
      lines[n++] = (text_line){ row, true };
    strcpy(before, text);
    c = row->c;
    lines[n++] = (text_line){ row, false };
  }
  return n;
}

static void job_line(FILE *job, const text_line *l, size_t i) {
  char variable[32], text[TEXT] = "", time[TEXT] = "", ratio[TEXT] = "";
  if (l->title) {
    title_of(text, l->row->c);
  } else {
    name_of(text, l->row->c);
    if (bench_listed("segattn", l->row->peer))
      time_of(time, l->row);
    if (isfinite(l->row->ratio) && l->row->ratio != 1)
      snprintf(ratio, sizeof ratio, "× %.2f", l->row->ratio);
  }
  const struct { const char *name, *text; } variables[] = { { "label_of", text }, { "time_of", time }, { "ratio_of", ratio } };
  for (size_t k = 0; k < 3; k++) {
    snprintf(variable, sizeof variable, "%s[%zu]", variables[k].name, i + 1);
    job_text(job, variable, variables[k].text);
  }
  fprintf(job, "title_at[%zu] = %d\n", i + 1, l->title);
}

static void marks(FILE *data, const bench_picture *d, const bench_case *c, size_t at, double *low, double *high) {
  const double spread = 0.6;
  const bench_result *r = d->result;
  size_t n = 0, k = 0;
  for (size_t i = 0; i < r->n_rows; i++)
    n += r->rows[i].c == c && bench_in_times(&r->rows[i]);
  for (size_t i = 0; i < r->n_rows; i++) {
    const bench_row *row = &r->rows[i];
    if (row->c != c || !bench_in_times(row))
      continue;
    double shift = n > 1 ? spread * ((double)k++ / (double)(n - 1) - 0.5) : 0;
    fprintf(data, "%zu %.6e %.3f\n", bench_curve(d, row) + 1, row->minimum, (double)at + shift);
    *low = fmin(*low, row->minimum);
    *high = fmax(*high, row->minimum);
  }
}

static void draw(canvas *c, const report *r, const group *g) {
  enum { BOTTOM = 9, ROW = 4 };  /* mm */
  const bench_picture *d = (const bench_picture *)r;
  double low = INFINITY, high = 0;
  text_line *lines = calloc(2 * d->result->n_rows + 1, sizeof *lines);
  size_t n = lines ? lines_of(lines, d->result) : 0;
  fprintf(c->job, "rows = %zu\narray label_of[rows + 1]\narray time_of[rows + 1]\narray ratio_of[rows + 1]\n"
          "array title_at[rows + 1]\n", n);
  for (size_t i = 0; i < n; i++) {
    job_line(c->job, &lines[i], i);
    if (!lines[i].title)
      marks(c->data, d, lines[i].row->c, i, &low, &high);
  }
  free(lines);
  fprintf(c->job, "low = %d\nhigh = %d\nbottom = %d\ntop = %zu\n", (int)floor(log10(low)), (int)ceil(log10(high)), BOTTOM,
          BOTTOM + ROW * n);
  c->height = (double)(BOTTOM + ROW * n) + 1 + curve_key(c, g);
}

const figure bench_figure_times = { .name = "bench-time", .title = "Time of a call", .whole = true, .draw = draw };
