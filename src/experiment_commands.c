/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn run, reference, report, info: the options of each.  */

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "about.h"
#include "argument.h"
#include "commands.h"
#include "json.h"
#include "message.h"
#include "references.h"
#include "report.h"
#include "run.h"
#include "storage.h"
#include "work.h"

/* ---- run ---- */

typedef struct run_arguments {
  const char *yaml;
  run_options o;
} run_arguments;

enum { OPT_ONLY = 256, OPT_DRY, OPT_NO_REFERENCES, OPT_FRESH, OPT_THREADS, OPT_ISA, OPT_PROVIDER, OPT_FORMATS, OPT_TIMEOUT };

static int timeout_of(const char *text, struct argp_state *state) {
  return argument_whole(text, "--provider-timeout", 1, 1000000, state);
}

static error_t run_parse(int key, char *text, struct argp_state *state) {
  run_arguments *a = state->input;
  switch (key) {
  case 'o': a->o.output = text; break;
  case OPT_ONLY: a->o.only = text; break;
  case OPT_DRY: a->o.dry = true; break;
  case OPT_NO_REFERENCES: a->o.references = false; break;
  case OPT_FRESH: a->o.fresh = true; break;
  case 'j': a->o.json = true; break;
  case OPT_ISA: a->o.how.isa = text; break;
  case OPT_THREADS: a->o.how.threads = argument_whole(text, "--threads", 0, 4096, state); break;
  case OPT_TIMEOUT: a->o.provider_timeout = timeout_of(text, state); break;
  default: return argument_one(&a->yaml, key, text, state, "which experiment? FILE.yaml is missing");
  }
  return 0;
}

int command_run(int argc, char **argv) {
  static const struct argp_option options[] = {
    { "output", 'o', "NAME.h5", 0, "the result file (default: the experiment's name, in the current folder)", 0 },
    { "only", OPT_ONLY, "PATTERN", 0, "only cases whose label or id matches, as file names do", 0 },
    { "dry-run", OPT_DRY, NULL, 0, "list the cases and stop", 0 },
    { "no-references", OPT_NO_REFERENCES, NULL, 0, "do not run PyTorch or ggml", 0 },
    { "fresh", OPT_FRESH, NULL, 0, "compute every case anew, also those that are there", 0 },
    { "provider-timeout", OPT_TIMEOUT, "SECONDS", 0, "how long PyTorch or ggml may take for one answer (default: 600)", 0 },
    { "threads", OPT_THREADS, "N", 0, "default: OMP_NUM_THREADS or the machine's", 0 },
    { "isa", OPT_ISA, "NAME", 0, "portable, avx2, avx512, neon", 0 },
    { "json", 'j', NULL, 0, "one JSON object on standard output", 0 },
    { 0 }
  };
  const struct argp argp = { options, run_parse, "FILE.yaml", "Run an experiment, or go on where it was interrupted.  Each "
                             "finished case is kept at once; the result file appears when all are there.", NULL, NULL, NULL };
  run_arguments a = { .o = { .references = true, .provider_timeout = PROVIDER_TIMEOUT } };
  argp_err_exit_status = USAGE;
  if (argp_parse(&argp, argc, argv, 0, NULL, &a))
    return USAGE;
  return run_experiment(a.yaml, &a.o);
}

/* ---- reference ---- */

typedef struct reference_arguments {
  const char *file, *provider[64];
  reference_options o;
} reference_arguments;

static error_t reference_parse(int key, char *text, struct argp_state *state) {
  reference_arguments *a = state->input;
  switch (key) {
  case OPT_PROVIDER:
    if (!reference_known(text))
      argp_error(state, "--provider: '%s' is none; names are as torch-math-f64, torch-flash-bf16, ggml-f16", text);
    else if (a->o.n_providers < sizeof a->provider / sizeof *a->provider)
      a->provider[a->o.n_providers++] = text;
    break;
  case OPT_TIMEOUT: a->o.provider_timeout = timeout_of(text, state); break;
  case 'j': a->o.json = true; break;
  default: return argument_one(&a->file, key, text, state, "which result file? NAME.h5 is missing");
  }
  return 0;
}

int command_reference(int argc, char **argv) {
  static const struct argp_option options[] = {
    { "provider", OPT_PROVIDER, "NAME", 0, "torch-{math,flash}-{f64,f32,f16,bf16}[-repeat], ggml-{f32,f16}; may be given "
      "several times (default: what the experiment asks for)", 0 },
    { "provider-timeout", OPT_TIMEOUT, "SECONDS", 0, "how long PyTorch or ggml may take for one answer (default: 600)", 0 },
    { "json", 'j', NULL, 0, "one JSON object on standard output", 0 },
    { 0 }
  };
  const struct argp argp = { options, reference_parse, "NAME.h5", "Fill in the references that a result file has not got yet.",
                             NULL, NULL, NULL };
  reference_arguments a = { .o = { .provider_timeout = PROVIDER_TIMEOUT } };
  argp_err_exit_status = USAGE;
  if (argp_parse(&argp, argc, argv, 0, NULL, &a))
    return USAGE;
  a.o.providers = a.provider;
  return run_references(a.file, &a.o);
}

