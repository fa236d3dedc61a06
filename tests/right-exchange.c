/* SPDX-License-Identifier: GPL-3.0-or-later */
/* States and what other systems exchange: the pair (out, lse) to base e and 2, and (M, S, O), out of a state and into one.

   Tolerances are those of BOUNDS, lemma 8: an import costs at most 4 roundings of o and of l, counted as two merges of 3; a
   join one.  The exact answer of imported parts is that of their numbers, here in long double: sum_i exp(lse_i - M) out_i /
   sum_i exp(lse_i - M).  */

#include <float.h>
#include <math.h>

#include "draw.h"
#include "saved_state.h"

enum { HEADS = 4, DIM = 5, KEYS = 640, QUERIES = 6, PARTS = 5, ROWS = HEADS * QUERIES };

#define LN2 0.693147180559945309417232121458176568L

typedef struct pair { double out[ROWS * DIM], lse[ROWS]; } pair;

static double q[ROWS * DIM], k[KEYS * DIM], v[KEYS * DIM];
static const double sinks[HEADS] = { 1, -2, -INFINITY, 40 };
static pair part[PARTS], whole, again;

static double gamma_of(double n, double u) { return n * u / (1 - n * u); }

static segattn_tensor view(void *x, size_t n, size_t dim) { return segattn_tensor_of(x, SEGATTN_F64, 1, HEADS, n, dim); }
static segattn_queries queries_of(size_t n) { return (segattn_queries){ .q = view(q, n, DIM) }; }

static segattn_segment keys_of(size_t from, size_t to) {
  return (segattn_segment){ .k = segattn_tensor_of(k + from * DIM, SEGATTN_F64, 1, 1, to - from, DIM),
                            .v = segattn_tensor_of(v + from * DIM, SEGATTN_F64, 1, 1, to - from, DIM), .start = (int64_t)from };
}

static segattn_plan *plan_of(const char *arithmetic, bool with_sinks) {
  segattn_problem p;
  segattn_plan *plan = NULL;
  segattn_problem_init(&p);
  p.q_heads = HEADS;
  p.dim_k = p.dim_v = DIM;
  p.sinks = with_sinks ? sinks : NULL;
  if (segattn_plan_alloc(&plan, &p, &(segattn_options){ .arithmetic = arithmetic, .threads = 1 }, NULL))
    ok(false, "a plan");
  return plan;
}

static segattn_state *state_of(const segattn_plan *plan, size_t n, size_t from, size_t to) {
  segattn_state *state = NULL;
  segattn_queries queries = queries_of(n);
  segattn_segment s = keys_of(from, to);
  if (segattn_state_alloc(&state, plan, &queries, NULL) || segattn_state_absorb(state, &queries, &s, NULL))
    ok(false, "keys %zu to %zu", from, to);
  return state;
}

static bool export_pair(const segattn_state *state, size_t n, segattn_base base, pair *p) {
  segattn_tensor out = view(p->out, n, DIM), lse = view(p->lse, n, 1);
  return !segattn_state_export_pair(state, base, &out, &lse, NULL);
}

static bool import_pair(segattn_state *state, size_t n, segattn_base base, pair *p, size_t from, size_t to) {
  segattn_tensor out = view(p->out, n, DIM), lse = view(p->lse, n, 1);
  segattn_error error = { 0 };
  if (segattn_state_import_pair(state, &(segattn_range){ .start = (int64_t)from, .keys = to - from }, base, &out, &lse, &error))
    diag("%s", error.text);
  return !error.code;
}

static bool finalise(const segattn_state *state, size_t n, pair *p) {
  segattn_tensor out = view(p->out, n, DIM), lse = view(p->lse, n, 1);
  return !segattn_state_finalise(state, &out, &lse, NULL);
}

static bool same(const pair *a, const pair *b, size_t n) {
  return !memcmp(a->out, b->out, HEADS * n * DIM * sizeof *a->out) && !memcmp(a->lse, b->lse, HEADS * n * sizeof *a->lse);
}

