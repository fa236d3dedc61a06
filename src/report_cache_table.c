/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers of the figures of mixed caches: all of them (CSV), and those shown as a table, in text and for LaTeX.  */

#include <math.h>
#include <string.h>
#include "report_cache.h"

static void csv_errors(FILE *f, const errors *e) {
  if (e != NULL)
    fprintf(f, ",%.9g,%.9g,%.9g", e->relative_rms, e->total[STAT_RMS], e->total[STAT_MAX]);
  else
    fputs(",,,", f);
}

void cache_csv(FILE *f, const report *r, const group *g) {
  const caches *c = r->caches;
  (void) g;
  fputs("case,subject,stored,keys,recent,bits_per_value,segments", f);
  for (int i = 0; i < 3; i++) {
    const char *part = i == 0 ? "quantisation" : i == 1 ? "arithmetic" : "total";
    fprintf(f, ",%s_relative_rms,%s_rms,%s_max", part, part, part);
  }
  fputc('\n', f);
  for (size_t i = 0; i < c->n; i++) {
    const cached *x = &c->cases[i];
    fprintf(f, "%s,\"%s\",\"%s\",%zu,%zu,%.9g,\"%s\"", x->r->id, c->subjects[x->subject].label, c->series[x->series].name,
            x->keys, x->recent, x->bits, report_setting(x->r, "segments"));
    csv_errors(f, x->quantisation);
    csv_errors(f, x->arithmetic);
    csv_errors(f, x->total != NULL ? x->total : x->arithmetic);
    fputc('\n', f);
  }
}

/* ---- one row for what is stored alike, whatever the subject ---- */

typedef struct table {
  const caches *c;
  size_t shown[MAX_SUBJECTS], n;
} table;

/* Case i begins a row: no shown case before it is stored alike.  */
static bool begins(const table *t, size_t i) {
  const cached *x = &t->c->cases[i];
  bool is_shown = false;
  for (size_t s = 0; s < t->n; s++)
    is_shown |= x->subject == t->shown[s];
  for (size_t s = 0; s < t->n && is_shown; s++) {
    const cached *y = cache_find(t->c, t->shown[s], x->series, x->recent);
    if (y != NULL)
      return y == x;
  }
  return false;
}

static table table_of(const report *r) {
  table t = { .c = r->caches };
  t.n = caches_shown(t.shown, t.c);
  return t;
}

static void text_pair(FILE *f, const cached *x) {
  if (x == NULL)
    fprintf(f, "  %10s %10s", "-", "-");
  else
    fprintf(f, "  %10.2e %10.2e", x->quantisation->relative_rms, x->arithmetic->relative_rms);
}

void cache_table(FILE *f, const report *r) {
  const table t = table_of(r);
  fprintf(f, "\n%-24s %6s %6s", "relative rms error", "recent", "bits");
  for (size_t s = 0; s < t.n; s++)
    fprintf(f, "  %21.21s", *t.c->subjects[t.shown[s]].label ? t.c->subjects[t.shown[s]].label : "all");
  fprintf(f, "\n%-24s %6s %6s", "stored as", "keys", "/value");
  for (size_t s = 0; s < t.n; s++)
    fprintf(f, "  %10s %10s", "quantised", "arithmetic");
  fputc('\n', f);
  for (size_t i = 0; i < t.c->n; i++) {
    const cached *x = &t.c->cases[i];
    if (!begins(&t, i))
      continue;
    fprintf(f, "%-24s %6zu %6.2f", t.c->series[x->series].name, x->recent, x->bits);
    for (size_t s = 0; s < t.n; s++)
      text_pair(f, cache_find(t.c, t.shown[s], x->series, x->recent));
    fputc('\n', f);
  }
  fputc('\n', f);
  if (t.c->left_out > 0)
    fprintf(f, "Left out: %zu cases (more than %d subjects or %d formats, segments that the file does not list, or no "
            "errors).\n",
            t.c->left_out, MAX_SUBJECTS, MAX_CURVES);
}

static void tex_head(FILE *f, const table *t) {
  fputs("\\begin{tabular}{lrr", f);
  for (size_t s = 0; s < t->n; s++)
    fputs("rr", f);
  fputs("}\n\\hline\nstored as & recent keys & bits / value", f);
  for (size_t s = 0; s < t->n; s++) {
    fputs(" & \\multicolumn{2}{c}{", f);
    tex_text(f, t->c->subjects[t->shown[s]].label);
    fputc('}', f);
  }
  fputs(" \\\\\n & &", f);
  for (size_t s = 0; s < t->n; s++)
    fputs(" & quantisation & arithmetic", f);
  fputs(" \\\\\n\\hline\n", f);
}

void cache_tex(FILE *f, const report *r) {
  const table t = table_of(r);
  fprintf(f, "%% %s: relative rms errors, results digest %s\n", r->header.experiment, r->header.digest);
  tex_head(f, &t);
  for (size_t i = 0; i < t.c->n; i++) {
    const cached *x = &t.c->cases[i];
    if (!begins(&t, i))
      continue;
    tex_text(f, t.c->series[x->series].name);
    fprintf(f, " & %zu & %.2f", x->recent, x->bits);
    for (size_t s = 0; s < t.n; s++) {
      const cached *y = cache_find(t.c, t.shown[s], x->series, x->recent);
      tex_number(f, y != NULL ? y->quantisation->relative_rms : NAN);
      tex_number(f, y != NULL ? y->arithmetic->relative_rms : NAN);
    }
    fputs(" \\\\\n", f);
  }
  fputs("\\hline\n\\end{tabular}\n", f);
}
