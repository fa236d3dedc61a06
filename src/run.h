/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An experiment on its way to a result file.

   While it runs, each case is written whole to NAME.h5.cases/ID.h5, so that kill -9 at any moment loses at most the case in
   flight; when all are there, NAME.h5 is assembled from them, renamed into place, and the folder is removed.  Cases that
   NAME.h5 or the folder already answers are taken from there.  */

#ifndef RUN_H
#define RUN_H

#include "case.h"

typedef struct run_options {
  const char *output;           /* NAME.h5; NULL: the experiment's name in the current folder */
  const char *only;             /* a pattern for labels and ids; NULL: all */
  bool dry, fresh, references, json;
  int provider_timeout;         /* seconds, as references_make takes it */
  case_options how;
} run_options;

int run_experiment(const char *yaml, const run_options *o);

typedef struct reference_options {
  const char *const *providers; /* n_providers names; none: what each case asks for and has not got */
  size_t n_providers;
  int provider_timeout;
  bool json;
} reference_options;

/* Providers for cases of a finished result file.  */
int run_references(const char *path, const reference_options *o);

/* Verdicts of a finished file; 0 or VERDICT_FAIL.  */
int run_judge(const char *path, bool json);

/* ---- the folder of cases (run_folder.c) ---- */

typedef struct case_folder {
  char *path;                   /* NAME.h5.cases */
  int lock;
} case_folder;

int folder_open(case_folder *f, const char *output);    /* made, locked against a second run, swept of temporaries */
/* ID.h5, ID.PROVIDER.h5; NULL: out of memory */
char *folder_file(const case_folder *f, const char *id, const char *provider);
void folder_close(case_folder *f);                      /* unlocked, removed when empty */
void folder_remove(case_folder *f);                     /* with all that is in it, and closed */

/* ---- references (run_references.c) ---- */

/* For each result (its own file is paths[i]) the providers that it has not got: made, added, measured, written to its case
   file in the folder (then paths[i] names that).  `wanted[i]` lists n_wanted[i] provider names; timeout as references_make
   takes it.  */
int references_add(result *results, char **paths, char ***wanted, const size_t *n_wanted, size_t n, const case_folder *f,
                   int timeout);

#endif
