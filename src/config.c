/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An experiment's file read into cases.

   A file is one block or a list of `blocks`.  Within a block these multiply: the scalars of `problem` given as lists,
   `inputs` and their scalars given as lists, replicates, `storage`, `segments`, `arithmetic`, in this order, the last
   turning fastest.  Everything is read before anything is run: a mistake in the last block is found at once.  */

#include "config_read.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"
#include "inputs.h"
#include "message.h"
#include "references.h"
#include "report.h"

enum { MOST_CASES = 100000, MOST_REPLICATES = 100000 };

typedef struct top {
  const char *name;
  size_t seed, replicates;
} top;

/* The first four are of the file, the others of a block.  */
enum { EXPERIMENT, SEED, REPORT, BLOCKS, PROBLEM, INPUTS, STORAGE, SEGMENTS, ARITHMETIC, REFERENCES, REPLICATES, KEYS };

static const key file_keys[KEYS] = {
  [EXPERIMENT] = { "experiment", WORD, offsetof (top, name), 0, 0, true },
  [SEED] = { "seed", COUNT, offsetof (top, seed), 0, LONG_MAX, false },
  [REPORT] = { .name = "report", .kind = ANY },
  [BLOCKS] = { .name = "blocks", .kind = ANY },
  [PROBLEM] = { .name = "problem", .kind = ANY },
  [INPUTS] = { .name = "inputs", .kind = ANY, .required = true },
  [STORAGE] = { .name = "storage", .kind = ANY },
  [SEGMENTS] = { .name = "segments", .kind = ANY },
  [ARITHMETIC] = { .name = "arithmetic", .kind = ANY },
  [REFERENCES] = { .name = "references", .kind = ANY },
  [REPLICATES] = { "replicates", COUNT, offsetof (top, replicates), 1, MOST_REPLICATES, false }
};

typedef struct loader {
  source s;
  experiment *e;
  size_t room;                          /* for cases */
  size_t block;                         /* which one is being read: */
  yaml_node_t *node, *found[KEYS];
  size_t replicates;
} loader;

/* ---- lists of names ---- */

/* A name or a list of names, each once and each `known`.  */
static int read_names(char ***names, size_t *n, const source *s, yaml_node_t *node, const char *what,
                      bool (*known)(const char *), const char *expected) {
  *n = 0;
  *names = calloc(node ? node_count(node) + 1 : 1, sizeof **names);
  if (!*names)
    return fail(FILES, "out of memory");
  for (size_t i = 0; node && i < node_count(node); i++) {
    const yaml_node_t *entry = node_entry(s, node, i);
    const char *text = node_text(entry);
    if (!text || !text[0] || strlen(text) >= NAME_SIZE)
      return node_fail(s, entry, "%s: expected a name, or a list of names", what);
    if (!known(text))
      return node_fail(s, entry, "%s: '%s' is not known, expected %s", what, text, expected);
    for (size_t j = 0; j < *n; j++)
      if (strcmp((*names)[j], text) == 0)
        return node_fail(s, entry, "%s: '%s' is given twice", what, text);
    if (!((*names)[*n] = strdup(text)))
      return fail(FILES, "out of memory");
    ++*n;
  }
  return DONE;
}

/* ---- one case ---- */

static char *copy(const char *text, int *status) {
  char *new = text ? strdup(text) : NULL;
  if (text && !new)
    *status = fail(FILES, "out of memory");
  return new;
}

/* The next case of the experiment, with the draft's settings and its own copies of the strings.  */
static case_spec *append_case(loader *l, const case_spec *spec, int *status) {
  experiment *e = l->e;
  if (e->n_cases == MOST_CASES) {
    *status = node_fail(&l->s, l->node, "the lists multiply to more than %d cases", MOST_CASES);
    return NULL;
  }
  if (e->n_cases == l->room) {
    size_t room = l->room ? 2 * l->room : 16;
    case_spec *cases = realloc(e->cases, room * sizeof *cases);
    if (!cases) {
      *status = fail(FILES, "out of memory");
      return NULL;
    }
    e->cases = cases;
    l->room = room;
  }
  case_spec *c = &e->cases[e->n_cases++];
  *c = *spec;
  c->block = l->block;
  c->input.path = copy(spec->input.path, status);
  c->input.path_given = copy(spec->input.path_given, status);
  return c;
}

