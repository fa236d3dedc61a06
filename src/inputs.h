/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inputs of a case: seeded families and imported captures, rounded to the storage formats.  */

#ifndef INPUTS_H
#define INPUTS_H

#include "array.h"
#include "experiment.h"

typedef struct family {
  const char *name;
  const char *title;                    /* one line for --help and captions */
  const char *parameter[4];             /* names; NULL past the last */
  double initial[4];                    /* defaults */
} family;
const family *family_find(const char *name);    /* NULL: none */
const family *family_at(size_t i);              /* NULL past the end */

typedef struct typed_segment { array k, v; } typed_segment;

typedef struct inputs {
  array q, k, v;                /* storage formats; where segments are mixed k and v in f32 (f64 if a segment holds more):
                                   each value is one of its segment's format */
  typed_segment *typed;         /* mixed: the segments as they are stored; NULL for inputs that were read from a file */
  size_t n_typed;
  array mask;                   /* data NULL: none.  May be padded: [1][1][>= queries][>= keys] */
  int64_t q_start;              /* resolved */
  uint64_t *saturated;          /* of each query head: numbers of its q and of the k and v that it reads that were beyond the
                                   format they are stored in; NULL for inputs that were read from a file */
} inputs;

/* import: sets batch, heads, dims, queries, keys, q_start of the case from the file (and refuses what the YAML said
   otherwise).  0, USAGE or FILES.  Called by config.c, before segments are checked.  */
int inputs_shape(case_spec *c);
int inputs_make(inputs *in, const case_spec *c, uint64_t seed);
void inputs_free(inputs *in);

/* The MT19937 stream of a case: 32 bits from SHA-256 of (seed, what determines the inputs).  The family first-report
   takes the seed itself.  config.c refuses an experiment in which two different inputs would get one stream.  */
uint32_t inputs_stream(const case_spec *c, uint64_t seed);

/* Queries and segments of the case as the library takes them; `segments` has room for c->n_segments (1 when whole).
   For mixed segments the views are of `typed` instead.  */
segattn_queries inputs_queries(const inputs *in);
segattn_segment inputs_segment(const inputs *in, const case_spec *c, size_t from, size_t keys, const typed_segment *typed);

#endif
