/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files that read an experiment share.  */

#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "cases.h"
#include "schema.h"

/* A case while it is being read: what is not yet in its final form beside what is.  */
typedef struct draft {
  case_spec spec;
  size_t dim;
  const char *mask;
  const char *import;
} draft;

/* config_problem.c */
extern const key problem_keys[];
extern const size_t n_problem_keys;
draft draft_initial(void);
int problem_finish(draft *d, const choice *problem, const source *s, const yaml_node_t *block);         /* before the inputs */
/* When the dimensions are known: missing and impossible ones.  */
int problem_check(const draft *d, const choice *problem, const source *s, const yaml_node_t *block);

/* config_input.c: one entry of `inputs`, in turn for each of its families and parameters.  */
typedef struct input_choice {
  choice choice;
  key keys[MOST_KEYS];
  yaml_node_t *node, *families; /* families NULL: import */
  size_t family;                /* index in families */
} input_choice;

int input_start(input_choice *in, const source *s, yaml_node_t *node);
int input_next(input_choice *in, const source *s, bool *more);
int input_read(draft *d, const input_choice *in, const source *s);      /* d->spec.input, its path owned */

/* config_storage.c: storage, segments and arithmetic of one case; spec->segments is allocated.  */
int storage_read(case_spec *spec, const source *s, yaml_node_t *node);
int segments_read(case_spec *spec, const source *s, yaml_node_t *node);         /* NULL: whole */
/* Whole blocks in every format that the case stores.  */
int blocks_check(const case_spec *spec, const source *s, const yaml_node_t *node);
int arithmetic_read(case_spec *spec, const source *s, yaml_node_t *node);

#endif
