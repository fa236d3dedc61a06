/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A YAML document read against tables of keys.

   libyaml composes the document and its marks say where a node stands.  It does not look for duplicate keys and knows no types:
   both are done here.  A number is a plain scalar that is a number from its first to its last character.  */

#include "schema.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "message.h"

/* ---- the document ---- */

static int parser_fail(const yaml_parser_t *parser, const char *path) {
  const char *problem = parser->problem ? parser->problem : "cannot be parsed";
  if (parser->error == YAML_MEMORY_ERROR)
    return fail(FILES, "%s: out of memory", path);
  if (parser->error == YAML_READER_ERROR)
    return fail(USAGE, "%s: byte %zu: %s, expected text in UTF-8", path, parser->problem_offset, problem);
  return fail(USAGE, "%s:%zu:%zu: %s%s%s", path, parser->problem_mark.line + 1, parser->problem_mark.column + 1,
              parser->context ? parser->context : "", parser->context ? ": " : "", problem);
}

static int parse_documents(source *s, yaml_parser_t *parser) {
  yaml_document_t second;
  if (!yaml_parser_load(parser, &s->document))
    return parser_fail(parser, s->path);
  yaml_node_t *root = yaml_document_get_root_node(&s->document);
  int status = root ? DONE : fail(USAGE, "%s:1:1: is empty, expected an experiment", s->path);
  if (status == DONE && !yaml_parser_load(parser, &second))
    status = parser_fail(parser, s->path);
  else if (status == DONE) {
    yaml_node_t *more = yaml_document_get_root_node(&second);
    if (more)
      status = fail(USAGE, "%s:%zu:1: a second document begins, expected one experiment", s->path, more->start_mark.line + 1);
    yaml_document_delete(&second);
  }
  if (status != DONE)
    yaml_document_delete(&s->document);
  return status;
}

int source_parse(source *s, const char *path, const char *text, size_t n) {
  yaml_parser_t parser;
  s->path = path;
  if (!yaml_parser_initialize(&parser))
    return fail(FILES, "%s: out of memory", path);
  yaml_parser_set_input_string(&parser, (const unsigned char *) text, n);
  int status = parse_documents(s, &parser);
  yaml_parser_delete(&parser);
  return status;
}

void source_free(source *s) {
  yaml_document_delete(&s->document);
}

yaml_node_t *source_node(const source *s, int index) {
  return yaml_document_get_node((yaml_document_t *) &s->document, index);
}

int node_fail(const source *s, const yaml_node_t *node, const char *format, ...) {
  char text[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  return fail(USAGE, "%s:%zu:%zu: %s", s->path, node->start_mark.line + 1, node->start_mark.column + 1, text);
}

const char *node_text(const yaml_node_t *node) {
  return node->type == YAML_SCALAR_NODE ? (const char *) node->data.scalar.value : NULL;
}

size_t node_count(const yaml_node_t *node) {
  return node->type == YAML_SEQUENCE_NODE ? (size_t) (node->data.sequence.items.top - node->data.sequence.items.start) : 1;
}

yaml_node_t *node_entry(const source *s, yaml_node_t *node, size_t i) {
  return node->type == YAML_SEQUENCE_NODE ? source_node(s, node->data.sequence.items.start[i]) : node;
}

/* ---- near misses ---- */

/* Levenshtein's distance of words of at most 30 letters; more for longer ones.  */
static size_t distance(const char *a, const char *b) {
  size_t m = strlen(a), n = strlen(b), row[32];
  if (m > 30 || n > 30)
    return m + n;
  for (size_t j = 0; j <= n; j++)
    row[j] = j;
  for (size_t i = 1; i <= m; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      size_t change = corner + (a[i - 1] != b[j - 1]), least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
      corner = row[j];
      row[j] = change < least ? change : least;
    }
  }
  return row[n];
}

const char *did_you_mean(char *text, size_t size, const char *word, const char *(*name)(size_t i, const void *data),
                         const void *data) {
  size_t best = strlen(word) / 3 + 2;           /* a third of the letters, and at least one, may be wrong */
  const char *one, *nearest = NULL;
  for (size_t i = 0; (one = name(i, data)); i++) {
    size_t d = distance(word, one);
    if (d < best && d < strlen(one)) {
      best = d;
      nearest = one;
    }
  }
  text[0] = 0;
  if (nearest)
    snprintf(text, size, ", did you mean '%s'?", nearest);
  return text;
}

/* ---- mappings ---- */

struct key_list { const key *keys; size_t n; };

static const char *key_name(size_t i, const void *data) {
  const struct key_list *list = data;
  return i < list->n ? list->keys[i].name : NULL;
}

static int unknown_key(const source *s, const yaml_node_t *node, const char *what, const key *keys, size_t n_keys) {
  char near[64], list[400] = "";
  struct key_list names = { keys, n_keys };
  did_you_mean(near, sizeof near, node_text(node), key_name, &names);
  for (size_t i = 0; i < n_keys && !near[0]; i++)
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? " " : ", expected one of: ", keys[i].name);
  return node_fail(s, node, "%s: unknown key '%s'%s%s", what, node_text(node), near, list);
}

