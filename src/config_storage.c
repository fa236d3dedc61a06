/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys `storage`, `segments` and `arithmetic` of an experiment.  */

#include "config_read.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "message.h"
#include "storage.h"

enum { MOST_SEGMENTS = 1 << 22 };

/* ---- names ---- */

static const char *format_at(size_t i, const void *data) {
  (void) data;
  return storage_name((int) i);
}

static const char *arithmetic_at(size_t i, const void *data) {
  (void) data;
  return segattn_arithmetic_name((int) i);
}

static int unknown_name(const source *s, const yaml_node_t *node, const char *what, const char *(*name)(size_t, const void *)) {
  char near[64], list[200] = "";
  for (size_t i = 0; name(i, NULL); i++)
    snprintf(list + strlen(list), sizeof list - strlen(list), " %s", name(i, NULL));
  if (!node_text(node))
    return node_fail(s, node, "%s: expected one of%s", what, list);
  return node_fail(s, node, "%s: '%s' is not one of%s%s", what, node_text(node), list,
                   did_you_mean(near, sizeof near, node_text(node), name, NULL));
}

static int format_read(segattn_format *format, const source *s, const yaml_node_t *node, const char *what) {
  if (node_text(node) && storage_find(format, node_text(node)))
    return DONE;
  return unknown_name(s, node, what, format_at);
}

int arithmetic_read(case_spec *spec, const source *s, yaml_node_t *node) {
  const char *text = node ? node_text(node) : "f32";
  for (size_t i = 0; text && arithmetic_at(i, NULL); i++)
    if (strcmp(text, arithmetic_at(i, NULL)) == 0) {
      snprintf(spec->arithmetic, sizeof spec->arithmetic, "%s", text);
      return DONE;
    }
  return unknown_name(s, node, "arithmetic", arithmetic_at);
}

/* ---- storage ---- */

int storage_read(case_spec *spec, const source *s, yaml_node_t *node) {
  static const key keys[] = { { .name = "q", .kind = ANY }, { .name = "k", .kind = ANY }, { .name = "v", .kind = ANY },
    { "saturate", SWITCH, offsetof (case_spec, saturate), 0, 0, false } };
  segattn_format *const to[] = { &spec->q, &spec->k, &spec->v };
  yaml_node_t *found[4] = { node, node, node, NULL };
  *to[0] = *to[1] = *to[2] = SEGATTN_F32;
  spec->saturate = false;
  int status = DONE;
  if (!node)
    return DONE;
  if (!node_text(node))
    status = read_mapping(found, s, node, "storage", keys, 4);
  if (status == DONE && found[3])
    status = read_scalar(spec, s, found[3], &keys[3]);
  for (size_t i = 0; i < 3 && status == DONE; i++)
    if (found[i])
      status = format_read(to[i], s, found[i], keys[i].name);
  return status;
}

/* ---- segments ---- */

typedef struct counted { size_t n; } counted;

static const key each_key = { "each", COUNT, offsetof (counted, n), 1, INT_MAX, true };
static const key segment_keys[] = {
  { "len", COUNT, offsetof (counted, n), 0, INT_MAX, true }, { .name = "k", .kind = ANY }, { .name = "v", .kind = ANY }
};

static int segment_read(segment_spec *to, const case_spec *spec, const source *s, yaml_node_t *node) {
  counted length;
  yaml_node_t *found[3] = { node, NULL, NULL };
  int status = DONE;
  *to = (segment_spec) { 0, spec->k, spec->v };
  if (!node_text(node))
    status = read_mapping(found, s, node, "segments", segment_keys, 3);
  if (status == DONE)
    status = read_scalar(&length, s, found[0], &segment_keys[0]);
  if (status == DONE && found[1])
    status = format_read(&to->k, s, found[1], "k");
  if (status == DONE && found[2])
    status = format_read(&to->v, s, found[2], "v");
  to->keys = status == DONE ? length.n : 0;
  return status;
}

