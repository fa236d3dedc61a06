/* SPDX-License-Identifier: GPL-3.0-or-later */
/* safetensors files:

     the length of the header (u64, little-endian)
     {"NAME": {"dtype": "F32", "shape": [8, 2, 32], "data_offsets": [0, 2048]}, ..., "__metadata__": {"KEY": "VALUE", ...}}
     the elements, little-endian, C order

   The header is JSON, padded with blanks; offsets count from the end of the header.  A file is taken only if it is whole and
   says one thing: the tensors fill the rest of the file without a gap or an overlap, as the format demands, and no name comes
   twice.  Of the elements only those of the tensor are read: a model may be larger than the memory.  */

#include "safetensors.h"
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"
#include "message.h"
#include "storage.h"

enum { LENGTH = 8, MOST_HEADER = 100000000, TEXT = 120, LIST = 600 };   /* MOST_HEADER: the format's own limit */
static const char metadata[] = "__metadata__";

/* All types that count in whole bytes; what q, k, v and masks can be has a format.  */
static const struct kind {
  const char *name;
  size_t bytes;
  segattn_format format;
} kinds[] = {
  { "F64", 8, SEGATTN_F64 }, { "F32", 4, SEGATTN_F32 }, { "F16", 2, SEGATTN_F16 }, { "BF16", 2, SEGATTN_BF16 },
  { "F8_E4M3", 1, SEGATTN_F8E4M3 }, { "F8_E5M2", 1, SEGATTN_F8E5M2 }, { "BOOL", 1, SEGATTN_BOOL },
  { "I64", 8, SEGATTN_FORMATS },
  { "U64", 8, SEGATTN_FORMATS }, { "I32", 4, SEGATTN_FORMATS }, { "U32", 4, SEGATTN_FORMATS }, { "I16", 2, SEGATTN_FORMATS },
  { "U16", 2, SEGATTN_FORMATS }, { "I8", 1, SEGATTN_FORMATS }, { "U8", 1, SEGATTN_FORMATS }
};

typedef struct entry {
  const char *name, *dtype;     /* the header's own */
  const json_t *shape;
  size_t begin, end;            /* from the end of the header */
} entry;

typedef struct contents {
  const char *path;
  json_t *root;                 /* the header */
  entry *entries;               /* by `begin` */
  size_t n;
  size_t data, bytes;           /* where the elements begin; how many bytes follow */
} contents;

const char *safetensors_library_version(void) {
  return jansson_version_str();
}

/* Text of the file for a message of one line.  */
static const char *plain(char to[TEXT], const char *text) {
  snprintf(to, TEXT, "%.*s", TEXT - 1, text);
  for (char *c = to; *c; c++)
    if (iscntrl((unsigned char)*c))
      *c = '?';
  return to;
}

static int damaged(const contents *c, const char *name, const char *what) {
  char text[TEXT];
  return fail(FILES, "%s: damaged: '%s': %s", c->path, plain(text, name), what);
}

/* ---- the header ---- */

static int header_length(size_t *length, const char *path) {
  char *bytes;
  size_t n, size;
  uint64_t value = 0;
  int status = file_read_part(&bytes, &n, &size, path, 0, LENGTH);
  if (status)
    return status;
  for (size_t i = 0; i < n; i++)
    value |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
  free(bytes);
  if (n < LENGTH)
    return fail(FILES, "%s: truncated: %zu bytes, expected the %d of its header's length first", path, n, LENGTH);
  if (value > MOST_HEADER)
    return fail(FILES, "%s: is no safetensors file: its header would have %" PRIu64 " bytes, expected at most %d", path, value,
                MOST_HEADER);
  *length = (size_t)value;
  return DONE;
}

static int parse_header(contents *c) {
  size_t length = 0, n = 0, size = 0;
  char *text = NULL, said[TEXT];
  json_error_t error;
  int status = header_length(&length, c->path);
  if (!status)
    status = file_read_part(&text, &n, &size, c->path, LENGTH, length);
  if (status)
    return status;
  c->data = LENGTH + length;
  c->bytes = size - LENGTH - n;
  if (n < length)
    status = fail(FILES, "%s: truncated: %zu bytes, its header alone has %zu", c->path, size, LENGTH + length);
  else if (n == 0 || *text != '{')
    status = fail(FILES, "%s: is no safetensors file: its header does not begin with '{'", c->path);
  else if (!(c->root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error)))
    status = fail(FILES, "%s: damaged header: %s, at its byte %d", c->path, plain(said, error.text), error.position);
  free(text);
  return status;
}

