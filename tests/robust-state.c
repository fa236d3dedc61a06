/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Saved states that are not what they should be: every change of a bit, every cut, other problems.  Each is refused with a text
   that names what differs, and the state is as it was.  (Accumulators that no keys give: robust-state-sums.c.)  */

#include "state_scene.h"

/* ---- changed and cut ---- */

static void bits_changed(scene *from, scene *into, const char *arithmetic) {
  size_t accepted = 0, silent = 0, touched = 0;
  for (size_t i = 0; i < from->s.n * 8; i++) {
    segattn_error error = { 0 };
    from->s.bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    segattn_status status = load_block(into->state, from->s.bytes, from->s.n, &error);
    accepted += status == SEGATTN_OK;
    silent += !told(&error, i / 64 == 1 && i / 32 % 2 == 0 ? SEGATTN_EUNSUPPORTED : SEGATTN_EDAMAGED);
    touched += !state_is(into->state, into->s);
    from->s.bytes[i / 8] ^= (unsigned char)(1 << i % 8);
  }
  ok(!accepted && !silent && !touched, "%s: each of %zu bits changed is seen: %zu accepted, %zu not told, %zu did harm",
     arithmetic, from->s.n * 8, accepted, silent, touched);
}

static void cut(const scene *from, scene *into, const char *arithmetic) {
  size_t accepted = 0, silent = 0;
  for (size_t n = 0; n < from->s.n; n++) {
    segattn_error error = { 0 };
    accepted += load_block(into->state, from->s.bytes, n, &error) == SEGATTN_OK;
    silent += !told(&error, SEGATTN_EDAMAGED);
  }
  ok(!accepted && !silent && state_is(into->state, into->s), "%s: each of %zu cuts is seen", arithmetic, from->s.n);
}

static void lengthened(const scene *from, scene *into, const char *arithmetic) {
  saved longer = { malloc(from->s.n + 8), from->s.n + 8 };
  memcpy(longer.bytes, from->s.bytes, from->s.n);
  memcpy(longer.bytes + from->s.n, from->s.bytes + from->s.n - 8, 8);
  ok(load_block(into->state, longer.bytes, longer.n, NULL) == SEGATTN_EDAMAGED, "%s: something after the end is seen",
     arithmetic);
  saved_put(longer.bytes + 16, 8, longer.n);
  saved_seal(longer);
  ok(load_block(into->state, longer.bytes, longer.n, NULL) == SEGATTN_EDAMAGED, "%s: and if the size says so", arithmetic);
  free(longer.bytes);
}

/* Changed by who knows the checksum: whatever is taken can be gone on with.  */
static void sealed(scene *from, scene *into, const char *arithmetic) {
  size_t lucky = 0;
  for (size_t i = 0; i < from->s.n - 8; i++) {
    unsigned char was = from->s.bytes[i];
    segattn_segment more = fixture_keys(&into->f, 7, 1 << 20);
    for (int flip = 0; flip < 3; flip++) {
      from->s.bytes[i] = (unsigned char)(was ^ (flip == 0 ? 1 : flip == 1 ? 0x80 : 0xff));
      saved_seal(from->s);
      if (load_block(into->state, from->s.bytes, from->s.n, NULL) == SEGATTN_OK) {
        segattn_state_finalise(into->state, &into->f.out, &into->f.lse, NULL);
        lucky += segattn_state_absorb(into->state, &into->f.queries, &more, NULL) == SEGATTN_OK;
        segattn_state_finalise(into->state, &into->f.out, &into->f.lse, NULL);
      }
    }
    from->s.bytes[i] = was;
  }
  saved_seal(from->s);
  ok(!load_block(into->state, from->s.bytes, from->s.n, NULL) && state_is(into->state, from->s) && lucky,
     "%s: every byte changed under a right checksum: refused, or numbers (%zu) with which a state goes on", arithmetic, lucky);
}

static void changed(const char *arithmetic) {
  scene from, into;
  two_scenes(&from, &into, arithmetic);
  bits_changed(&from, &into, arithmetic);
  cut(&from, &into, arithmetic);
  lengthened(&from, &into, arithmetic);
  sealed(&from, &into, arithmetic);
  scene_free(&from);
  scene_free(&into);
}

/* ---- of another problem ---- */

static scene loader;            /* what a row changes */
static double other_slopes[F_HEADS] = { 1, 1, 1, 1 }, other_sinks[F_HEADS] = { 1, 1, 1, 1 };