static int place_pair(yaml_node_t **found, const source *s, yaml_node_pair_t pair, const char *what, const key *keys,
                      size_t n_keys) {
  yaml_node_t *name = source_node(s, pair.key);
  if (!node_text(name))
    return node_fail(s, name, "%s: expected the name of a key", what);
  for (size_t i = 0; i < n_keys; i++)
    if (strcmp(node_text(name), keys[i].name) == 0) {
      if (found[i])
        return node_fail(s, name, "%s: key '%s' is given twice, first in line %zu", what, keys[i].name,
                         found[i]->start_mark.line + 1);
      found[i] = source_node(s, pair.value);
      return DONE;
    }
  return unknown_key(s, name, what, keys, n_keys);
}

int read_mapping(yaml_node_t **found, const source *s, yaml_node_t *node, const char *what, const key *keys, size_t n_keys) {
  memset(found, 0, n_keys * sizeof *found);
  if (node->type != YAML_MAPPING_NODE)
    return node_fail(s, node, "%s: expected keys and values, such as '%s: ...'", what, keys[0].name);
  int status = DONE;
  for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top && status == DONE; pair++)
    status = place_pair(found, s, *pair, what, keys, n_keys);
  for (size_t i = 0; i < n_keys && status == DONE; i++)
    if (keys[i].required && !found[i])
      status = node_fail(s, node, "%s: key '%s' is missing", what, keys[i].name);
  return status;
}

/* ---- scalars ---- */

/* Decimal digits without leading zeros (which YAML 1.1 takes as octal), with a sign where negative numbers are legal.  */
static bool parse_integer(const char *text, long min, long max, int64_t *value) {
  const char *digits = text + (*text == '-' && min < 0);
  char *end;
  size_t n = strspn(digits, "0123456789");
  if (n == 0 || digits[n] || (digits[0] == '0' && n > 1))
    return false;
  errno = 0;
  *value = strtoll(text, &end, 10);
  return errno == 0 && *value >= min && *value <= max;
}

static bool parse_number(const char *text, double *value) {
  char *end;
  if (!text[0] || text[strspn(text, "0123456789+-.eE")])
    return false;
  *value = strtod(text, &end);
  return !*end && isfinite(*value);
}

static bool parse_switch(const char *text, bool *value) {
  *value = strcmp(text, "true") == 0;
  return *value || strcmp(text, "false") == 0;
}

static bool parse_kind(void *member, const char *text, bool plain, const key *k) {
  int64_t integer;
  switch (k->kind) {
  case COUNT:
  case INTEGER:
    if (!plain || !parse_integer(text, k->min, k->max, &integer))
      return false;
    if (k->kind == COUNT)
      *(size_t *) member = (size_t) integer;
    else
      *(int64_t *) member = integer;
    return true;
  case NUMBER:
    return plain && parse_number(text, member);
  case SWITCH:
    return plain && parse_switch(text, member);
  case WORD:
    *(const char **) member = text;
    return text[0] != 0;
  case ANY:
    break;
  }
  return true;
}

int read_scalar(void *base, const source *s, const yaml_node_t *node, const key *k) {
  const char *text = node_text(node);
  char expected[96];
  if (text && strlen(text) == node->data.scalar.length
      && parse_kind((char *) base + k->offset, text, node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE, k))
    return DONE;
  static const char *const words[] = { [NUMBER] = "a finite number", [SWITCH] = "true or false", [WORD] = "a word" };
  if (k->kind == COUNT || k->kind == INTEGER)
    snprintf(expected, sizeof expected, "a whole number from %ld to %ld", k->min, k->max);
  else
    snprintf(expected, sizeof expected, "%s", words[k->kind]);
  if (!text)
    return node_fail(s, node, "%s: is a %s, expected %s", k->name,
                     node->type == YAML_SEQUENCE_NODE ? "list" : "mapping", expected);
  return node_fail(s, node, "%s: '%s', expected %s", k->name, text, expected);
}

/* ---- choices ---- */

int choice_start(choice *c, const source *s, yaml_node_t *node, const char *what, const key *keys, size_t n_keys) {
  memset(c, 0, sizeof *c);
  c->keys = keys;
  c->n_keys = n_keys;
  if (!node)
    return DONE;
  int status = read_mapping(c->given, s, node, what, keys, n_keys);
  for (size_t i = 0; i < n_keys && status == DONE; i++)
    if (c->given[i] && node_count(c->given[i]) == 0)
      status = node_fail(s, c->given[i], "%s: %s: is an empty list", what, keys[i].name);
  return status;
}

bool choice_next(choice *c) {
  for (size_t i = c->n_keys; i-- > 0;) {
    if (c->given[i] && ++c->index[i] < node_count(c->given[i]))
      return true;
    c->index[i] = 0;
  }
  return false;
}

yaml_node_t *choice_node(const choice *c, const source *s, size_t i) {
  return c->given[i] ? node_entry(s, c->given[i], c->index[i]) : NULL;
}

yaml_node_t *choice_find(const choice *c, const source *s, const char *name) {
  for (size_t i = 0; i < c->n_keys; i++)
    if (strcmp(c->keys[i].name, name) == 0)
      return choice_node(c, s, i);
  return NULL;
}

int choice_read(void *base, const choice *c, const source *s) {
  int status = DONE;
  for (size_t i = 0; i < c->n_keys && status == DONE; i++)
    if (c->given[i] && c->keys[i].kind != ANY)
      status = read_scalar(base, s, choice_node(c, s, i), &c->keys[i]);
  return status;
}
