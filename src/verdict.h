/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verdicts: by bits between our two sides, by the certified bound against the oracle.  References are reported, not judged.  */

#ifndef VERDICT_H
#define VERDICT_H

#include <stdio.h>
#include "result.h"

enum verdict { PASS, FAIL, UNDEFINED };

/* Within the bound: every |d| <= bound and no NaN on one side.  UNDEFINED when the exact side is all zero or constant and the
   comparison says nothing; an element out of its bound is a FAIL all the same.  */
enum verdict verdict_bound(const errors *e);
enum verdict verdict_bits(const errors *e);             /* the same bits */
const char *verdict_name(enum verdict v);               /* "PASS" */

/* The table of one result file, with coloured verdicts; true when none is FAIL.  */
bool verdict_table(FILE *to, const result *results, size_t n);
/* Those of the results that are there (whose label is not NULL); digest NULL: not all are.  */
bool verdict_json(FILE *to, const result *results, size_t n, const char *digest);

/* The object of `judge --json` for one comparison.  */
void verdict_object(FILE *to, const errors *e, const char *arithmetic, const char *const *notes, size_t n_notes);

#endif
