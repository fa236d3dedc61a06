/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Saved states that are not what they should be: every change of a bit, every cut, other problems, accumulators that no keys
   give. Each is refused with a text that names what differs, and the state is as it was.  */

#include <math.h>
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

static segattn_segment keys_of(const fixture *f, size_t n, int64_t start) {
  segattn_segment s = f->segment;
  s.k.shape[SEGATTN_POS] = s.v.shape[SEGATTN_POS] = n;
  s.k.stride[SEGATTN_POS] = s.v.stride[SEGATTN_POS] = 0;
  s.mask.data = NULL;
  s.start = start;
  return s;
}

static void scene_fixture(scene *x, const char *arithmetic) {
  memset(x, 0, sizeof *x);
  fixture_init(&x->f);
  fixture_fill(x->f.slopes, F_HEADS, 0.01);
  fixture_fill(x->f.sinks, F_HEADS, 1);
  x->f.problem.slopes = x->f.slopes;
  x->f.problem.sinks = x->f.sinks;
  x->f.options.arithmetic = arithmetic;
}

static void scene_state(scene *x, size_t keys, int64_t start) {
  segattn_segment s = keys_of(&x->f, keys, start);
  segattn_error error = { 0 };
  if (segattn_plan_alloc(&x->plan, &x->f.problem, &x->f.options, &error) ||
      segattn_state_alloc(&x->state, x->plan, &x->f.queries, &error) ||
      segattn_state_absorb(x->state, &x->f.queries, &s, &error))
    ok(false, "the state is made: %s", error.text);
  x->s = saved_of(x->state);
}

static void scene_free(scene *x) {
  segattn_state_free(x->state);
  segattn_plan_free(x->plan);
  free(x->s.bytes);
}

/* Bytes of a block of their own, so that a sanitizer or valgrind sees who reads past them.  */
static segattn_status load_block(segattn_state *state, const unsigned char *bytes, size_t n, segattn_error *error) {
  unsigned char *block = malloc(n ? n : 1);
  memcpy(block, bytes, n);
  segattn_status status = segattn_state_load(state, NULL, block, n, error);
  free(block);
  return status;
}

static bool told(const segattn_error *e, segattn_status status) {
  return e->code == status && strlen(e->text) > strlen(e->argument) && !strncmp(e->text, e->argument, strlen(e->argument));
}

/* ---- changed and cut ---- */

static void changed(const char *arithmetic) {
  scene from, into;
  size_t accepted = 0, silent = 0, touched = 0, lucky = 0;
  scene_fixture(&from, arithmetic);
  scene_fixture(&into, arithmetic);
  scene_state(&from, KEYS, 0);
  scene_state(&into, 5, 1000);
  for (size_t i = 0; i < from.s.n * 8; i++) {
    segattn_error error = { 0 };
    from.s.bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    segattn_status status = load_block(into.state, from.s.bytes, from.s.n, &error);
    accepted += status == SEGATTN_OK;
    silent += !told(&error, i / 64 == 1 && i / 32 % 2 == 0 ? SEGATTN_EUNSUPPORTED : SEGATTN_EDAMAGED);
    touched += !state_is(into.state, into.s);
    from.s.bytes[i / 8] ^= (unsigned char)(1 << i % 8);
  }
  ok(!accepted && !silent && !touched, "%s: each of %zu bits changed is seen: %zu accepted, %zu not told, %zu did harm",
     arithmetic, from.s.n * 8, accepted, silent, touched);
  accepted = silent = touched = 0;
  for (size_t n = 0; n < from.s.n; n++) {
    segattn_error error = { 0 };
    accepted += load_block(into.state, from.s.bytes, n, &error) == SEGATTN_OK;
    silent += !told(&error, SEGATTN_EDAMAGED);
  }
  touched += !state_is(into.state, into.s);
  ok(!accepted && !silent && !touched, "%s: each of %zu cuts is seen", arithmetic, from.s.n);
  saved longer = { malloc(from.s.n + 8), from.s.n + 8 };
  memcpy(longer.bytes, from.s.bytes, from.s.n);
  memcpy(longer.bytes + from.s.n, from.s.bytes + from.s.n - 8, 8);
  ok(load_block(into.state, longer.bytes, longer.n, NULL) == SEGATTN_EDAMAGED, "%s: something after the end is seen",
     arithmetic);
  saved_put(longer.bytes + 16, 8, longer.n);
  saved_seal(longer);
  ok(load_block(into.state, longer.bytes, longer.n, NULL) == SEGATTN_EDAMAGED, "%s: and if the size says so", arithmetic);
  free(longer.bytes);
  for (size_t i = 0; i < from.s.n - 8; i++) {   /* changed by who knows the checksum: whatever is taken can be gone on with */
    unsigned char was = from.s.bytes[i];
    segattn_segment more = keys_of(&into.f, 7, 1 << 20);
    for (int flip = 0; flip < 3; flip++) {
      from.s.bytes[i] = (unsigned char)(was ^ (flip == 0 ? 1 : flip == 1 ? 0x80 : 0xff));
      saved_seal(from.s);
      if (load_block(into.state, from.s.bytes, from.s.n, NULL) == SEGATTN_OK) {
        segattn_state_finalise(into.state, &into.f.out, &into.f.lse, NULL);
        lucky += segattn_state_absorb(into.state, &into.f.queries, &more, NULL) == SEGATTN_OK;
        segattn_state_finalise(into.state, &into.f.out, &into.f.lse, NULL);
      }
    }
    from.s.bytes[i] = was;
  }
  saved_seal(from.s);
  ok(!load_block(into.state, from.s.bytes, from.s.n, NULL) && state_is(into.state, from.s) && lucky,
     "%s: every byte changed under a right checksum: refused, or numbers (%zu) with which a state goes on", arithmetic, lucky);
  scene_free(&from);
  scene_free(&into);
}

