/* SPDX-License-Identifier: BSD-2-Clause */
/* The state's memory, shared by state.c (absorb, merge), finalise.c (root, outputs), save.c, load.c and exchange.c.  Rows lie
   as tiles take them: by KV head, then query, then head of the group.  */

#ifndef SGA_STATE_H
#define SGA_STATE_H

#include "internal.h"

typedef struct sga_sequence {   /* a batch element */
  sga_tree tree;
  char *slab[SGA_SLABS];
  sga_slabs slabs;
  void *m;
} sga_sequence;

struct segattn_state {
  const segattn_plan *plan;
  size_t batch, queries, rows;  /* rows of a batch element */
  sga_sequence *sequences;
  segattn_events *events, *finished;    /* of all query heads: of keys; of rows and outputs, when they were last evaluated */
  char *scratch;                /* one of scratch_bytes for each thread */
  size_t scratch_bytes;
  char **finish;                /* root evaluation, a thread each: slabs of SGA_TILE rows, finish_slabs of them */
  int finish_slabs;
  sga_merge merge;
};

/* Memory for slabs 0 .. n_slabs - 1 of a sequence, and for evaluating a root of as many.  What was had before failure
   stays.  */
bool sga_state_reserve(segattn_state *s, sga_sequence *q, int n_slabs);
segattn_queries sga_state_shape(const segattn_state *s);        /* queries without data, to number tiles */
/* Tile number i of the state, to work in the scratch of `thread`.  `tree` becomes a copy of the sequence's.  No events yet.  */
void sga_state_tile(segattn_state *s, const segattn_queries *queries, size_t i, int thread, sga_tile *t, sga_tree *tree,
                    sga_scratch *scratch);

segattn_status sga_base_check(segattn_base base, segattn_error *error);

#endif
