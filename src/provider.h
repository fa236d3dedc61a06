/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One provider process, and the committed pack: what references.c is made of.  */

#ifndef PROVIDER_H
#define PROVIDER_H

#include "references.h"

typedef struct answer {
  enum { ANSWER_NONE, ANSWER_DONE, ANSWER_UNAVAILABLE } state;  /* NONE: no file was written, `reason` says why */
  char *reason;                 /* the caller frees */
} answer;

typedef struct provider_program {
  const char *python, *program;
  int timeout;                  /* seconds for each answer, and for its end after the last */
} provider_program;

/* provider.c: runs `python program`, feeds it the jobs and reads an answer for each. A provider that cannot run, dies, or
   is ended because it hangs is no failure: the answers that it did not give say why. done and total are for the progress
   line. SIGINT and SIGTERM end it, and are then delivered to this process as they would have been. 0 or FILES.  */
int provider_run(answer *answers, const provider_program *p, const reference_job *const *jobs, size_t n, size_t done,
                 size_t total);

/* provider_text.c: a job as a line of JSON (the caller frees; NULL: out of memory), and the answer in a line. False: it
   is none of ours.  */
char *job_line(const reference_job *job);
typedef struct answer_line { char *id, *provider, *status, *reason; } answer_line;
bool answer_parse(answer_line *a, const char *line);
void answer_line_free(answer_line *a);

/* store_pack.c: the answer file `output` from PACK:/DIGEST/PROVIDER, marked source=pack; *found tells whether it was
   there. A pack that is not there has nothing. 0 or FILES.  */
int pack_take(const char *output, const char *pack, const char *digest, const char *provider, bool *found);
/* An answer file without numbers: available = 0 and why.  */
int pack_unavailable(const char *output, const char *digest, const char *provider, const char *reason);

#endif