/* ---- what no keys give ---- */

/* Places in the scene's bytes: the events of head 0, the first batch element, its maxima, its node, the node's numbers.
   Numbers are counted.  */
enum { AT_EVENTS = 160 + 2 * F_HEADS * 8, AT_SEQUENCE = AT_EVENTS + F_HEADS * 48, AT_M = AT_SEQUENCE + 48 };

typedef struct change {
  const char *name;
  int at, number, bytes;        /* where: bytes from the beginning (of a field), or a number after AT_M, or in the node */
  enum { FIELD, MAXIMUM, IN_NODE, NODE_HEAD } where;
  double value;
  uint64_t integer;
  segattn_status status;        /* SEGATTN_OK: legal */
  const char *says;
} change;

enum { E = 2, L = ROWS + 2, O = 2 * ROWS + 2 * F_DV };   /* of row 2: head 0, query 2 */
enum { LOW = ROWS * (1 + F_DV) };       /* numbers to the low part, in f32c; that of what is not finite is NaN */

static const change changes[] = {
  { "M NaN", 0, 2, 0, MAXIMUM, NAN, 0, SEGATTN_EDAMAGED, "M NaN at batch 0, head 0, query 2" },
  { "S below 0", 0, L, 0, IN_NODE, -1, 0, SEGATTN_EDAMAGED, "S below 0 at batch 0, head 0, query 2" },
  { "S above 0 with M = -inf", 0, 2, 0, MAXIMUM, -INFINITY, 0, SEGATTN_EDAMAGED, "S above 0 with M = -inf" },
  { "S = 0 with an exponent", 0, L, 0, IN_NODE, 0, 0, SEGATTN_EDAMAGED, "S = 0 with an exponent" },
  { "an exponent with a fraction", 0, E, 0, IN_NODE, 0.5, 0, SEGATTN_EDAMAGED, "no integer" },
  { "an exponent NaN", 0, E, 0, IN_NODE, NAN, 0, SEGATTN_EDAMAGED, "no integer" },
  { "an exponent inf", 0, E, 0, IN_NODE, INFINITY, 0, SEGATTN_EDAMAGED, "no integer" },
  { "an exponent -inf", 0, E, 0, IN_NODE, -INFINITY, 0, SEGATTN_EDAMAGED, "no integer" },
  { "an exponent above M", 0, E, 0, IN_NODE, 1000, 0, SEGATTN_EDAMAGED, "above M" },
  { "S = NaN, a poisoned row", 0, L, 0, IN_NODE, NAN, 0, SEGATTN_OK, "" },
  { "O = NaN", 0, O, 0, IN_NODE, NAN, 0, SEGATTN_OK, "" },
  { "S = inf, an overflow", 0, L, 0, IN_NODE, INFINITY, 0, SEGATTN_OK, "" },
  { "a level that there is not", 8, 0, 4, NODE_HEAD, 0, 60, SEGATTN_EDAMAGED, "level" },
  { "a level far off", 8, 0, 4, NODE_HEAD, 0, 0xffffffff, SEGATTN_EDAMAGED, "level" },
  { "a node past the end", 0, 0, 8, NODE_HEAD, 0, (uint64_t)1 << 56, SEGATTN_EDAMAGED, "node" },
  { "a node past all positions", 0, 0, 8, NODE_HEAD, 0, UINT64_MAX, SEGATTN_EDAMAGED, "node" },
  { "a node with something in its padding", 12, 0, 4, NODE_HEAD, 0, 1, SEGATTN_EDAMAGED, "node" },
  { "an end before its keys", AT_SEQUENCE, 0, 8, FIELD, 0, 100, SEGATTN_EDAMAGED, "position 100 of batch 0" },
  { "an end that there is not", AT_SEQUENCE, 0, 8, FIELD, 0, (uint64_t)1 << 63, SEGATTN_EDAMAGED, "ends at position" },
  { "a first block that there is not", AT_SEQUENCE + 8, 0, 8, FIELD, 0, UINT64_MAX, SEGATTN_EDAMAGED, "2^57" },
  { "an open block past the end", AT_SEQUENCE + 24, 0, 8, FIELD, 0, ((uint64_t)1 << 55) + 3, SEGATTN_EDAMAGED,
    "before keys that it holds" },
  { "more nodes than there are", AT_SEQUENCE + 44, 0, 4, FIELD, 0, 200, SEGATTN_EDAMAGED, "" },
  { "more nodes than a state holds", AT_SEQUENCE + 44, 0, 4, FIELD, 0, 1000, SEGATTN_EDAMAGED, "at most 254" },
  { "fewer nodes than there are", AT_SEQUENCE + 44, 0, 4, FIELD, 0, 0, SEGATTN_EDAMAGED, "" },
  { "keys of a state without any", AT_SEQUENCE + 40, 0, 4, FIELD, 0, 2, SEGATTN_EDAMAGED, "none" },
  { "unknown flags of a sequence", AT_SEQUENCE + 40, 0, 4, FIELD, 0, 7, SEGATTN_EDAMAGED, "" },
  { "unknown flags", 120, 0, 4, FIELD, 0, 14, SEGATTN_EDAMAGED, "flags 14" },
  { "exponents of base 10", 12, 0, 4, FIELD, 0, 10, SEGATTN_EDAMAGED, "base 10" },
  { "blocks of 64 keys", 44, 0, 4, FIELD, 0, 64, SEGATTN_EDAMAGED, "blocks of 64" },
  { "numbers of 2 bytes", 40, 0, 4, FIELD, 0, 2, SEGATTN_EDAMAGED, "numbers of 2 bytes" },
  { "version 1", 8, 0, 4, FIELD, 0, 1, SEGATTN_EUNSUPPORTED, "version 1, expected 2" },
  { "version 3", 8, 0, 4, FIELD, 0, 3, SEGATTN_EUNSUPPORTED, "version 3, expected 2" },
  { "NaN without a position", AT_EVENTS + 48 + 16, 0, 8, FIELD, 0, 1, SEGATTN_EDAMAGED, "head 1" },
  { "a position without an event", AT_EVENTS + 2 * 48 + 40, 0, 8, FIELD, 0, 7, SEGATTN_EDAMAGED, "head 2" },
  { "a size that is another", 16, 0, 8, FIELD, 0, 12345, SEGATTN_EDAMAGED, "expected 12345" },
};