/* ---- out of a state ---- */

/* Without sinks, whatever the plan has; to base 2 the same lse: the quotient may err by 2 ulp of log2 l, the sums' roundings
   and ours (theorem 2 of BOUNDS for the natural one).  */
static void exported(const char *arithmetic, size_t n) {
  segattn_plan *with = plan_of(arithmetic, true), *without = plan_of(arithmetic, false);
  segattn_state *state = state_of(with, n, 0, KEYS), *bare = state_of(without, n, 0, KEYS);
  double worst = 0;
  bool good = export_pair(state, n, SEGATTN_NATURAL, &again) && finalise(bare, n, &whole) && same(&whole, &again, n);
  ok(good, "%s, %zu queries: the pair is out and lse without sinks, bit for bit", arithmetic, n);
  good = export_pair(state, n, SEGATTN_BASE_2, &again) && !memcmp(whole.out, again.out, HEADS * n * DIM * sizeof *whole.out);
  for (size_t i = 0; i < HEADS * n; i++) {
    double log2_l = 64 + log2(KEYS) + 1, e = fabs(again.lse[i]) + log2_l;
    double allowed = 0x1p-53 * (4 * log2_l + 2 * fabs(again.lse[i]) + 4 * log2_l + 1.6 * e);
    worst = fmax(worst, (double)fabsl((long double)again.lse[i] * LN2 - (long double)whole.lse[i]) / allowed);
  }
  ok(good && worst <= 1, "%s, %zu queries: lse to base 2 is lse / ln 2 (%.3g of what rounding allows)", arithmetic, n, worst);
  segattn_state_free(state);
  segattn_state_free(bare);
  segattn_plan_free(with);
  segattn_plan_free(without);
}

/* ---- a ring: parts made here, carried as pairs, merged ---- */

/* The lse that is imported.  Differences are taken in its own base, where they are exact.  */
static double lse_to(segattn_base base, int p, size_t i) {
  return base == SEGATTN_BASE_2 ? (double)((long double)part[p].lse[i] / LN2) : part[p].lse[i];
}

/* The largest |merged - exact| / (gamma(roundings) (sum w |out_i| + |exact|)), and of lse.  */
static double error_of(const pair *merged, size_t n, segattn_base base, double roundings, double u) {
  const long double unit = base == SEGATTN_BASE_2 ? LN2 : 1;
  double worst = 0;
  for (size_t i = 0; i < HEADS * n; i++) {
    long double top = -INFINITY, sum = 0;
    for (int p = 0; p < PARTS; p++)
      top = fmaxl(top, (long double)lse_to(base, p, i));
    for (int p = 0; p < PARTS; p++)
      sum += expl(((long double)lse_to(base, p, i) - top) * unit);
    for (size_t d = 0; d < DIM; d++) {
      long double y = 0, size = 0;
      for (int p = 0; p < PARTS; p++) {
        long double w = expl(((long double)lse_to(base, p, i) - top) * unit) / sum, x = (long double)part[p].out[i * DIM + d];
        y += w * x;
        size += w * fabsl(x);
      }
      y = fabsl((long double)merged->out[i * DIM + d] - y) / ((size + fabsl(y)) * (long double)gamma_of(roundings, u));
      worst = fmax(worst, (double)y);
    }
    double lse = (double)(top * unit + logl(sum)), allowed = gamma_of(roundings, u) + 0x1p-53 * (3 * fabs(lse) + 64);
    worst = fmax(worst, fabs(merged->lse[i] - lse) / allowed);
  }
  return worst;
}

