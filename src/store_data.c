/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datasets: tensors as their raw bits.

   HDF5 knows no bf16, and its conversion of f16 is its own; so 8- and 16-bit floats lie as u8 and u16, block formats as
   their bytes (the last axis counts them), and the attribute `format` says what they are.  Reading converts nothing but byte
   order.  */

#include "store_hdf5.h"
#include <stdlib.h>
#include "message.h"
#include "storage.h"

enum { CHUNK_BYTES = 1 << 20, DEFLATE = 4 };

hid_t h5_file_type(segattn_format format) {
  const hid_t type[SEGATTN_FORMATS] = {
    [SEGATTN_F64] = H5T_IEEE_F64LE, [SEGATTN_F32] = H5T_IEEE_F32LE, [SEGATTN_F16] = H5T_STD_U16LE,
    [SEGATTN_BF16] = H5T_STD_U16LE, [SEGATTN_BOOL] = H5T_STD_U8LE
  };
  return format > SEGATTN_BOOL ? H5T_STD_U8LE : type[format];
}

hid_t h5_memory_type(segattn_format format) {
  const hid_t type[SEGATTN_FORMATS] = {
    [SEGATTN_F64] = H5T_NATIVE_DOUBLE, [SEGATTN_F32] = H5T_NATIVE_FLOAT, [SEGATTN_F16] = H5T_NATIVE_UINT16,
    [SEGATTN_BF16] = H5T_NATIVE_UINT16, [SEGATTN_BOOL] = H5T_NATIVE_UINT8
  };
  return format > SEGATTN_BOOL ? H5T_NATIVE_UINT8 : type[format];
}

/* ---- writing ---- */

/* Chunks are the trailing axes that fit into CHUNK_BYTES: of a large tensor some positions of one head.  */
static void chunk_shape(hsize_t *chunk, int rank, const hsize_t *size, size_t element) {
  hsize_t bytes = element;
  for (int i = 0; i < rank; i++)
    bytes *= chunk[i] = size[i];
  for (int i = 0; i < rank && bytes > CHUNK_BYTES; i++) {
    hsize_t row = bytes / chunk[i];
    chunk[i] = row < CHUNK_BYTES ? CHUNK_BYTES / row : 1;
    bytes = row * chunk[i];
  }
}

static hid_t creation_list(int rank, const hsize_t *size, hid_t type) {
  hsize_t chunk[H5S_MAX_RANK], elements = 1;
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(list, false);
  H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  for (int i = 0; i < rank; i++)
    elements *= size[i];
  if (elements == 0 || H5Tget_class(type) == H5T_STRING)
    return list;                /* no chunk of nothing, and filters do not see what strings point to */
  chunk_shape(chunk, rank, size, H5Tget_size(type));
  H5Pset_chunk(list, rank, chunk);
  H5Pset_shuffle(list);
  H5Pset_deflate(list, DEFLATE);
  H5Pset_fletcher32(list);
  return list;
}

