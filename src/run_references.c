/* SPDX-License-Identifier: GPL-3.0-or-later */
/* References of cases: which are missing, made by their providers, measured, stored.  */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "references.h"
#include "run.h"
#include "store.h"

static void jobs_free(reference_job *jobs, size_t n) {
  for (size_t i = 0; jobs && i < n; i++) {
    free(jobs[i].case_path);
    free(jobs[i].output);
  }
  free(jobs);
}

static int add_job(reference_job **jobs, size_t *n, const result *r, const char *path, const char *provider,
                   const case_folder *f) {
  reference_job *grown = realloc(*jobs, (*n + 1) * sizeof *grown);
  if (!grown)
    return fail(FILES, "out of memory");
  *jobs = grown;
  reference_job *job = &grown[*n];
  *job = (reference_job){ .case_path = strdup(path), .output = folder_file(f, r->id, provider) };
  memcpy(job->id, r->id, sizeof job->id);
  memcpy(job->inputs_digest, r->inputs_digest, sizeof job->inputs_digest);
  strncpy(job->provider, provider, sizeof job->provider - 1);
  ++*n;
  return job->case_path && job->output ? DONE : fail(FILES, "out of memory");
}

static void drop_reference(result *r, size_t i) {
  reference_free(&r->references[i]);
  memmove(r->references + i, r->references + i + 1, (r->n_references - i - 1) * sizeof *r->references);
  r->n_references--;
}

/* One that is there counts; one that was unavailable is asked for again.  */
static bool has_reference(result *r, const char *provider) {
  for (size_t i = 0; i < r->n_references; i++)
    if (!strcmp(r->references[i].provider, provider)) {
      if (r->references[i].available)
        return true;
      drop_reference(r, i);
      return false;
    }
  return false;
}

static int take_answer(result *r, const reference_job *job) {
  reference *grown = realloc(r->references, (r->n_references + 1) * sizeof *grown);
  if (!grown)
    return fail(FILES, "out of memory");
  r->references = grown;
  reference *ref = &grown[r->n_references];
  memset(ref, 0, sizeof *ref);
  int status = store_reference_read(ref, job->output);
  if (status)
    return status;
  memset(ref->provider, 0, sizeof ref->provider);
  strncpy(ref->provider, job->provider, sizeof ref->provider - 1);
  r->n_references++;
  return case_measure_reference(r, ref);
}

static int take_answers(result *r, char **path, const reference_job *jobs, size_t n, const case_folder *f) {
  bool changed = false;
  for (size_t i = 0; i < n; i++)
    if (!strcmp(jobs[i].id, r->id)) {
      int status = take_answer(r, &jobs[i]);
      if (status)
        return status;
      changed = true;
    }
  if (!changed)
    return DONE;
  char *own = folder_file(f, r->id, NULL);
  int status = own ? store_case_write(own, r) : FILES;
  if (status) {
    free(own);
    return status;
  }
  free(*path);
  *path = own;
  for (size_t i = 0; i < n; i++)
    if (!strcmp(jobs[i].id, r->id))
      unlink(jobs[i].output);
  return DONE;
}

int references_add(result *results, char **paths, char ***wanted, const size_t *n_wanted, size_t n, const case_folder *f,
                   int timeout) {
  reference_job *jobs = NULL;
  size_t n_jobs = 0;
  int status = DONE;
  for (size_t i = 0; i < n && !status; i++)
    for (size_t j = 0; j < n_wanted[i] && !status; j++)
      if (!has_reference(&results[i], wanted[i][j]))
        status = add_job(&jobs, &n_jobs, &results[i], paths[i], wanted[i][j], f);
  if (!status && n_jobs)
    status = references_make(jobs, n_jobs, timeout);
  for (size_t i = 0; i < n && !status && n_jobs; i++)
    status = take_answers(&results[i], &paths[i], jobs, n_jobs, f);
  jobs_free(jobs, n_jobs);
  return status;
}
