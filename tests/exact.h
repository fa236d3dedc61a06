/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is the answer right?  A drawn problem against its exact evaluation, judged by segattn_bound.  */

#ifndef EXACT_H
#define EXACT_H

#include "draw.h"

typedef struct exact_counts {
  size_t problems, elements, rows;      /* judged by a finite bound */
  size_t undefined;             /* elements and rows that are NaN by definition, and were */
  size_t unbounded;             /* no finite bound: overflow, or infinite values */
  double worst, worst_lse;      /* error / bound */
} exact_counts;

/* One evaluation with outputs in f64; false, with diagnostics, when something is outside its bound.  */
bool exact_check(const drawn *d, rng *r, exact_counts *counts);

#endif
