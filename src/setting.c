/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The settings of a case as names and texts: what labels, identities, streams and attributes are made of.

   A text is part of identities and random streams: changing one changes results that people have quoted.  Numbers are
   the shortest decimal that reads back as the same number.  */

#include "experiment.h"
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hash.h"
#include "cases.h"
#include "inputs.h"

enum { VALUE_SIZE = sizeof ((setting *) 0)->value };

typedef struct row {
  const char *name;
  void (*text)(char *value, const case_spec *c);        /* NULL: the size_t at `offset` */
  size_t offset;
  const char *initial;                                  /* text of the default, where it is always the same */
  void (*default_text)(char *value, const case_spec *c);/* or depends on other settings */
  bool determines_inputs, import_only;
} row;

static void write_number(char *value, double x) {
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(value, VALUE_SIZE, "%.*g", digits, x);
    if (strtod(value, NULL) == x)
      return;
  }
}

static void write_size(char *value, size_t n) {
  snprintf(value, VALUE_SIZE, "%zu", n);
}

static void write_text(char *value, const char *text) {
  snprintf(value, VALUE_SIZE, "%s", text);
}

/* A text that does not fit keeps its beginning, and its SHA-256 so that it stays unique.  */
static void write_long(char *value, const char *text) {
  char hex[65];
  if (strlen(text) < VALUE_SIZE) {
    write_text(value, text);
    return;
  }
  hash *h = hash_alloc();
  if (!h)
    abort();                    /* a few hundred bytes could not be had, and an identity must not be wrong */
  hash_text(h, text);
  hash_end(h, hex);
  snprintf(value, VALUE_SIZE, "%.160s... sha256 %s", text, hex);
}

/* ---- one function a setting ---- */

static void family_text(char *value, const case_spec *c) { write_text(value, c->input.family); }
static void path_text(char *value, const case_spec *c) { write_long(value, c->input.path_given ? c->input.path_given : ""); }
static void layer_text(char *value, const case_spec *c) { snprintf(value, VALUE_SIZE, "%ld", c->input.layer); }
static void replicate_text(char *value, const case_spec *c) { snprintf(value, VALUE_SIZE, "%ld", c->input.replicate); }
static void q_heads_text(char *value, const case_spec *c) { write_size(value, c->q_heads); }
static void dim_k_text(char *value, const case_spec *c) { write_size(value, c->dim_k); }
static void softcap_text(char *value, const case_spec *c) { write_number(value, c->softcap); }
static void causal_text(char *value, const case_spec *c) { write_text(value, c->causal ? "true" : "false"); }
static void alibi_text(char *value, const case_spec *c) { write_text(value, c->alibi ? "true" : "false"); }
static void q_text(char *value, const case_spec *c) { write_text(value, segattn_format_name(c->q)); }
static void k_text(char *value, const case_spec *c) { write_text(value, segattn_format_name(c->k)); }
static void v_text(char *value, const case_spec *c) { write_text(value, segattn_format_name(c->v)); }
static void saturate_text(char *value, const case_spec *c) { write_text(value, c->saturate ? "true" : "false"); }
static void arithmetic_text(char *value, const case_spec *c) { write_text(value, c->arithmetic); }

static void default_scale_text(char *value, const case_spec *c) { write_number(value, 1 / sqrt((double) c->dim_k)); }

static void scale_text(char *value, const case_spec *c) {
  if (c->scale == SEGATTN_SCALE_DEFAULT)
    default_scale_text(value, c);
  else
    write_number(value, c->scale);
}

static void mask_text(char *value, const case_spec *c) {
  static const char *const name[] = { [MASK_NONE] = "none", [MASK_ZERO] = "zero", [MASK_PADDED] = "padded" };
  write_text(value, name[c->mask]);
}

/* Queries are the last positions, unless there are more of them than keys and nobody reads positions.  */
static void default_start_text(char *value, const case_spec *c) {
  int64_t start = (int64_t) c->keys - (int64_t) c->queries;
  snprintf(value, VALUE_SIZE, "%" PRId64, start < 0 && !positions_matter(c) ? 0 : start);
}

static void start_text(char *value, const case_spec *c) {
  if (c->q_start == INT64_MIN)
    default_start_text(value, c);
  else
    snprintf(value, VALUE_SIZE, "%" PRId64, c->q_start);
}

/* ---- segments, as the command line takes them ---- */

