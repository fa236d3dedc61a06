/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The algebra of states, on one problem with causality, slopes, sinks, a softcap and a mask, cut everywhere: what is saved,
   loaded and continued is what was never saved; the empty state is the identity; parts on block lines merge to the same bytes
   by every tree; elsewhere a merge is within its bound.  Few rows and many (a row to a lane), every arithmetic.  */

#include <math.h>

#include "draw.h"
#include "saved_state.h"

enum { HEADS = 4, KV = 2, DIM = 16, KEYS = 300, QUERIES = 12 };

static double q[HEADS * QUERIES * DIM], k[KV * KEYS * DIM], v[KV * KEYS * DIM], mask[QUERIES * KEYS];
static double plain[HEADS * QUERIES * DIM], other[HEADS * QUERIES * DIM], bound[HEADS * QUERIES * DIM];
static bool masked = true;
static const double slopes[HEADS] = { 0.5, 0.25, 0.125, 0 }, sinks[HEADS] = { 1, -2, -INFINITY, 0 };

static void fill(double *x, size_t n, double size, rng *r) {
  for (size_t i = 0; i < n; i++)
    x[i] = size * rng_normal(r);
}

static segattn_queries queries_of(size_t first, size_t n) {
  segattn_tensor t = segattn_tensor_of(q + first * DIM, SEGATTN_F64, 1, HEADS, n, DIM);
  t.stride[SEGATTN_HEAD] = QUERIES * DIM * sizeof *q;
  return (segattn_queries){ .q = t, .start = KEYS - QUERIES + (int64_t)first };
}

static segattn_segment keys_of(size_t from, size_t to, size_t first, size_t n) {
  segattn_segment s = { .k = segattn_tensor_of(k + from * DIM, SEGATTN_F64, 1, KV, to - from, DIM),
                        .v = segattn_tensor_of(v + from * DIM, SEGATTN_F64, 1, KV, to - from, DIM), .start = (int64_t)from,
                        .mask = segattn_tensor_of(mask + first * KEYS + from, SEGATTN_F64, 1, 1, n, to - from) };
  s.k.stride[SEGATTN_HEAD] = s.v.stride[SEGATTN_HEAD] = KEYS * DIM * sizeof *k;
  s.mask.stride[SEGATTN_POS] = KEYS * sizeof *mask;
  s.mask.data = masked ? s.mask.data : NULL;
  return s;
}

static segattn_plan *full_plan(const char *arithmetic, const char *isa) {
  segattn_plan *plan = NULL;
  segattn_problem p;
  segattn_problem_init(&p);
  p.q_heads = HEADS;
  p.kv_heads = KV;
  p.dim_k = p.dim_v = DIM;
  p.causal = true;
  p.softcap = 30;
  p.slopes = slopes;
  p.sinks = sinks;
  if (segattn_plan_alloc(&plan, &p, &(segattn_options){ .arithmetic = arithmetic, .isa = isa, .threads = 1 }, NULL))
    ok(false, "a plan on %s", isa ? isa : "the best");
  return plan;
}

/* Keys [from, to) for queries [first, first + n).  */
static segattn_state *absorbed(const segattn_plan *plan, size_t from, size_t to, size_t first, size_t n) {
  segattn_state *state = NULL;
  segattn_queries queries = queries_of(first, n);
  segattn_segment s = keys_of(from, to, first, n);
  if (segattn_state_alloc(&state, plan, &queries, NULL) || segattn_state_absorb(state, &queries, &s, NULL))
    ok(false, "keys %zu to %zu", from, to);
  return state;
}

