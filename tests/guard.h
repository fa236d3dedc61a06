/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory that must not be touched: copies of tensors that begin or end beside pages which cannot be read, and calls that say
   so instead of crashing.  */

#ifndef GUARD_H
#define GUARD_H

#include "edge.h"

typedef struct guarded {
  char *region;                 /* NULL: it could not be had */
  size_t bytes;
} guarded;

/* A copy of t, whose elements lie in C order, in which each position (or head: `axis`) has `stride` bytes for itself,
   filled with 0xff first (NaN in every float format, and as the scale of a block).  Those for which `hidden` (NULL: none) is
   true cannot be read.  */
guarded guard_spread(segattn_tensor *t, int axis, size_t stride, const bool *hidden);
/* A copy between two pages that cannot be read, which it touches at its end, or at its beginning.  `t` has its elements in C
   order, one head, one batch.  */
guarded guard_flush(segattn_tensor *t, bool end);
void guard_free(guarded g);

/* run_segments of one segment; false where that touched what it must not.  */
bool guard_run(edge *e, const segattn_segment *s);

#endif