static int list_read(case_spec *spec, const source *s, yaml_node_t *node) {
  size_t sum = 0;
  int status = DONE;
  for (size_t i = 0; i < spec->n_segments && status == DONE; i++) {
    status = segment_read(&spec->segments[i], spec, s, node_entry(s, node, i));
    sum += spec->segments[i].keys;
  }
  if (status == DONE && sum != spec->keys)
    status = node_fail(s, node, "segments: the lengths sum to %zu, expected the %zu keys", sum, spec->keys);
  return status;
}

/* Whole, or in pieces of `length`, the last one shorter.  */
static void cut(case_spec *spec, size_t length) {
  for (size_t i = 0, from = 0; i < spec->n_segments; i++, from += length)
    spec->segments[i] = (segment_spec) { spec->keys - from < length ? spec->keys - from : length, spec->k, spec->v };
}

/* Segments of one format are plain storage in it; of several, all values lie in a format that holds them.  */
static void find_mixed(case_spec *spec) {
  const segment_spec *segment = spec->segments;
  segattn_format wide_k = SEGATTN_F32, wide_v = SEGATTN_F32;
  for (size_t i = 0; i < spec->n_segments; i++) {
    spec->mixed = spec->mixed || segment[i].k != segment[0].k || segment[i].v != segment[0].v;
    wide_k = storage_wide(segment[i].k) ? SEGATTN_F64 : wide_k;
    wide_v = storage_wide(segment[i].v) ? SEGATTN_F64 : wide_v;
  }
  spec->k = spec->mixed ? wide_k : segment[0].k;
  spec->v = spec->mixed ? wide_v : segment[0].v;
}

/* How many segments, and of which length where they are not listed.  */
static int count_segments(size_t *n, size_t *length, const case_spec *spec, const source *s, yaml_node_t *node) {
  yaml_node_t *each;
  counted pieces;
  *n = 1;
  *length = spec->keys;
  if (!node || (node_text(node) && strcmp(node_text(node), "whole") == 0))
    return DONE;
  if (node_text(node))
    return node_fail(s, node, "segments: '%s' is no entry, expected whole, {each: N} or a list of lengths such as [2, 2]",
                     node_text(node));
  if (node->type == YAML_SEQUENCE_NODE) {
    *n = node_count(node);
    return *n > 0 ? DONE : node_fail(s, node, "segments: an empty list, expected lengths that sum to the %zu keys", spec->keys);
  }
  int status = read_mapping(&each, s, node, "segments", &each_key, 1);
  if (status == DONE)
    status = read_scalar(&pieces, s, each, &each_key);
  if (status != DONE)
    return status;
  *length = pieces.n;
  *n = (spec->keys + pieces.n - 1) / pieces.n;
  return *n <= MOST_SEGMENTS ? DONE : node_fail(s, each, "each: %zu segments, expected at most %d", *n, MOST_SEGMENTS);
}

int segments_read(case_spec *spec, const source *s, yaml_node_t *node) {
  size_t length;
  int status = count_segments(&spec->n_segments, &length, spec, s, node);
  if (status != DONE)
    return status;
  spec->segments = calloc(spec->n_segments, sizeof *spec->segments);
  if (!spec->segments)
    return fail(FILES, "out of memory");
  if (node && node->type == YAML_SEQUENCE_NODE)
    status = list_read(spec, s, node);
  else
    cut(spec, length);
  if (status == DONE)
    find_mixed(spec);
  return status;
}

int blocks_check(const case_spec *spec, const source *s, const yaml_node_t *node) {
  for (size_t i = 0; i < 2 * spec->n_segments + 1; i++) {
    const segment_spec *segment = &spec->segments[i / 2];
    bool q = i == 2 * spec->n_segments, v = !q && i % 2;
    segattn_format format = q ? spec->q : v ? segment->v : segment->k;
    size_t dim = v ? spec->dim_v : spec->dim_k, block = segattn_format_block(format);
    if (dim % block)
      return node_fail(s, node, "storage: %s is %zu, expected a multiple of %zu: %s stores blocks of %zu elements",
                       v ? "dim_v" : "dim_k", dim, block, segattn_format_name(format), block);
  }
  return DONE;
}
