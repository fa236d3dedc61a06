/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call that the command line describes: tensors in files, PROBLEM and PLAN options.  Shared by attend and judge.  */

#ifndef CALL_H
#define CALL_H

#include <argp.h>
#include "experiment.h"
#include "work.h"

enum { TENSOR_Q, TENSOR_K, TENSOR_V, TENSOR_MASK, TENSOR_SINKS, TENSOR_OUT, TENSORS };

typedef struct call {
  const char *name[TENSORS];    /* as tensor_file.h has them; NULL: not given */
  char axes[TENSORS][8];        /* "" when not given */
  segattn_format store[TENSORS];        /* SEGATTN_FORMATS when not given */
  array tensor[TENSORS];
  uint64_t *saturated[TENSOR_V + 1];    /* of each head of q, k, v: numbers that were beyond the format that --store names */
  bool saturate;
  double scale, softcap;
  bool causal, alibi, q_start_given;
  int64_t q_start;
  bool carried;                 /* the keys continue a state: how many came before is not known yet, so q_start must be given */
  size_t window;
  const char *segments;         /* as given, or NULL */
  const char *arithmetic, *isa;
  int threads;

  segment_spec *spec;           /* resolved */
  size_t n_segments;
  typed_segment *typed;
  work w;
} call;

extern const struct argp call_argp;     /* a child parser; its input is the call */
void call_init(call *c);
/* Reads the tensors, checks that they agree, makes the plan and the segments.  0, USAGE or FILES.  */
int call_read(call *c);
/* Key 0 of the call is at position `start`; the queries, where --q-start was not given, still end with its keys.  */
void call_keys_from(call *c, int64_t start);
void call_free(call *c);
/* Adds to each query head's saturations those of its q and of the k and v that it reads.  */
void call_saturations(const call *c, segattn_events *events);
/* "256,each:64", "256:f16,256:k=bf16/v=f16" for so many keys.  *specs is the caller's to free.  */
int segments_parse(segment_spec **specs, size_t *n, const char *text, size_t keys, segattn_format k, segattn_format v);
bool parse_size(size_t *n, const char *text);

#endif
