/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures and tables of a result file.  For each figure and group of cases: pictures one and two columns wide, the plotted
   numbers (.csv), a caption (.caption.txt).  Statistics come from the result file; gnuplot only draws.  */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "file.h"
#include "message.h"
#include "report.h"
#include "report_data.h"

static const figure *const figures[] = { &figure_case, &figure_head, &figure_element, &figure_distribution, &figure_cache,
                                         &figure_cache_head, &figure_cache_length };
enum { FIGURES = sizeof figures / sizeof *figures };

/* ---- text beside a picture ---- */

static void caption_references(FILE *f, const result *c) {
  for (size_t i = 0; i < c->n_references; i++) {
    const reference *p = &c->references[i];
    if (!p->available)
      fprintf(f, "Not shown: %s: %s.\n", p->provider, p->reason != NULL ? p->reason : "unavailable");
    else
      fprintf(f, "%s: version %s, back end %s, dtype %s, threads %s, CPU capability %s.\n", p->provider,
              report_attribute(p->attributes, p->n_attributes, "version"),
              report_attribute(p->attributes, p->n_attributes, "backend"),
              report_attribute(p->attributes, p->n_attributes, "dtype"),
              report_attribute(p->attributes, p->n_attributes, "threads"),
              report_attribute(p->attributes, p->n_attributes, "cpu_capability"));
  }
}

static void caption_group(FILE *f, const group *g) {
  const result *c = g->cases[0];
  fprintf(f, "Case%s%s.\n", *g->label ? ": " : "", *g->label ? g->label : "");
  for (size_t i = 0; i < g->n_cases; i++)
    fprintf(f, "  %s  %s  segments %s\n", g->cases[i]->id, g->cases[i]->label, report_setting(g->cases[i], "segments"));
  fprintf(f, g->same_bits ? "standard and segmented: identical bits, in each of these cases.\n"
                          : "standard and segmented differ as bits.\n");
  for (size_t i = 0; i < g->n_curves; i++) {
    const errors *e = g->curves[i].e;
    if (i == 0)
      fprintf(f, "n = %zu elements a side (batch %zu, %zu heads, %zu queries, %zu dimensions).\n",
              e->batch * e->heads * e->queries * e->dim, e->batch, e->heads, e->queries, e->dim);
    fprintf(f, "%s: largest %.3g (%.3g ulp of %s), rms %.3g, relative rms %.3g, bias %.3g", g->curves[i].name,
            e->total[STAT_MAX], e->total[STAT_ULP], e->ulp_format, e->total[STAT_RMS], e->relative_rms, e->total[STAT_BIAS]);
    if (e->total[STAT_RATIO] == e->total[STAT_RATIO])
      fprintf(f, ", largest error / bound %.3g", e->total[STAT_RATIO]);
    if (e->nan_one_side > 0)
      fprintf(f, ", %zu NaN on one side only (not shown)", e->nan_one_side);
    fprintf(f, "%s.\n", e->vacuous ? ", vacuous: the exact result is constant" : "");
  }
  caption_references(f, c);
}

static void caption(FILE *f, const report *r, const figure *what, const group *g) {
  const file_header *h = &r->header;
  fprintf(f, "%s.  Experiment %s.  %s\n", what->title, h->experiment, what->caption);
  if (what->table != NULL)
    what->table(f, r);
  if (what->whole)
    fprintf(f, "%zu cases in %zu groups.\n", r->n_results, r->n_groups);
  else
    caption_group(f, g);
  fprintf(f, "ulp: at the magnitude of each exact element.  exact: oracle, attention on the stored inputs in "
             "double-double arithmetic, rounded once to f64.\n");
  fprintf(f, "segattn %s, seed %llu, finished %s.\n", report_attribute(h->attributes, h->n_attributes, "segattn_version"),
          (unsigned long long) h->seed, h->finished);
  fprintf(f, "Results digest: %s\n", h->digest);
}

/* Writes FOLDER/BASE.ENDING from memory: whole, or not at all.  */
static int write_text(const char *folder, const char *base, const char *ending, const report *r, const figure *what,
                      const group *g) {
  char *text = NULL, name[TEXT_SIZE];
  size_t n = 0;
  FILE *f = open_memstream(&text, &n);
  snprintf(name, sizeof name, "%s.%s", base, ending);
  char *path = path_join(folder, name);
  if (f != NULL) {
    if (strcmp(ending, "csv") == 0)
      what->csv(f, r, g);
    else if (strcmp(ending, "tex") == 0)
      what->tex(f, r);
    else
      caption(f, r, what, g);
  }
  bool whole = f != NULL && !ferror(f);
  whole &= f != NULL && fclose(f) == 0;
  int status = path == NULL ? FILES : whole ? file_write(path, text, n) : fail(FILES, "%s: out of memory", path);
  free(text);
  free(path);
  return status;
}

/* ---- all of them ---- */

bool report_known(const char *name) {
  for (size_t i = 0; i < FIGURES; i++)
    if (strcmp(figures[i]->name, name) == 0)
      return true;
  return strcmp(name, "element-table") == 0;
}

static bool listed(const char *list, const char *name) {
  const size_t n = strlen(name);
  for (const char *p = list; p != NULL && *p; p += strcspn(p, ","), p += *p == ',')
    if (strcspn(p, ",") == n && strncmp(p, name, n) == 0)
      return true;
  return list == NULL;
}

static int check_only(const char *only) {
  if (only != NULL && *only == '\0')
    return fail(USAGE, "--only: empty: expected one of " FIGURE_NAMES);
  for (const char *p = only; p != NULL && *p; p += strcspn(p, ","), p += *p == ',') {
    size_t n = strcspn(p, ","), i = 0;
    while (i < FIGURES && (strlen(figures[i]->name) != n || strncmp(figures[i]->name, p, n) != 0))
      i++;
    if (i == FIGURES)
      return fail(USAGE, "--only: unknown figure '%.*s': expected " FIGURE_NAMES, (int) n, p);
  }
  return DONE;
}

