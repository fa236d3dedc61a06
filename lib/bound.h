/* SPDX-License-Identifier: BSD-2-Clause */
/* What bound.c (which keys a row attends) and bound_row.c (the mathematics of one row) share.  */

#ifndef SGA_BOUND_H
#define SGA_BOUND_H

#include "internal.h"

/* An arithmetic as the bound sees it.  */
typedef struct sga_bound_type {
  double u, tiny, max;          /* unit roundoff, smallest subnormal, largest finite number */
  double exp2;                  /* relative error of the polynomial (lemma 3) */
  int lowest;                   /* P(k) is 0 below 2^lowest */
} sga_bound_type;

/* The keys of one batch element and KV head, all segments side by side; those that no row attends are not read.  */
typedef struct sga_bound_keys {
  size_t n;
  double *k, *v;                /* [n][dim_k], [n][dim_v] */
  double *size;                 /* sum |k_i| of each */
  int64_t *position;
} sga_bound_keys;

/* One row, and a thread's scratch for it.  The arrays of keys have room for all keys and one sink.  */
typedef struct sga_bound_row {
  const segattn_plan *plan;
  const sga_bound_type *type;
  const sga_bound_keys *keys;
  bool narrow_q, narrow_k, narrow_v;    /* decoding rounds: stored wider than the arithmetic */
  size_t head;
  int64_t position;
  size_t n;                     /* keys that the row attends: */
  double *key, *mask;           /* which, and their additive mask */
  double *q;                    /* dim_k */
  double *t, *error, *own;      /* t in double; |computed t - exact t|, |t in double - exact t|; then: */
  double *weight, *loss;        /* see weigh() */
  double *y, *size, *spread, *sum, *low, *high;         /* dim_v of each: see values() */
} sga_bound_row;

/* Theorem 1 for out, dim_v of them, and theorem 2 for lse.  */
void sga_bound_row_evaluate(sga_bound_row *r, double *bound, double *lse_bound);

#endif
