/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A result file for figures: cases read, large tensors dropped, cases grouped by what they show.  */

#include <stdlib.h>
#include <string.h>
#include "message.h"
#include "report_cache.h"
#include "report_data.h"
#include "store.h"

const char *report_attribute(const attribute *a, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(a[i].name, name) == 0)
      return a[i].value;
  return "";
}

const char *report_setting(const result *r, const char *name) {
  return report_attribute(r->settings, r->n_settings, name);
}

/* Figures need differences, not tensors: of a large experiment only these stay in memory.  */
static int read_cases(report *r) {
  char (*ids)[ID_SIZE] = NULL;
  size_t n = 0;
  int status = store_ids(&ids, &n, r->path);
  if (status == DONE && (r->results = calloc(n + 1, sizeof *r->results)) == NULL)
    status = fail(FILES, "%s: out of memory for %zu cases", r->path, n);
  for (size_t i = 0; i < n && status == DONE; i++) {
    progress("read", i, n, ids[i]);
    status = store_case_read(&r->results[i], r->path, ids[i]);
    if (status == DONE) {
      r->n_results++;
      result_drop_tensors(&r->results[i]);
    }
  }
  progress_end();
  free(ids);
  return status;
}

/* ---- groups ---- */

static bool all_identical(const result *r) {
  const errors *e = result_errors(r, "standard-segmented");
  return e != NULL && e->identical;
}

/* Cut differently, otherwise the same, and the same bits.  */
static bool alike(const result *a, const result *b) {
  if (!all_identical(a) || !all_identical(b) || strcmp(a->digest, b->digest) != 0 || a->n_settings != b->n_settings)
    return false;
  for (size_t i = 0; i < a->n_settings; i++)
    if (strcmp(a->settings[i].name, "segments") != 0
        && strcmp(a->settings[i].value, report_setting(b, a->settings[i].name)) != 0)
      return false;
  return true;
}

static int group_add(report *r, const result *c) {
  group *g = r->groups;
  while (g < r->groups + r->n_groups && !alike(g->cases[0], c))
    g++;
  const result **cases = realloc(g->cases, (g->n_cases + 1) * sizeof *cases);
  if (cases == NULL)
    return fail(FILES, "%s: out of memory", r->path);
  g->cases = cases;
  g->cases[g->n_cases++] = c;
  g->same_bits = all_identical(c);
  if (g == r->groups + r->n_groups)
    r->n_groups++;
  return DONE;
}

/* ---- curves ---- */

/* The place of a provider among all providers of the file, so that it looks the same in all figures.  */
static size_t provider_rank(const report *r, const char *provider) {
  size_t rank = 0;
  for (size_t i = 0; i < r->n_results; i++)
    for (size_t j = 0; j < r->results[i].n_references; j++) {
      const char *name = r->results[i].references[j].provider;
      bool seen = false;
      for (size_t k = 0; k <= i && !seen; k++)
        for (size_t m = 0; m < (k == i ? j : r->results[k].n_references) && !seen; m++)
          seen = strcmp(r->results[k].references[m].provider, name) == 0;
      if (strcmp(name, provider) == 0)
        return rank;
      rank += !seen;
    }
  return rank;
}

static void curve_add(group *g, const char *name, const char *who, size_t style) {
  char pair[3 * NAME_SIZE];
  snprintf(pair, sizeof pair, "%s-oracle", who);
  const errors *e = result_errors(g->cases[0], pair);
  if (e == NULL || g->n_curves == MAX_CURVES)
    return;
  curve *c = &g->curves[g->n_curves++];
  snprintf(c->name, sizeof c->name, "%s", name);
  c->e = e;
  c->style = style % STYLES;
}

static int curves(const report *r, group *g) {
  const result *c = g->cases[0];
  g->curves = calloc(MAX_CURVES, sizeof *g->curves);
  if (g->curves == NULL)
    return fail(FILES, "%s: out of memory", r->path);
  if (g->same_bits)
    curve_add(g, "standard = segmented", "segmented", 0);
  else {
    curve_add(g, "segmented", "segmented", 0);
    curve_add(g, "standard", "standard", 1);
  }
  for (size_t i = 0; i < c->n_references; i++)
    if (c->references[i].available)
      curve_add(g, c->references[i].provider, c->references[i].provider, 2 + provider_rank(r, c->references[i].provider));
  if (g->n_curves == 0)
    return fail(FILES, "%s: case %s: no errors/segmented-oracle: expected the result of `segattn run`", r->path, c->id);
  return DONE;
}

size_t group_rows(const group *g) {
  return g->curves[0].e->batch * g->curves[0].e->heads;
}

int report_load(report *r, const char *path) {
  *r = (report) { .path = path };
  int status = store_header_read(&r->header, path);
  if (status == DONE)
    status = read_cases(r);
  if (status == DONE && r->n_results == 0)
    status = fail(FILES, "%s: it holds no case: expected the result of `segattn run`", path);
  if (status == DONE && (r->groups = calloc(r->n_results, sizeof *r->groups)) == NULL)
    status = fail(FILES, "%s: out of memory", path);
  for (size_t i = 0; i < r->n_results && status == DONE; i++)
    status = group_add(r, &r->results[i]);
  for (size_t i = 0; i < r->n_groups && status == DONE; i++)
    status = curves(r, &r->groups[i]);
  if (status == DONE && (r->caches = calloc(1, sizeof *r->caches)) == NULL)
    status = fail(FILES, "%s: out of memory", path);
  if (status == DONE)
    status = caches_make(r->caches, r);
  if (status == DONE)
    groups_name(r);
  else
    report_free(r);
  return status;
}

void report_free(report *r) {
  for (size_t i = 0; i < r->n_groups; i++) {
    free(r->groups[i].cases);
    free(r->groups[i].curves);
  }
  for (size_t i = 0; i < r->n_results; i++)
    result_free(&r->results[i]);
  caches_free(r->caches);
  free(r->groups);
  free(r->results);
  file_header_free(&r->header);
  *r = (report) { 0 };
}
