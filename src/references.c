/* SPDX-License-Identifier: GPL-3.0-or-later */
/* References: which provider makes which, and what is done where it cannot.

   A provider's name says whose program makes it: torch-* torch_provider.py, ggml-* ggml_provider.py, both in
   experiments/providers/, where provider_common.py states the protocol. A job that its provider could not do is looked up
   in the pack, by the digest of its inputs; what is not there either becomes a file that says why.  */

#include "references.h"
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "message.h"
#include "place.h"
#include "provider.h"

static const struct provider_kind {
  const char *prefix, *program, *title, *pattern;
} kinds[] = {
  {"torch-", "torch_provider.py", "PyTorch", "^torch-(math|flash)-(f64|f32|f16|bf16)(-repeat)?$"},
  {"ggml-", "ggml_provider.py", "ggml", "^ggml-(f16|f32)$"},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const struct provider_kind *kind_of(const char *provider) {
  for (size_t i = 0; i < KINDS; i++)
    if (strncmp(provider, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
      return &kinds[i];
  return NULL;
}

bool reference_known(const char *provider) {
  const struct provider_kind *kind = kind_of(provider);
  regex_t pattern;
  if (!kind || regcomp(&pattern, kind->pattern, REG_EXTENDED | REG_NOSUB) != 0)
    return false;
  bool known = regexec(&pattern, provider, 0, NULL, 0) == 0;
  regfree(&pattern);
  return known;
}

/* ---- where things are ---- */

const char *reference_python(void) {
  static char *found;           /* looked for once: the program does not move */
  const char *named = getenv("SEGATTN_PYTHON");
  if (named && *named)
    return named;
  if (!found)
    found = place_upwards("venv/bin/python3");
  return found ? found : "python3";
}

static char *provider_file(const char *name) {
  return place_of("SEGATTN_PROVIDERS", "experiments/providers", name);
}

/* ---- what a provider could not do ---- */

/* From the pack, else a file that says why not.  What the provider itself wrote about the missing kernel stays.  */
static int fall_back(const reference_job *job, const answer *given, const char *pack, bool *packed) {
  *packed = false;
  int status = pack_take(job->output, pack, job->inputs_digest, job->provider, packed);
  if (status || *packed || given->state == ANSWER_UNAVAILABLE)
    return status;
  return pack_unavailable(job->output, job->inputs_digest, job->provider,
                          given->reason ? given->reason : "the provider gave no answer");
}

/* An answer counts only if its file is there.  */
static void check_files(const reference_job *const *jobs, answer *answers, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (answers[i].state == ANSWER_NONE || access(jobs[i]->output, R_OK) == 0)
      continue;
    answers[i].state = ANSWER_NONE;
    free(answers[i].reason);
    answers[i].reason = strdup("it wrote no file");
  }
}

static int fall_back_all(const struct provider_kind *kind, const reference_job *const *jobs, const answer *answers,
                         size_t n) {
  char *pack = provider_file("../data/references.h5");
  size_t failed = 0, packed = 0, missing = 0;
  const char *reason = NULL;
  int status = pack ? DONE : fail(FILES, "out of memory");
  for (size_t i = 0; i < n && !status; i++) {
    if (answers[i].state == ANSWER_DONE)
      continue;
    bool from_pack;
    status = fall_back(jobs[i], &answers[i], pack, &from_pack);
    failed += answers[i].state == ANSWER_NONE;
    packed += from_pack;
    missing += !from_pack;
    if (answers[i].state == ANSWER_NONE && !reason)
      reason = answers[i].reason;
  }
  if (!status && failed)
    note("%s could not run (%s): of %zu references %zu are taken from the committed pack, %zu are left out", kind->title,
         reason ? reason : "no answer", n, packed, missing);
  free(pack);
  return status;
}

/* ---- all jobs ---- */

static int make_kind(const struct provider_kind *kind, const reference_job *jobs, size_t n, int timeout, size_t *done,
                     size_t total) {
  const reference_job **mine = calloc(n, sizeof *mine);
  answer *answers = calloc(n, sizeof *answers);
  char *program = provider_file(kind->program);
  size_t count = 0;
  int status = mine && answers && program ? DONE : fail(FILES, "out of memory");
  for (size_t i = 0; i < n && !status; i++)
    if (kind_of(jobs[i].provider) == kind)
      mine[count++] = &jobs[i];
  if (!status && count)
    status = provider_run(answers, &(provider_program) { reference_python(), program, timeout }, mine, count, *done, total);
  if (!status && count)
    check_files(mine, answers, count);
  if (!status && count)
    status = fall_back_all(kind, mine, answers, count);
  *done += count;
  for (size_t i = 0; answers && i < count; i++)
    free(answers[i].reason);
  free(mine);
  free(answers);
  free(program);
  return status;
}

int references_make(const reference_job *jobs, size_t n, int timeout) {
  for (size_t i = 0; i < n; i++)
    if (!reference_known(jobs[i].provider))
      return fail(USAGE, "reference: unknown provider \"%s\", expected torch-{math,flash}-{f64,f32,f16,bf16}[-repeat] or "
                  "ggml-{f16,f32}", jobs[i].provider);
  int status = DONE;
  size_t done = 0;
  for (size_t k = 0; k < KINDS && n && !status; k++)
    status = make_kind(&kinds[k], jobs, n, timeout, &done, n);
  progress_end();
  return status;
}
