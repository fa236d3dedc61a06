/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pack of committed references: PACK:/INPUTS_DIGEST/PROVIDER holds out, lse and the attributes of an answer file.  */

#include <stdlib.h>
#include <unistd.h>
#include "message.h"
#include "provider.h"
#include "store_hdf5.h"

static void copy_attributes(h5 *to, h5 *from, hid_t group) {
  attribute *list;
  size_t n;
  h5_get_attributes(from, group, (const char *const []) {"available", "source", NULL}, &list, &n);
  for (size_t i = 0; i < n; i++) {
    h5_put_text(to, to->file, list[i].name, list[i].value);
    free(list[i].value);
  }
  free(list);
  h5_put_text(to, to->file, "source", "pack");
  h5_put_integer(to, to->file, "available", 1);
}

static void copy_data(h5 *to, h5 *from, hid_t group, const char *name) {
  if (from->status == DONE && to->status == DONE && H5Ocopy(group, name, to->file, name, H5P_DEFAULT, H5P_DEFAULT) < 0)
    h5_fail(from, group, name, "cannot be copied, truncated or damaged");
}

/* A damaged pack leaves no half of an answer: that is written last, and only when everything was read.  */
static int take(const char *output, h5 *pack, hid_t group) {
  h5 answer_file;
  h5_create(&answer_file, output);
  copy_attributes(&answer_file, pack, group);
  copy_data(&answer_file, pack, group, "out");
  if (h5_has(pack, group, "lse"))
    copy_data(&answer_file, pack, group, "lse");
  if (pack->status == DONE)
    h5_commit(&answer_file);
  return h5_close(&answer_file);
}

int pack_take(const char *output, const char *pack, const char *digest, const char *provider, bool *found) {
  h5 f;
  *found = false;
  if (access(pack, F_OK) != 0)
    return DONE;
  h5_open(&f, pack);
  hid_t group = h5_has(&f, f.file, digest) ? h5_group(&f, f.file, digest) : H5I_INVALID_HID;
  *found = group >= 0 && h5_has(&f, group, provider);
  int status = *found ? take(output, &f, h5_group(&f, group, provider)) : DONE;
  int closed = h5_close(&f);
  return status ? status : closed;
}

int pack_unavailable(const char *output, const char *digest, const char *provider, const char *reason) {
  h5 f;
  h5_create(&f, output);
  h5_put_integer(&f, f.file, "available", 0);
  h5_put_text(&f, f.file, "provider", provider);
  h5_put_text(&f, f.file, "reason", reason);
  h5_put_text(&f, f.file, "inputs_digest", digest);
  h5_put_text(&f, f.file, "source", "none");
  h5_commit(&f);
  return h5_close(&f);
}
