/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory that cannot be had: each function of segattn.h, with its first, second, ... allocation failing.  It returns
   SEGATTN_ENOMEM, names an argument, changes no output and no state, and keeps nothing; once there is memory it does what it
   would have done.

   The linker's --wrap sends the library's calls here (tests/local.mk), not those of libc or OpenMP.  `held` counts what the
   library has allocated and not freed, whatever the tool that watches.  */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "tap.h"

/* ---- the allocator ---- */

static size_t left;             /* allocations that succeed; SIZE_MAX: all */
static bool failed;
static long held;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
void __wrap_free(void *p);

static bool refused(void) {
  if (left == SIZE_MAX)
    return false;
  if (left > 0) {
    left--;
    return false;
  }
  return failed = true;
}

static void *hold(void *p) {
  held += p != NULL;
  return p;
}

void *__wrap_malloc(size_t n) { return refused() ? NULL : hold(__real_malloc(n)); }
void *__wrap_calloc(size_t n, size_t size) { return refused() ? NULL : hold(__real_calloc(n, size)); }
void *__wrap_aligned_alloc(size_t alignment, size_t n) { return refused() ? NULL : hold(__real_aligned_alloc(alignment, n)); }

void *__wrap_realloc(void *p, size_t n) {
  if (refused())
    return NULL;
  return p ? __real_realloc(p, n) : hold(__real_realloc(p, n));
}

void __wrap_free(void *p) {
  held -= p != NULL;
  __real_free(p);
}

/* ---- a call ---- */

enum { FIRST = 100, KEYS = 3000 };      /* the first segment; the second crosses many blocks and makes the trees grow */

typedef struct scene {
  fixture f;
  segattn_segment second;
  segattn_plan *plan, *made_plan;
  segattn_state *state, *other, *made_state;
  unsigned char saved[1 << 16]; /* `other` */
  double pair[F_BATCH * F_HEADS * F_QUERIES * F_DV], lse[F_BATCH * F_HEADS * F_QUERIES];
  segattn_events events[F_HEADS];
} scene;

static void check_ready(segattn_status status, const char *what) {
  if (status)
    ok(false, "%s: %s", what, segattn_strerror(status));
}

static void set_up(scene *x) {
  memset(x, 0, sizeof *x);
  left = SIZE_MAX;
  fixture_init(&x->f);
  fixture_fill(x->f.slopes, F_HEADS, 0.01);
  fixture_fill(x->f.sinks, F_HEADS, 1);
  x->f.problem.slopes = x->f.slopes;
  x->f.problem.sinks = x->f.sinks;
  x->f.options.threads = 2;
  check_ready(segattn_plan_alloc(&x->plan, &x->f.problem, &x->f.options, NULL), "plan");
  check_ready(segattn_state_alloc(&x->state, x->plan, &x->f.queries, NULL), "state");
  check_ready(segattn_state_alloc(&x->other, x->plan, &x->f.queries, NULL), "other state");
  segattn_segment first = fixture_keys(&x->f, FIRST, 0);
  x->second = fixture_keys(&x->f, KEYS, FIRST);
  check_ready(segattn_state_absorb(x->state, &x->f.queries, &first, NULL), "absorb");
  check_ready(segattn_state_absorb(x->other, &x->f.queries, &x->second, NULL), "absorb");
  check_ready(segattn_state_save(x->other, NULL, x->saved, sizeof x->saved, NULL), "save");
}

static void tear_down(scene *x) {
  segattn_state_free(x->made_state);
  segattn_plan_free(x->made_plan);
  segattn_state_free(x->state);
  segattn_state_free(x->other);
  segattn_plan_free(x->plan);
}

static segattn_status plan_alloc(scene *x, segattn_error *e) {
  return segattn_plan_alloc(&x->made_plan, &x->f.problem, &x->f.options, e);
}

static segattn_status state_alloc(scene *x, segattn_error *e) {
  return segattn_state_alloc(&x->made_state, x->plan, &x->f.queries, e);
}

static segattn_status absorb(scene *x, segattn_error *e) {
  return segattn_state_absorb(x->state, &x->f.queries, &x->second, e);
}

static segattn_status merge(scene *x, segattn_error *e) { return segattn_state_merge(x->state, x->other, e); }

static segattn_status finalise(scene *x, segattn_error *e) {
  return segattn_state_finalise(x->state, &x->f.out, &x->f.lse, e);
}

static segattn_status export(scene *x, segattn_error *e) {
  return segattn_state_export(x->state, &x->f.M, &x->f.S, &x->f.O, e);
}

static segattn_status save(scene *x, segattn_error *e) {
  unsigned char bytes[sizeof x->saved];
  return segattn_state_save(x->state, NULL, bytes, sizeof bytes, e);
}

static segattn_status load(scene *x, segattn_error *e) {
  return segattn_state_load(x->state, NULL, x->saved, segattn_state_size(x->other), e);
}

