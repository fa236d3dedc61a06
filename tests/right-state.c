/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state as a thing of its own: its bytes are a function of the problem and of the keys, and what is saved, loaded and
   continued is what was never saved.

   right-state [-n COUNT] [-s SEED] [-f FIRST]: drawn problems as in right-promise, SEGATTN_DRAWS of them where that is set.  */

#include <unistd.h>

#include "render.h"
#include "saved_state.h"

enum { DEFAULT_SEED = 20261125, REPORTED = 3 };

static const char *any_isa(rng *r) {
  size_t n = 0;
  while (segattn_isa_name((int)n))
    n++;
  return segattn_isa_name((int)rng_below(r, n));
}

/* ---- drawn problems ---- */

static struct { const char *name; size_t made, differ; } counted[] = {
  { "the same bytes for every instruction set, number of threads, segmentation and layout", 0, 0 },
  { "the same bytes after merges on block lines, by any tree", 0, 0 },
  { "the same bytes when saved, loaded and continued on another instruction set, any number of times", 0, 0 }
};
enum { ANYWHERE, MERGED, CONTINUED, KINDS };

typedef struct trial {
  drawn d;
  rng r;
  rendering s;
  segattn_plan *plan;
  segattn_error error;
} trial;

static segattn_plan *plan_of(trial *t, const char *isa, int threads) {
  segattn_plan *plan = NULL;
  const segattn_options options = { .arithmetic = t->d.arithmetic, .isa = isa, .threads = threads, .thread_work = 1 };
  segattn_status status = segattn_plan_alloc(&plan, &t->d.problem, &options, &t->error);
  return status ? NULL : plan;
}

static segattn_state *state_of(trial *t) {
  segattn_state *state = NULL;
  segattn_status status = segattn_state_alloc(&state, t->plan, &t->s.queries, &t->error);
  return status ? NULL : state;
}

static bool absorb(trial *t, segattn_state *state, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (segattn_state_absorb(state, &t->s.queries, &t->s.segments[i], &t->error))
      return false;
  return true;
}

static saved plainly(trial *t) {
  segattn_state *state = state_of(t);
  absorb(t, state, 0, t->s.n_segments);
  saved s = saved_of(state);
  segattn_state_free(state);
  return s;
}

/* Parts that begin behind block lines, merged two by two in any order.  */
static saved merged(trial *t) {
  size_t n = 0, left;
  segattn_state **part = allocate(t->s.n_segments + 1, sizeof *part);
  for (size_t from = 0, to; from < t->s.n_segments; from = to) {
    for (to = from + 1; to < t->s.n_segments && !t->s.part[to]; to++)
      ;
    absorb(t, part[n++] = state_of(t), from, to);
  }
  if (!n)
    part[n++] = state_of(t);
  for (left = n; left > 1; left--) {
    size_t into = rng_below(&t->r, left), from = rng_below(&t->r, left - 1);
    from += from >= into;
    if (segattn_state_merge(part[into], part[from], &t->error))
      diag("%s", t->error.text);
    segattn_state_free(part[from]);
    part[from] = part[left - 1];
  }
  saved s = saved_of(part[0]);
  segattn_state_free(part[0]);
  free(part);
  return s;
}

/* Before some segments: to bytes, and from them into a state of a new plan, which may have seen other things.  */
static saved continued(trial *t) {
  segattn_state *state = state_of(t);
  for (size_t i = 0; i < t->s.n_segments; i++) {
    absorb(t, state, i, i + 1);
    if (t->s.n_segments > 1 && !rng_chance(&t->r, 60))
      continue;
    saved s = saved_of(state);
    segattn_plan *old = t->plan;
    segattn_state_free(state);
    t->plan = plan_of(t, any_isa(&t->r), 1 + (int)rng_below(&t->r, 3));
    state = state_of(t);
    if (rng_chance(&t->r, 30))
      absorb(t, state, 0, rng_below(&t->r, t->s.n_segments + 1));
    if (segattn_state_load(state, NULL, s.bytes, s.n, &t->error))
      diag("%s", t->error.text);
    segattn_plan_free(old);
    free(s.bytes);
  }
  saved s = saved_of(state);
  segattn_state_free(state);
  return s;
}

static void count(int kind, saved base, saved s, uint64_t seed, uint64_t index, const drawn *d) {
  counted[kind].made++;
  if (!saved_same(base, s) && counted[kind].differ++ < REPORTED) {
    size_t at = 0;
    while (at < s.n && at < base.n && s.bytes[at] == base.bytes[at])
      at++;
    diag("%s: not at byte %zu of %zu (plainly %zu); repeat with -s %llu -f %llu -n 1", counted[kind].name, at, s.n, base.n,
         (unsigned long long)seed, (unsigned long long)index);
    drawn_describe(d);
  }
  free(s.bytes);
}

static void run(trial *t, const variant *w, const char *isa, int threads, saved (*route)(trial *), saved *to) {
  render(&t->s, &t->d, w, &t->r);
  t->plan = plan_of(t, isa, threads);
  *to = route(t);
  segattn_plan_free(t->plan);
  rendering_free(&t->s);
}

static void run_case(uint64_t seed, uint64_t index, const char *arithmetic) {
  static saved (*const routes[])(trial *) = { [ANYWHERE] = plainly, [MERGED] = merged, [CONTINUED] = continued };
  trial t = { .r = { seed * 0x9e3779b97f4a7c15 + index } };
  saved base, s;
  t.r.state = rng_word(&t.r);
  draw(&t.d, &t.r, false, arithmetic);
  variant w = variant_base(&t.d);
  run(&t, &w, "portable", 1, plainly, &base);
  for (int kind = 0; kind < KINDS; kind++) {
    if (kind == MERGED && (t.d.gaps || !mergeable(&t.d, &w)))
      continue;
    w.cut = CUT_RANDOM;
    w.empties = kind == ANYWHERE;
    layout_draw(&w.q, &t.r);
    layout_draw(&w.k, &t.r);
    run(&t, &w, any_isa(&t.r), 1 + (int)rng_below(&t.r, 4), routes[kind], &s);
    count(kind, base, s, seed, index, &t.d);
  }
  free(base.bytes);
  drawn_free(&t.d);
}

int main(int argc, char **argv) {
  const char *draws = getenv("SEGATTN_DRAWS");
  uint64_t count = draws ? strtoull(draws, NULL, 0) : 600, seed = DEFAULT_SEED, first = 0;
  for (int option; (option = getopt(argc, argv, "n:s:f:")) != -1;)
    switch (option) {
    case 'n': count = strtoull(optarg, NULL, 0); break;
    case 's': seed = strtoull(optarg, NULL, 0); break;
    case 'f': first = strtoull(optarg, NULL, 0); break;
    default: fputs("usage: right-state [-n COUNT] [-s SEED] [-f FIRST]\n", stderr); return 2;
    }
  for (uint64_t i = first; i < first + count; i++)
    run_case(seed, i, NULL);
  for (uint64_t i = first; i < first + (count + 1) / 2; i++)
    run_case(seed, i, "f32c");
  for (int i = 0; i < KINDS; i++)
    ok(counted[i].made && !counted[i].differ, "%s: %zu drawn problems, %zu differ", counted[i].name, counted[i].made,
       counted[i].differ);
  ok(saved_checksum((const unsigned char *)"123456789", 9) == 0x995dc9bbdf1939fa, "the checksum is CRC-64/XZ");
  return done();
}
