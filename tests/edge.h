/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small problem in plain arrays for the tests of what happens at the edges (tests/SEMANTICS): fresh(), change what is of
   interest, run(), claim().

   A row of that table is a function of the test.  rows_run() calls it in every setting: each arithmetic and instruction set
   of the machine; each storage format of q, of k and of v; few query rows to a KV head and many, which the library lays
   across lanes; dimensions that are whole vectors and ragged ones.  What it claims becomes one line of TAP an arithmetic, "row
   5: ...", with the number of settings; the settings in which a claim does not hold are named below it.  */

#ifndef EDGE_H
#define EDGE_H

#include <math.h>
#include <string.h>
#include <segattn.h>
#include "tap.h"

enum {
  EDGE_MANY = 34,               /* rows at least: more than one set of lanes, and the last set not full */
  EDGE_DIM = 32,                /* one block of a block format */
  EDGE_INPUTS = 20480, EDGE_OUTPUTS = 10240
};

typedef struct answer {
  double out[EDGE_OUTPUTS], lse[EDGE_OUTPUTS], bound[EDGE_OUTPUTS], lse_bound[EDGE_OUTPUTS];
  double M[EDGE_OUTPUTS], S[EDGE_OUTPUTS], O[EDGE_OUTPUTS];
  segattn_events heads[EDGE_MANY], events;      /* of each query head; of all together */
} answer;

typedef struct edge {
  const char *arithmetic, *isa;
  segattn_format q_format, k_format, v_format;
  bool many, ragged;

  segattn_problem problem;
  size_t queries, keys;
  int64_t q_start, k_start;
  bool masked;
  segattn_format mask_format;
  double q[EDGE_INPUTS], k[EDGE_INPUTS], v[EDGE_INPUTS], mask[EDGE_INPUTS];     /* [head][position][dim], [query][key] */

  segattn_queries as_queries;   /* what prepare() made of it: what the library takes, */
  segattn_segment as_segment;
  unsigned char bytes[4][EDGE_INPUTS * sizeof(double)];
  double stored_q[EDGE_INPUTS], stored_k[EDGE_INPUTS], stored_v[EDGE_INPUTS];   /* and the values of that */
  answer got;
} edge;

/* n queries, of which the row tells apart i % n: where rows are to be many, the smallest multiple of n that is.  No mask, one
   head, positions from 0, and numbers that every format has or rounds: see edge.c.  */
void fresh(edge *e, size_t n, size_t keys);
void set_dims(edge *e, size_t dim_k, size_t dim_v);     /* whole blocks where the formats need them: rounded up */
void set_mask(edge *e, segattn_format format);          /* of zeros; change e->mask */

void prepare(edge *e);
segattn_segment cut(const edge *e, size_t from, size_t to);             /* keys [from, to) of as_segment */
segattn_plan *edge_plan(const edge *e);
/* attend, and a state that must give the same bits, into `got`; false, with the reason, when a call failed.  */
bool run_segments(edge *e, const segattn_segment *segments, size_t n);
bool run(edge *e);              /* prepare, and one segment */
bool bounded(edge *e);          /* the bounds of as_segment into `got` */
bool run_bounded(edge *e);

typedef void test_row(edge *e, answer *other);
void rows_run(test_row *const *rows, size_t n);
/* In each arithmetic and instruction set only: all of f32, few rows, whole dimensions.  */
void kernels_run(test_row *const *rows, size_t n);
/* `text` is a literal, the same for all settings.  */
void claim(const edge *e, bool holds, const char *text);
int edge_done(void);            /* the plan; main's exit status */

/* ---- looking at results ---- */

static inline size_t all_rows(const edge *e) { return e->problem.q_heads * e->queries; }
static inline size_t all_outputs(const edge *e) { return all_rows(e) * e->problem.dim_v; }

/* The output of row i (head i / queries), element c.  */
static inline double out_at(const edge *e, const answer *a, size_t i, size_t c) { return a->out[i * e->problem.dim_v + c]; }

void keep(answer *to, const edge *e);  /* a copy of what was computed, so that one thing can be changed */
bool same_bits(const double *a, const double *b, size_t n);
bool all_are(const double *x, size_t n, double value);  /* the same, a zero's sign included; any NaN is NaN */
bool same_answer(const edge *e, const answer *other);   /* out and lse */
bool same_row(const edge *e, const answer *other, size_t i);    /* ... of a row */
bool same_state(const edge *e, const answer *other, size_t i);  /* M, S and O of a row */
bool empty_row(const edge *e, size_t i);                /* out 0, lse -inf, and M -inf, S and O 0 */
bool poisoned_row(const edge *e, size_t i);             /* all of out and lse NaN */
/* |out - other| <= the sum of their bounds: both may be of one exact value.  */
bool agree(const edge *e, const answer *other);
/* |out[i][c] - exact| <= bound */
bool within(const edge *e, size_t i, size_t c, double exact);

double edge_ulp(const edge *e, double x);               /* the unit in the last place of the arithmetic at x */
double edge_round(const edge *e, double x);             /* a stored number as the arithmetic has it */
double edge_unit(const edge *e);                        /* the unit roundoff u */
double edge_gamma(const edge *e, size_t n);             /* n u / (1 - n u) */
double edge_score(const edge *e, size_t i, size_t j);   /* q.k of query i and key j as stored, in i8 as quantised, in f64 */
bool format_holds(segattn_format format, double x);
bool is_power(double x);                                /* 0, or a power of two with either sign */

#endif