static segattn_status import_pair(scene *x, segattn_error *e) {
  segattn_tensor out = fixture_output(x->pair, F_DV), lse = fixture_output(x->lse, 1);
  return segattn_state_import_pair(x->state, &(segattn_range) { .keys = 1 }, SEGATTN_NATURAL, &out, &lse, e);
}

static segattn_status attend(scene *x, segattn_error *e) {
  return segattn_attend(x->plan, &x->f.queries, &x->second, 1, &x->f.out, &x->f.lse, x->events, e);
}

static segattn_status bound(scene *x, segattn_error *e) {
  return segattn_bound(x->plan, &x->f.queries, &x->second, 1, &x->f.bound, &x->f.lse, e);
}

static const struct function {
  const char *name;
  segattn_status (*call)(scene *x, segattn_error *e);
  bool allocates, grows;        /* must it have memory; may what it had before failure stay with the state? */
} functions[] = {
  { "plan_alloc", plan_alloc, true, false }, { "state_alloc", state_alloc, true, false },
  { "state_absorb", absorb, true, true }, { "state_merge", merge, true, true },
  { "state_finalise", finalise, false, false }, { "state_export", export, false, false },
  { "state_save", save, false, false }, { "state_load", load, true, true }, { "state_import_pair", import_pair, false, false },
  { "attend", attend, true, false }, { "bound", bound, true, false },
};

/* ---- what may not change ---- */

typedef struct picture {
  double out[F_BATCH * F_HEADS * F_QUERIES * F_DV], lse[F_BATCH * F_HEADS * F_QUERIES];
  segattn_events events[F_HEADS];
} picture;

static void take(picture *p, const segattn_state *s) {
  memset(p, 0, sizeof *p);
  segattn_tensor out = fixture_output(p->out, F_DV), lse = fixture_output(p->lse, 1);
  if (s)
    segattn_state_finalise(s, &out, &lse, NULL);
  if (s)
    segattn_state_events(s, p->events);
}

/* Everything that a call could have written; the tensors are views of x itself.  */
typedef struct pictures { picture state, other, made; scene scene; } pictures;

static void take_all(pictures *p, const scene *x) {
  memcpy(&p->scene, x, sizeof *x);
  take(&p->state, x->state);
  take(&p->other, x->other);
  take(&p->made, x->made_state);
}

static bool same_answers(const pictures *a, const pictures *b) {
  return !memcmp(a->scene.f.rows, b->scene.f.rows, sizeof a->scene.f.rows) &&
    !memcmp(a->scene.f.wide, b->scene.f.wide, sizeof a->scene.f.wide) &&
    !memcmp(a->scene.events, b->scene.events, sizeof a->scene.events) && !memcmp(&a->state, &b->state, sizeof a->state) &&
    !memcmp(&a->other, &b->other, sizeof a->other) && !memcmp(&a->made, &b->made, sizeof a->made);
}

/* ---- one function ---- */

static void usual(const struct function *f, pictures *expected) {
  static scene x;
  set_up(&x);
  segattn_status status = f->call(&x, NULL);
  take_all(expected, &x);
  tear_down(&x);
  if (status)
    ok(false, "%s with memory: %s", f->name, segattn_strerror(status));
}

/* With n allocations and no more; false: that was enough.  */
static bool starve(const struct function *f, size_t n, const pictures *expected) {
  static scene x;
  static pictures before, after;
  segattn_error error = { 0 };
  set_up(&x);
  take_all(&before, &x);
  long kept = held;
  failed = false;
  left = n;
  segattn_status status = f->call(&x, &error);
  bool starved = failed;
  left = n;
  segattn_status silent = starved ? f->call(&x, NULL) : status;
  left = SIZE_MAX;
  if (starved) {
    take_all(&after, &x);
    bool told = error.code == SEGATTN_ENOMEM && *error.argument && !strncmp(error.text, error.argument, strlen(error.argument));
    bool nothing = !memcmp(&before.scene, &after.scene, sizeof before.scene) && same_answers(&before, &after);
    ok(status == SEGATTN_ENOMEM && (silent == SEGATTN_ENOMEM || f->grows) && told && (nothing || !silent),
       "%s, allocation %zu fails: %s", f->name, n + 1, error.text);
    ok(f->grows || held == kept, "%s, allocation %zu fails: nothing is kept, %ld allocations", f->name, n + 1, held - kept);
    status = silent ? f->call(&x, NULL) : silent;
    take_all(&after, &x);
    ok(status == SEGATTN_OK && same_answers(expected, &after), "%s, allocation %zu failed: right afterwards", f->name, n + 1);
  }
  tear_down(&x);
  return starved;
}

static void check(const struct function *f) {
  static pictures expected;
  size_t n = 0;
  long before = held;
  usual(f, &expected);
  while (n < 1000 && starve(f, n, &expected))
    n++;
  ok(f->allocates ? n > 0 && n < 1000 : n == 0, "%s allocates %zu times", f->name, n);
  ok(held == before, "%s: all is freed, %ld allocations", f->name, held - before);
}

int main(void) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    check(&functions[i]);
  return done();
}