#define SET(field, value) &(field), &(__typeof__(field)) { value }, sizeof(field)

static const struct { const char *name; void *field; const void *value; size_t size; const char *says, *expects; } others[] = {
  { "another arithmetic", SET(loader.f.options.arithmetic, "f32"), "arithmetic f64", "f32" },
  { "another arithmetic of the same numbers", SET(loader.f.options.arithmetic, "f32c"), "arithmetic f64", "f32c" },
  { "another scale", SET(loader.f.problem.scale, 0.25), "scale 0.447", "0.25" },
  { "another softcap", SET(loader.f.problem.softcap, 5), "softcap 0", "5" },
  { "causal", SET(loader.f.problem.causal, true), "causal 0", "1" },
  { "another window", SET(loader.f.problem.window, 77), "window 0", "77" },
  { "other KV heads", SET(loader.f.problem.kv_heads, 4), "kv_heads 2", "4" },
  { "no slopes", SET(loader.f.problem.slopes, NULL), "other slopes", "plan" },
  { "other slopes", SET(loader.f.problem.slopes, other_slopes), "slope -0.00", "at head 0" },
  { "no sinks", SET(loader.f.problem.sinks, NULL), "other sinks", "plan" },
  { "other sinks", SET(loader.f.problem.sinks, other_sinks), "sink -0.9", "at head 0" },
  { "fewer queries", SET(loader.f.queries.q.shape[2], 2), "queries 3", "2" },
  { "another batch", SET(loader.f.queries.q.shape[0], 1), "batch 2", "1" },
};

static void of_another_problem(void) {
  scene from;
  scene_fixture(&from, "f64");
  scene_state(&from, KEYS, 0);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    segattn_error error = { 0 };
    scene_fixture(&loader, "f64");
    memcpy(others[i].field, others[i].value, others[i].size);
    segattn_plan_alloc(&loader.plan, &loader.f.problem, &loader.f.options, NULL);
    segattn_state_alloc(&loader.state, loader.plan, &loader.f.queries, NULL);
    loader.s = saved_of(loader.state);
    segattn_status status = load_block(loader.state, from.s.bytes, from.s.n, &error);
    ok(status == SEGATTN_EINVAL && told(&error, status) && strstr(error.text, others[i].says) &&
       strstr(error.text, others[i].expects) &&
       state_is(loader.state, loader.s), "%s: %s", others[i].name, error.text);
    scene_free(&loader);
  }
  scene_free(&from);
}

/* ---- small things ---- */

static void foreign(void) {
  static const char *const text[] = { "", "\x93NUMPY", "\x89PNG\r\n\x1a\n", "\x89SGA\n\x1a\n", "\x89SGA\r\n\x1a\n" };
  scene x;
  unsigned char tag[SEGATTN_TAG] = "these queries", another[SEGATTN_TAG] = "those queries";
  segattn_error error = { 0 };
  scene_fixture(&x, "f32");
  scene_state(&x, 3, 0);
  for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
    unsigned char bytes[1000] = { 0 };
    memcpy(bytes, text[i], strlen(text[i]));
    segattn_status status = load_block(x.state, bytes, i % 2 ? sizeof bytes : strlen(text[i]), &error);
    ok(status == SEGATTN_EDAMAGED && told(&error, status) && state_is(x.state, x.s), "bytes of something else: %s", error.text);
  }
  segattn_state_save(x.state, tag, x.s.bytes, x.s.n, NULL);
  ok(!memcmp(x.s.bytes + 128, tag, sizeof tag) && !segattn_state_load(x.state, tag, x.s.bytes, x.s.n, NULL) &&
     !segattn_state_load(x.state, NULL, x.s.bytes, x.s.n, NULL), "a tag is saved, and asked for or not");
  ok(segattn_state_load(x.state, another, x.s.bytes, x.s.n, &error) == SEGATTN_EINVAL && !strcmp(error.argument, "tag"),
     "another tag: %s",
     error.text);
  unsigned char last = x.s.bytes[x.s.n - 1] = 0x5a;
  ok(segattn_state_save(x.state, NULL, x.s.bytes, x.s.n - 1, &error) == SEGATTN_EINVAL &&
     strstr(error.text, "expected at least") &&
     x.s.bytes[x.s.n - 1] == last, "no room to save: %s", error.text);
  scene_free(&x);
}

int main(void) {
  for (int i = 0; segattn_arithmetic_name(i); i++)
    changed(segattn_arithmetic_name(i));
  of_another_problem();
  foreign();
  return done();
}
