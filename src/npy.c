/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NumPy's .npy files (NEP 1), versions 1.0, 2.0 and 3.0:

     "\x93NUMPY"  major  minor  header length (u16, from 2.0 on u32, little-endian)
     {'descr': '<f4', 'fortran_order': False, 'shape': (8, 2, 32), }     padded with blanks, ended by a newline
     the elements

   The header is a Python literal; only the three keys above are legal, in any order.  */

#include "npy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"
#include "message.h"
#include "storage.h"

typedef struct header {
  char order, kind;             /* '<' '>' '=' '|'; 'f' 'u' 'V' 'b' */
  size_t bytes;                 /* of an element */
  char descr[24];
  bool fortran;
  int rank;
  size_t shape[SEGATTN_AXES];
  size_t data;                  /* where the elements begin */
} header;

/* ---- the header's text ---- */

static bool take(const char **at, const char *token) {
  *at += strspn(*at, " \t\n");
  size_t n = strlen(token);
  if (strncmp(*at, token, n) != 0)
    return false;
  *at += n;
  return true;
}

/* 'text' or "text" that fits into `size`.  */
static bool take_string(const char **at, char *text, size_t size) {
  *at += strspn(*at, " \t\n");
  char quote = **at;
  const char *end = quote == '\'' || quote == '"' ? strchr(*at + 1, quote) : NULL;
  size_t n = end ? (size_t) (end - *at - 1) : size;
  if (n >= size)
    return false;
  memcpy(text, *at + 1, n);
  text[n] = 0;
  *at = end + 1;
  return true;
}

static bool take_size(const char **at, size_t *value) {
  *at += strspn(*at, " \t\n");
  size_t digits = strspn(*at, "0123456789");
  *value = 0;
  for (size_t i = 0; i < digits; i++)
    if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, (size_t) ((*at)[i] - '0'), value))
      return false;
  *at += digits;
  return digits > 0;
}

/* (8, 2, 32) or (8,); more axes than four are counted, not kept.  */
static bool take_shape(const char **at, header *h) {
  size_t size;
  h->rank = 0;
  if (!take(at, "("))
    return false;
  while (!take(at, ")")) {
    if (!take_size(at, &size))
      return false;
    if (h->rank < SEGATTN_AXES)
      h->shape[h->rank] = size;
    h->rank++;
    if (!take(at, ",")) {
      if (!take(at, ")"))
        return false;
      break;
    }
  }
  return true;
}

static bool take_item(const char **at, header *h, const char *key) {
  if (strcmp(key, "descr") == 0)
    return take_string(at, h->descr, sizeof h->descr);
  if (strcmp(key, "shape") == 0)
    return take_shape(at, h);
  if (strcmp(key, "fortran_order") != 0)
    return false;
  h->fortran = take(at, "True");
  return h->fortran || take(at, "False");
}

static bool parse_header(header *h, const char *text) {
  char key[16];
  int items = 0;
  h->rank = -1;
  if (!take(&text, "{"))
    return false;
  while (!take(&text, "}")) {
    if (!take_string(&text, key, sizeof key) || !take(&text, ":") || !take_item(&text, h, key))
      return false;
    items++;
    if (!take(&text, ",") && strncmp(text, "}", 1) != 0)
      return false;
  }
  return items == 3 && h->descr[0] && h->rank >= 0 && text[strspn(text, " \t\n")] == 0;
}

/* ---- the file's beginning ---- */

