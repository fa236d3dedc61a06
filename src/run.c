/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running an experiment: cases, references, the result file, verdicts.  */

#include "run.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "about.h"
#include "hash.h"
#include "message.h"
#include "report.h"
#include "store.h"
#include "verdict.h"

/* An experiment in progress: per case its result, and the file that holds it (NULL: not there yet).  */
typedef struct progress_of_run {
  experiment e;
  case_folder f;
  char *output;
  result *results;
  char **paths;
  char started[32];
} run;

static void now(char text[32]) {
  time_t t = time(NULL);
  struct tm utc;
  gmtime_r(&t, &utc);
  strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static bool matches(const case_spec *c, const char *pattern) {
  return !pattern || !fnmatch(pattern, c->label, 0) || !fnmatch(pattern, c->id, 0);
}

/* ---- cases that are there already ---- */

static bool listed(const char *id, char (*ids)[ID_SIZE], size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!strcmp(ids[i], id))
      return true;
  return false;
}

/* Case i lies in its file.  Only a reference that it may still get will be compared with its tensors.  */
static void settle(run *r, size_t i) {
  if (r->e.cases[i].n_references == 0)
    result_drop_tensors(&r->results[i]);
}

/* Takes case i from `path` when it answers what is asked.  */
static bool take(run *r, size_t i, const char *path) {
  result *to = &r->results[i];
  if (store_case_read(to, path, r->e.cases[i].id))
    return false;
  if (!case_answers(to, &r->e.cases[i], r->e.seed)) {
    result_free(to);
    return false;
  }
  r->paths[i] = strdup(path);
  settle(r, i);
  return r->paths[i] != NULL;
}

/* Takes what the folder and an earlier result file hold.  A file that is none of ours is not overwritten.  */
static int take_all(run *r, size_t *taken) {
  size_t n = 0;
  char (*ids)[ID_SIZE] = NULL;
  if (!access(r->output, F_OK) && store_ids(&ids, &n, r->output))
    return fail(FILES, "%s is in the way: move it, name another with -o, or replace it with --fresh", r->output);
  for (size_t i = 0; i < r->e.n_cases; i++) {
    char *own = folder_file(&r->f, r->e.cases[i].id, NULL);
    if ((own && !access(own, F_OK) && take(r, i, own)) || (listed(r->e.cases[i].id, ids, n) && take(r, i, r->output)))
      ++*taken;
    free(own);
  }
  free(ids);
  return DONE;
}

/* ---- computing ---- */

static int compute(run *r, size_t i, const run_options *o) {
  const case_spec *c = &r->e.cases[i];
  int status = case_compute(&r->results[i], c, r->e.seed, &o->how);
  if (status)
    return fail(status, "case %s (%s) failed", c->id, c->label);
  char *path = folder_file(&r->f, c->id, NULL);
  status = path ? store_case_write(path, &r->results[i]) : FILES;
  if (status)
    free(path);
  else
    r->paths[i] = path;
  settle(r, i);
  return status;
}

static int compute_all(run *r, const run_options *o) {
  int status = DONE;
  for (size_t i = 0; i < r->e.n_cases && !status; i++) {
    progress("cases", i, r->e.n_cases, r->e.cases[i].label);
    if (!r->paths[i] && matches(&r->e.cases[i], o->only))
      status = compute(r, i, o);
  }
  progress_end();
  case_forget();
  return status;
}

static int all_references(run *r, int timeout) {
  size_t n = r->e.n_cases;
  char ***wanted = calloc(n + 1, sizeof *wanted);
  size_t *count = calloc(n + 1, sizeof *count);
  int status = wanted && count ? DONE : fail(FILES, "out of memory");
  for (size_t i = 0; i < n && !status; i++) {
    wanted[i] = r->e.cases[i].references;
    count[i] = r->paths[i] ? r->e.cases[i].n_references : 0;
  }
  if (!status)
    status = references_add(r->results, r->paths, wanted, count, n, &r->f, timeout);
  free(wanted);
  free(count);
  return status;
}

/* ---- the result file ---- */

static int results_digest(char digest[65], const result *results, size_t n) {
  hash *h = hash_alloc();
  if (!h)
    return fail(FILES, "out of memory");
  for (size_t i = 0; i < n; i++) {
    hash_text(h, results[i].id);
    hash_text(h, results[i].digest);
  }
  hash_end(h, digest);
  return DONE;
}

/* The figures that the experiment wants, so that `segattn report` knows without the YAML.  */
static int add_report(file_header *h, const experiment *e) {
  attribute *grown = realloc(h->attributes, (h->n_attributes + 1) * sizeof *grown);
  char text[512] = "";
  size_t n = 0;
  if (!grown)
    return fail(FILES, "out of memory");
  h->attributes = grown;
  for (size_t i = 0; i < e->n_report && n < sizeof text; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? "," : "", e->report[i]);
  snprintf(grown[h->n_attributes].name, sizeof grown->name, "report");
  if (!(grown[h->n_attributes].value = strdup(text)))
    return fail(FILES, "out of memory");
  h->n_attributes++;
  return DONE;
}

