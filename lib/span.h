/* SPDX-License-Identifier: BSD-2-Clause */
/* A span: keys of one block, and which rows of a tile attend which of them.  */

#ifndef SGA_SPAN_H
#define SGA_SPAN_H

#include "internal.h"

/* Keys [from, from + keys) of a segment, all in one block.  */
typedef struct sga_span {
  const segattn_segment *segment, *following;
  size_t from;
  int keys;
  bool whole;                   /* every row attends every key: no mask, and position leaves them all */
  sga_keys live[SGA_TILE], any;
} sga_span;

static inline bool sga_in(const sga_keys *set, int j) { return set->word[j >> 6] >> (j & 63) & 1; }
sga_keys sga_keys_from(int first, int last);            /* [first, last) */
/* Sets the rows' keys, by position and mask, and narrows the span to those that some row can reach; false when no row attends
   any.  */
bool sga_span_attended(const sga_tile *t, sga_span *s);
/* Counts the span's values that are not finite, for each row that attends them: where a kernel found the tally odd.  */
void sga_events_values(const sga_tile *t, const sga_span *s);

#endif
