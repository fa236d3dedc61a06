/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A YAML document read against tables of keys.  Every failure is one message "FILE:LINE:COLUMN: ..." and USAGE.  */

#ifndef SCHEMA_H
#define SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

typedef struct source {
  const char *path;
  yaml_document_t document;
} source;

enum kind {
  COUNT,                        /* size_t, from min to max */
  INTEGER,                      /* int64_t, from min to max */
  NUMBER,                       /* double, finite */
  SWITCH,                       /* bool */
  WORD,                         /* const char *, owned by the document */
  ANY                           /* not a scalar: its reader looks at it */
};

typedef struct key {
  const char *name;
  enum kind kind;
  size_t offset;                /* of its member */
  long min, max;
  bool required;
} key;

enum { MOST_KEYS = 24 };

int source_parse(source *s, const char *path, const char *text, size_t n);
void source_free(source *s);

yaml_node_t *source_node(const source *s, int index);
int node_fail(const source *s, const yaml_node_t *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *node_text(const yaml_node_t *node);                 /* of a scalar; NULL for others */
/* Entries of a list; a node that is no list counts as its own only entry.  */
size_t node_count(const yaml_node_t *node);
yaml_node_t *node_entry(const source *s, yaml_node_t *node, size_t i);

/* found[i] is the value of keys[i] or NULL.  `what` names the mapping in messages: "problem".  */
int read_mapping(yaml_node_t **found, const source *s, yaml_node_t *node, const char *what, const key *keys, size_t n_keys);
int read_scalar(void *base, const source *s, const yaml_node_t *node, const key *k);
/* ", did you mean 'x'?" where a name of the list is close, else "": in `text`, which is returned.  */
const char *did_you_mean(char *text, size_t size, const char *word, const char *(*name)(size_t i, const void *data),
                         const void *data);

/* Lists multiply: a choice holds one entry of every key that is given as a list.  */
typedef struct choice {
  const key *keys;
  size_t n_keys;
  yaml_node_t *given[MOST_KEYS];
  size_t index[MOST_KEYS];
} choice;

int choice_start(choice *c, const source *s, yaml_node_t *node, const char *what, const key *keys, size_t n_keys);
bool choice_next(choice *c);                                    /* the last key turns fastest; false when all were had */
yaml_node_t *choice_node(const choice *c, const source *s, size_t i);           /* NULL: not given */
yaml_node_t *choice_find(const choice *c, const source *s, const char *name);
int choice_read(void *base, const choice *c, const source *s);  /* every key of a scalar kind */

#endif
