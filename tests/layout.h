/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory layouts for tests: from numbers in C order to a tensor view in any layout, and back.  */

#ifndef LAYOUT_H
#define LAYOUT_H

#include "draw.h"

typedef struct layout {
  char axes[5];                 /* slowest first, "bhpd" */
  bool backwards[SEGATTN_AXES]; /* negative stride */
  size_t spare[SEGATTN_AXES];   /* room after each axis, in units of the axis */
  bool fold;                    /* stride 0 where the numbers are the same along an axis */
} layout;

extern const layout plain_layout;
void layout_draw(layout *l, rng *r);
const char *layout_axes(size_t i);              /* number i of the 24 orders */

/* Blocks that are freed together.  */
typedef struct memory {
  void **blocks;
  size_t n, room;
} memory;
void *memory_get(memory *m, size_t bytes);      /* zeroed */
void memory_free(memory *m);                    /* and m itself */

typedef struct laid { unsigned char *block; size_t bytes; } laid;       /* the memory under a tensor */

/* A tensor with the elements of `dense` (their stored bytes, C order), or blank for an output when that is NULL.  */
segattn_tensor layout_make(memory *m, const layout *l, segattn_format format, const size_t shape[SEGATTN_AXES],
                           const unsigned char *dense, laid *where);
void layout_copy(const segattn_tensor *t, unsigned char *dense, bool to_tensor);
/* Blanks the elements and tells whether everything else was still blank.  */
bool layout_untouched(const segattn_tensor *t, const laid *where);

#endif
