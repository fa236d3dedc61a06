/* SPDX-License-Identifier: BSD-2-Clause */
/* Views with named axes.  Checks of shape, extent and overlap; no data is touched.  */

#include <string.h>

#include "internal.h"

/* Along the axis: elements, along dim blocks.  */
static size_t steps(const segattn_tensor *t, int axis) {
  const sga_format *f = sga_format_of(t->format);
  return axis == SEGATTN_DIM && f ? t->shape[axis] / f->block : t->shape[axis];
}

segattn_tensor segattn_tensor_axes(const char *axes, void *data, segattn_format format, size_t batch, size_t heads,
                                   size_t positions, size_t dim) {
  static const char letters[] = "bhpd";
  segattn_tensor t = { data, format, { batch, heads, positions, dim }, { 0 } };
  ptrdiff_t stride = (ptrdiff_t)segattn_format_bytes(format, 1);
  bool seen[SEGATTN_AXES] = { false };
  if (!axes || strlen(axes) != SEGATTN_AXES)
    return (segattn_tensor){ 0 };
  for (int i = SEGATTN_AXES - 1; i >= 0; i--) {
    const char *at = strchr(letters, axes[i]);
    if (!at || seen[at - letters])
      return (segattn_tensor){ 0 };
    seen[at - letters] = true;
    t.stride[at - letters] = stride;
    stride *= (ptrdiff_t)steps(&t, (int)(at - letters));
  }
  return t;
}

segattn_tensor segattn_tensor_of(void *data, segattn_format format, size_t batch, size_t heads, size_t positions, size_t dim) {
  return segattn_tensor_axes("bhpd", data, format, batch, heads, positions, dim);
}

static bool empty(const segattn_tensor *t) {
  return !t->shape[0] || !t->shape[1] || !t->shape[2] || !t->shape[3];
}

static size_t magnitude(ptrdiff_t stride) {
  return stride < 0 ? 0 - (size_t)stride : (size_t)stride;
}

/* Bytes before and from element 0 on that the view reaches; false when that is more than can be addressed.  */
static bool extent(const segattn_tensor *t, size_t *before, size_t *after) {
  *before = 0;
  *after = segattn_format_bytes(t->format, 1);
  for (int a = 0; a < SEGATTN_AXES; a++) {
    size_t step = magnitude(t->stride[a]), n = steps(t, a), span;
    size_t *side = t->stride[a] < 0 ? before : after;
    if (n < 2)
      continue;
    if (__builtin_mul_overflow(step, n - 1, &span) || __builtin_add_overflow(*side, span, side))
      return false;
  }
  return *before <= PTRDIFF_MAX && *after <= PTRDIFF_MAX && *before <= (size_t)(uintptr_t)t->data &&
         *after <= UINTPTR_MAX - (uintptr_t)t->data;
}

segattn_status sga_tensor_check(const segattn_tensor *t, const char *name, const size_t shape[SEGATTN_AXES], bool boolean,
                                segattn_error *error) {
  static const char *const axis[] = { "batch", "head", "position", "dim" };
  size_t before, after;
  if (!sga_format_of(t->format))
    return sga_fail(error, SEGATTN_EINVAL, name, "has format %d, expected one of segattn_format", (int)t->format);
  if (t->format == SEGATTN_BOOL && !boolean)
    return sga_fail(error, SEGATTN_EINVAL, name, "has format bool, which only masks have");
  if (boolean && t->format > SEGATTN_BOOL)
    return sga_fail(error, SEGATTN_EINVAL, name, "has format %s, expected f64, f32, f16, bf16 or bool",
                    segattn_format_name(t->format));
  for (int a = 0; a < SEGATTN_AXES; a++)
    if (shape[a] != SIZE_MAX && t->shape[a] != shape[a])
      return sga_fail(error, SEGATTN_EINVAL, name, "has %zu along axis %s, expected %zu", t->shape[a], axis[a], shape[a]);
  size_t block = segattn_format_block(t->format);
  if (t->shape[SEGATTN_DIM] % block)
    return sga_fail(error, SEGATTN_EINVAL, name, "has %zu along axis dim, expected a multiple of %zu, the block of format %s",
                    t->shape[SEGATTN_DIM], block, segattn_format_name(t->format));
  if (empty(t))
    return SEGATTN_OK;
  if (!t->data)
    return sga_fail(error, SEGATTN_EINVAL, name, "has data NULL and %zu x %zu x %zu x %zu elements", t->shape[0], t->shape[1],
                    t->shape[2], t->shape[3]);
  if (!extent(t, &before, &after))
    return sga_fail(error, SEGATTN_EINVAL, name, "has strides %td %td %td %td, which lead out of the address space",
                    t->stride[0], t->stride[1], t->stride[2], t->stride[3]);
  return SEGATTN_OK;
}

/* No two elements share memory if, the axes sorted by stride, each stride covers what the smaller ones span.  (Sufficient, and
   true of every permuted, padded or reversed layout.)  */
static bool folds(const segattn_tensor *t) {
  bool used[SEGATTN_AXES] = { false };
  size_t span = segattn_format_bytes(t->format, 1);
  for (int i = 0; i < SEGATTN_AXES; i++) {
    int best = -1;
    size_t least = SIZE_MAX;
    for (int a = 0; a < SEGATTN_AXES; a++) {
      size_t step = magnitude(t->stride[a]);
      if (!used[a] && t->shape[a] > 1 && step < least) {
        best = a;
        least = step;
      }
    }
    if (best < 0)
      return false;
    if (least < span)
      return true;
    used[best] = true;
    span = least * (t->shape[best] - 1) + span;
  }
  return false;
}

segattn_status sga_output_check(const segattn_tensor *t, const char *name, const size_t shape[SEGATTN_AXES],
                                segattn_error *error) {
  segattn_status status = sga_tensor_check(t, name, shape, false, error);
  if (status)
    return status;
  if (t->format > SEGATTN_BOOL)
    return sga_fail(error, SEGATTN_EINVAL, name, "has format %s, expected f64, f32, f16 or bf16",
                    segattn_format_name(t->format));
  if (!empty(t) && folds(t))
    return sga_fail(error, SEGATTN_EINVAL, name, "has strides %td %td %td %td, under which elements share memory",
                    t->stride[0], t->stride[1], t->stride[2], t->stride[3]);
  return SEGATTN_OK;
}

segattn_status sga_alias_check(const segattn_tensor *a, const char *name_a, const segattn_tensor *b, const char *name_b,
                               segattn_error *error) {
  size_t before_a, after_a, before_b, after_b;
  if (!a || !b || !a->data || !b->data || empty(a) || empty(b))
    return SEGATTN_OK;
  if (!extent(a, &before_a, &after_a) || !extent(b, &before_b, &after_b))
    return SEGATTN_OK;
  uintptr_t x = (uintptr_t)a->data, y = (uintptr_t)b->data;
  if (x - before_a < y + after_b && y - before_b < x + after_a)
    return sga_fail(error, SEGATTN_EALIAS, name_a, "shares memory with %s", name_b);
  return SEGATTN_OK;
}
