/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attributes of HDF5 objects: scalars, written little-endian and as UTF-8 of fixed length, read from whatever type they have.

   Texts of variable length would lie in HDF5's global heaps, which have no checksum, and whose damage ends HDF5 1.10 with a
   segmentation fault; what is of fixed length lies in the object header, which has one.  */

#include "store_hdf5.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "message.h"

static hid_t text_type(size_t bytes) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, bytes);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

static void put(h5 *f, hid_t at, const char *name, hid_t file_type, hid_t memory_type, size_t n, const void *value) {
  if (f->status != DONE)
    return;
  hid_t space = n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &(hsize_t) { n }, NULL);
  hid_t id = H5Acreate2(at, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (id < 0 || H5Awrite(id, memory_type, value) < 0)
    h5_fail(f, at, name, "attribute cannot be made");
  if (id >= 0)
    H5Aclose(id);
  H5Sclose(space);
}

void h5_put_text(h5 *f, hid_t at, const char *name, const char *value) {
  const char *text = value ? value : "";
  hid_t type = text_type(*text ? strlen(text) : 1);
  put(f, at, name, type, type, 1, text);
  H5Tclose(type);
}

void h5_put_integer(h5 *f, hid_t at, const char *name, int64_t value) {
  put(f, at, name, H5T_STD_I64LE, H5T_NATIVE_INT64, 1, &value);
}

void h5_put_unsigned(h5 *f, hid_t at, const char *name, uint64_t value) {
  put(f, at, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, 1, &value);
}

void h5_put_numbers(h5 *f, hid_t at, const char *name, size_t n, const double *values) {
  put(f, at, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, n, values);
}

bool h5_has_attribute(h5 *f, hid_t at, const char *name) {
  return f->status == DONE && H5Aexists(at, name) > 0;
}

/* An open attribute and the number of its elements.  */
static hid_t open_attribute(h5 *f, hid_t at, const char *name, size_t *n) {
  if (f->status != DONE)
    return H5I_INVALID_HID;
  hid_t id = H5Aexists(at, name) > 0 ? H5Aopen(at, name, H5P_DEFAULT) : H5I_INVALID_HID;
  if (id < 0) {
    h5_fail(f, at, name, "attribute is missing");
    return id;
  }
  hid_t space = H5Aget_space(id);
  hssize_t points = H5Sget_simple_extent_npoints(space);
  *n = points > 0 ? (size_t) points : 0;
  H5Sclose(space);
  return id;
}

static void get(h5 *f, hid_t at, const char *name, hid_t memory_type, size_t n, void *value) {
  size_t found;
  hid_t id = open_attribute(f, at, name, &found);
  if (id < 0)
    return;
  if (found != n)
    h5_fail(f, at, name, "attribute has the wrong number of elements");
  else if (H5Aread(id, memory_type, value) < 0)
    h5_fail(f, at, name, "attribute is not of the expected type");
  H5Aclose(id);
}

int64_t h5_get_integer(h5 *f, hid_t at, const char *name) {
  int64_t value = 0;
  get(f, at, name, H5T_NATIVE_INT64, 1, &value);
  return value;
}

uint64_t h5_get_unsigned(h5 *f, hid_t at, const char *name) {
  uint64_t value = 0;
  get(f, at, name, H5T_NATIVE_UINT64, 1, &value);
  return value;
}

void h5_get_numbers(h5 *f, hid_t at, const char *name, size_t n, double *values) {
  get(f, at, name, H5T_NATIVE_DOUBLE, n, values);
}

/* ---- any type as text ---- */

/* The n elements of an attribute, one line of text each, joined by commas.  */
static char *join_strings(hid_t id, hid_t file_type, size_t n) {
  hid_t type = H5Tcopy(H5T_C_S1);
  size_t width = H5Tis_variable_str(file_type) > 0 ? sizeof(char *) : H5Tget_size(file_type) + 1;
  bool variable = H5Tis_variable_str(file_type) > 0;
  H5Tset_size(type, variable ? H5T_VARIABLE : width);
  H5Tset_cset(type, H5Tget_cset(file_type));
  char *cells = calloc(n, width), *text = NULL;
  size_t length;
  FILE *stream = cells ? open_memstream(&text, &length) : NULL;
  bool good = stream && H5Aread(id, type, cells) >= 0;
  for (size_t i = 0; good && i < n; i++) {
    const char *one = variable ? ((char **) (void *) cells)[i] : cells + i * width;
    fprintf(stream, "%s%s", i ? "," : "", one ? one : "");
  }
  if (good && variable) {
    hid_t space = H5Aget_space(id);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, cells);
    H5Sclose(space);
  }
  if (stream)
    fclose(stream);
  H5Tclose(type);
  free(cells);
  if (!good)
    free(text);
  return good ? text : NULL;
}

