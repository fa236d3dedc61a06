/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One entry of the key `inputs` of an experiment: a family with its parameters, or a file to import.

   Which keys are legal depends on the family, so the table of keys is made for each.  */

#include "config_read.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "inputs.h"
#include "message.h"

enum { PARAMETERS = sizeof ((input_spec *) 0)->parameter / sizeof (double) };
_Static_assert(sizeof (long) == sizeof (int64_t), "INTEGER members are int64_t, and the layer is a long");

static const key import_keys[] = {
  { "import", WORD, offsetof (draft, import), 0, 0, true },
  { "layer", INTEGER, offsetof (draft, spec.input.layer), 0, INT_MAX, false }
};

static const char *family_name_at(size_t i, const void *data) {
  (void) data;
  const family *f = family_at(i);
  return f ? f->name : NULL;
}

static int unknown_family(const source *s, const yaml_node_t *node) {
  char near[64], list[300] = "";
  const char *name;
  for (size_t i = 0; (name = family_name_at(i, NULL)); i++)
    snprintf(list + strlen(list), sizeof list - strlen(list), " %s", name);
  return node_fail(s, node, "family: '%s' is none, expected one of%s%s", node_text(node), list,
                   did_you_mean(near, sizeof near, node_text(node), family_name_at, NULL));
}

/* The value of a key in a mapping, whatever else that holds.  */
static yaml_node_t *find_value(const source *s, const yaml_node_t *node, const char *name) {
  if (node->type != YAML_MAPPING_NODE)
    return NULL;
  for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
    const char *text = node_text(source_node(s, pair->key));
    if (text && strcmp(text, name) == 0)
      return source_node(s, pair->value);
  }
  return NULL;
}

static int start_family(input_choice *in, const source *s) {
  const yaml_node_t *node = node_entry(s, in->families, in->family);
  if (!node_text(node))
    return node_fail(s, node, "family: expected a name");
  const family *f = family_find(node_text(node));
  if (!f)
    return unknown_family(s, node);
  if (strcmp(f->name, "import") == 0)
    return node_fail(s, node, "family: an import is written import: FILE.h5");
  size_t n = 0;
  in->keys[n++] = (key) { "family", ANY, 0, 0, 0, false };
  for (size_t i = 0; i < PARAMETERS && f->parameter[i]; i++)
    in->keys[n++] = (key) { f->parameter[i], NUMBER, offsetof (draft, spec.input.parameter) + i * sizeof (double), 0, 0,
                            false };
  char what[80];
  snprintf(what, sizeof what, "inputs, family %s", f->name);
  yaml_node_t *node_of_parameters = in->node->type == YAML_MAPPING_NODE ? in->node : NULL;
  int status = choice_start(&in->choice, s, node_of_parameters, what, in->keys, n);
  in->choice.given[0] = NULL;   /* the families have their own turn */
  return status;
}

int input_start(input_choice *in, const source *s, yaml_node_t *node) {
  memset(in, 0, sizeof *in);
  in->node = node;
  in->families = node_text(node) ? node : find_value(s, node, "family");
  if (find_value(s, node, "import"))
    in->families = NULL;
  else if (!in->families)
    return node_fail(s, node, "inputs: expected a family or an import, such as {family: normal} or {import: FILE.h5}");
  else if (node_count(in->families) == 0)
    return node_fail(s, in->families, "family: is an empty list");
  if (in->families)
    return start_family(in, s);
  return choice_start(&in->choice, s, node, "inputs, import", import_keys, sizeof import_keys / sizeof *import_keys);
}

int input_next(input_choice *in, const source *s, bool *more) {
  *more = true;
  if (choice_next(&in->choice))
    return DONE;
  if (in->families && ++in->family < node_count(in->families))
    return start_family(in, s);
  *more = false;
  return DONE;
}

/* `given` is relative to the folder of the experiment's file.  */
static char *resolve(const char *given, const char *yaml) {
  const char *slash = strrchr(yaml, '/');
  if (given[0] == '/' || !slash)
    return strdup(given);
  size_t folder = (size_t) (slash - yaml) + 1, room = folder + strlen(given) + 1;
  char *path = malloc(room);
  if (path)
    snprintf(path, room, "%.*s%s", (int) folder, yaml, given);
  return path;
}

int input_read(draft *d, const input_choice *in, const source *s) {
  input_spec *input = &d->spec.input;
  const char *name = in->families ? node_text(node_entry(s, in->families, in->family)) : "import";
  const family *f = family_find(name);
  snprintf(input->family, sizeof input->family, "%s", name);
  if (f)
    memcpy(input->parameter, f->initial, sizeof input->parameter);
  int status = choice_read(d, &in->choice, s);
  if (status != DONE || in->families)
    return status;
  input->path_given = strdup(d->import);
  input->path = resolve(d->import, s->path);
  return input->path && input->path_given ? DONE : fail(FILES, "out of memory");
}
