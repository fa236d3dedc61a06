/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key `problem` of an experiment: shapes and semantics.  */

#include "config_read.h"
#include <limits.h>
#include <string.h>
#include "message.h"

enum { MOST_HEADS = 1 << 16 };

const key problem_keys[] = {
  { "q_heads", COUNT, offsetof (draft, spec.q_heads), 1, MOST_HEADS, false },
  { "kv_heads", COUNT, offsetof (draft, spec.kv_heads), 1, MOST_HEADS, false },
  { "dim", COUNT, offsetof (draft, dim), 1, SEGATTN_MAX_DIM, false },
  { "dim_k", COUNT, offsetof (draft, spec.dim_k), 1, SEGATTN_MAX_DIM, false },
  { "dim_v", COUNT, offsetof (draft, spec.dim_v), 1, SEGATTN_MAX_DIM, false },
  { "batch", COUNT, offsetof (draft, spec.batch), 1, INT_MAX, false },
  { "queries", COUNT, offsetof (draft, spec.queries), 1, INT_MAX, false },
  { "keys", COUNT, offsetof (draft, spec.keys), 1, INT_MAX, false },
  { "scale", NUMBER, offsetof (draft, spec.scale), 0, 0, false },
  { "softcap", NUMBER, offsetof (draft, spec.softcap), 0, 0, false },
  { "causal", SWITCH, offsetof (draft, spec.causal), 0, 0, false },
  { "alibi", SWITCH, offsetof (draft, spec.alibi), 0, 0, false },
  { "window", COUNT, offsetof (draft, spec.window), 0, INT_MAX, false },
  { "q_start", INTEGER, offsetof (draft, spec.q_start), 0, INT_MAX, false },
  { "mask", WORD, offsetof (draft, mask), 0, 0, false }
};
const size_t n_problem_keys = sizeof problem_keys / sizeof *problem_keys;

draft draft_initial(void) {
  return (draft) {
    .spec = {
      .scale = SEGATTN_SCALE_DEFAULT, .q_start = INT64_MIN, .q = SEGATTN_F32, .k = SEGATTN_F32, .v = SEGATTN_F32,
      .input.layer = -1
    },
    .mask = "none"
  };
}

static const char *const mask_name[] = { [MASK_NONE] = "none", [MASK_ZERO] = "zero", [MASK_PADDED] = "padded" };
enum { MASKS = sizeof mask_name / sizeof *mask_name };

static const char *mask_at(size_t i, const void *data) {
  (void) data;
  return i < MASKS ? mask_name[i] : NULL;
}

static int find_mask(draft *d, const source *s, const yaml_node_t *node) {
  char near[64];
  for (int m = 0; m < MASKS; m++)
    if (strcmp(d->mask, mask_name[m]) == 0)
      return d->spec.mask = (enum mask_kind) m, DONE;
  return node_fail(s, node, "mask: '%s' is not one of none, zero, padded%s", d->mask,
                   did_you_mean(near, sizeof near, d->mask, mask_at, NULL));
}

int problem_finish(draft *d, const choice *problem, const source *s, const yaml_node_t *block) {
  case_spec *c = &d->spec;
  const yaml_node_t *node = choice_find(problem, s, "dim");
  if (node && (c->dim_k || c->dim_v))
    return node_fail(s, node, "problem: dim stands for dim_k and dim_v, expected one or the other");
  if (node)
    c->dim_k = c->dim_v = d->dim;
  node = choice_find(problem, s, "softcap");
  if (c->softcap < 0)
    return node_fail(s, node, "softcap: '%s' is negative, expected 0 (off) or more", node_text(node));
  node = choice_find(problem, s, "mask");
  return find_mask(d, s, node ? node : block);
}

static int missing(const case_spec *c, const source *s, const yaml_node_t *node) {
  const struct { const char *name; size_t value; } needed[] = {
    { "q_heads", c->q_heads }, { "dim", c->dim_k }, { "dim_v", c->dim_v }, { "queries", c->queries }, { "keys", c->keys }
  };
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    if (needed[i].value == 0)
      return node_fail(s, node, "problem: key '%s' is missing (only an import brings its own)", needed[i].name);
  return DONE;
}

int problem_check(const draft *d, const choice *problem, const source *s, const yaml_node_t *block) {
  const case_spec *c = &d->spec;
  const yaml_node_t *node = choice_find(problem, s, "kv_heads");
  int status = missing(c, s, block);
  if (status == DONE && c->q_heads % c->kv_heads != 0)
    status = node_fail(s, node ? node : block, "kv_heads: q_heads is %zu, which is no multiple of %zu; expected one",
                       c->q_heads,
                       c->kv_heads);
  if (status == DONE && (c->dim_k > SEGATTN_MAX_DIM || c->dim_v > SEGATTN_MAX_DIM))
    status = node_fail(s, block, "problem: dim is %zu and %zu there, expected 1 to %d", c->dim_k, c->dim_v, SEGATTN_MAX_DIM);
  node = choice_find(problem, s, "queries");
  if (status == DONE && c->q_start == INT64_MIN && c->queries > c->keys && positions_matter(c))
    status = node_fail(s, node ? node : block, "q_start: would be keys - queries = %zu - %zu, expected 0 or more: give q_start",
                       c->keys, c->queries);
  return status;
}