static int check_formats(const char *formats) {
  if (*formats == '\0')
    return fail(USAGE, "--formats: empty: expected a list of pdf, svg, png, tex");
  for (const char *p = formats; *p; p += strcspn(p, ","), p += *p == ',')
    if (!plotter_format(p, strcspn(p, ",")) && (strcspn(p, ",") != 3 || strncmp(p, "tex", 3) != 0))
      return fail(USAGE, "--formats: unknown format '%.*s': expected a list of pdf, svg, png, tex", (int) strcspn(p, ","), p);
  return DONE;
}

/* "mixed-cache-by-head" begins with "mixed-cache", and not with "mix".  */
static bool begins_with(const char *name, const char *words) {
  const size_t n = strlen(words);
  return strncmp(name, words, n) == 0 && (name[n] == '\0' || name[n] == '-');
}

static int figure_write(const plotter *p, const report *r, const figure *f, const group *g, const char *folder,
                        const char *formats) {
  char base[TEXT_SIZE - 32], sized[TEXT_SIZE - 16];     /* an experiment's name may hold what a file name may not */
  const bool named = g != NULL && r->n_groups > 1;
  const bool said = begins_with(f->name, r->header.experiment);         /* mixed-cache-mixed-cache says no more */
  snprintf(base, sizeof base, "%.100s%s%s%s%s", said ? "" : r->header.experiment, said ? "" : "-", f->name, named ? "-" : "",
           named ? g->slug : "");
  for (char *c = base; *c; c++)
    if (*c == '/' || (c == base && *c == '.'))
      *c = '-';
  int status = DONE;
  for (int columns = 1; columns <= 2 && status == DONE; columns++) {
    snprintf(sized, sizeof sized, "%s-%dcol", base, columns);
    status = plotter_draw(p, r, f, g, columns, sized, formats);
  }
  if (status == DONE)
    status = write_text(folder, base, "csv", r, f, g);
  if (status == DONE && f->tex != NULL && listed(formats, "tex"))
    status = write_text(folder, base, "tex", r, f, g);
  return status == DONE ? write_text(folder, base, "caption.txt", r, f, g) : status;
}

/* Those that are listed; without a list, those that the file has something for.  */
static bool wanted(const report *r, const figure *f, const char *list) {
  return listed(list, f->name) && (list != NULL || f->applies == NULL || f->applies(r));
}

static int check_applies(const report *r, const char *list) {
  for (size_t i = 0; i < FIGURES; i++)
    if (wanted(r, figures[i], list) && figures[i]->applies != NULL && !figures[i]->applies(r))
      return fail(FILES, "%s: figure %s needs %s", r->path, figures[i]->name, figures[i]->needs);
  return DONE;
}

static int figures_write(const plotter *p, const report *r, const char *folder, const char *formats, const char *only) {
  size_t total = 0, done = 0;
  int status = DONE;
  for (size_t i = 0; i < FIGURES; i++)
    total += !wanted(r, figures[i], only) ? 0 : figures[i]->whole ? 1 : r->n_groups;
  for (size_t i = 0; i < FIGURES; i++)
    for (size_t j = 0; j < (figures[i]->whole ? 1 : r->n_groups) && status == DONE; j++)
      if (wanted(r, figures[i], only)) {
        const group *g = figures[i]->whole ? NULL : &r->groups[j];
        progress("report", done++, total, figures[i]->name);
        status = figure_write(p, r, figures[i], g, folder, formats);
      }
  progress_end();
  return status;
}

/* The folder and those above it.  */
int report_make_folder(const char *folder) {
  struct stat s;
  char *path = strdup(folder);
  if (path == NULL)
    return fail(FILES, "out of memory");
  for (char *c = strchr(path + 1, '/'); *folder && c != NULL; c = strchr(c + 1, '/')) {
    *c = '\0';
    mkdir(path, 0777);                  /* what cannot be made shows below */
    *c = '/';
  }
  free(path);
  if (mkdir(folder, 0777) == 0)
    return DONE;
  if (errno != EEXIST)
    return fail(FILES, "%s: cannot make the folder: %s", folder, strerror(errno));
  if (stat(folder, &s) != 0 || !S_ISDIR(s.st_mode))
    return fail(FILES, "%s: not a folder: expected one for the figures", folder);
  return access(folder, W_OK | X_OK) == 0 ? DONE : fail(FILES, "%s: cannot write there: %s", folder, strerror(errno));
}

/* The figures that the experiment's `report` lists; NULL when it lists none.  */
static const char *experiment_list(const report *r) {
  for (size_t i = 0; i < r->header.n_attributes; i++)
    if (strcmp(r->header.attributes[i].name, "report") == 0 && *r->header.attributes[i].value)
      return r->header.attributes[i].value;
  return NULL;
}

int report_write(const char *result_path, const char *folder, const char *formats, const char *only) {
  report r = { 0 };
  plotter *p = NULL;
  int status = check_only(only);
  if (status == DONE)
    status = check_formats(formats);
  if (status == DONE)
    status = report_load(&r, result_path);
  const char *list = status != DONE || only != NULL ? only : experiment_list(&r);
  if (status == DONE)
    status = check_applies(&r, list);
  if (status == DONE)
    status = plotter_open(&p, folder);
  if (status == DONE)
    status = report_make_folder(folder);
  if (status == DONE)
    status = figures_write(p, &r, folder, formats, list);
  plotter_close(p);
  report_free(&r);
  return status;
}
