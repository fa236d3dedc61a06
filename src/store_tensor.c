/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tensor that a user names, FILE.h5:/path/of/dataset, and captures of real models to import.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "message.h"
#include "store.h"
#include "store_hdf5.h"
#include "tensor_file.h"

/* ---- names of axes ---- */

/* The letters b h p d for names such as batch,head,query,dim; NULL where one is unknown or comes twice.  A second axis
   of positions (a mask's keys, after its queries) is d.  */
static const char *axis_letters(const char *names, char letters[5]) {
  static const struct { const char *name; char letter; } known[] = {
    { "batch", 'b' }, { "head", 'h' }, { "kv_head", 'h' }, { "query", 'p' }, { "key", 'p' }, { "position", 'p' },
    { "pos", 'p' }, { "token", 'p' }, { "dim", 'd' }, { "dim_v", 'd' }, { "channel", 'd' }, { "head_dim", 'd' }
  };
  char copy[128], *rest = copy;
  size_t n = 0;
  snprintf(copy, sizeof copy, "%s", names);
  for (char *name; n < 4 && (name = strsep(&rest, ",")); n++) {
    letters[n] = letters[n + 1] = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (strcmp(name, known[i].name) == 0)
        letters[n] = known[i].letter;
    if (letters[n] == 'p' && n > 0 && letters[n - 1] == 'p' && strcmp(name, "key") == 0)
      letters[n] = 'd';
    if (!letters[n] || memchr(letters, letters[n], n))
      return NULL;
  }
  return rest ? NULL : letters;
}

/* What the dataset itself says of its axes: our attribute, or the labels of its dimensions.  */
static const char *own_axes(h5 *f, hid_t at, const char *dataset, char letters[5]) {
  hid_t id = f->status == DONE ? H5Dopen2(at, dataset, H5P_DEFAULT) : H5I_INVALID_HID;
  const char *where = h5_has_attribute(f, id, "axes") ? "axes"
    : h5_has_attribute(f, id, "DIMENSION_LABELS") ? "DIMENSION_LABELS" : NULL;
  char *names = where ? h5_get_text(f, id, where) : NULL;
  const char *found = names ? axis_letters(names, letters) : NULL;
  free(names);
  if (id >= 0)
    H5Dclose(id);
  return found;
}

int store_tensor_read(array *a, const char *path, const char *dataset, const char *axes, segattn_format raw) {
  h5 f;
  int rank = 0;
  char letters[5] = "";
  memset(a, 0, sizeof *a);
  h5_open(&f, path);
  while (*dataset == '/')
    dataset++;
  h5_get_array(&f, f.file, dataset, a, raw, &rank);
  const char *own = axes && strcmp(axes, "mask") != 0 ? axes : own_axes(&f, f.file, dataset, letters);
  if (h5_close(&f) != DONE) {
    array_free(a);
    return f.status;
  }
  char name[512];
  snprintf(name, sizeof name, "%s:/%s", path, dataset);
  return tensor_arrange(a, name, own ? own : axes, rank);
}

int store_tensor_write(const char *path, const char *dataset, const array *a, const char *base) {
  h5 f;
  hsize_t size[SEGATTN_AXES];
  for (int i = 0; i < SEGATTN_AXES; i++)
    size[i] = a->shape[i];
  while (*dataset == '/')
    dataset++;
  h5_edit(&f, path);
  if (h5_has(&f, f.file, dataset) && H5Ldelete(f.file, dataset, H5P_DEFAULT) < 0)
    h5_fail(&f, f.file, dataset, "cannot be replaced");
  hid_t parents = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(parents, 1);
  hid_t space = H5Screate_simple(SEGATTN_AXES, size, NULL);
  hid_t id = f.status != DONE ? H5I_INVALID_HID
    : H5Dcreate2(f.file, dataset, h5_file_type(a->format), space, parents, H5P_DEFAULT, H5P_DEFAULT);
  if (id < 0 || H5Dwrite(id, h5_memory_type(a->format), H5S_ALL, H5S_ALL, H5P_DEFAULT, a->data) < 0)
    h5_fail(&f, f.file, dataset, "dataset cannot be made");
  h5_put_text(&f, id, "format", segattn_format_name(a->format));
  h5_put_text(&f, id, "axes", "batch,head,position,dim");
  if (base)
    h5_put_text(&f, id, "base", base);
  H5Sclose(space);
  H5Pclose(parents);
  h5_commit(&f);
  return h5_close(&f);
}