/* All pairs, merged in an order drawn.  */
static segattn_state *ring(const segattn_plan *plan, size_t n, segattn_base base, rng *r) {
  segattn_state *state[PARTS];
  for (int p = 0; p < PARTS; p++) {
    state[p] = state_of(plan, n, 0, 3);         /* which the import replaces */
    pair x = part[p];
    for (size_t i = 0; i < HEADS * n; i++)
      x.lse[i] = lse_to(base, p, i);
    import_pair(state[p], n, base, &x, (size_t)p * 128, (size_t)p * 128 + 128);
  }
  for (size_t left = PARTS; left > 1; left--) {
    size_t into = rng_below(r, left), from = rng_below(r, left - 1);
    from += from >= into;
    if (segattn_state_merge(state[into], state[from], NULL))
      ok(false, "imported states merge");
    segattn_state_free(state[from]);
    state[from] = state[left - 1];
  }
  return state[0];
}

/* `far`: added to every lse, where the fraction of a large one decides.  */
static void rings(const char *arithmetic, size_t n, segattn_base base, double far, double u) {
  segattn_plan *plan = plan_of(arithmetic, false);
  rng r = { 3 };
  size_t differ = 0;
  for (int p = 0; p < PARTS; p++) {
    segattn_state *state = state_of(plan, n, (size_t)p * 128, (size_t)p * 128 + 128);
    export_pair(state, n, SEGATTN_NATURAL, &part[p]);
    for (size_t i = 0; i < HEADS * n; i++)
      part[p].lse[i] += far;
    segattn_state_free(state);
  }
  segattn_state *state = ring(plan, n, base, &r);
  saved first = saved_of(state);
  uint64_t inexact = segattn_state_inexact(state);
  finalise(state, n, &again);
  segattn_state_free(state);
  for (int trial = 0; trial < 30; trial++) {
    state = ring(plan, n, base, &r);
    differ += !state_is(state, first);
    segattn_state_free(state);
  }
  double worst = error_of(&again, n, base, 3 * (double)inexact + 3 + 1, u);     /* 3 joins on a path, and the division */
  ok(!differ && inexact == 2 * PARTS, "%s, %zu queries, base %s, lse + %g: on block lines, the same bytes", arithmetic, n,
     base ? "2" : "e", far);
  ok(worst <= 1, "%s, %zu queries, base %s, lse + %g: right (%.3g of what the count of merges allows)", arithmetic, n,
     base ? "2" : "e", far, worst);
  free(first.bytes);
  segattn_plan_free(plan);
}

/* ---- into a state ---- */

/* Out and in again costs o, l and the quotient their roundings.  Then the rest of the keys: within the bound of all, twice, and
   that of 2 merges.  */
static void imported(const char *arithmetic, size_t n, double u) {
  static double bound[ROWS * DIM];
  segattn_plan *plan = plan_of(arithmetic, true);
  double worst = 0, rest_worst = 0, largest = 0;
  bool good = true;
  segattn_queries queries = queries_of(n);
  segattn_segment all = keys_of(0, KEYS);
  segattn_tensor limit = view(bound, n, DIM);
  segattn_state *full = state_of(plan, n, 0, KEYS);
  segattn_bound(plan, &queries, &all, 1, &limit, NULL, NULL);
  for (size_t i = 0; i < KEYS * DIM; i++)
    largest = fmax(largest, fabs(v[i]));
  for (size_t cut = 1; cut <= KEYS; cut += 31) {
    segattn_state *state = state_of(plan, n, 0, cut), *other = state_of(plan, n, 0, 0);
    segattn_segment rest = keys_of(cut, KEYS);
    export_pair(state, n, SEGATTN_NATURAL, &part[0]);
    good &= import_pair(other, n, SEGATTN_NATURAL, &part[0], 0, cut) && segattn_state_inexact(other) == 2 &&
            segattn_state_end(other, 0) == (int64_t)cut && export_pair(other, n, SEGATTN_NATURAL, &again);
    for (size_t i = 0; i < HEADS * n * DIM; i++)
      worst = fmax(worst, fabs(again.out[i] - part[0].out[i]) / (gamma_of(9, u) * fabs(part[0].out[i])));
    for (size_t i = 0; i < HEADS * n; i++)
      worst = fmax(worst, fabs(again.lse[i] - part[0].lse[i]) / (gamma_of(4, u) + 0x1p-52 * (fabs(again.lse[i]) + 8)));
    good &= !segattn_state_absorb(other, &queries, &rest, NULL) && finalise(full, n, &whole) && finalise(other, n, &again);
    for (size_t i = 0; i < HEADS * n * DIM; i++)
      rest_worst = fmax(rest_worst, fabs(again.out[i] - whole.out[i]) /
                        (2 * bound[i] + gamma_of(3 * (double)segattn_state_inexact(other), u) * 2 * largest));
    segattn_state_free(state);
    segattn_state_free(other);
  }
  ok(good && worst <= 1, "%s, %zu queries: a pair out and in again (%.3g of what rounding allows)", arithmetic, n, worst);
  ok(rest_worst <= 1, "%s, %zu queries: and with the keys that follow (%.3g of the bound)", arithmetic, n, rest_worst);
  segattn_state_free(full);
  segattn_plan_free(plan);
}