static char *join_numbers(hid_t id, bool real, size_t n) {
  union { int64_t integer; double real; } *cells = calloc(n, sizeof *cells);
  char *text = NULL;
  size_t length;
  FILE *stream = cells ? open_memstream(&text, &length) : NULL;
  bool good = stream && H5Aread(id, real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, cells) >= 0;
  for (size_t i = 0; good && i < n; i++)
    if (real)
      fprintf(stream, "%s%.17g", i ? "," : "", cells[i].real);
    else
      fprintf(stream, "%s%lld", i ? "," : "", (long long) cells[i].integer);
  if (stream)
    fclose(stream);
  free(cells);
  if (!good)
    free(text);
  return good ? text : NULL;
}

/* h5py writes a bool as an enumeration of 8-bit integers.  */
static char *join_booleans(hid_t id, hid_t file_type, size_t n) {
  signed char value = 0;
  if (n != 1 || H5Tget_size(file_type) != 1 || H5Aread(id, file_type, &value) < 0)
    return NULL;
  return strdup(value ? "1" : "0");
}

char *h5_get_text(h5 *f, hid_t at, const char *name) {
  size_t n;
  hid_t id = open_attribute(f, at, name, &n);
  if (id < 0)
    return NULL;
  hid_t type = H5Aget_type(id);
  H5T_class_t class = H5Tget_class(type);
  char *text = n == 0 ? strdup("")
    : class == H5T_STRING ? join_strings(id, type, n)
    : class == H5T_INTEGER || class == H5T_FLOAT ? join_numbers(id, class == H5T_FLOAT, n)
    : class == H5T_ENUM ? join_booleans(id, type, n) : NULL;
  if (!text)
    h5_fail(f, at, name, "attribute cannot be read");
  H5Tclose(type);
  H5Aclose(id);
  return text;
}

void h5_get_name(h5 *f, hid_t at, const char *name, char *to, size_t size) {
  char *text = h5_get_text(f, at, name);
  if (text && strlen(text) >= size)
    h5_fail(f, at, name, "attribute is too long");
  else if (text)
    strcpy(to, text);
  free(text);
}

/* ---- all of them ---- */

static bool named(const char *const *list, const char *name) {
  for (; *list; list++)
    if (strcmp(*list, name) == 0)
      return true;
  return false;
}

void h5_get_attributes(h5 *f, hid_t at, const char *const *except, attribute **list, size_t *n) {
  H5O_info_t info;
  *list = NULL;
  *n = 0;
  if (f->status != DONE)
    return;
  if (H5Oget_info2(at, &info, H5O_INFO_NUM_ATTRS) < 0 || !(*list = calloc(info.num_attrs + 1, sizeof **list))) {
    h5_fail(f, at, NULL, "attributes cannot be read");
    return;
  }
  for (hsize_t i = 0; i < info.num_attrs && f->status == DONE; i++) {
    char name[NAME_SIZE];
    hid_t id = H5Aopen_by_idx(at, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0)                 /* an object that does not keep their order */
      id = H5Aopen_by_idx(at, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
    ssize_t length = id < 0 ? -1 : H5Aget_name(id, sizeof name, name);
    if (length < 0 || length >= NAME_SIZE)
      h5_fail(f, at, NULL, length < 0 ? "attributes cannot be read" : "an attribute has too long a name");
    else if (!named(except, name)) {
      attribute *a = &(*list)[*n];
      strcpy(a->name, name);
      a->value = h5_get_text(f, at, name);
      *n += a->value != NULL;
    }
    if (id >= 0)
      H5Aclose(id);
  }
}
