/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The result file as a whole: NAME.h5 made from its cases, its root attributes, the list of its cases.

   HDF5's own copying of objects breaks dimension scales (their references point into the old file), so each case is read and
   written again: whatever is not whole in a case is found here, before NAME.h5 is replaced.  */

#include "store.h"
#include <stdlib.h>
#include <string.h>
#include "message.h"
#include "store_hdf5.h"

void store_check_version(h5 *f) {
  if (f->status != DONE)
    return;
  if (!h5_has_attribute(f, f->file, "format_version"))
    h5_fail(f, f->file, NULL, "is no result file of segattn: it has no attribute format_version");
  else if (h5_get_integer(f, f->file, "format_version") != FORMAT_VERSION)
    h5_fail(f, f->file, "format_version", "is of another version of segattn: expected format_version 1");
}

static void put_header(h5 *f, const file_header *h) {
  h5_put_integer(f, f->file, "format_version", FORMAT_VERSION);
  h5_put_text(f, f->file, "experiment", h->experiment);
  h5_put_text(f, f->file, "config", h->config);
  h5_put_unsigned(f, f->file, "seed", h->seed);
  for (size_t i = 0; i < h->n_attributes; i++)
    h5_put_text(f, f->file, h->attributes[i].name, h->attributes[i].value);
  h5_put_text(f, f->file, "started", h->started);
  h5_put_text(f, f->file, "finished", h->finished);
  h5_put_text(f, f->file, "digest", h->digest);
}

int store_assemble(const char *path, const file_header *h, const char *const *case_paths, const char *const *ids, size_t n) {
  h5 f;
  h5_create(&f, path);
  put_header(&f, h);
  hid_t cases = h5_group_make(&f, f.file, "cases");
  for (size_t i = 0; i < n && f.status == DONE; i++) {
    result r;
    f.status = store_case_read(&r, case_paths[i], ids[i]);
    if (f.status == DONE) {
      store_put_case(&f, cases, &r);
      result_free(&r);
    }
  }
  h5_commit(&f);
  return h5_close(&f);
}

int store_header_read(file_header *h, const char *path) {
  static const char *const own[] = {
    "format_version", "experiment", "config", "seed", "started", "finished", "digest", NULL
  };
  h5 f;
  memset(h, 0, sizeof *h);
  h5_open(&f, path);
  store_check_version(&f);
  h->experiment = h5_get_text(&f, f.file, "experiment");
  h->config = h5_get_text(&f, f.file, "config");
  h->digest = h5_get_text(&f, f.file, "digest");
  h->started = h5_get_text(&f, f.file, "started");
  h->finished = h5_get_text(&f, f.file, "finished");
  h->seed = h5_get_unsigned(&f, f.file, "seed");
  h5_get_attributes(&f, f.file, own, &h->attributes, &h->n_attributes);
  if (h5_close(&f) != DONE)
    file_header_free(h);
  return f.status;
}

int store_ids(char (**ids)[ID_SIZE], size_t *n, const char *path) {
  h5 f;
  h5_open(&f, path);
  store_check_version(&f);
  hid_t cases = h5_group(&f, f.file, "cases");
  char **names = h5_list(&f, cases, n);
  *ids = calloc(*n + 1, sizeof **ids);
  for (size_t i = 0; i < *n && *ids && f.status == DONE; i++)
    if (strlen(names[i]) < ID_SIZE)
      strcpy((*ids)[i], names[i]);
    else
      h5_fail(&f, cases, names[i], "is no case: its name is too long");
  if (!*ids)
    h5_fail(&f, cases, NULL, "out of memory");
  h5_list_free(names, *n);
  if (h5_close(&f) != DONE) {
    free(*ids);
    *ids = NULL;
  }
  return f.status;
}