hid_t h5_put_data(h5 *f, hid_t at, const char *name, hid_t file_type, hid_t memory_type, int rank, const hsize_t *size,
                  const void *data) {
  if (f->status != DONE)
    return H5I_INVALID_HID;
  hid_t space = H5Screate_simple(rank, size, NULL), list = creation_list(rank, size, file_type);
  hid_t id = H5Dcreate2(at, name, file_type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  if (id < 0 || H5Dwrite(id, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    h5_fail(f, at, name, "dataset cannot be made");
  H5Pclose(list);
  H5Sclose(space);
  return id;
}

/* ---- reading ---- */

/* An open dataset and its axes.  */
static hid_t open_data(h5 *f, hid_t at, const char *name, int *rank, hsize_t *size) {
  if (f->status != DONE)
    return H5I_INVALID_HID;
  H5O_info_t info;
  bool there = H5Lexists(at, name, H5P_DEFAULT) > 0 && H5Oget_info_by_name2(at, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0;
  hid_t id = there && info.type == H5O_TYPE_DATASET ? H5Dopen2(at, name, H5P_DEFAULT) : H5I_INVALID_HID;
  if (id < 0) {
    h5_fail(f, at, name, there ? "is no dataset" : "dataset is missing");
    return id;
  }
  hid_t space = H5Dget_space(id);
  *rank = H5Sget_simple_extent_ndims(space);
  if (*rank < 0 || *rank > H5S_MAX_RANK || H5Sget_simple_extent_dims(space, size, NULL) < 0)
    h5_fail(f, at, name, "shape cannot be read");
  H5Sclose(space);
  return id;
}

double *h5_get_numbers_of(h5 *f, hid_t at, const char *name, int rank, const size_t *size) {
  return h5_get_whole_of(f, at, name, H5T_NATIVE_DOUBLE, rank, size);
}

void *h5_get_whole_of(h5 *f, hid_t at, const char *name, hid_t memory_type, int rank, const size_t *size) {
  hsize_t found[H5S_MAX_RANK];
  size_t elements = 1;
  int found_rank = 0;
  hid_t id = open_data(f, at, name, &found_rank, found);
  bool same = f->status == DONE && found_rank == rank;
  for (int i = 0; i < rank; i++) {
    same = same && found[i] == size[i];
    elements *= size[i];
  }
  void *data = NULL;
  if (!same)
    h5_fail(f, at, name, "dataset does not have the shape of the others of its case");
  else if (!(data = calloc(elements ? elements : 1, sizeof(double))))
    h5_fail(f, at, name, "out of memory");
  else if (H5Dread(id, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    h5_fail(f, at, name, "data are damaged");
  if (id >= 0)
    H5Dclose(id);
  if (f->status == DONE)
    return data;
  free(data);
  return NULL;
}

/* The format of floating-point data by their bits: sign 1, exponent e, mantissa m.  */
static segattn_format float_format(hid_t type) {
  static const struct { size_t exponent, mantissa; segattn_format format; } known[] = {
    { 11, 52, SEGATTN_F64 }, { 8, 23, SEGATTN_F32 }, { 5, 10, SEGATTN_F16 }, { 8, 7, SEGATTN_BF16 }
  };
  size_t sign, exponent_at, exponent, mantissa_at, mantissa;
  if (H5Tget_fields(type, &sign, &exponent_at, &exponent, &mantissa_at, &mantissa) >= 0)
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (exponent == known[i].exponent && mantissa == known[i].mantissa
          && H5Tget_size(type) == segattn_format_bytes(known[i].format, 1))
        return known[i].format;
  return SEGATTN_FORMATS;
}

/* The format of a dataset: its attribute says it, or its type, or the user.  */
static segattn_format data_format(h5 *f, hid_t id, hid_t type, segattn_format raw) {
  H5T_class_t class = H5Tget_class(type);
  size_t bytes = H5Tget_size(type);
  segattn_format format = SEGATTN_FORMATS;
  if (h5_has_attribute(f, id, "format")) {
    char *name = h5_get_text(f, id, "format");
    if (!name || segattn_format_find(&format, name, NULL) != SEGATTN_OK)
      format = SEGATTN_FORMATS;
    free(name);
  } else
    format = class == H5T_FLOAT ? float_format(type) : class == H5T_ENUM ? SEGATTN_BOOL
      : class == H5T_INTEGER ? raw : SEGATTN_FORMATS;
  return format != SEGATTN_FORMATS && storage_unit(format) == bytes ? format : SEGATTN_FORMATS;
}

static void read_array(h5 *f, hid_t id, array *a, segattn_format raw, int rank, const hsize_t *size) {
  size_t shape[4] = { 1, 1, 1, 1 };
  hid_t type = H5Dget_type(id), memory = H5Tcopy(type);
  segattn_format format = data_format(f, id, type, raw);
  for (int i = 0; i < rank; i++)
    shape[i] = size[i];
  if (H5Tget_class(type) != H5T_ENUM)
    H5Tset_order(memory, H5Tget_order(H5T_NATIVE_INT));
  if (format == SEGATTN_FORMATS)
    h5_fail(f, id, NULL, "unknown number format: expected f64, f32, f16 or bf16 (raw integers: say which with --store)");
  else if (!storage_shape_of_file(format, rank, shape))
    h5_fail(f, id, NULL, "the last axis of a block format counts bytes: expected a multiple of its block's");
  else if (array_alloc(a, format, shape[0], shape[1], shape[2], shape[3]) != DONE)
    f->status = FILES;
  else if (H5Dread(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->data) < 0) {
    h5_fail(f, id, NULL, "data are damaged");
    array_free(a);
  }
  H5Tclose(memory);
  H5Tclose(type);
}

void h5_get_array(h5 *f, hid_t at, const char *name, array *a, segattn_format raw, int *rank) {
  hsize_t size[H5S_MAX_RANK];
  int found = 0;
  hid_t id = open_data(f, at, name, &found, size);
  if (f->status == DONE && (found < 1 || found > 4))
    h5_fail(f, at, name, "expected one to four axes");
  if (f->status == DONE)
    read_array(f, id, a, raw, found, size);
  if (rank)
    *rank = found;
  if (id >= 0)
    H5Dclose(id);
}