/* Finds the header's text in the file, copies it (the caller frees), sets h->data.  */
static int header_text(header *h, char **text, const unsigned char *bytes, size_t n, const char *path) {
  if (n < 6 || memcmp(bytes, "\x93NUMPY", 6) != 0)
    return fail(FILES, "%s: is no .npy file: it does not begin with \\x93NUMPY%s", path,
                n >= 4 && memcmp(bytes, "\x89HDF", 4) == 0 ? " (it is HDF5: name a dataset, FILE.h5:/path/of/dataset)" : "");
  if (n < 10)
    return fail(FILES, "%s: truncated: %zu bytes, within its header", path, n);
  if (bytes[6] < 1 || bytes[6] > 3)
    return fail(FILES, "%s: is a .npy file of version %d.%d, expected 1.0, 2.0 or 3.0", path, bytes[6], bytes[7]);
  size_t start = bytes[6] == 1 ? 10 : 12;
  size_t length = bytes[8] | (size_t) bytes[9] << 8;
  if (bytes[6] > 1 && n >= 12)
    length |= (size_t) bytes[10] << 16 | (size_t) bytes[11] << 24;
  if (n < start || n - start < length)
    return fail(FILES, "%s: truncated: %zu bytes, its header alone has %zu", path, n, start + length);
  h->data = start + length;
  while (length > 0 && memchr(" \n", bytes[start + length - 1], 2))
    length--;
  *text = strndup((const char *) bytes + start, length);
  return *text ? DONE : fail(FILES, "%s: out of memory", path);
}

/* "<f4" in its parts.  */
static bool parse_descr(header *h) {
  char end;
  int bytes;
  if (sscanf(h->descr, "%c%c%2d%c", &h->order, &h->kind, &bytes, &end) != 3 || bytes < 1 || !strchr("<>=|", h->order))
    return false;
  h->bytes = (size_t) bytes;
  return true;
}

static int read_header(header *h, const char *bytes, size_t n, const char *path) {
  char *text = NULL;
  int status = header_text(h, &text, (const unsigned char *) bytes, n, path);
  if (status == DONE && !parse_header(h, text))
    status = fail(FILES, "%s: header '%.100s' is damaged or of a structured type: expected descr (one type of numbers), "
                  "fortran_order and shape", path, text);
  else if (status == DONE && (h->rank < 1 || h->rank > SEGATTN_AXES))
    status = fail(USAGE, "%s: has %d axes, expected 2 to 4", path, h->rank);
  free(text);
  return status;
}

/* ---- the type ---- */

static int find_format(segattn_format *format, header *h, segattn_format raw, const char *path) {
  static const struct { char kind; size_t bytes; segattn_format format; } known[] = {
    { 'f', 8, SEGATTN_F64 }, { 'f', 4, SEGATTN_F32 }, { 'f', 2, SEGATTN_F16 }, { 'b', 1, SEGATTN_BOOL }
  };
  if (!parse_descr(h))
    h->kind = 0;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (h->kind == known[i].kind && h->bytes == known[i].bytes)
      return *format = known[i].format, DONE;
  if ((h->kind != 'u' && h->kind != 'V') || h->bytes > 2)
    return fail(USAGE, "%s: holds elements of type '%s', expected f8, f4, f2, b1, or raw u2, V2, u1, V1", path, h->descr);
  if (raw == SEGATTN_FORMATS)
    return fail(USAGE, "%s: holds raw elements of type '%s': say with --store what they are, for example bf16", path, h->descr);
  if (storage_unit(raw) != h->bytes)
    return fail(USAGE, "%s: holds raw elements of type '%s', which cannot be %s: that has %zu bytes, not %zu", path, h->descr,
                segattn_format_name(raw), storage_unit(raw), h->bytes);
  return *format = raw, DONE;
}

static int check_length(const header *h, size_t n, const char *path) {
  size_t expected = h->bytes;
  for (int i = 0; i < h->rank; i++)
    if (__builtin_mul_overflow(expected, h->shape[i], &expected) || expected > PTRDIFF_MAX)
      return fail(FILES, "%s: damaged header: its shape has more elements than memory can hold", path);
  if (n - h->data < expected)
    return fail(FILES, "%s: truncated: %zu bytes of elements, its shape and type %s need %zu", path, n - h->data, h->descr,
                expected);
  if (n - h->data > expected)
    return fail(FILES, "%s: damaged: %zu bytes of elements, its shape and type %s need %zu", path, n - h->data, h->descr,
                expected);
  return DONE;
}

/* ---- reading ---- */

