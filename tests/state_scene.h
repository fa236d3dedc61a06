/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A state that has been saved and one into which it is loaded: tests/robust-state.c and tests/robust-state-sums.c.  */

#ifndef STATE_SCENE_H
#define STATE_SCENE_H

#include "fixture.h"
#include "saved_state.h"

enum { KEYS = 300, ROWS = F_HEADS * F_QUERIES };        /* a node, and an open block, of each batch element */

/* What is saved, and into which state it is loaded.  */
typedef struct scene {
  fixture f;
  segattn_plan *plan;
  segattn_state *state;
  saved s;
} scene;

static inline void scene_fixture(scene *x, const char *arithmetic) {
  memset(x, 0, sizeof *x);
  fixture_init(&x->f);
  fixture_fill(x->f.slopes, F_HEADS, 0.01);
  fixture_fill(x->f.sinks, F_HEADS, 1);
  x->f.problem.slopes = x->f.slopes;
  x->f.problem.sinks = x->f.sinks;
  x->f.options.arithmetic = arithmetic;
}

static inline void scene_state(scene *x, size_t keys, int64_t start) {
  segattn_segment s = fixture_keys(&x->f, keys, start);
  segattn_error error = { 0 };
  if (segattn_plan_alloc(&x->plan, &x->f.problem, &x->f.options, &error) ||
      segattn_state_alloc(&x->state, x->plan, &x->f.queries, &error) ||
      segattn_state_absorb(x->state, &x->f.queries, &s, &error))
    ok(false, "the state is made: %s", error.text);
  x->s = saved_of(x->state);
}

static inline void scene_free(scene *x) {
  segattn_state_free(x->state);
  segattn_plan_free(x->plan);
  free(x->s.bytes);
}

/* Bytes of a block of their own, so that a sanitizer or valgrind sees who reads past them.  */
static inline segattn_status load_block(segattn_state *state, const unsigned char *bytes, size_t n, segattn_error *error) {
  unsigned char *block = malloc(n ? n : 1);
  memcpy(block, bytes, n);
  segattn_status status = segattn_state_load(state, NULL, block, n, error);
  free(block);
  return status;
}

static inline bool told(const segattn_error *e, segattn_status status) {
  return e->code == status && strlen(e->text) > strlen(e->argument) && !strncmp(e->text, e->argument, strlen(e->argument));
}

/* Two states, of which `from` has been saved.  */
static inline void two_scenes(scene *from, scene *into, const char *arithmetic) {
  scene_fixture(from, arithmetic);
  scene_fixture(into, arithmetic);
  scene_state(from, KEYS, 0);
  scene_state(into, 5, 1000);
}

#endif
