/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Owned tensors [batch][head][position][dim], C order.  Every size is a checked product.  */

#include "array.h"

#include <stdlib.h>
#include <string.h>
#include "message.h"
#include "storage.h"

static int no_memory(void) {
  return fail(FILES, "out of memory");
}

/* Elements of `shape`, SIZE_MAX if their bytes do not fit.  8 bytes is the widest element.  */
static size_t count_checked(const size_t shape[SEGATTN_AXES]) {
  size_t n = 1;
  for (int axis = 0; axis < SEGATTN_AXES; axis++)
    if (__builtin_mul_overflow(n, shape[axis], &n))
      return SIZE_MAX;
  return n > PTRDIFF_MAX / 8 ? SIZE_MAX : n;
}

int array_alloc(array *a, segattn_format format, size_t batch, size_t heads, size_t positions, size_t dim) {
  *a = (array){.format = format, .shape = {batch, heads, positions, dim}};
  size_t n = count_checked(a->shape);
  if (n != SIZE_MAX)
    a->data = calloc(segattn_format_bytes(format, n) + 1, 1);   /* + 1: an array without elements is not "none" */
  return a->data != NULL ? DONE : no_memory();
}

void array_free(array *a) {
  free(a->data);
  *a = (array){0};
}

size_t array_count(const array *a) {
  return a->shape[SEGATTN_BATCH] * a->shape[SEGATTN_HEAD] * a->shape[SEGATTN_POS] * a->shape[SEGATTN_DIM];
}

size_t array_bytes(const array *a) {
  return segattn_format_bytes(a->format, array_count(a));
}

segattn_tensor array_view(const array *a) {
  return segattn_tensor_of(a->data, a->format, a->shape[SEGATTN_BATCH], a->shape[SEGATTN_HEAD], a->shape[SEGATTN_POS],
                           a->shape[SEGATTN_DIM]);
}

segattn_tensor array_positions(const array *a, size_t from, size_t n) {
  segattn_tensor view = array_view(a);
  view.shape[SEGATTN_POS] = n;
  if (n > 0)
    view.data = (char *)view.data + (ptrdiff_t)from * view.stride[SEGATTN_POS];
  return view;
}

double *array_values(const array *a) {
  size_t n = array_count(a);
  double *values = calloc(n + 1, sizeof *values);
  if (values == NULL)
    no_memory();
  else
    segattn_decode(a->format, a->data, values, n);
  return values;
}

int array_convert(array *to, segattn_format format, const array *from) {
  return array_store(to, format, false, from, 0, from->shape[SEGATTN_POS], "a tensor", NULL);
}

/* The `dim` elements of one position; `bytes` of one, or of a block.  */
static void gather_row(char *to, const segattn_tensor *view, const char *from, size_t bytes) {
  ptrdiff_t stride = view->stride[SEGATTN_DIM];
  size_t steps = view->shape[SEGATTN_DIM] / segattn_format_block(view->format);
  if (stride == (ptrdiff_t)bytes)
    memcpy(to, from, bytes * steps);
  else
    for (size_t i = 0; i < steps; i++)
      memcpy(to + i * bytes, from + (ptrdiff_t)i * stride, bytes);
}

int array_gather(array *to, const segattn_tensor *view) {
  const size_t *s = view->shape;
  int status = array_alloc(to, view->format, s[SEGATTN_BATCH], s[SEGATTN_HEAD], s[SEGATTN_POS], s[SEGATTN_DIM]);
  if (status != DONE || array_count(to) == 0)
    return status;
  size_t bytes = segattn_format_bytes(view->format, 1);
  char *row = to->data;
  for (size_t b = 0; b < s[SEGATTN_BATCH]; b++)
    for (size_t h = 0; h < s[SEGATTN_HEAD]; h++)
      for (size_t p = 0; p < s[SEGATTN_POS]; p++, row += segattn_format_bytes(view->format, s[SEGATTN_DIM]))
        gather_row(row, view, (const char *)view->data + (ptrdiff_t)b * view->stride[SEGATTN_BATCH]
                   + (ptrdiff_t)h * view->stride[SEGATTN_HEAD] + (ptrdiff_t)p * view->stride[SEGATTN_POS], bytes);
  return DONE;
}

int array_store(array *to, segattn_format format, bool saturate, const array *a, size_t from, size_t n, const char *what,
                uint64_t *saturated) {
  segattn_tensor view = array_positions(a, from, n);
  array part = {0};
  double *values = NULL;
  *to = (array){0};
  int status = storage_fits(format, a->shape[SEGATTN_DIM], what);
  if (status == DONE && format == a->format)
    return array_gather(to, &view);
  if (status == DONE)
    status = array_gather(&part, &view);
  if (status == DONE)
    status = (values = array_values(&part)) != NULL ? storage_finite(format, what, values, part.shape, from) : FILES;
  if (status == DONE)
    status = array_alloc(to, format, part.shape[0], part.shape[1], part.shape[2], part.shape[3]);
  if (status == DONE) {
    storage_encode(format, saturate, values, to->data, array_count(to));
    status = storage_scales(format, what, to->data, values, part.shape, from);
  }
  if (status == DONE && saturated)
    storage_saturated(format, values, part.shape, saturated);
  if (status != DONE)
    array_free(to);
  array_free(&part);
  free(values);
  return status;
}
