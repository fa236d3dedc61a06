/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An owned, C-contiguous tensor [batch][head][position][dim], and the views that the library takes.  */

#ifndef ARRAY_H
#define ARRAY_H

#include <segattn.h>

typedef struct array {
  void *data;                   /* owned; NULL when there is none */
  segattn_format format;
  size_t shape[SEGATTN_AXES];
} array;

/* 0, or FILES with a message ("out of memory").  Contents are zero.  */
int array_alloc(array *a, segattn_format format, size_t batch, size_t heads, size_t positions, size_t dim);
void array_free(array *a);              /* leaves it empty; an empty one is allowed */
size_t array_count(const array *a);     /* elements */
size_t array_bytes(const array *a);
segattn_tensor array_view(const array *a);
/* Positions [from, from + n) of every head: a view into the same memory.  */
segattn_tensor array_positions(const array *a, size_t from, size_t n);
/* All elements as f64, C order; the caller frees.  NULL, with a message, when out of memory.  */
double *array_values(const array *a);
/* A new array of the same values in another format, as segattn_encode rounds them.  USAGE where dim is no whole blocks, or
   where blocks would have to hold what is not finite.  */
int array_convert(array *to, segattn_format format, const array *from);
/* Positions [from, from + n) only, saturating or not; `what` names them in messages.  saturated[head], if not NULL, grows by
   the values that were beyond the format.  */
int array_store(array *to, segattn_format format, bool saturate, const array *a, size_t from, size_t n, const char *what,
                uint64_t *saturated);
/* Any view to a new contiguous array of the same format.  */
int array_gather(array *to, const segattn_tensor *view);

#endif
