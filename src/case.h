/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One case: prepare, run, measure.  */

#ifndef CASE_H
#define CASE_H

#include "result.h"

typedef struct case_options {
  int threads;                  /* 0: the machine's */
  const char *isa;              /* NULL: the best */
} case_options;

/* Inputs, both sides, oracles, bound, the pairs that need no reference, digests.  0, USAGE or FILES.  The oracles of one case
   are kept for the next when both see the same values.  */
int case_compute(result *r, const case_spec *c, uint64_t seed, const case_options *options);
/* Adds the pairs of a reference that has just been added.  */
int case_measure_reference(result *r, const reference *ref);
/* Are these the settings of the case, under this seed and this version: does the result answer the case?  */
bool case_answers(const result *r, const case_spec *c, uint64_t seed);
void case_forget(void);         /* frees the oracles that were kept */

#endif