/* (M, S, O) with M moved by anything: the same sums.  */
static void sums(const char *arithmetic, size_t n, double u) {
  static const double shift[] = { 0, 3.7, -3.7, 200, -200, 600, -600 };
  static double M[ROWS], S[ROWS], O[ROWS * DIM];
  segattn_plan *plan = plan_of(arithmetic, true);
  segattn_state *state = state_of(plan, n, 0, KEYS), *other = state_of(plan, n, 0, 0);
  segattn_tensor m = view(M, n, 1), s = view(S, n, 1), o = view(O, n, DIM);
  double worst = 0;
  bool good = finalise(state, n, &whole);
  for (size_t t = 0; t < sizeof shift / sizeof *shift; t++) {
    good &= !segattn_state_export(state, &m, &s, &o, NULL);
    for (size_t i = 0; i < HEADS * n; i++) {
      double factor = exp(-shift[t]);
      M[i] += shift[t];
      S[i] *= factor;
      for (size_t d = 0; d < DIM; d++)
        O[i * DIM + d] *= factor;
    }
    good &= !segattn_state_import(other, &(segattn_range){ .keys = KEYS }, &m, &s, &o, NULL) && finalise(other, n, &again);
    saved bytes = saved_of(other);
    good &= !segattn_state_load(other, NULL, bytes.bytes, bytes.n, NULL);       /* it is a state as others are */
    free(bytes.bytes);
    /* exported, shifted, imported, divided: o and l by 2, 1, 4 and 1 roundings, M and exp of shift by some of f64 of their size
       */
    double f64 = 0x1p-53 * (4 + 4 * fabs(shift[t]) + 64), allowed = gamma_of(16, u) + f64;
    for (size_t i = 0; i < HEADS * n * DIM; i++)
      worst = fmax(worst, fabs(again.out[i] - whole.out[i]) / (allowed * fabs(whole.out[i])));
    for (size_t i = 0; i < HEADS * n; i++)
      worst = fmax(worst, fabs(again.lse[i] - whole.lse[i]) / (allowed + 0x1p-52 * (fabs(whole.lse[i]) + fabs(M[i]))));
  }
  ok(good && worst <= 1, "%s, %zu queries: (M, S, O) to any reference M (%.3g of what rounding allows)", arithmetic, n, worst);
  segattn_state_free(state);
  segattn_state_free(other);
  segattn_plan_free(plan);
}

/* ---- rows that are special ---- */

