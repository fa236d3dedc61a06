/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a case gives: everything that a result file holds of it.  run.c fills it in; store*.c writes and reads it.  */

#ifndef RESULT_H
#define RESULT_H

#include "experiment.h"
#include "inputs.h"
#include "measure.h"

typedef struct side {
  array out, lse;               /* f32 or f64, the arithmetic's */
  array M, S;                   /* f64, natural base */
} side;

typedef struct attribute { char name[NAME_SIZE]; char *value; } attribute;

typedef struct reference {
  char provider[NAME_SIZE];     /* "torch-math-f32" */
  bool available;               /* false: no kernel, or the provider could not run; `reason` says why */
  char *reason;
  array out, lse;               /* format as the provider gave it; lse.data may be NULL */
  attribute *attributes;        /* provider, version, backend, dtype, threads, cpu_capability, ... */
  size_t n_attributes;
} reference;

typedef struct result {
  char id[ID_SIZE];
  char *label;
  attribute *settings;          /* the resolved settings */
  size_t n_settings;
  inputs in;
  side standard, segmented;
  array oracle_out, oracle_lse, oracle_error;   /* f64 */
  array unquantised;            /* f64: the oracle on the inputs before storage rounded them; data NULL: it rounded none */
  array bound;                  /* f64, of the segmented output in the format that it is stored in */
  segattn_events *events;       /* of the segmented side, each query head; NULL: a file of a version that had no heads */
  size_t n_events;
  reference *references;
  size_t n_references;
  errors *errors;               /* pairs: standard-segmented, standard-oracle, segmented-oracle, oracle-unquantised,
                                   segmented-unquantised, segmented-PROVIDER, PROVIDER-oracle */
  size_t n_errors;
  char inputs_digest[65];       /* SHA-256 of what a provider sees: problem, q, k, v, mask: the key of the reference pack */
  char digest[65];              /* SHA-256 of the outputs of both sides: out, lse, M, S, little-endian bytes */
} result;

void result_free(result *r);
void result_drop_tensors(result *r);     /* errors, settings and digests stay: all that verdicts and figures need */
void reference_free(reference *ref);     /* its parts, not itself */
const errors *result_errors(const result *r, const char *pair);         /* NULL: none */
const reference *result_reference(const result *r, const char *provider);

/* The root attributes of a result file.  */
typedef struct file_header {
  char *experiment, *config, *digest, *started, *finished;
  uint64_t seed;
  attribute *attributes;        /* segattn_version, generator, cpu, isa, threads, compiler, cflags, libraries, git */
  size_t n_attributes;
} file_header;
void file_header_free(file_header *h);

#endif
