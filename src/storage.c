/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Storage formats: all that the library has but bool, which is of masks only.  */

#include "storage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "message.h"

const char *storage_name(int i) {
  return segattn_format_name((segattn_format)(i < SEGATTN_BOOL ? i : i + 1));
}

const char *storage_names(void) {
  static char names[16 * SEGATTN_FORMATS];
  size_t used = 0;
  for (int i = 0; storage_name(i) != NULL; i++)
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : " ", storage_name(i));
  return names;
}

bool storage_find(segattn_format *format, const char *name) {
  segattn_format found;
  if (segattn_format_find(&found, name, NULL) != SEGATTN_OK || found == SEGATTN_BOOL)
    return false;
  *format = found;
  return true;
}

void storage_swap(char *bytes, size_t n, size_t element) {
  for (size_t at = 0; at + element <= n; at += element)
    for (size_t i = 0; i < element / 2; i++) {
      char one = bytes[at + i];
      bytes[at + i] = bytes[at + element - 1 - i];
      bytes[at + element - 1 - i] = one;
    }
}

size_t storage_unit(segattn_format format) {
  return segattn_format_block(format) > 1 ? 1 : segattn_format_bytes(format, 1);
}

bool storage_wide(segattn_format format) {
  return format == SEGATTN_F64 || format == SEGATTN_Q4_1 || format == SEGATTN_Q5_1;
}

int storage_fits(segattn_format format, size_t dim, const char *what) {
  size_t block = segattn_format_block(format);
  if (dim % block == 0)
    return DONE;
  return fail(USAGE, "%s has %zu along dim, expected a multiple of %zu: %s stores blocks of %zu elements", what, dim, block,
              segattn_format_name(format), block);
}

int storage_finite(segattn_format format, const char *what, const double *x, const size_t shape[SEGATTN_AXES], size_t from) {
  size_t heads = shape[SEGATTN_HEAD], dim = shape[SEGATTN_DIM], row = shape[SEGATTN_POS] * dim;
  size_t n = segattn_format_block(format) > 1 ? shape[SEGATTN_BATCH] * heads * row : 0, count = 0, first = 0;
  for (size_t i = 0; i < n; i++)
    if (!isfinite((float)x[i]) && count++ == 0)
      first = i;
  if (count == 0)
    return DONE;
  return fail(USAGE, "%s: %zu of %zu elements are not finite in f32, the first at batch %zu, head %zu, position %zu, dim %zu "
              "(%g): %s cannot store them", what, count, n, first / row / heads, first / row % heads, from + first % row / dim,
              first % dim, x[first], segattn_format_name(format));
}

/* Blocks that hold what is not finite although nothing that they were made of is: their scale is beyond binary16.  */
int storage_scales(segattn_format format, const char *what, const void *stored, const double *x,
                   const size_t shape[SEGATTN_AXES], size_t from) {
  enum { LARGEST = 256 };       /* that ggml has */
  size_t heads = shape[SEGATTN_HEAD], dim = shape[SEGATTN_DIM], row = shape[SEGATTN_POS] * dim;
  size_t block = segattn_format_block(format), n = block > 1 ? shape[SEGATTN_BATCH] * heads * row / block : 0;
  size_t count = 0, first = 0;
  for (size_t i = 0; i < n; i++) {
    double y[LARGEST];
    bool finite = true;
    segattn_decode(format, (const char *)stored + segattn_format_bytes(format, i * block), y, block);
    for (size_t j = 0; j < block; j++)
      finite = finite && isfinite(y[j]);
    if (!finite && count++ == 0)
      first = i * block;
  }
  if (count == 0)
    return DONE;
  return fail(USAGE, "%s: %zu of %zu blocks have a scale beyond the 65504 of f16, the first at batch %zu, head %zu, "
              "position %zu, dim %zu (%g ...): %s cannot store them", what, count, n, first / row / heads, first / row % heads,
              from + first % row / dim, first % dim, x[first], segattn_format_name(format));
}

static double largest(segattn_format format) {
  unsigned char bytes[sizeof(double)];
  double x = INFINITY;
  segattn_encode_saturating(format, &x, bytes, 1);
  segattn_decode(format, bytes, &x, 1);
  return x;
}

void storage_saturated(segattn_format format, const double *x, const size_t shape[SEGATTN_AXES], uint64_t *by_head) {
  size_t heads = shape[SEGATTN_HEAD], row = shape[SEGATTN_POS] * shape[SEGATTN_DIM];
  size_t n = segattn_format_block(format) > 1 ? 0 : shape[SEGATTN_BATCH] * heads * row;
  double most = n ? largest(format) : 0, y;
  for (size_t i = 0; i < n; i++)
    if (fabs(x[i]) > most && isfinite(x[i])) {
      unsigned char bytes[sizeof(double)];
      segattn_encode(format, &x[i], bytes, 1);
      segattn_decode(format, bytes, &y, 1);
      by_head[i / row % heads] += isfinite(y) ? 0 : 1;
    }
}

void storage_encode(segattn_format format, bool saturate, const double *x, void *to, size_t n) {
  (saturate ? segattn_encode_saturating : segattn_encode)(format, x, to, n);
}

void storage_shape_in_file(segattn_format format, int rank, size_t shape[SEGATTN_AXES]) {
  if (segattn_format_block(format) > 1)
    shape[rank - 1] = segattn_format_bytes(format, shape[rank - 1]);
}

bool storage_shape_of_file(segattn_format format, int rank, size_t shape[SEGATTN_AXES]) {
  size_t block = segattn_format_block(format), bytes = segattn_format_bytes(format, 1);
  bool whole = block == 1 || shape[rank - 1] % bytes == 0;
  if (block > 1)
    shape[rank - 1] = shape[rank - 1] / bytes * block;
  return whole;
}