static int add_case(loader *l, const case_spec *spec, yaml_node_t *segments, yaml_node_t *arithmetic) {
  int status = DONE;
  case_spec *c = append_case(l, spec, &status);
  if (status == DONE)
    status = segments_read(c, &l->s, segments);
  if (status == DONE)
    status = blocks_check(c, &l->s, segments ? segments : l->found[STORAGE] ? l->found[STORAGE] : l->node);
  if (status == DONE)
    status = arithmetic_read(c, &l->s, arithmetic);
  if (status == DONE)
    status = read_names(&c->references, &c->n_references, &l->s, l->found[REFERENCES], "references", reference_known,
                        "a name such as torch-math-f32 or ggml-f16");
  return status;
}

/* ---- what multiplies ---- */

static size_t entries(const loader *l, int which) {
  return l->found[which] ? node_count(l->found[which]) : 1;
}

static yaml_node_t *entry(const loader *l, int which, size_t i) {
  return l->found[which] ? node_entry(&l->s, l->found[which], i) : NULL;
}

static int multiply_storage(loader *l, const draft *d) {
  case_spec spec = d->spec;
  int status = DONE;
  for (size_t i = 0; i < entries(l, STORAGE) && status == DONE; i++) {
    status = storage_read(&spec, &l->s, entry(l, STORAGE, i));
    for (size_t j = 0; j < entries(l, SEGMENTS) && status == DONE; j++)
      for (size_t k = 0; k < entries(l, ARITHMETIC) && status == DONE; k++)
        status = add_case(l, &spec, entry(l, SEGMENTS, j), entry(l, ARITHMETIC, k));
  }
  return status;
}

/* One input: its dimensions are known after this, and a random one is drawn several times.  */
static int multiply_replicates(loader *l, draft *d, const choice *problem) {
  case_spec *c = &d->spec;
  bool import = strcmp(c->input.family, "import") == 0;
  int status = DONE;
  if (import)
    status = inputs_shape(c);
  else {
    c->batch = c->batch ? c->batch : 1;
    c->kv_heads = c->kv_heads ? c->kv_heads : c->q_heads;
  }
  const yaml_node_t *at = l->found[PROBLEM] ? l->found[PROBLEM] : l->node;
  if (status == DONE)
    status = problem_check(d, problem, &l->s, at);
  for (size_t r = 0; r < (import ? 1 : l->replicates) && status == DONE; r++) {
    c->input.replicate = (long) r;
    status = multiply_storage(l, d);
  }
  return status;
}

static int multiply_input(loader *l, const draft *base, const choice *problem, yaml_node_t *node) {
  input_choice in;
  bool more = true;
  int status = input_start(&in, &l->s, node);
  while (status == DONE && more) {
    draft d = *base;
    status = input_read(&d, &in, &l->s);
    if (status == DONE)
      status = multiply_replicates(l, &d, problem);
    free(d.spec.input.path);
    free(d.spec.input.path_given);
    if (status == DONE)
      status = input_next(&in, &l->s, &more);
  }
  return status;
}

static int multiply_problem(loader *l) {
  choice problem;
  int status = choice_start(&problem, &l->s, l->found[PROBLEM], "problem", problem_keys, n_problem_keys);
  do {
    draft d = draft_initial();
    if (status == DONE)
      status = choice_read(&d, &problem, &l->s);
    if (status == DONE)
      status = problem_finish(&d, &problem, &l->s, l->node);
    for (size_t i = 0; i < entries(l, INPUTS) && status == DONE; i++)
      status = multiply_input(l, &d, &problem, entry(l, INPUTS, i));
  } while (status == DONE && choice_next(&problem));
  return status;
}

