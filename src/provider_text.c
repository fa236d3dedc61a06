/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines that this program and a provider exchange: one JSON object each.

   JSON as Python writes it (ensure_ascii=False) is YAML, so libyaml reads it. Bytes of a path that are not UTF-8 go out
   as they are and come back never: an answer repeats case and provider only.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "provider.h"

static void put_string(FILE *f, const char *text) {
  fputc('"', f);
  for (const unsigned char *c = (const unsigned char *) text; *c; c++)
    if (*c == '"' || *c == '\\')
      fprintf(f, "\\%c", *c);
    else if (*c < 0x20)
      fprintf(f, "\\u%04x", *c);
    else
      fputc(*c, f);
  fputc('"', f);
}

char *job_line(const reference_job *job) {
  char *line = NULL;
  size_t n;
  FILE *f = open_memstream(&line, &n);
  if (!f)
    return NULL;
  const char *const pairs[][2] = {
    {"{\"file\": ", job->case_path}, {", \"case\": ", job->id}, {", \"provider\": ", job->provider},
    {", \"output\": ", job->output}
  };
  for (size_t i = 0; i < 4; i++) {
    fputs(pairs[i][0], f);
    put_string(f, pairs[i][1]);
  }
  fputs("}\n", f);
  if (fclose(f) == 0)
    return line;
  free(line);
  return NULL;
}

/* A copy of the scalar that `object` has under `name`, or NULL.  */
static char *member(yaml_document_t *document, const yaml_node_t *object, const char *name) {
  for (const yaml_node_pair_t *p = object->data.mapping.pairs.start; p < object->data.mapping.pairs.top; p++) {
    const yaml_node_t *key = yaml_document_get_node(document, p->key), *value = yaml_document_get_node(document, p->value);
    if (key->type == YAML_SCALAR_NODE && value->type == YAML_SCALAR_NODE
        && strcmp((const char *) key->data.scalar.value, name) == 0)
      return strdup((const char *) value->data.scalar.value);
  }
  return NULL;
}

bool answer_parse(answer_line *a, const char *line) {
  yaml_parser_t parser;
  yaml_document_t document;
  *a = (answer_line) {0};
  if (!yaml_parser_initialize(&parser))
    return false;
  yaml_parser_set_input_string(&parser, (const unsigned char *) line, strlen(line));
  if (yaml_parser_load(&parser, &document)) {
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    if (root && root->type == YAML_MAPPING_NODE)
      *a = (answer_line) {member(&document, root, "case"), member(&document, root, "provider"),
                          member(&document, root, "status"), member(&document, root, "reason")};
    yaml_document_delete(&document);
  }
  yaml_parser_delete(&parser);
  if (a->id && a->provider && a->status && a->reason)
    return true;
  answer_line_free(a);
  return false;
}

void answer_line_free(answer_line *a) {
  free(a->id);
  free(a->provider);
  free(a->status);
  free(a->reason);
  *a = (answer_line) {0};
}