static void every_cut(const char *arithmetic, size_t n) {
  size_t wrong = 0, out_wrong = 0, isas = 0;
  while (segattn_isa_name((int)isas))
    isas++;
  segattn_plan *plan = full_plan(arithmetic, "portable");
  segattn_queries queries = queries_of(0, n);
  segattn_segment all = keys_of(0, KEYS, 0, n);
  segattn_tensor out = segattn_tensor_of(plain, SEGATTN_F64, 1, HEADS, n, DIM), again = out;
  again.data = other;
  segattn_state *whole = absorbed(plan, 0, KEYS, 0, n);
  saved expected = saved_of(whole);
  segattn_attend(plan, &queries, &all, 1, &out, NULL, NULL, NULL);
  for (size_t cut = 0; cut <= KEYS; cut++) {
    segattn_plan *next = full_plan(arithmetic, segattn_isa_name((int)(cut % isas)));
    segattn_state *before = absorbed(plan, 0, cut, 0, n), *after = absorbed(next, 0, 5, 0, n);
    segattn_segment rest = keys_of(cut, KEYS, 0, n);
    saved s = saved_of(before);
    bool good = !segattn_state_load(after, NULL, s.bytes, s.n, NULL) && state_is(after, s) &&
                segattn_state_end(after, 0) == (cut ? (int64_t)cut : INT64_MIN) &&
                    !segattn_state_absorb(after, &queries, &rest, NULL);
    wrong += !good || !state_is(after, expected);
    segattn_state_finalise(after, &again, NULL, NULL);
    out_wrong += memcmp(plain, other, HEADS * n * DIM * sizeof *plain) != 0;
    free(s.bytes);
    segattn_state_free(before);
    segattn_state_free(after);
    segattn_plan_free(next);
  }
  ok(!wrong && !out_wrong, "%s, %zu queries: saved and continued at every cut, the same bits (%zu states, %zu outputs differ)",
     arithmetic, n,
     wrong, out_wrong);
  free(expected.bytes);
  segattn_state_free(whole);
  segattn_plan_free(plan);
}

/* The empty state from either side; three parts by every tree and in every order.  */
static void algebra(const char *arithmetic, size_t n) {
  static const int tree[][4] = { { 0, 1, 0, 2 }, { 0, 2, 0, 1 }, { 1, 0, 1, 2 }, { 1, 2, 1, 0 }, { 2, 0, 2, 1 }, { 2, 1, 2, 0 },
                                 { 0, 1, 2, 0 }, { 0, 2, 1, 0 }, { 1, 0, 2, 1 }, { 1, 2, 0, 1 }, { 2, 0, 1, 2 },
                                     { 2, 1, 0, 2 } };
  size_t wrong = 0;
  segattn_plan *plan = full_plan(arithmetic, NULL);
  segattn_state *whole = absorbed(plan, 0, KEYS, 0, n), *none = absorbed(plan, 0, 0, 0, n), *more = absorbed(plan, 0, 0, 0, n);
  saved expected = saved_of(whole);
  for (size_t i = 0; i < sizeof tree / sizeof *tree; i++) {
    segattn_state *part[] = { absorbed(plan, 0, 128, 0, n), absorbed(plan, 128, 256, 0, n), absorbed(plan, 256, KEYS, 0, n) };
    bool good = !segattn_state_merge(part[tree[i][0]], part[tree[i][1]], NULL) &&
        !segattn_state_merge(part[tree[i][2]], part[tree[i][3]], NULL);
    wrong += !good || !state_is(part[tree[i][2]], expected) || segattn_state_inexact(part[tree[i][2]]);
    for (int j = 0; j < 3; j++)
      segattn_state_free(part[j]);
  }
  ok(!wrong, "%s, %zu queries: three parts on block lines merge to the same bytes by every tree", arithmetic, n);
  bool right = !segattn_state_merge(whole, none, NULL) && state_is(whole, expected);
  bool left = !segattn_state_merge(more, whole, NULL) && state_is(more, expected);
  ok(right && left, "%s, %zu queries: the empty state is the identity, from either side", arithmetic, n);
  free(expected.bytes);
  segattn_state_free(whole);
  segattn_state_free(none);
  segattn_state_free(more);
  segattn_plan_free(plan);
}

