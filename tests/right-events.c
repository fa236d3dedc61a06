/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of query heads: in a state's bytes, through merges, loading and reset; what narrow outputs make infinite.

   What is counted in which head and where it begins is in tests/semantics-numbers.c; that segmentation, threads, instruction
   sets and exact merges do not matter in tests/right-promise.c.  */

#include <math.h>
#include "fixture.h"
#include "saved_state.h"

enum { KEYS = 300, AT_EVENTS = 160 };

/* Keys of NaN in KV head 1, values of NaN in KV head 0, both in batch element 1 alone.  */
static void spoil(fixture *f) {
  f->k[(F_KV + 1) * F_KEYS * F_DK] = NAN;
  f->v[F_KV * F_KEYS * F_DV] = NAN;
}

static segattn_plan *plan_of(const fixture *f, const char *arithmetic) {
  segattn_plan *plan = NULL;
  if (segattn_plan_alloc(&plan, &f->problem, &(segattn_options){ .arithmetic = arithmetic, .threads = 1 }, NULL))
    ok(false, "the plan");
  return plan;
}

static segattn_state *state_of(const fixture *f, const segattn_plan *plan, size_t keys, int64_t start) {
  segattn_state *state = NULL;
  segattn_segment s = fixture_keys(f, keys, start);
  if (segattn_state_alloc(&state, plan, &f->queries, NULL) || segattn_state_absorb(state, &f->queries, &s, NULL))
    ok(false, "the state");
  return state;
}

/* Of `keys` spoilt keys from `start` on.  */
static bool events_are(const segattn_events *e, uint64_t keys, int64_t start) {
  bool fine = true;
  for (size_t h = 0; h < F_HEADS; h++) {
    bool scores = h >= F_HEADS / F_KV;
    fine = fine && e[h].nan == (scores ? F_QUERIES * keys : 0) && e[h].nonfinite_values == (scores ? 0 : F_QUERIES * keys) &&
           e[h].first == start && !e[h].inf && !e[h].overflow && !e[h].masked_rows && !e[h].saturations;
  }
  return fine;
}

static bool bytes_are(const segattn_state *state, uint64_t keys, int64_t start) {
  saved s = saved_of(state);
  bool fine = true;
  for (size_t h = 0; h < F_HEADS; h++) {
    const unsigned char *at = s.bytes + AT_EVENTS + h * 48;
    bool scores = h >= F_HEADS / F_KV;
    fine = fine && saved_u(at + 16, 8) == (scores ? F_QUERIES * keys : 0) && saved_u(at + 24, 8) == 0 &&
           saved_u(at + 32, 8) == (scores ? 0 : F_QUERIES * keys) && saved_u(at + 40, 8) == (uint64_t)start;
  }
  free(s.bytes);
  return fine;
}

static void states(const char *arithmetic) {
  fixture f, clean;
  fixture_init(&f);
  fixture_init(&clean);
  spoil(&f);
  segattn_events e[F_HEADS];
  segattn_plan *plan = plan_of(&f, arithmetic);
  segattn_state *late = state_of(&f, plan, KEYS, 512), *early = state_of(&f, plan, 128, -256),
                *none = state_of(&clean, plan, 128, 0);
  segattn_state_events(late, e);
  ok(events_are(e, KEYS, 512) && bytes_are(late, KEYS, 512), "%s: counted by head, and saved so", arithmetic);
  segattn_state_events(none, e);
  ok(events_are(e, 0, SEGATTN_NOWHERE) && bytes_are(none, 0, SEGATTN_NOWHERE), "%s: nothing happened: nowhere", arithmetic);
  bool fine = !segattn_state_merge(none, late, NULL);
  segattn_state_events(none, e);
  ok(fine && events_are(e, KEYS, 512), "%s: a merge brings them", arithmetic);
  fine = !segattn_state_merge(none, early, NULL);
  segattn_state_events(none, e);
  ok(fine && events_are(e, KEYS + 128, -256) && bytes_are(none, KEYS + 128, -256), "%s: and adds: the smallest position",
     arithmetic);
  saved s = saved_of(late);
  fine = !segattn_state_load(none, NULL, s.bytes, s.n, NULL);
  segattn_state_events(none, e);
  ok(fine && events_are(e, KEYS, 512) && state_is(none, s), "%s: loaded in place of what there was", arithmetic);
  segattn_state_reset(none);
  segattn_state_events(none, e);
  fine = e[0].first == SEGATTN_NOWHERE && !e[0].nonfinite_values && e[0].masked_rows == F_BATCH * F_QUERIES;
  ok(fine, "%s: none after a reset, but rows without keys", arithmetic);
  free(s.bytes);
  segattn_state_free(late);
  segattn_state_free(early);
  segattn_state_free(none);
  segattn_plan_free(plan);
}

/* ---- outputs ---- */

/* Values that the arithmetic holds and the format does not, in KV head 1.  */
static void narrow(const char *arithmetic, segattn_format format, double value) {
  fixture f;
  fixture_init(&f);
  for (size_t b = 0; b < F_BATCH; b++)
    for (size_t i = 0; i < F_KEYS; i++)
      f.v[((b * F_KV + 1) * F_KEYS + i) * F_DV + 2] = value;
  f.segment.mask.data = NULL;
  segattn_events e[F_HEADS], of_state[F_HEADS], again[F_HEADS];
  segattn_plan *plan = plan_of(&f, arithmetic);
  segattn_tensor out = segattn_tensor_of(f.wide[0], format, F_BATCH, F_HEADS, F_QUERIES, F_DV);
  bool fine = !segattn_attend(plan, &f.queries, &f.segment, 1, &out, &f.lse, e, NULL);
  for (size_t h = 0; h < F_HEADS; h++)
    fine = fine && e[h].saturations == (h >= F_HEADS / F_KV ? F_BATCH * F_QUERIES : 0) && !e[h].overflow;
  ok(fine, "%s: finite elements that %s makes infinite are counted in their heads", arithmetic, segattn_format_name(format));
  segattn_state *state = NULL;
  fine = !segattn_state_alloc(&state, plan, &f.queries, NULL) &&
         !segattn_state_absorb(state, &f.queries, &f.segment, NULL) && !segattn_state_finalise(state, &out, NULL, NULL);
  segattn_state_events(state, of_state);
  fine = fine && !segattn_state_finalise(state, &f.O, NULL, NULL);
  segattn_state_events(state, again);
  ok(fine && !memcmp(e, of_state, sizeof e) && !again[F_HEADS - 1].saturations, "%s: in a state those of the last outputs",
     arithmetic);
  segattn_state_free(state);
  segattn_plan_free(plan);
}

static void sums(void) {
  segattn_events e[2] = { { .nan = 3, .rescales = 1, .first = 9 }, { .nan = 4, .overflow = 2, .first = -5 } }, all;
  segattn_events_sum(e, 2, &all);
  ok(all.nan == 7 && all.rescales == 1 && all.overflow == 2 && all.first == -5 && !all.inf, "sums of heads");
  segattn_events_sum(e, 0, &all);
  ok(!all.nan && all.first == SEGATTN_NOWHERE, "the sum of none");
}

int main(void) {
  for (int i = 0; segattn_arithmetic_name(i); i++) {
    const char *arithmetic = segattn_arithmetic_name(i);
    states(arithmetic);
    narrow(arithmetic, SEGATTN_F16, 70000);
  }
  narrow("f64", SEGATTN_BF16, 1e39);
  narrow("f64", SEGATTN_F32, 1e300);
  sums();
  return done();
}
