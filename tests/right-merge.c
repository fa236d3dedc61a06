/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Merges that are legal and not exact: of states that meet inside a block, or whose positions interleave.

   Each costs at most 3 roundings more (BOUNDS, lemma 4).  With w the weights, |v| <= V and m merges, the merged output may
   differ from attend's by the bounds of both and by gamma(3 m) (sum w |v| + |out|) <= gamma(3 m) 2 V.  (right-promise has
   the exact ones.)  */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <segattn.h>

#include "tap.h"

enum { HEADS = 2, DIM = 16, KEYS = 900, QUERIES = 20, PARTS = 6 };

static float q[HEADS * QUERIES * DIM], k[KEYS * DIM], v[KEYS * DIM];
static double plain[HEADS * QUERIES * DIM], merged[HEADS * QUERIES * DIM], bound[HEADS * QUERIES * DIM];

static uint64_t seed = 1;

static unsigned below(unsigned n) {
  seed = seed * 6364136223846793005 + 1442695040888963407;
  return (unsigned)(seed >> 33) % n;
}

static void fill(float *x, size_t n, float size) {
  for (size_t i = 0; i < n; i++)
    x[i] = size * ((float)below(20001) / 10000 - 1);
}

static segattn_queries queries_of(size_t n) {
  return (segattn_queries){ .q = segattn_tensor_of(q, SEGATTN_F32, 1, HEADS, n, DIM) };
}

static segattn_segment keys_of(size_t from, size_t n) {
  return (segattn_segment){ .k = segattn_tensor_of(k + from * DIM, SEGATTN_F32, 1, 1, n, DIM),
                            .v = segattn_tensor_of(v + from * DIM, SEGATTN_F32, 1, 1, n, DIM), .start = (int64_t)from };
}

/* Cuts the keys anywhere, deals the pieces to the parts, merges these in a random order.  Returns the number of merges;
   0: failed.  */
static int merge_parts(const segattn_plan *plan, const segattn_queries *queries) {
  segattn_state *state[PARTS] = { 0 };
  segattn_error error;
  bool good = true;
  for (int i = 0; i < PARTS; i++)
    good = good && !segattn_state_alloc(&state[i], plan, queries, &error);
  for (size_t from = 0, n; from < KEYS && good; from += n) {
    n = 1 + below(200);
    n = n < KEYS - from ? n : KEYS - from;
    segattn_segment s = keys_of(from, n);
    good = !segattn_state_absorb(state[below(PARTS)], queries, &s, &error);
  }
  for (int left = PARTS; left > 1 && good; left--) {
    unsigned i = below((unsigned)left - 1) + 1;
    good = below(2) ? !segattn_state_merge(state[0], state[i], &error) : !segattn_state_merge(state[i], state[0], &error) &&
           (segattn_state_reset(state[0]), !segattn_state_merge(state[0], state[i], &error));
    segattn_state_free(state[i]);
    state[i] = state[left - 1];
    state[left - 1] = NULL;
  }
  segattn_tensor out = segattn_tensor_of(merged, SEGATTN_F64, 1, HEADS, queries->q.shape[SEGATTN_POS], DIM);
  segattn_events events[HEADS], all = { 0 };
  good = good && !segattn_state_finalise(state[0], &out, NULL, &error);
  if (good) {
    segattn_state_events(state[0], events);
    segattn_events_sum(events, HEADS, &all);
  }
  for (int i = 0; i < PARTS; i++)
    segattn_state_free(state[i]);
  return good && all.masked_rows == 0 ? 2 * PARTS : 0;
}

static void within_bound(const char *arithmetic, size_t n, double u) {
  segattn_problem p;
  segattn_plan *plan;
  segattn_error error = { 0 };
  double worst = 0;
  segattn_problem_init(&p);
  p.q_heads = HEADS;
  p.dim_k = p.dim_v = DIM;
  segattn_queries queries = queries_of(n);
  segattn_segment all = keys_of(0, KEYS);
  segattn_tensor out = segattn_tensor_of(plain, SEGATTN_F64, 1, HEADS, n, DIM), limit = out;
  limit.data = bound;
  bool good = !segattn_plan_alloc(&plan, &p, &(segattn_options){ .arithmetic = arithmetic, .threads = 1 }, &error) &&
              !segattn_attend(plan, &queries, &all, 1, &out, NULL, NULL, &error) &&
              !segattn_bound(plan, &queries, &all, 1, &limit, NULL, &error);
  for (int trial = 0; trial < 100 && good; trial++) {
    int merges = merge_parts(plan, &queries);
    double gamma = 3 * merges * u / (1 - 3 * merges * u);
    good = merges > 0;
    for (size_t i = 0; i < HEADS * n * DIM; i++)
      worst = fmax(worst, fabs(merged[i] - plain[i]) / (2 * bound[i] + 2 * gamma));
  }
  ok(good && worst <= 1, "%s, %zu queries: 100 merges inside blocks and of interleaved ranges are within their bound "
                         "(%.3g of it)",
     arithmetic, n, worst);
  if (error.code)
    diag("%s", error.text);
  segattn_plan_free(plan);
}

/* Ranges that do not touch and have no sibling: the state holds each, until it cannot, and says so with nothing changed.  */
static void too_many_ranges(void) {
  segattn_problem p;
  segattn_plan *plan;
  segattn_state *into, *one;
  segattn_error error;
  segattn_status status = SEGATTN_OK;
  segattn_problem_init(&p);
  p.dim_k = p.dim_v = DIM;
  p.q_heads = HEADS;
  segattn_queries queries = queries_of(1);
  segattn_tensor before = segattn_tensor_of(plain, SEGATTN_F64, 1, HEADS, 1, DIM), after = before;
  after.data = merged;
  segattn_plan_alloc(&plan, &p, NULL, NULL);
  segattn_state_alloc(&into, plan, &queries, NULL);
  segattn_state_alloc(&one, plan, &queries, NULL);
  for (int64_t i = 0; i < 1000 && !status; i++) {
    segattn_segment s = keys_of(0, 1);
    s.start = i * 512;
    segattn_state_reset(one);
    segattn_state_absorb(one, &queries, &s, NULL);
    segattn_state_finalise(into, &before, NULL, NULL);
    status = segattn_state_merge(into, one, &error);
  }
  segattn_state_finalise(into, &after, NULL, NULL);
  ok(status == SEGATTN_EUNSUPPORTED && strstr(error.text, "neighbours") && !memcmp(plain, merged, HEADS * DIM * sizeof *plain),
     "more separate ranges than a state holds: refused with advice, nothing changed");
  segattn_state_free(into);
  segattn_state_free(one);
  segattn_plan_free(plan);
}

int main(void) {
  fill(q, sizeof q / sizeof *q, 3);
  fill(k, sizeof k / sizeof *k, 2);
  fill(v, sizeof v / sizeof *v, 1);
  for (int i = 0; segattn_arithmetic_name(i); i++)
    for (size_t n = 2; n <= QUERIES; n += QUERIES - 2)
      within_bound(segattn_arithmetic_name(i), n, strcmp(segattn_arithmetic_name(i), "f64") ? 0x1p-24 : 0x1p-53);
  too_many_ranges();
  return done();
}
