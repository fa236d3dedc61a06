/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Problems that are hard for one term of the error bound each, by family; everything in f64 and C order [head][position][dim],
   not yet rounded to its storage.  */

#ifndef TRIAL_H
#define TRIAL_H

#include <segattn.h>
#include "draw.h"

enum { HEADS = 4, KV_HEADS = 2, QUERIES = 3, DIM_V = 8, MAX_KEYS = 1200 };

typedef struct trial {
  segattn_problem problem;
  const char *arithmetic;
  segattn_format storage, v_storage;
  size_t keys, gap;             /* gap: positions left out between segments */
  int64_t q_start;
  double slopes[HEADS], sinks[HEADS];
  double *q, *k, *v, *mask;     /* mask NULL: none */
  bool f64;
  rng r;
} trial;

typedef struct trial_family {
  const char *name;
  size_t dim, keys;
  double q, k, v;               /* standard deviations */
  void (*change)(trial *t);
} trial_family;

extern const trial_family trial_families[];
extern const size_t trial_n_families;
void trial_make(trial *t, const trial_family *f, const char *arithmetic, uint64_t seed);
void trial_free(trial *t);

#endif
