/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensors that a user names: the axes of a file put in the library's order, and .npy, safetensors or HDF5 chosen.  */

#include "tensor_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"
#include "message.h"
#include "npy.h"
#include "safetensors.h"
#include "store.h"

static const char axis_letter[SEGATTN_AXES + 1] = "bhpd";

/* The letters of `rank` axes that were not named, or NULL.  A mask may leave out batch and heads, and a number per head all but
   these; anything else of so few axes is more likely a mistake.  */
static const char *default_axes(bool mask, bool sinks, int rank) {
  return rank == 4 ? "bhpd" : rank == 3 ? "hpd" : rank == 2 && mask ? "pd" : rank == 1 && sinks ? "h" : NULL;
}

static bool axes_good(const char *axes) {
  for (const char *c = axes; *c; c++)
    if (!strchr(axis_letter, *c) || strchr(c + 1, *c))
      return false;
  return axes[0] != 0;
}

/* FILE.h5:/dataset in two; the caller frees *path.  NULL where there is no ":/".  */
static const char *split_name(char **path, const char *name) {
  const char *colon = NULL;
  for (const char *c = strstr(name, ":/"); c; c = strstr(c + 1, ":/"))
    colon = c;
  if (!colon || colon == name)
    return NULL;
  *path = strndup(name, (size_t) (colon - name));
  return *path ? colon + 1 : NULL;
}

int tensor_arrange(array *a, const char *name, const char *axes, int rank) {
  bool mask = axes && strcmp(axes, "mask") == 0, sinks = axes && strcmp(axes, "sinks") == 0;
  const char *letters = axes && !mask && !sinks ? axes : default_axes(mask, sinks, rank);
  int status = DONE;
  if (!letters)
    status = fail(USAGE, "%s: has %d axes, expected 3 (head, position, dim) or 4 (batch, head, position, dim); say what they "
                  "are with --axes", name, rank);
  else if (!axes_good(letters))
    status = fail(USAGE, "%s: axes '%s': expected each of the letters b h p d at most once", name, letters);
  else if (segattn_format_block(a->format) > 1 && letters[strlen(letters) - 1] != 'd')
    status = fail(USAGE, "%s: axes '%s': the blocks of %s lie along dim, which must be the file's last axis", name, letters,
                  segattn_format_name(a->format));
  else if (strlen(letters) != (size_t) rank)
    status = fail(USAGE, "%s: axes '%s' name %zu axes, but the file has %d", name, letters, strlen(letters), rank);
  if (status != DONE) {
    array_free(a);
    return status;
  }
  segattn_tensor view = { .data = a->data, .format = a->format, .shape = { 1, 1, 1, 1 } };
  ptrdiff_t step = (ptrdiff_t) segattn_format_bytes(a->format, 1);
  size_t block = segattn_format_block(a->format);
  for (int i = rank; i-- > 0; step *= (ptrdiff_t) (a->shape[i] / (i == rank - 1 ? block : 1))) {
    ptrdiff_t axis = strchr(axis_letter, letters[i]) - axis_letter;
    view.shape[axis] = a->shape[i];
    view.stride[axis] = step;
  }
  array arranged = { 0 };
  status = array_gather(&arranged, &view);
  array_free(a);
  if (status == DONE)
    *a = arranged;
  return status;
}

int tensor_read(array *a, const char *name, const char *axes, segattn_format raw) {
  char *path = NULL;
  const char *tensor = NULL, *dataset = NULL;
  int rank, status;
  memset(a, 0, sizeof *a);
  if (!safetensors_split(&path, &tensor, name))         /* first: the NAME of a tensor may have any sign in it */
    dataset = split_name(&path, name);
  if (dataset)
    status = store_tensor_read(a, path, dataset, axes, raw);
  else if ((status = path ? safetensors_read(a, &rank, path, tensor) : npy_read(a, &rank, name, raw)) == DONE)
    status = tensor_arrange(a, name, axes, rank);
  free(path);
  return status;
}

/* The same values with the axes of the file in front, as .npy has them; `letters` leaves out axes of length 1 only.  */
static int order_axes(array *ordered, const char *name, const array *a, const char *letters) {
  segattn_tensor from = array_view(a), view = { .data = from.data, .format = from.format, .shape = { 1, 1, 1, 1 } };
  if (!axes_good(letters))
    return fail(USAGE, "%s: axes '%s': expected each of the letters b h p d at most once", name, letters);
  for (int axis = 0; axis < SEGATTN_AXES; axis++) {
    const char *at = strchr(letters, axis_letter[axis]);
    if (at) {
      view.shape[at - letters] = from.shape[axis];
      view.stride[at - letters] = from.stride[axis];
    } else if (from.shape[axis] != 1)
      return fail(USAGE, "%s: axes '%s' leave out '%c', which has length %zu, expected 1", name, letters, axis_letter[axis],
                  from.shape[axis]);
  }
  return array_gather(ordered, &view);
}

int tensor_writable(const char *name) {
  char *path = NULL;
  split_name(&path, name);
  int status = file_writable(path ? path : name);
  free(path);
  return status;
}

int tensor_write(const char *name, const array *a, const char *axes, const char *base) {
  char *path = NULL;
  const char *dataset = split_name(&path, name);
  const char *letters = axes && strcmp(axes, "mask") != 0 ? axes : a->shape[SEGATTN_BATCH] == 1 ? "hpd" : "bhpd";
  int status;
  array ordered = { 0 };
  size_t length = strlen(name);
  if (dataset)
    status = store_tensor_write(path, dataset, a, base);
  else if (length < 4 || strcmp(name + length - 4, ".npy") != 0)
    status = fail(USAGE, "%s: expected a name that ends in .npy, or FILE.h5:/path/of/dataset", name);
  else if ((status = order_axes(&ordered, name, a, letters)) == DONE)
    status = npy_write(name, &ordered, (int) strlen(letters));
  array_free(&ordered);
  free(path);
  return status;
}