static void number_put(unsigned char *to, size_t size, double x) {
  float f = (float)x;
  uint32_t narrow;
  uint64_t wide;
  memcpy(&narrow, &f, sizeof f);
  memcpy(&wide, &x, sizeof x);
  saved_put(to, (int)size, size == sizeof f ? narrow : wide);
}

static void apply(const change *c, saved s, const char *arithmetic) {
  size_t size = strcmp(arithmetic, "f64") ? 4 : 8;
  unsigned char *m = s.bytes + AT_M, *node = m + ROWS * size;
  switch (c->where) {
  case FIELD: saved_put(s.bytes + c->at, c->bytes, c->integer); break;
  case NODE_HEAD: saved_put(node + c->at, c->bytes, c->integer); break;
  case MAXIMUM: number_put(m + (size_t)c->number * size, size, c->value); break;
  case IN_NODE:
    number_put(node + 16 + (size_t)c->number * size, size, c->value);
    if (!strcmp(arithmetic, "f32c") && c->number >= L && c->number < LOW && !isfinite(c->value))
      number_put(node + 16 + (size_t)(c->number + LOW) * size, size, NAN);
    break;
  }
  saved_seal(s);
}

static const change low_changes[] = {
  { "a low part of S above S", 0, L + LOW, 0, IN_NODE, 1000, 0, SEGATTN_EDAMAGED, "a low part of S above S at batch 0" },
  { "a low part of S below -S", 0, L + LOW, 0, IN_NODE, -1000, 0, SEGATTN_EDAMAGED, "a low part of S above S at batch 0" },
  { "a low part of S inf", 0, L + LOW, 0, IN_NODE, INFINITY, 0, SEGATTN_EDAMAGED, "a low part of S above S at batch 0" },
  { "a low part of O inf", 0, O + LOW, 0, IN_NODE, INFINITY, 0, SEGATTN_EDAMAGED, "a low part of O that is inf" },
  { "low parts NaN, beside sums that are numbers", 0, L + LOW, 0, IN_NODE, NAN, 0, SEGATTN_OK, "" },
  { "a low part of O", 0, O + LOW, 0, IN_NODE, 0x1p-30, 0, SEGATTN_OK, "" },
};

