/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small case of each family, for the tests of inputs.  */

#ifndef DRAWN_INPUTS_H
#define DRAWN_INPUTS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "inputs.h"

static segment_spec whole[1];

/* Two KV heads, four query heads, f64 storage: what was drawn.  */
static inline case_spec base(const char *name) {
  const family *f = family_find(name);
  case_spec c = {.batch = 1, .q_heads = 4, .kv_heads = 2, .dim_k = 16, .dim_v = 12, .queries = 24, .keys = 200,
                 .scale = SEGATTN_SCALE_DEFAULT, .q_start = INT64_MIN, .q = SEGATTN_F64, .k = SEGATTN_F64, .v = SEGATTN_F64,
                 .segments = whole, .n_segments = 1, .arithmetic = "f32"};
  whole[0] = (segment_spec){c.keys, SEGATTN_F64, SEGATTN_F64};
  snprintf(c.input.family, sizeof c.input.family, "%s", name);
  memcpy(c.input.parameter, f->initial, sizeof c.input.parameter);
  c.input.layer = -1;
  return c;
}

static inline inputs make(const case_spec *c, uint64_t seed) {
  inputs in;
  if (inputs_make(&in, c, seed) != 0)
    exit(1);
  return in;
}

#endif
