/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The seeded families of inputs: a table of names, parameters and functions that draw.  */

#ifndef FAMILIES_H
#define FAMILIES_H

#include "inputs.h"
#include "random.h"

/* What a family fills: C order [batch][head][position][dim], to be rounded to the storage formats once.  */
typedef struct draw {
  random_stream *stream;
  const double *parameter;
  size_t batch, q_heads, kv_heads, queries, keys, dim_k, dim_v;
  double *q, *k, *v;
} draw;

/* False for a family that does not draw (import).  */
bool family_draw(const char *name, const draw *d);

#endif