static void impossible(const char *arithmetic, const change *all, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const change *c = &all[i];
    scene from, into;
    segattn_error error = { 0 };
    scene_fixture(&from, arithmetic);
    scene_fixture(&into, arithmetic);
    scene_state(&from, KEYS, 0);
    scene_state(&into, 5, 1000);
    apply(c, from.s, arithmetic);
    segattn_status status = load_block(into.state, from.s.bytes, from.s.n, &error);
    bool right = c->status ? told(&error, c->status) && strstr(error.text, c->says) &&
        state_is(into.state, into.s) : state_is(into.state, from.s);
    if (!ok(status == c->status && right, "%s: %s: %s", arithmetic, c->name, c->status ? error.text : "legal"))
      diag("status %d, expected %d and '%s'", (int)status, (int)c->status, c->says);
    scene_free(&from);
    scene_free(&into);
  }
}

/* A poisoned row is NaN, and no other row is.  */
static void poisoned(const char *arithmetic) {
  scene x;
  size_t wrong = 0;
  scene_fixture(&x, arithmetic);
  scene_state(&x, KEYS, 0);
  apply(&(change){ .where = IN_NODE, .number = L, .value = NAN }, x.s, arithmetic);
  bool good = !load_block(x.state, x.s.bytes, x.s.n, NULL) && !segattn_state_finalise(x.state, &x.f.out, &x.f.lse, NULL);
  for (size_t i = 0; i < F_BATCH * ROWS; i++) {
    wrong += !isnan(x.f.rows[0][i]) != (i != 2);
    for (size_t d = 0; d < F_DV; d++)
      wrong += !isnan(x.f.wide[0][i * F_DV + d]) != (i != 2);
  }
  ok(good && !wrong, "%s: a poisoned row is loaded, and is the only one", arithmetic);
  scene_free(&x);
}

/* Two nodes of a state whose ranges do not touch.  */
static void out_of_order(void) {
  scene x, y;
  segattn_error error = { 0 };
  scene_fixture(&x, "f64");
  scene_fixture(&y, "f64");
  scene_state(&x, KEYS, 0);
  scene_state(&y, KEYS, 128 * 1001);
  segattn_state_merge(x.state, y.state, NULL);
  saved s = saved_of(x.state);
  unsigned char *node = s.bytes + AT_M + ROWS * 8, *second = node + 16 + ROWS * (2 + F_DV) * 8, head[16];
  memcpy(head, second, sizeof head);
  ok(saved_u(s.bytes + AT_SEQUENCE + 44, 4) >= 2 && !load_block(y.state, s.bytes, s.n, NULL) && state_is(y.state, s),
     "two nodes apart");
  memcpy(second, node, sizeof head);
  saved_seal(s);
  ok(load_block(y.state, s.bytes, s.n, &error) == SEGATTN_EDAMAGED && strstr(error.text, "where the node before it lies"),
     "two nodes in one place: %s", error.text);
  memcpy(second, node, 16);
  memcpy(node, head, 16);
  saved_seal(s);
  ok(load_block(y.state, s.bytes, s.n, &error) == SEGATTN_EDAMAGED && strstr(error.text, "where the node before it lies"),
     "two nodes out of order: %s", error.text);
  free(s.bytes);
  scene_free(&x);
  scene_free(&y);
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
  for (int i = 0; segattn_arithmetic_name(i); i++) {
    changed(segattn_arithmetic_name(i));
    impossible(segattn_arithmetic_name(i), changes, sizeof changes / sizeof *changes);
    if (!strcmp(segattn_arithmetic_name(i), "f32c"))
      impossible("f32c", low_changes, sizeof low_changes / sizeof *low_changes);
    poisoned(segattn_arithmetic_name(i));
  }
  out_of_order();
  of_another_problem();
  foreign();
  return done();
}
