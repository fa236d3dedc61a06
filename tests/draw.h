/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random attention problems for the property test: what is computed, apart from how it lies in memory.

   A drawn problem holds its numbers as f64 in C order, already rounded to the storage format of their piece; render.h
   turns them into tensors of any layout, cut and padded in any way.  The generator is SplitMix64 (Steele, Lea and Flood
   2014); no expression draws twice, and what is drawn needs no libm, so that a seed is a case on every machine.  */

#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <segattn.h>

typedef struct rng { uint64_t state; } rng;

uint64_t rng_word(rng *r);
size_t rng_below(rng *r, size_t n);                             /* 0 .. n - 1; 0 for n = 0 */
int64_t rng_between(rng *r, int64_t low, int64_t high);         /* both included */
bool rng_chance(rng *r, unsigned percent);
double rng_uniform(rng *r);                                     /* [0, 1) */
double rng_normal(rng *r);                                      /* near normal: four uniforms, variance 1 */

enum { DRAW_BATCH = 3, DRAW_HEADS = 12, DRAW_PIECES = 4, BLOCK = 128 };

typedef struct piece {
  size_t from, to;              /* keys [from, to) */
  segattn_format k, v;
} piece;

typedef struct drawn {
  segattn_problem problem;      /* points to the arrays below */
  double slopes[DRAW_HEADS], sinks[DRAW_HEADS];
  const char *arithmetic;
  size_t batch, queries, keys;

  int64_t q_start[DRAW_BATCH];
  int64_t *q_positions;         /* NULL: q_start + i; otherwise the same for every batch element */
  int64_t k_start[DRAW_BATCH];
  int64_t *k_offset;            /* key j of batch element b is at k_start[b] + k_offset[j]; strictly increasing from 0 */
  bool gaps;                    /* k_offset[j] is not j for some j */

  piece pieces[DRAW_PIECES];    /* runs of keys of one storage */
  size_t n_pieces;
  segattn_format q_format, out_format, lse_format;

  double *q, *k, *v;            /* [batch][heads][position][dim] */
  unsigned char *q_stored, *k_stored, *v_stored;        /* as stored: row by row, dim * sizeof(double) bytes each */
  bool v_in_k;                  /* V is K's elements from v_offset on */
  size_t v_offset;

  double *mask;                 /* [mask_batch][mask_heads][queries][keys], 0 and -inf where mask_format is BOOL; NULL: none */
  segattn_format mask_format;
  size_t mask_batch, mask_heads;
  bool mask_binary;             /* only 0 and -inf */

  const char *scores, *values;  /* names of the input families */
} drawn;

/* every_format: fp8 and blocks too for q, k and v; otherwise f64 f32 f16 bf16.  arithmetic NULL: f32 or f64.  */
void draw(drawn *d, rng *r, bool every_format, const char *arithmetic);
void drawn_free(drawn *d);
void drawn_describe(const drawn *d);            /* as diagnostics */

/* Position of query i and of key j in batch element b.  */
int64_t drawn_query_position(const drawn *d, size_t b, size_t i);
int64_t drawn_key_position(const drawn *d, size_t b, size_t j);
double drawn_mask(const drawn *d, size_t b, size_t h, size_t i, size_t j);      /* 0 without a mask */
/* Does query i of head h see key j?  */
bool drawn_visible(const drawn *d, size_t b, size_t h, size_t i, size_t j);
/* ... any query of any head that reads KV head g?  */
bool drawn_seen(const drawn *d, size_t b, size_t g, size_t j);

/* draw_values.c: q, k and v by the families, rounded to the storage of their pieces.  */
void draw_values(drawn *d, rng *r);
void *allocate(size_t n, size_t size);          /* zeroed; ends the program when there is no memory */

#endif