static bool take_size(size_t *to, const json_t *value) {
  if (!json_is_integer(value) || json_integer_value(value) < 0)
    return false;
  *to = (size_t)json_integer_value(value);
  return true;
}

/* Elements and bytes as far as the type says; false where they are more than memory can hold.  */
static bool count_bytes(size_t *bytes, const entry *e, size_t element) {
  size_t length;
  *bytes = element;
  for (size_t i = 0; i < json_array_size(e->shape); i++)
    if (!take_size(&length, json_array_get(e->shape, i)) || __builtin_mul_overflow(*bytes, length, bytes) ||
        *bytes > PTRDIFF_MAX)
      return false;
  return true;
}

static const struct kind *kind_of(const entry *e) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].name, e->dtype))
      return &kinds[i];
  return NULL;
}

static int check_shape(const contents *c, const entry *e) {
  char what[TEXT];
  size_t length, bytes;
  const struct kind *kind = kind_of(e);
  for (size_t i = 0; i < json_array_size(e->shape); i++)
    if (!take_size(&length, json_array_get(e->shape, i)))
      return damaged(c, e->name, "its shape is no list of whole numbers");
  if (!count_bytes(&bytes, e, kind ? kind->bytes : 1))
    return damaged(c, e->name, "its shape has more elements than memory can hold");
  if (!kind || bytes == e->end - e->begin)
    return DONE;
  snprintf(what, sizeof what, "its shape and type %s need %zu bytes, its data_offsets are %zu apart", kind->name, bytes,
           e->end - e->begin);
  return damaged(c, e->name, what);
}

static int take_entry(const contents *c, entry *e, const char *name, const json_t *value) {
  const json_t *offsets = json_object_get(value, "data_offsets");
  *e = (entry){ name, json_string_value(json_object_get(value, "dtype")), json_object_get(value, "shape"), 0, 0 };
  if (!e->dtype || !json_is_array(e->shape) || !json_is_array(offsets))
    return damaged(c, name, "expected dtype, shape and data_offsets");
  if (json_array_size(offsets) != 2 || !take_size(&e->begin, json_array_get(offsets, 0)) ||
      !take_size(&e->end, json_array_get(offsets, 1)) || e->begin > e->end)
    return damaged(c, name, "its data_offsets are not the beginning and the end of its bytes");
  return check_shape(c, e);
}

static int check_metadata(const contents *c, json_t *value) {
  const char *key;
  json_t *text;
  if (!json_is_object(value))
    return damaged(c, metadata, "expected an object of texts");
  json_object_foreach(value, key, text)
    if (!json_is_string(text))
      return damaged(c, metadata, "expected an object of texts");
  return DONE;
}

/* ---- the tensors ---- */

static int by_begin(const void *a, const void *b) {
  const entry *x = a, *y = b;
  return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin) : (x->end > y->end) - (x->end < y->end);
}

/* Each begins where the one before ended, and the last one ends where the file does.  */
static int check_offsets(const contents *c) {
  size_t at = 0, most = 0;
  for (size_t i = 0; i < c->n; i++)
    most = c->entries[i].end > most ? c->entries[i].end : most;
  if (most > c->bytes)
    return fail(FILES, "%s: truncated: %zu bytes of elements, its header needs %zu", c->path, c->bytes, most);
  for (size_t i = 0; i < c->n; at = c->entries[i++].end)
    if (c->entries[i].begin != at)
      return damaged(c, c->entries[i].name, c->entries[i].begin < at ? "its bytes overlap those of another tensor"
                                                                     : "between its bytes and those before it is a gap");
  return at == c->bytes ? DONE
    : fail(FILES, "%s: damaged: %zu bytes of elements, its header needs %zu", c->path, c->bytes, at);
}