/* The file's elements, in the file's order of axes, as an array in C order.  */
static int gather(array *a, const header *h, segattn_format format, char *elements) {
  segattn_tensor view = { .data = elements, .format = format, .shape = { 1, 1, 1, 1 } };
  ptrdiff_t step = (ptrdiff_t) h->bytes;
  for (int i = 0; i < h->rank; i++) {
    int axis = h->fortran ? i : h->rank - 1 - i;
    view.shape[axis] = h->shape[axis];
    view.stride[axis] = step;
    step *= (ptrdiff_t) h->shape[axis];
  }
  return array_gather(a, &view);
}

/* Blocks lie along the last axis, which counts their bytes.  */
static int take_blocks(array *a, const header *h, segattn_format format, const char *bytes, const char *path) {
  size_t shape[SEGATTN_AXES] = { 1, 1, 1, 1 };
  memcpy(shape, h->shape, (size_t) h->rank * sizeof *shape);
  if (h->fortran || !storage_shape_of_file(format, h->rank, shape))
    return fail(USAGE, "%s: its last axis has %zu bytes, expected C order and a multiple of the %zu bytes of a block of %s",
                path, h->shape[h->rank - 1], segattn_format_bytes(format, 1), segattn_format_name(format));
  int status = array_alloc(a, format, shape[0], shape[1], shape[2], shape[3]);
  if (status == DONE)
    memcpy(a->data, bytes, array_bytes(a));
  return status;
}

static int read_bytes(array *a, int *rank, char *bytes, size_t n, const char *path, segattn_format raw) {
  header h = { 0 };
  segattn_format format = SEGATTN_FORMATS;
  int status = read_header(&h, bytes, n, path);
  if (status == DONE)
    status = find_format(&format, &h, raw, path);
  if (status == DONE)
    status = check_length(&h, n, path);
  if (status != DONE)
    return status;
  const char native = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
  if (h.order == (native == '<' ? '>' : '<'))
    storage_swap(bytes + h.data, n - h.data, h.bytes);
  *rank = h.rank;
  if (segattn_format_block(format) > 1)
    return take_blocks(a, &h, format, bytes + h.data, path);
  memmove(bytes, bytes + h.data, n - h.data);   /* the elements where malloc aligned the file */
  return gather(a, &h, format, bytes);
}

int npy_read(array *a, int *rank, const char *path, segattn_format raw) {
  char *bytes;
  size_t n;
  int status = file_read(&bytes, &n, path);
  memset(a, 0, sizeof *a);
  if (status != DONE)
    return status;
  status = read_bytes(a, rank, bytes, n, path, raw);
  free(bytes);
  return status;
}

/* ---- writing ---- */

int npy_write(const char *path, const array *a, int rank) {
  static const char *const descr[SEGATTN_FORMATS] = {
    [SEGATTN_F64] = "f8", [SEGATTN_F32] = "f4", [SEGATTN_F16] = "f2", [SEGATTN_BF16] = "u2", [SEGATTN_BOOL] = "b1"
  };
  const char order = a->format == SEGATTN_BOOL ? '|' : __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
  char text[256];
  int used = snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", order, descr[a->format]);
  for (int i = 0; i < rank; i++)
    used += snprintf(text + used, sizeof text - (size_t) used, "%zu%s", a->shape[i],
                     i + 1 < rank ? ", " : rank == 1 ? "," : "");
  used += snprintf(text + used, sizeof text - (size_t) used, "), }");
  size_t start = ((size_t) used + 1 + 10 + 63) / 64 * 64, n = array_bytes(a);
  unsigned char *bytes = malloc(start + n + 1);
  if (!bytes)
    return fail(FILES, "%s: out of memory", path);
  memcpy(bytes, "\x93NUMPY\1", 8);      /* and the 0 of version 1.0 */
  bytes[8] = (unsigned char) ((start - 10) & 255);
  bytes[9] = (unsigned char) ((start - 10) >> 8);
  memset(bytes + 10, ' ', start - 10);
  memcpy(bytes + 10, text, (size_t) used);
  bytes[start - 1] = '\n';
  if (n > 0)
    memcpy(bytes + start, a->data, n);
  int status = file_write(path, bytes, start + n);
  free(bytes);
  return status;
}
