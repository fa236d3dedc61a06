/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Captures of real models: root datasets q_positions and kv_positions, root attributes scale and causal, and for each
   layer a group layerNN with q [head][query][channel], k and v [kv_head][key][channel].  A file without layers has q, k
   and v in its root.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "message.h"
#include "store.h"
#include "store_hdf5.h"

/* The group of a layer; a layer that is not there is answered with those that are.  */
static hid_t layer_group(h5 *f, long layer) {
  char name[32];
  if (f->status != DONE || layer < 0)
    return f->file;
  snprintf(name, sizeof name, "layer%02ld", layer);
  if (h5_has(f, f->file, name))
    return h5_group(f, f->file, name);
  char there[160] = "";
  size_t n;
  char **names = h5_list(f, f->file, &n);
  for (size_t i = 0; i < n; i++)
    if (strncmp(names[i], "layer", 5) == 0 && strlen(there) + strlen(names[i]) + 2 < sizeof there) {
      strcat(there, " ");
      strcat(there, names[i]);
    }
  h5_list_free(names, n);
  f->status = fail(FILES, "%s: has no group %s, expected one of:%s", f->path, name, there[0] ? there : " (it has no layers)");
  return H5I_INVALID_HID;
}

/* The axes of q, k or v: [head][position][channel], or with the batch before them.  */
static void shape_of(h5 *f, hid_t at, const char *name, size_t shape[4]) {
  hsize_t size[H5S_MAX_RANK];
  hid_t id = h5_has(f, at, name) ? H5Dopen2(at, name, H5P_DEFAULT) : H5I_INVALID_HID;
  hid_t space = id >= 0 ? H5Dget_space(id) : H5I_INVALID_HID;
  int rank = space >= 0 ? H5Sget_simple_extent_dims(space, size, NULL) : -1;
  if (rank != 3 && rank != 4)
    h5_fail(f, at, name, id < 0 ? "dataset is missing" : "expected the axes head, position, channel");
  shape[0] = 1;
  for (int i = 0; f->status == DONE && i < rank; i++)
    shape[i + 4 - rank] = size[i];
  if (space >= 0)
    H5Sclose(space);
  if (id >= 0)
    H5Dclose(id);
}

/* The first of n positions that must rise by one each; `absent` where the file has none.  */
static int64_t first_position(h5 *f, const char *name, size_t n, int64_t absent) {
  if (!h5_has(f, f->file, name))
    return absent;
  double *position = h5_get_numbers_of(f, f->file, name, 1, &n);
  int64_t first = position && n > 0 ? (int64_t) position[0] : absent;
  for (size_t i = 0; position && i < n; i++)
    if (position[i] != (double) first + (double) i)
      h5_fail(f, f->file, name, "expected positions that rise by one");
  free(position);
  return first;
}

static double attribute_number(h5 *f, const char *name, double absent) {
  double value = absent;
  if (h5_has_attribute(f, f->file, name))
    h5_get_numbers(f, f->file, name, 1, &value);
  return value;
}

static bool attribute_true(h5 *f, const char *name) {
  char *text = h5_has_attribute(f, f->file, name) ? h5_get_text(f, f->file, name) : NULL;
  bool is = text && strcmp(text, "0") != 0;
  free(text);
  return is;
}

int store_import_shape(size_t shape[7], int64_t *q_start, double *scale, bool *causal, const char *path, long layer) {
  h5 f;
  size_t q[4] = { 0 }, k[4] = { 0 }, v[4] = { 0 };
  h5_open(&f, path);
  hid_t at = layer_group(&f, layer);
  shape_of(&f, at, "q", q);
  shape_of(&f, at, "k", k);
  shape_of(&f, at, "v", v);
  if (f.status == DONE && (k[0] != q[0] || k[3] != q[3] || memcmp(k, v, 3 * sizeof *k) != 0))
    h5_fail(&f, at, NULL, "q, k and v do not have shapes that go together");
  const size_t all[7] = { q[0], q[1], k[1], q[2], k[2], k[3], v[3] };
  memcpy(shape, all, sizeof all);
  if (first_position(&f, "kv_positions", k[2], 0) != 0)
    h5_fail(&f, f.file, "kv_positions", "expected keys from position 0 on");
  *q_start = first_position(&f, "q_positions", q[2], (int64_t) k[2] - (int64_t) q[2]);
  *scale = attribute_number(&f, "scale", SEGATTN_SCALE_DEFAULT);
  *causal = attribute_true(&f, "causal");
  return h5_close(&f);
}

/* [head][position][channel] to [1][head][position][channel].  */
static void get_tensor(h5 *f, hid_t at, const char *name, array *a) {
  int rank = 4;
  h5_get_array(f, at, name, a, SEGATTN_FORMATS, &rank);
  if (rank == 3) {
    memmove(a->shape + 1, a->shape, 3 * sizeof *a->shape);
    a->shape[0] = 1;
  }
}

int store_import(array *q, array *k, array *v, const char *path, long layer) {
  h5 f;
  memset(q, 0, sizeof *q);
  memset(k, 0, sizeof *k);
  memset(v, 0, sizeof *v);
  h5_open(&f, path);
  hid_t at = layer_group(&f, layer);
  get_tensor(&f, at, "q", q);
  get_tensor(&f, at, "k", k);
  get_tensor(&f, at, "v", v);
  if (h5_close(&f) != DONE) {
    array_free(q);
    array_free(k);
    array_free(v);
  }
  return f.status;
}