static int read_contents(contents *c) {
  const char *name;
  json_t *value;
  int status = parse_header(c);
  if (status)
    return status;
  c->entries = calloc(json_object_size(c->root) + 1, sizeof *c->entries);
  if (!c->entries)
    return fail(FILES, "%s: out of memory", c->path);
  json_object_foreach(c->root, name, value)
    if (!status && !strcmp(name, metadata))
      status = check_metadata(c, value);
    else if (!status)
      status = take_entry(c, &c->entries[c->n++], name, value);
  qsort(c->entries, c->n, sizeof *c->entries, by_begin);
  return status ? status : check_offsets(c);
}

/* "a, b, c and 7 more", in the order of the file.  */
static void list_names(char list[LIST], const contents *c) {
  char text[TEXT];
  size_t used = 0, i = 0;
  *list = 0;
  for (; i < c->n && used < LIST - 2 * TEXT; i++)
    used += (size_t)snprintf(list + used, LIST - used, "%s%s", i ? ", " : "", plain(text, c->entries[i].name));
  if (i < c->n)
    snprintf(list + used, LIST - used, " and %zu more", c->n - i);
  else if (c->n == 0)
    snprintf(list, LIST, "none");
}

static int find(const entry **e, const contents *c, const char *tensor) {
  char list[LIST], text[TEXT];
  *e = NULL;
  for (size_t i = 0; tensor && i < c->n; i++)
    if (!strcmp(c->entries[i].name, tensor))
      *e = &c->entries[i];
  if (*e)
    return DONE;
  list_names(list, c);
  if (!tensor)
    return fail(USAGE, "%s: which tensor? expected FILE.safetensors:NAME; its tensors: %s", c->path, list);
  return fail(FILES, "%s: tensor '%s' is missing; its tensors: %s", c->path, plain(text, tensor), list);
}

static int check_entry(const contents *c, const entry *e) {
  char text[TEXT], dtype[TEXT];
  const struct kind *kind = kind_of(e);
  if (!kind || kind->format == SEGATTN_FORMATS)
    return fail(USAGE, "%s: tensor '%s' holds elements of type %s, expected F64 F32 F16 BF16 F8_E4M3 F8_E5M2, of a mask BOOL "
                "too", c->path, plain(text, e->name), plain(dtype, e->dtype));
  if (json_array_size(e->shape) < 1 || json_array_size(e->shape) > SEGATTN_AXES)
    return fail(USAGE, "%s: tensor '%s' has %zu axes, expected 2 to 4", c->path, plain(text, e->name),
                json_array_size(e->shape));
  return DONE;
}

static int read_elements(array *a, const contents *c, const entry *e) {
  const struct kind *kind = kind_of(e);
  char *bytes;
  size_t n, size;
  int status = file_read_part(&bytes, &n, &size, c->path, c->data + e->begin, e->end - e->begin);
  if (status)
    return status;
  if (n < e->end - e->begin) {
    free(bytes);
    return fail(FILES, "%s: became shorter while it was read", c->path);
  }
  if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
    storage_swap(bytes, n, kind->bytes);
  *a = (array){ .data = bytes, .format = kind->format, .shape = { 1, 1, 1, 1 } };
  for (size_t i = 0; i < json_array_size(e->shape); i++)
    take_size(&a->shape[i], json_array_get(e->shape, i));
  return DONE;
}

int safetensors_read(array *a, int *rank, const char *path, const char *tensor) {
  contents c = { .path = path };
  const entry *e = NULL;
  memset(a, 0, sizeof *a);
  int status = read_contents(&c);
  if (!status)
    status = find(&e, &c, tensor);
  if (!status)
    status = check_entry(&c, e);
  if (!status)
    status = read_elements(a, &c, e);
  if (!status)
    *rank = (int)json_array_size(e->shape);
  free(c.entries);
  json_decref(c.root);
  return status;
}

bool safetensors_split(char **path, const char **tensor, const char *name) {
  static const char ending[] = ".safetensors";
  *path = NULL;
  *tensor = NULL;
  for (const char *at = strstr(name, ending); at; at = strstr(at + 1, ending)) {
    const char *end = at + strlen(ending);
    if (*end && *end != ':')
      continue;
    *path = strndup(name, (size_t)(end - name));
    *tensor = *end ? end + 1 : NULL;
    return *path;
  }
  return false;
}