/* The N of each:N, or 0: all of one length, but that the last of three or more may be shorter.  */
static size_t each_length(const case_spec *c) {
  size_t n = c->n_segments, length = n > 1 ? c->segments[0].keys : 0;
  for (size_t i = 0; i < n && length > 0; i++)
    if (c->segments[i].keys != length && (n < 3 || i + 1 < n || c->segments[i].keys > length || c->segments[i].keys == 0))
      return 0;
  return length;
}

static void segments_text(char *value, const case_spec *c) {
  char *text = NULL;
  size_t length, each = c->mixed ? 0 : each_length(c);
  FILE *stream = open_memstream(&text, &length);
  if (!stream)
    abort();                    /* as in write_long */
  if (c->n_segments <= 1)
    fputs("whole", stream);
  else if (each > 0)
    fprintf(stream, "each:%zu", each);
  else
    for (size_t i = 0; i < c->n_segments; i++) {
      const segment_spec *s = &c->segments[i];
      fprintf(stream, "%s%zu", i ? "," : "", s->keys);
      if (c->mixed && s->k == s->v)
        fprintf(stream, ":%s", segattn_format_name(s->k));
      else if (c->mixed)
        fprintf(stream, ":k=%s/v=%s", segattn_format_name(s->k), segattn_format_name(s->v));
    }
  fclose(stream);
  write_long(value, text);
  free(text);
}

/* ---- the table ---- */

#define SIZE_AT(member) .offset = offsetof (case_spec, member)

static const row rows[] = {
  { "family", .text = family_text, .initial = "", .determines_inputs = true },
  { "import", .text = path_text, .initial = "", .determines_inputs = true, .import_only = true },
  { "layer", .text = layer_text, .initial = "-1", .determines_inputs = true, .import_only = true },
  { "replicate", .text = replicate_text, .initial = "0", .determines_inputs = true },
  { "batch", SIZE_AT (batch), .initial = "1", .determines_inputs = true },
  { "q_heads", SIZE_AT (q_heads), .initial = "", .determines_inputs = true },
  { "kv_heads", SIZE_AT (kv_heads), .default_text = q_heads_text, .determines_inputs = true },
  { "dim_k", SIZE_AT (dim_k), .initial = "", .determines_inputs = true },
  { "dim_v", SIZE_AT (dim_v), .default_text = dim_k_text, .determines_inputs = true },
  { "queries", SIZE_AT (queries), .initial = "", .determines_inputs = true },
  { "keys", SIZE_AT (keys), .initial = "", .determines_inputs = true },
  { "scale", .text = scale_text, .default_text = default_scale_text },
  { "softcap", .text = softcap_text, .initial = "0" },
  { "causal", .text = causal_text, .initial = "false" },
  { "alibi", .text = alibi_text, .initial = "false" },
  { "window", SIZE_AT (window), .initial = "0" },
  { "q_start", .text = start_text, .default_text = default_start_text },
  { "mask", .text = mask_text, .initial = "none" },
  { "q", .text = q_text, .initial = "f32" },
  { "k", .text = k_text, .initial = "f32" },
  { "v", .text = v_text, .initial = "f32" },
  { "saturate", .text = saturate_text, .initial = "false" },
  { "segments", .text = segments_text, .initial = "whole" },
  { "arithmetic", .text = arithmetic_text, .initial = "f32" }
};

static void fill(setting *s, const row *r, const case_spec *c) {
  char other[VALUE_SIZE];
  s->name = r->name;
  s->determines_inputs = r->determines_inputs;
  if (r->text)
    r->text(s->value, c);
  else
    write_size(s->value, *(const size_t *) (const void *) ((const char *) c + r->offset));
  if (r->default_text)
    r->default_text(other, c);
  s->differs = strcmp(s->value, r->default_text ? other : r->initial) != 0;
}

/* Parameter i of the input's family; false where it has no more.  */
static bool fill_parameter(setting *s, const case_spec *c, size_t i) {
  const family *f = family_find(c->input.family);
  if (!f || i >= sizeof f->parameter / sizeof *f->parameter || !f->parameter[i])
    return false;
  s->name = f->parameter[i];
  s->determines_inputs = true;
  s->differs = c->input.parameter[i] != f->initial[i];
  write_number(s->value, c->input.parameter[i]);
  return true;
}

bool case_setting(const case_spec *c, size_t i, setting *s) {
  bool import = strcmp(c->input.family, "import") == 0;
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
    if ((import || !rows[r].import_only) && i-- == 0)
      return fill(s, &rows[r], c), true;
  return fill_parameter(s, c, i);
}