/* Merged at every cut, in both orders: exact on block lines, and elsewhere within bound + gamma(3 m) (sum w |v| + |out|).  */
static void merged_at_every_cut(const char *arithmetic, size_t n, double u) {
  double worst = 0, largest = 0;
  size_t wrong = 0;
  segattn_plan *plan = full_plan(arithmetic, NULL);
  segattn_queries queries = queries_of(0, n);
  segattn_segment all = keys_of(0, KEYS, 0, n);
  segattn_tensor out = segattn_tensor_of(plain, SEGATTN_F64, 1, HEADS, n, DIM), again = out, limit = out;
  again.data = other;
  limit.data = bound;
  segattn_attend(plan, &queries, &all, 1, &out, NULL, NULL, NULL);
  segattn_bound(plan, &queries, &all, 1, &limit, NULL, NULL);
  for (size_t i = 0; i < KV * KEYS * DIM; i++)
    largest = fmax(largest, fabs(v[i]));
  for (size_t cut = 0; cut <= 2 * KEYS; cut++) {
    segattn_state *a = absorbed(plan, 0, cut / 2, 0, n), *b = absorbed(plan, cut / 2, KEYS, 0, n);
    segattn_state *into = cut % 2 ? a : b;
    bool exact = cut / 2 % 128 == 0 || cut / 2 == KEYS;
    wrong += segattn_state_merge(into, cut % 2 ? b : a, NULL) || segattn_state_inexact(into) != !exact;
    segattn_state_finalise(into, &again, NULL, NULL);
    wrong += exact && memcmp(plain, other, HEADS * n * DIM * sizeof *plain);
    for (size_t i = 0; i < HEADS * n * DIM; i++)
      worst = fmax(worst, fabs(plain[i] - other[i]) / (2 * bound[i] + 3 * u / (1 - 3 * u) * 2 * largest));
    segattn_state_free(a);
    segattn_state_free(b);
  }
  ok(!wrong && worst <= 1, "%s, %zu queries: merged at every cut, exact on block lines and else within the bound (%.3g of it)",
     arithmetic, n, worst);
  segattn_plan_free(plan);
}

/* A row's bytes are the same whether its state has rows across lanes (12 queries) or one by one (1 query).  Queries of 0 with
   keys below 0 give scores of 0 whose signs are not the same.  */
static void every_row(const char *arithmetic, const char *queries) {
  size_t size = strcmp(arithmetic, "f64") ? 4 : 8, wrong = 0, bytes_before = 160 + HEADS * (2 * 8 + 48) + 48;
  segattn_plan *plan = full_plan(arithmetic, NULL);
  segattn_state *many = absorbed(plan, 0, KEYS, 0, QUERIES);
  saved whole = saved_of(many);
  for (size_t i = 0; i < QUERIES; i++) {
    segattn_state *few = absorbed(plan, 0, KEYS, i, 1);
    saved one = saved_of(few);
    for (size_t h = 0; h < HEADS; h++) {
      const unsigned char *x = whole.bytes + bytes_before, *y = one.bytes + bytes_before;
      wrong += memcmp(x + (h * QUERIES + i) * size, y + h * size, size) != 0;   /* m */
      x += HEADS * QUERIES * size + 16;
      y += HEADS * size + 16;
      wrong += memcmp(x + (h * QUERIES + i) * size, y + h * size, size) != 0;   /* e of the first node */
      x += 2 * HEADS * QUERIES * size + (h * QUERIES + i) * DIM * size;
      wrong += memcmp(x, y + 2 * HEADS * size + h * DIM * size, DIM * size) != 0;       /* o */
      if (!strcmp(arithmetic, "f32c"))                                                  /* and its low parts */
        wrong += memcmp(x + HEADS * QUERIES * (1 + DIM) * size,
                        y + HEADS * (2 + 1 + DIM) * size + h * DIM * size, DIM * size) != 0;
    }
    free(one.bytes);
    segattn_state_free(few);
  }
  ok(!wrong, "%s%s: rows across lanes and one by one, the same bytes", arithmetic, queries);
  free(whole.bytes);
  segattn_state_free(many);
  segattn_plan_free(plan);
}

int main(void) {
  rng r = { 7 };
  fill(q, HEADS * QUERIES * DIM, 2, &r);
  fill(k, KV * KEYS * DIM, 1, &r);
  fill(v, KV * KEYS * DIM, 1, &r);
  for (size_t i = 0; i < QUERIES * KEYS; i++)
    mask[i] = rng_chance(&r, 20) ? -INFINITY : rng_normal(&r);
  for (int i = 0; segattn_arithmetic_name(i); i++) {
    const char *arithmetic = segattn_arithmetic_name(i);
    for (size_t n = 1; n <= QUERIES; n += QUERIES - 1) {
      every_cut(arithmetic, n);
      algebra(arithmetic, n);
      merged_at_every_cut(arithmetic, n, strcmp(arithmetic, "f64") ? 0x1p-24 : 0x1p-53);
    }
    every_row(arithmetic, "");
  }
  memset(q, 0, sizeof q);
  masked = false;
  for (size_t i = 0; i < KV * KEYS * DIM; i++)
    k[i] = -fabs(k[i]);
  for (int i = 0; segattn_arithmetic_name(i); i++)
    every_row(segattn_arithmetic_name(i), ", queries of 0");
  return done();
}
