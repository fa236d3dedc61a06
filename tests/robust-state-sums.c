/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Saved states, whole and under a right checksum, that hold what no keys give: each is refused with a text that says what, and
   the state is as it was; so it is after a state of another arithmetic was to be merged or loaded.  */

#include <math.h>
#include "state_scene.h"

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
    two_scenes(&from, &into, arithmetic);
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

/* Of any two arithmetics, those of one type of number too.  */
static void strangers(const char *arithmetic) {
  for (int i = 0; segattn_arithmetic_name(i); i++) {
    const char *other = segattn_arithmetic_name(i);
    scene from, into;
    segattn_error error = { 0 };
    if (!strcmp(other, arithmetic))
      continue;
    scene_fixture(&from, arithmetic);
    scene_fixture(&into, other);
    scene_state(&from, KEYS, 0);
    scene_state(&into, 5, 1000);
    segattn_status merged = segattn_state_merge(into.state, from.state, &error);
    ok(merged == SEGATTN_EINVAL && told(&error, merged) && strstr(error.text, arithmetic) && strstr(error.text, other) &&
           state_is(into.state, into.s),
       "a state of %s is not merged into one of %s: %s", arithmetic, other, error.text);
    error = (segattn_error){ 0 };
    segattn_status loaded = load_block(into.state, from.s.bytes, from.s.n, &error);
    ok(loaded != SEGATTN_OK && told(&error, loaded) && state_is(into.state, into.s), "nor loaded: %s", error.text);
    scene_free(&from);
    scene_free(&into);
  }
}

int main(void) {
  for (int i = 0; segattn_arithmetic_name(i); i++) {
    impossible(segattn_arithmetic_name(i), changes, sizeof changes / sizeof *changes);
    if (!strcmp(segattn_arithmetic_name(i), "f32c"))
      impossible("f32c", low_changes, sizeof low_changes / sizeof *low_changes);
    poisoned(segattn_arithmetic_name(i));
    strangers(segattn_arithmetic_name(i));
  }
  out_of_order();
  return done();
}