/* ---- report ---- */

typedef struct report_arguments {
  const char *file, *folder, *formats, *only;
} report_arguments;

static error_t report_parse(int key, char *text, struct argp_state *state) {
  report_arguments *a = state->input;
  switch (key) {
  case 'o': a->folder = text; break;
  case OPT_FORMATS: a->formats = text; break;
  case OPT_ONLY: a->only = text; break;
  default: return argument_one(&a->file, key, text, state, "which result file? NAME.h5 is missing");
  }
  return 0;
}

/* NAME.h5 -> NAME-report */
static char *default_folder(const char *file) {
  char *folder = NULL;
  size_t n = strlen(file);
  if (n > 3 && !strcmp(file + n - 3, ".h5"))
    n -= 3;
  return asprintf(&folder, "%.*s-report", (int)n, file) < 0 ? NULL : folder;
}

int command_report(int argc, char **argv) {
  static const struct argp_option options[] = {
    { "output", 'o', "DIR", 0, "the folder of the figures (default: NAME-report)", 0 },
    { "formats", OPT_FORMATS, "LIST", 0, "of pdf, svg, png, tex (default: pdf,svg,png)", 0 },
    { "only", OPT_ONLY, "LIST", 0, "of " FIGURE_LIST " (default: what the experiment lists)", 0 },
    { 0 }
  };
  const struct argp argp = { options, report_parse, "NAME.h5", "Figures of the error by head, by element, of its "
                             "distribution, and of mixed caches, with a table and a caption beside each.", NULL, NULL, NULL };
  report_arguments a = { .formats = "pdf,svg,png" };
  argp_err_exit_status = USAGE;
  if (argp_parse(&argp, argc, argv, 0, NULL, &a))
    return USAGE;
  char *folder = a.folder ? strdup(a.folder) : default_folder(a.file);
  if (!folder)
    return fail(FILES, "out of memory");
  int status = report_write(a.file, folder, a.formats, a.only);
  if (!status)
    printf("%s\n", folder);
  free(folder);
  return status;
}

/* ---- info ---- */

static error_t info_parse(int key, char *text, struct argp_state *state) {
  if (key == 'j')
    *(bool *)state->input = true;
  else if (key == ARGP_KEY_ARG)
    argp_error(state, "'%s' is more than expected", text);
  else
    return ARGP_ERR_UNKNOWN;
  return 0;
}

static void list(const char *(*name)(int), bool json) {
  if (json)
    putchar('[');
  for (int i = 0; name(i); i++)
    printf(json ? "%s\"%s\"" : "%s%s", i ? json ? "," : " " : "", name(i));
  if (json)
    putchar(']');
}

int command_info(int argc, char **argv) {
  static const struct argp_option options[] = { { "json", 'j', NULL, 0, "one JSON object on standard output", 0 }, { 0 } };
  const struct argp argp = { options, info_parse, NULL, "What this build and this machine are.", NULL, NULL, NULL };
  bool json = false;
  argp_err_exit_status = USAGE;
  if (argp_parse(&argp, argc, argv, 0, NULL, &json))
    return USAGE;
  segattn_plan *plan;
  segattn_problem p;
  segattn_error error;
  segattn_problem_init(&p);
  p.dim_k = p.dim_v = 1;
  if (segattn_plan_alloc(&plan, &p, NULL, &error))
    return work_fail(&error);
  size_t n;
  attribute *a = about(&n, segattn_plan_isa(plan), segattn_plan_threads(plan));
  segattn_plan_free(plan);
  if (!a)
    return FILES;
  for (size_t i = 0; i < n; i++) {
    if (json) {
      putchar(i ? ',' : '{');
      json_text(stdout, a[i].name);
      putchar(':');
      json_text(stdout, a[i].value);
    } else
      printf("%-16s %s\n", a[i].name, a[i].value);
    free(a[i].value);
  }
  free(a);
  fputs(json ? ",\"isas\":" : "isas             ", stdout);
  list(segattn_isa_name, json);
  fputs(json ? ",\"arithmetics\":" : "\narithmetics      ", stdout);
  list(segattn_arithmetic_name, json);
  fputs(json ? ",\"storage\":" : "\nstorage          ", stdout);
  list(storage_name, json);
  fputs(json ? ",\"python\":" : "\npython           ", stdout);
  if (json)
    json_text(stdout, reference_python());
  else
    fputs(reference_python(), stdout);
  puts(json ? "}" : "");
  return DONE;
}
