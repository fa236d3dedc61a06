/* SPDX-License-Identifier: GPL-3.0-or-later */
/* References by real PyTorch and ggml: run experiments/providers/, or take what the committed pack holds.  */

#ifndef REFERENCES_H
#define REFERENCES_H

#include "result.h"

typedef struct reference_job {
  char *case_path;              /* the case file that holds the inputs */
  char id[ID_SIZE];
  char inputs_digest[65];
  char provider[NAME_SIZE];     /* "torch-math-f32", "ggml-f16" */
  char *output;                 /* file to be made: ID.PROVIDER.h5 */
} reference_job;

enum { PROVIDER_TIMEOUT = 600 };        /* seconds for one answer, loading the library included */

/* Makes each job's output file.  One process per provider program, fed with JSON lines {"file","case","provider","output"} on
   its standard input; it answers a JSON line a job.  Where the program, python or torch is missing, where an answer takes
   longer than `timeout` seconds, or the kernel does not exist: the committed pack if it has (inputs_digest, provider), marked
   source=pack; otherwise a file with available=0 and the reason.  One note says what was missing.  Ctrl-C ends the child too.
   0 or FILES.  */
int references_make(const reference_job *jobs, size_t n, int timeout);
bool reference_known(const char *provider);     /* is the name one that the providers understand? */
const char *reference_python(void);             /* the interpreter that would be used, for `info` */

#endif
