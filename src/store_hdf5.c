/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HDF5 in the words of this program: files, groups, messages.

   A file is made in memory (HDF5's core driver) and written whole by file_write.  HDF5 itself is not crash-safe, and a
   full disk leaves its library unable to close the file; here it only ever sees memory.  The price is memory for the
   file. Groups keep the order of their making, which netCDF readers like and store_ids needs; times are not kept, so
   that the same results give the same bytes.  */

#include "store_hdf5.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "file.h"
#include "message.h"

enum { MEMORY_STEP = 1 << 22 };         /* bytes by which the file in memory grows */

/* The innermost entry of HDF5's error stack; of an entry about the system, the system's words.  */
static herr_t innermost(unsigned n, const H5E_error2_t *entry, void *text) {
  if (n > 0 || !entry->desc)
    return 0;
  static const char marker[] = "error message = '";
  const char *from = strstr(entry->desc, marker);
  from = from ? from + strlen(marker) : entry->desc;
  snprintf(text, 120, "%.*s", (int) strcspn(from, "'\n"), from);
  return 0;
}

int h5_fail(h5 *f, hid_t at, const char *name, const char *what) {
  char group[256] = "", reason[120] = "";
  if (f->status != DONE)
    return f->status;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, reason);
  if (at > 0 && H5Iget_name(at, group, sizeof group) < 0)
    group[0] = 0;
  bool root = strcmp(group, "/") == 0 || !group[0];
  return f->status = fail(FILES, "%s: %s%s%s%s%s%s%s%s", f->path, root ? "" : group, name ? "/" : "", name ? name : "",
                          name || !root ? ": " : "", what, reason[0] ? " (" : "", reason, reason[0] ? ")" : "");
}

static void quiet(void) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* A file that is not there or not HDF5 is told apart here: HDF5's own words for both are of no use.  */
static bool looks_readable(h5 *f) {
  FILE *stream = fopen(f->path, "rb");
  char byte;
  if (!stream || (fread(&byte, 1, 1, stream) != 1 && ferror(stream))) {
    f->status = fail(FILES, "%s: cannot be read: %s", f->path, strerror(errno));
    if (stream)
      fclose(stream);
    return false;
  }
  fclose(stream);
  if (H5Fis_hdf5(f->path) <= 0) {
    f->status = fail(FILES, "%s: is no HDF5 file, or its beginning is damaged", f->path);
    return false;
  }
  return true;
}

static hid_t access_list(void) {
  hid_t list = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
  return list;
}

void h5_open(h5 *f, const char *path) {
  *f = (h5) { .file = H5I_INVALID_HID, .path = path };
  quiet();
  if (!looks_readable(f))
    return;
  hid_t list = access_list();
  f->file = H5Fopen(path, H5F_ACC_RDONLY, list);
  if (f->file < 0)
    h5_fail(f, -1, NULL, "cannot be opened, truncated or damaged");
  H5Pclose(list);
}

static void keep_order(hid_t list) {
  H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  H5Pset_obj_track_times(list, false);
}

static void open_in_memory(h5 *f, const char *path, bool keep) {
  *f = (h5) { .file = H5I_INVALID_HID, .path = path };
  quiet();
  if (keep && !looks_readable(f))
    return;
  hid_t list = access_list(), create = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_fapl_core(list, MEMORY_STEP, false);
  H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V18);   /* from 1.8 on HDF5 checksums names and attributes, too */
  keep_order(create);
  f->file = keep ? H5Fopen(path, H5F_ACC_RDWR, list) : H5Fcreate(path, H5F_ACC_TRUNC, create, list);
  if (f->file < 0)
    h5_fail(f, -1, NULL, keep ? "cannot be opened, truncated or damaged" : "cannot be made in memory");
  H5Pclose(list);
  H5Pclose(create);
}

void h5_create(h5 *f, const char *path) {
  open_in_memory(f, path, false);
}

void h5_edit(h5 *f, const char *path) {
  H5F_info2_t info;
  bool keep = access(path, F_OK) == 0;
  open_in_memory(f, path, keep);
  if (keep && f->status == DONE && (H5Fget_info2(f->file, &info) < 0 || info.super.version > 2))
    h5_fail(f, -1, NULL, "is of a version of HDF5's format that keeps a mark of being open: expected a new file");
}

/* Straight from the driver's memory: H5Fget_file_image of HDF5 1.10 alters the superblock behind its checksum.  */
void h5_commit(h5 *f) {
  unsigned char **image = NULL;
  if (f->status != DONE)
    return;
  hid_t list = H5Fget_access_plist(f->file);
  ssize_t n = H5Fflush(f->file, H5F_SCOPE_GLOBAL) < 0 ? -1 : H5Fget_file_image(f->file, NULL, 0);
  if (n < 0 || H5Fget_vfd_handle(f->file, list, (void **) &image) < 0)
    h5_fail(f, -1, NULL, "cannot be finished in memory");
  else
    f->status = file_write(f->path, *image, (size_t) n);
  H5Pclose(list);
}

int h5_close(h5 *f) {
  if (f->file >= 0 && H5Fclose(f->file) < 0)
    h5_fail(f, -1, NULL, "cannot be closed");
  f->file = H5I_INVALID_HID;
  return f->status;
}

/* ---- groups ---- */

hid_t h5_group_make(h5 *f, hid_t at, const char *name) {
  if (f->status != DONE)
    return H5I_INVALID_HID;
  hid_t create = H5Pcreate(H5P_GROUP_CREATE);
  keep_order(create);
  hid_t group = H5Gcreate2(at, name, H5P_DEFAULT, create, H5P_DEFAULT);
  if (group < 0)
    h5_fail(f, at, name, "group cannot be made");
  H5Pclose(create);
  return group;
}

hid_t h5_group(h5 *f, hid_t at, const char *name) {
  if (f->status != DONE)
    return H5I_INVALID_HID;
  hid_t group = H5Lexists(at, name, H5P_DEFAULT) > 0 ? H5Gopen2(at, name, H5P_DEFAULT) : H5I_INVALID_HID;
  if (group < 0)
    h5_fail(f, at, name, "group is missing or damaged");
  return group;
}

bool h5_has(h5 *f, hid_t at, const char *name) {
  return f->status == DONE && H5Lexists(at, name, H5P_DEFAULT) > 0;
}

struct name_list { char **name; size_t n; };

static herr_t add_name(hid_t at, const char *name, const H5L_info_t *link, void *data) {
  (void) at, (void) link;
  struct name_list *list = data;
  char **more = realloc(list->name, (list->n + 1) * sizeof *more);
  if (!more || !(list->name = more, more[list->n] = strdup(name)))
    return -1;
  list->n++;
  return 0;
}

char **h5_list(h5 *f, hid_t at, size_t *n) {
  struct name_list list = { NULL, 0 };
  *n = 0;
  if (f->status != DONE)
    return NULL;
  if (H5Literate(at, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, add_name, &list) < 0) {
    h5_list_free(list.name, list.n);            /* a group that does not keep its order */
    list = (struct name_list) { NULL, 0 };
    if (H5Literate(at, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &list) < 0)
      h5_fail(f, at, NULL, "cannot be listed");
  }
  *n = list.n;
  return list.name;
}

void h5_list_free(char **names, size_t n) {
  for (size_t i = 0; i < n; i++)
    free(names[i]);
  free(names);
}

void store_library_version(char *text, size_t size) {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  snprintf(text, size, "%u.%u.%u", major, minor, release);
}
