/* SPDX-License-Identifier: BSD-2-Clause */
/* What bound.c (which keys a row attends), bound_score.c (lemma 2) and bound_row.c (theorems 1 and 2 of one row) share.  */

#ifndef SGA_BOUND_H
#define SGA_BOUND_H

#include <math.h>

#include "internal.h"
#include "kernel/codes.h"

/* An arithmetic as the bound sees it.  */
typedef struct sga_bound_type {
  double u, tiny, max;          /* unit roundoff, smallest subnormal, largest finite number */
  double exp2;                  /* relative error of the polynomial (lemma 3) */
  int lowest;                   /* P(k) is 0 below 2^lowest */
} sga_bound_type;

/* Codes and scales as the arithmetic has them: whole blocks of SGA_CODES of a row of dim_k; of many rows, all codes, then all
   scales.  Nothing where scores are of numbers.  */
typedef struct sga_bound_codes { int8_t *code; float *scale; } sga_bound_codes;

/* The keys of one batch element and KV head, all segments side by side; those that no row attends are not read.  */
typedef struct sga_bound_keys {
  size_t n;
  double *k, *v;                /* [n][dim_k], [n][dim_v] */
  double *size;                 /* sum |k_i| of each */
  sga_bound_codes codes;
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
  sga_bound_codes codes;        /* of q */
  double *t, *error, *own;      /* t in double; |computed t - exact t|, |t in double - exact t|; then: */
  double *weight, *loss;        /* see weigh() */
  double *y, *size, *spread, *sum, *low, *high;         /* dim_v of each: see values() */
} sga_bound_row;

typedef enum sga_verdict { BOUNDED, UNBOUNDED, UNDEFINED } sga_verdict;

#define UD 0x1p-53              /* unit roundoff of f64, */
#define TINY 0x1p-1074          /* and its smallest subnormal */

/* n roundings: |prod (1 + d_i) - 1| <= gamma (Higham 2002, lemma 3.1).  */
static inline double gamma_of(double n, double u) { return n * u / (1 - n * u); }
/* (1 + a)(1 + b) ... - 1 <= s + s^2 for a + b + ... = s <= 1.7 */
static inline double compound(double s) { return s + s * s; }
static inline double least(double a, double b) { return a < b ? a : b; }        /* b where a is NaN */
static inline double most(double a, double b) { return a > b ? a : b; }
/* A sum of positive terms, rounded: not less than the exact one.  */
static inline double inflate(double x, double operations) { return x * (1 + 2 * (operations + 64) * UD); }
static inline double round_to(const sga_bound_row *r, double x) { return sga_round(r->plan, x); }

/* The sink is one more key, of value 0.  */
static inline bool sga_bound_has_sink(const sga_bound_row *r) {
  return r->plan->problem.sinks && r->plan->problem.sinks[r->head] > -(double)INFINITY;
}

/* t, error, own of every attended key, and of the sink at [n].  UNBOUNDED: the arithmetic may overflow; UNDEFINED: a score
   is NaN or +inf.  */
sga_verdict sga_bound_scores(sga_bound_row *r);

/* Row i of rows of codes.  */
static inline sga_bound_codes sga_bound_codes_at(sga_bound_codes rows, size_t dim, size_t i) {
  size_t blocks = sga_code_blocks(dim);
  return (sga_bound_codes){ rows.code + i * blocks * SGA_CODES, rows.scale + i * blocks };
}
void sga_bound_codes_key(const sga_bound_keys *keys, size_t dim, size_t number, const segattn_tensor *k, const char *from);
void sga_bound_codes_query(sga_bound_row *r, size_t dim, const segattn_tensor *q, const char *from);
/* |computed score - exact score| of a key whose score is value +- own; inf where the arithmetic may overflow.  */
double sga_bound_codes_error(const sga_bound_row *r, size_t key, double value, double own);

/* Theorem 1 for out, dim_v of them, and theorem 2 for lse.  */
void sga_bound_row_evaluate(sga_bound_row *r, double *bound, double *lse_bound);

#endif