/* ---- blocks and the file ---- */

static int read_block(loader *l) {
  top t = { .replicates = 1 };
  int status = DONE;
  for (int i = PROBLEM; i < KEYS && status == DONE; i++)
    if (l->found[i] && node_count(l->found[i]) == 0)
      status = node_fail(&l->s, l->found[i], "%s: is an empty list", file_keys[i].name);
  if (status == DONE && l->found[REPLICATES])
    status = read_scalar(&t, &l->s, l->found[REPLICATES], &file_keys[REPLICATES]);
  l->replicates = t.replicates;
  return status == DONE ? multiply_problem(l) : status;
}

static int read_blocks(loader *l) {
  yaml_node_t *list = l->found[BLOCKS];
  int status = DONE;
  for (int i = PROBLEM; i < KEYS; i++)
    if (l->found[i])
      return node_fail(&l->s, l->found[i], "%s: belongs into a block of blocks, or blocks must go", file_keys[i].name);
  if (list->type != YAML_SEQUENCE_NODE || node_count(list) == 0)
    return node_fail(&l->s, list, "blocks: expected a list of blocks");
  for (l->block = 0; l->block < node_count(list) && status == DONE; l->block++) {
    l->node = node_entry(&l->s, list, l->block);
    status = read_mapping(l->found + PROBLEM, &l->s, l->node, "blocks", file_keys + PROBLEM, KEYS - PROBLEM);
    if (status == DONE)
      status = read_block(l);
  }
  return status;
}

/* The name becomes a file name.  */
static int check_name(const char *name, const source *s, const yaml_node_t *node) {
  static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (name[strspn(name, legal)] || name[0] == '.' || name[0] == '-' || strlen(name) > 200)
    return node_fail(s, node, "experiment: '%s' names files, expected letters, digits, '.', '_' and '-', and a letter or "
                     "digit first", name);
  return DONE;
}

static int read_root(loader *l, yaml_node_t *root) {
  key keys[KEYS];
  top t = { .replicates = 1 };
  memcpy(keys, file_keys, sizeof keys);
  keys[INPUTS].required = false;        /* it may be in the blocks */
  int status = read_mapping(l->found, &l->s, root, "experiment", keys, KEYS);
  if (status == DONE)
    status = read_scalar(&t, &l->s, l->found[EXPERIMENT], &keys[EXPERIMENT]);
  if (status == DONE)
    status = check_name(t.name, &l->s, l->found[EXPERIMENT]);
  if (status == DONE && l->found[SEED])
    status = read_scalar(&t, &l->s, l->found[SEED], &keys[SEED]);
  if (status == DONE)
    status = read_names(&l->e->report, &l->e->n_report, &l->s, l->found[REPORT], "report", report_known, REPORT_NAMES);
  if (status != DONE)
    return status;
  l->e->name = copy(t.name, &status);
  l->e->seed = t.seed;
  if (l->found[BLOCKS])
    return status == DONE ? read_blocks(l) : status;
  l->node = root;
  if (!l->found[INPUTS])
    return node_fail(&l->s, root, "experiment: key 'inputs' is missing (or 'blocks', a list of blocks that have it)");
  return status == DONE ? read_block(l) : status;
}

int experiment_load(experiment *e, const char *path) {
  loader l = { .e = e };
  size_t n;
  memset(e, 0, sizeof *e);
  int status = file_read(&e->text, &n, path);
  if (status == DONE)
    e->path = copy(path, &status);
  if (status == DONE)
    status = source_parse(&l.s, path, e->text, n);
  if (status == DONE) {
    status = read_root(&l, yaml_document_get_root_node(&l.s.document));
    source_free(&l.s);
  }
  if (status == DONE)
    status = cases_finish(e);
  if (status != DONE)
    experiment_free(e);
  return status;
}
