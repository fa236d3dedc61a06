/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attention in double-double arithmetic, straight from its definition and independent of lib/ (only tensor views are
   shared): the side that says who is wrong.  */

#ifndef ORACLE_H
#define ORACLE_H

#include "array.h"

typedef struct oracle_problem {
  double scale, softcap;        /* scale resolved */
  bool causal;
  size_t window;
  const double *slopes, *sinks; /* per query head, or NULL */
  int64_t q_start, k_start;
} oracle_problem;

/* out [b][h][q][dv] and lse [b][h][q][1] f64, allocated here, rounded once from double-double; error_out likewise, each
   element's own bound on |out - exact| (rounding to f64 included).  mask->data NULL: none; it may be larger than queries x
   keys.  q, k, v of any format.  0 or FILES.  Threads: OpenMP over rows, the same bits for any number.  */
int oracle_attend(array *out, array *lse, array *error_out, const oracle_problem *p, const array *q, const array *k,
                  const array *v, const array *mask);

#endif