/* Row 0 empty, its out NaN; row 1 poisoned; row 2 all of finite minima; row 3 the mean of two numbers at great scores.  */
static void special(const char *arithmetic) {
  segattn_plan *plan = plan_of(arithmetic, false);
  segattn_state *state = state_of(plan, 1, 0, 128), *other = state_of(plan, 1, 0, 0);
  double lowest = strcmp(arithmetic, "f64") ? -(double)FLT_MAX : -DBL_MAX, mean = 0;
  pair p = { { 0 }, { -INFINITY, NAN, lowest, 5e5 } }, before;
  for (size_t d = 0; d < DIM; d++) {
    p.out[d] = NAN;
    p.out[2 * DIM + d] = p.out[3 * DIM + d] = (double)d;
  }
  finalise(state, 1, &before);
  bool good = import_pair(other, 1, SEGATTN_NATURAL, &p, 128, 256) && finalise(other, 1, &again);
  segattn_events events[HEADS];
  segattn_state_events(other, events);
  ok(good && again.out[0] == 0 && again.lse[0] == -INFINITY && events[0].masked_rows == 1, "%s: an empty row: out is not read",
     arithmetic);
  ok(isnan(again.out[DIM]) && isnan(again.lse[1]), "%s: a poisoned row", arithmetic);
  for (size_t d = 0; d < DIM; d++)
    mean += again.out[2 * DIM + d] + again.out[3 * DIM + d] - 2 * (double)d;
  ok(mean == 0 && again.lse[2] < 0.5 * lowest && fabs(again.lse[3] - 5e5) <= 5e5 * 0x1p-52 + 0x1p-24,
     "%s: rows of finite minima and of great scores",
     arithmetic);
  good = !segattn_state_merge(other, state, NULL) && finalise(other, 1, &again);
  ok(good && !memcmp(before.out, again.out, DIM * sizeof *before.out) && before.lse[0] == again.lse[0] && isnan(again.out[DIM]),
     "%s: merged, the empty row is the identity, the poisoned one stays", arithmetic);
  ok(!memcmp(before.out + 2 * DIM, again.out + 2 * DIM, DIM * sizeof *before.out) && again.out[3 * DIM + 1] == 1,
     "%s: and the least and the greatest lose and win", arithmetic);
  segattn_state_free(state);
  segattn_state_free(other);
  segattn_plan_free(plan);
}

/* Every row empty: the identity, wherever it lies; and a range without keys.  */
static void nothing(const char *arithmetic) {
  segattn_plan *plan = plan_of(arithmetic, false);
  segattn_state *state = state_of(plan, 1, 0, 200), *other = state_of(plan, 1, 0, 0), *fresh = state_of(plan, 1, 0, 0);
  pair p = { { 0 }, { -INFINITY, -INFINITY, -INFINITY, -INFINITY } };
  finalise(state, 1, &whole);
  bool good = import_pair(other, 1, SEGATTN_BASE_2, &p, 256, 1000) && !segattn_state_merge(state, other, NULL) &&
      finalise(state, 1, &again);
  ok(good && same(&whole, &again, 1), "%s: empty rows alone are the identity", arithmetic);
  saved s = saved_of(fresh);
  ok(import_pair(other, 1, SEGATTN_NATURAL, &p, 7, 7) && state_is(other, s), "%s: a range without keys is the empty state",
     arithmetic);
  free(s.bytes);
  segattn_state_free(state);
  segattn_state_free(other);
  segattn_state_free(fresh);
  segattn_plan_free(plan);
}

int main(void) {
  rng r = { 5 };
  for (size_t i = 0; i < ROWS * DIM; i++)
    q[i] = 3 * rng_normal(&r);
  for (size_t i = 0; i < KEYS * DIM; i++) {
    k[i] = rng_normal(&r);
    v[i] = rng_normal(&r);
  }
  for (int i = 0; segattn_arithmetic_name(i); i++) {
    const char *arithmetic = segattn_arithmetic_name(i);
    double u = strcmp(arithmetic, "f64") ? 0x1p-24 : 0x1p-53;
    for (size_t n = 1; n <= QUERIES; n += QUERIES - 1) {        /* few rows, and many */
      exported(arithmetic, n);
      rings(arithmetic, n, SEGATTN_NATURAL, 0, u);
      rings(arithmetic, n, SEGATTN_BASE_2, 0, u);
      rings(arithmetic, n, SEGATTN_NATURAL, 3e5, u);
      rings(arithmetic, n, SEGATTN_BASE_2, 3e5, u);
      imported(arithmetic, n, u);
      sums(arithmetic, n, u);
    }
    special(arithmetic);
    nothing(arithmetic);
  }
  return done();
}