static int run_header(file_header *h, const run *r, const run_options *o) {
  segattn_plan *plan;
  segattn_problem p;
  char finished[32], digest[65];
  segattn_problem_init(&p);
  p.dim_k = p.dim_v = 1;
  if (segattn_plan_alloc(&plan, &p, &(segattn_options){ .isa = o->how.isa, .threads = o->how.threads }, NULL))
    return FILES;
  h->attributes = about(&h->n_attributes, segattn_plan_isa(plan), segattn_plan_threads(plan));
  segattn_plan_free(plan);
  now(finished);
  int status = h->attributes ? add_report(h, &r->e) : FILES;
  if (!status)
    status = results_digest(digest, r->results, r->e.n_cases);
  if (status)
    return status;
  h->seed = r->e.seed;
  h->experiment = strdup(r->e.name);
  h->config = strdup(r->e.text);
  h->started = strdup(r->started);
  h->finished = strdup(finished);
  h->digest = strdup(digest);
  return h->experiment && h->config && h->started && h->finished && h->digest ? DONE : fail(FILES, "out of memory");
}

static int assemble(const char *output, const file_header *h, const result *results, char **paths, size_t n) {
  const char **ids = calloc(n + 1, sizeof *ids);
  if (!ids)
    return fail(FILES, "out of memory");
  for (size_t i = 0; i < n; i++)
    ids[i] = results[i].id;
  int status = store_assemble(output, h, (const char *const *)paths, ids, n);
  free(ids);
  return status;
}

static bool in_report(const experiment *e, const char *name) {
  for (size_t i = 0; i < e->n_report; i++)
    if (!strcmp(e->report[i], name))
      return true;
  return false;
}

static int conclude(run *r, const run_options *o) {
  file_header h = { 0 };
  int status = run_header(&h, r, o);
  if (!status)
    status = assemble(r->output, &h, r->results, r->paths, r->e.n_cases);
  if (!status && !o->json && in_report(&r->e, "element-table"))
    status = report_element_table(r->output);
  if (!status) {
    bool good = o->json ? verdict_json(stdout, r->results, r->e.n_cases, h.digest)
                        : verdict_table(stdout, r->results, r->e.n_cases);
    if (!o->json)
      printf("results digest %s\n%s\n", h.digest, r->output);
    status = good ? DONE : VERDICT_FAIL;
  }
  file_header_free(&h);
  return status;
}

/* ---- the whole ---- */

static int check_only(const experiment *e, const char *yaml, const char *pattern) {
  for (size_t i = 0; i < e->n_cases; i++)
    if (matches(&e->cases[i], pattern))
      return DONE;
  return fail(USAGE, "--only '%s': no case of %s has such a label or id (--dry-run lists them)", pattern, yaml);
}

static int dry_run(const experiment *e, const run_options *o) {
  for (size_t i = 0; i < e->n_cases; i++)
    if (matches(&e->cases[i], o->only))
      printf("%s  %s\n", e->cases[i].id, e->cases[i].label);
  return DONE;
}

static int work_through(run *r, const run_options *o) {
  size_t taken = 0, there = 0;
  int status = o->fresh ? DONE : take_all(r, &taken);
  if (taken)
    note("%zu of %zu cases were there already (--fresh computes all anew)", taken, r->e.n_cases);
  if (!status)
    status = compute_all(r, o);
  if (!status && o->references)
    status = all_references(r, o->provider_timeout);
  for (size_t i = 0; i < r->e.n_cases; i++)
    there += r->paths[i] != NULL;
  if (status)
    return status;
  if (there < r->e.n_cases) {
    note("%zu of %zu cases are there; %s is written when all are", there, r->e.n_cases, r->output);
    return !o->json || verdict_json(stdout, r->results, r->e.n_cases, NULL) ? DONE : VERDICT_FAIL;
  }
  status = conclude(r, o);
  if (status == DONE || status == VERDICT_FAIL) {
    folder_remove(&r->f);
    r->f.path = NULL;
  }
  return status;
}

static int run_open(run *r, const run_options *o) {
  now(r->started);
  if (asprintf(&r->output, "%s%s", o->output ? o->output : r->e.name, o->output ? "" : ".h5") < 0)
    return fail(FILES, "out of memory");
  r->results = calloc(r->e.n_cases + 1, sizeof *r->results);
  r->paths = calloc(r->e.n_cases + 1, sizeof *r->paths);
  if (!r->results || !r->paths)
    return fail(FILES, "out of memory");
  return folder_open(&r->f, r->output);
}

static void run_free(run *r) {
  for (size_t i = 0; i < r->e.n_cases; i++) {
    if (r->results)
      result_free(&r->results[i]);
    if (r->paths)
      free(r->paths[i]);
  }
  free(r->results);
  free(r->paths);
  free(r->output);
  experiment_free(&r->e);
}

int run_experiment(const char *yaml, const run_options *o) {
  run r = { 0 };
  int status = experiment_load(&r.e, yaml);
  if (status)
    return status;
  status = check_only(&r.e, yaml, o->only);
  if (!status && o->dry)
    status = dry_run(&r.e, o);
  else if (!status && !(status = run_open(&r, o))) {
    status = work_through(&r, o);
    if (r.f.path)
      folder_close(&r.f);
  }
  run_free(&r);
  return status;
}
