/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Segments as the command line writes them: lengths, each:N, and storage formats per segment.  */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "message.h"
#include "storage.h"

bool parse_size(size_t *n, const char *text) {
  char *end;
  errno = 0;
  if (*text < '0' || *text > '9')
    return false;
  unsigned long long x = strtoull(text, &end, 10);
  *n = (size_t)x;
  return !errno && !*end;
}

static int bad(const char *entry, const char *expected) {
  return fail(USAGE, "--segments: '%s': expected %s", entry, expected);
}

static int format_of(segattn_format *f, const char *name, const char *entry) {
  char expected[256];
  snprintf(expected, sizeof expected, "one of the storage formats %s", storage_names());
  return storage_find(f, name) ? DONE : bad(entry, expected);
}

/* "f16", "k=f16", "k=f16/v=bf16".  */
static int formats_parse(segment_spec *s, char *text, const char *entry) {
  for (char *part; (part = strsep(&text, "/"));) {
    int status = DONE;
    if (!strncmp(part, "k=", 2))
      status = format_of(&s->k, part + 2, entry);
    else if (!strncmp(part, "v=", 2))
      status = format_of(&s->v, part + 2, entry);
    else if (!(status = format_of(&s->k, part, entry)))
      s->v = s->k;
    if (status)
      return status;
  }
  return DONE;
}

static int append(segment_spec **specs, size_t *n, segment_spec s) {
  segment_spec *grown = realloc(*specs, (*n + 1) * sizeof *grown);
  if (!grown)
    return fail(FILES, "out of memory");
  *specs = grown;
  grown[(*n)++] = s;
  return DONE;
}

static int each(segment_spec **specs, size_t *n, const char *text, size_t keys, segment_spec s) {
  size_t length;
  if (!parse_size(&length, text) || !length)
    return bad(text, "each:N with N at least 1");
  for (size_t done = 0; done < keys; done += s.keys) {
    s.keys = keys - done < length ? keys - done : length;
    if (append(specs, n, s))
      return FILES;
  }
  return DONE;
}

static int entry_parse(segment_spec **specs, size_t *n, char *entry, segment_spec s) {
  char *formats = entry, *length = strsep(&formats, ":");
  char whole[64];
  snprintf(whole, sizeof whole, "%s%s%s", length, formats ? ":" : "", formats ? formats : "");
  if (!parse_size(&s.keys, length))
    return bad(whole, "a length, or a length with formats as in 256:f16 or 256:k=q8_0/v=q4_0");
  int status = formats ? formats_parse(&s, formats, whole) : DONE;
  return status ? status : append(specs, n, s);
}

int segments_parse(segment_spec **specs, size_t *n, const char *text, size_t keys, segattn_format k, segattn_format v) {
  segment_spec s = { keys, k, v };
  size_t sum = 0;
  int status = DONE;
  *specs = NULL;
  *n = 0;
  if (!text || !strcmp(text, "whole"))
    return append(specs, n, s);
  if (!strncmp(text, "each:", 5))
    return each(specs, n, text + 5, keys, s);
  char *copy = strdup(text), *rest = copy;
  if (!copy)
    return fail(FILES, "out of memory");
  for (char *entry; !status && (entry = strsep(&rest, ","));)
    status = entry_parse(specs, n, entry, s);
  free(copy);
  for (size_t i = 0; i < *n; i++)
    sum += (*specs)[i].keys;
  if (!status && sum != keys)
    status = fail(USAGE, "--segments: %s sums to %zu keys, expected %zu, which K has", text, sum, keys);
  return status;
}
