/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done with a finished result file: verdicts, more references.  */

#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "references.h"
#include "run.h"
#include "store.h"
#include "verdict.h"

typedef struct finished {
  file_header h;
  result *results;
  char **paths;
  size_t n;
} finished;

static void finished_free(finished *x) {
  for (size_t i = 0; i < x->n; i++) {
    result_free(&x->results[i]);
    free(x->paths[i]);
  }
  free(x->results);
  free(x->paths);
  file_header_free(&x->h);
}

static int finished_read(finished *x, const char *path) {
  char (*ids)[ID_SIZE] = NULL;
  size_t n = 0;
  int status = store_header_read(&x->h, path);
  if (!status)
    status = store_ids(&ids, &n, path);
  if (!status) {
    x->results = calloc(n + 1, sizeof *x->results);
    x->paths = calloc(n + 1, sizeof *x->paths);
    status = x->results && x->paths ? DONE : fail(FILES, "out of memory");
  }
  for (size_t i = 0; i < n && !status; i++) {
    status = store_case_read(&x->results[i], path, ids[i]);
    if (!status) {
      x->paths[i] = strdup(path);
      x->n = i + 1;
    }
  }
  free(ids);
  return status;
}

int run_judge(const char *path, bool json) {
  finished x = { 0 };
  int status = finished_read(&x, path);
  if (!status) {
    bool good = json ? verdict_json(stdout, x.results, x.n, x.h.digest) : verdict_table(stdout, x.results, x.n);
    if (!json)
      printf("results digest %s\n", x.h.digest);
    status = good ? DONE : VERDICT_FAIL;
  }
  finished_free(&x);
  return status;
}

/* The names that a case's own settings ask for: a list "torch-math-f64 ggml-f16" in its setting `references`.  */
static int asked_for(char ***names, size_t *n, const result *r) {
  for (size_t i = 0; i < r->n_settings; i++) {
    if (strcmp(r->settings[i].name, "references"))
      continue;
    char *text = strdup(r->settings[i].value), *rest = text;
    for (char *name; text && (name = strsep(&rest, ", []"));)
      if (*name && reference_known(name)) {
        char **grown = realloc(*names, (*n + 1) * sizeof *grown);
        if (!grown || !(grown[*n] = strdup(name)))
          return fail(FILES, "out of memory");
        *names = grown;
        ++*n;
      }
    free(text);
  }
  return DONE;
}

static int given(char ***names, size_t *n, const char *const *providers, size_t n_providers) {
  if (!(*names = calloc(n_providers, sizeof **names)))
    return fail(FILES, "out of memory");
  for (; *n < n_providers; ++*n)
    if (!((*names)[*n] = strdup(providers[*n])))
      return fail(FILES, "out of memory");
  return DONE;
}

static int fill_in(finished *x, const char *path, const reference_options *o) {
  case_folder f;
  char ***wanted = calloc(x->n + 1, sizeof *wanted);
  size_t *count = calloc(x->n + 1, sizeof *count);
  const char **ids = calloc(x->n + 1, sizeof *ids);
  int status = wanted && count && ids ? folder_open(&f, path) : fail(FILES, "out of memory");
  bool open = !status;
  for (size_t i = 0; i < x->n && !status; i++) {
    ids[i] = x->results[i].id;
    status = o->n_providers ? given(&wanted[i], &count[i], o->providers, o->n_providers)
                            : asked_for(&wanted[i], &count[i], &x->results[i]);
  }
  if (!status)
    status = references_add(x->results, x->paths, wanted, count, x->n, &f, o->provider_timeout);
  if (!status)
    status = store_assemble(path, &x->h, (const char *const *)x->paths, ids, x->n);
  if (open && !status)
    folder_remove(&f);
  else if (open)
    folder_close(&f);
  for (size_t i = 0; wanted && count && i < x->n; i++) {
    for (size_t j = 0; j < count[i]; j++)
      free(wanted[i][j]);
    free(wanted[i]);
  }
  free(wanted);
  free(count);
  free(ids);
  return status;
}

int run_references(const char *path, const reference_options *o) {
  finished x = { 0 };
  int status = finished_read(&x, path);
  if (!status)
    status = fill_in(&x, path, o);
  finished_free(&x);
  return status ? status : run_judge(path, o->json);
}
