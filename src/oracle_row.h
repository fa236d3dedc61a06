/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One row of the oracle: a query against the keys of one KV head.  */

#ifndef ORACLE_ROW_H
#define ORACLE_ROW_H

#include <stdbool.h>
#include "oracle.h"

/* A KV head of one batch element.  */
typedef struct kv_head {
  const oracle_problem *p;
  size_t keys, dim_k, dim_v;
  double *k, *v, *k_sum;        /* decoded; sum |k_j| per key */
  bool exact_scores, exact_values;      /* products of at most 53 bits; values of at most 24 */
} kv_head;

typedef struct row {
  const double *q;
  const double *mask;           /* additive, or NULL */
  int64_t position;
  double slope, sink;           /* sink -inf: none */
  double q_max;
  double *out, *lse, *error;
} row;

/* Writes out, lse and error of the row; FILES when out of memory, without a message.  */
int oracle_row(const row *r, const kv_head *h);

#endif
