/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timing contestants by turns, round after round, until no minimum falls any more.

   A turn is a burst of calls of about 20 ms, so that what a contestant needs is in its caches, and what disturbs the machine
   for a moment meets all alike.  A contestant is done when its minimum has not fallen by 1 % in 4 rounds, or when its limit of
   time is spent; one whose first call took longer than that is not asked for another.  Noise only adds time: the minimum is the
   figure that two runs agree on; the median says what is usual.  */

#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, STABLE = 4, MOST_CALLS = 200 };
static const double fall = 0.01, burst = 0.02 /* s */;

static bool done(const bench_row *r, double limit) {
  bool stable = r->rounds >= ROUNDS && r->rounds - r->improved >= STABLE;
  return r->reason || stable || r->spent > limit;
}

static void failed(bench_row *r, const char *reason) {
  free(r->reason);
  r->reason = strdup(reason ? reason : "it failed");
}

/* n more times of calls.  */
static void add_times(bench_row *r, const double *times, size_t n) {
  double shortest = INFINITY, *more = realloc(r->times, (r->n + n) * sizeof *more);
  if (!more) {
    failed(r, "out of memory");
    return;
  }
  r->times = more;
  for (size_t i = 0; i < n; i++) {
    r->times[r->n++] = times[i];
    r->spent += times[i];
    shortest = fmin(shortest, times[i]);
  }
  r->rounds++;
  if (shortest < (1 - fall) * r->minimum)
    r->improved = r->rounds;
  r->minimum = fmin(r->minimum, shortest);
}

static void turn(bench_row *r, bench_child *child, double limit) {
  double times[MOST_CALLS], wanted = fmin(burst, limit) / r->minimum;
  size_t n = r->n == 0 ? 1 : wanted < 1 ? 1 : wanted > MOST_CALLS ? MOST_CALLS : (size_t)wanted;
  if (bench_child_run(child, n, times))
    add_times(r, times, n);
  else
    failed(r, bench_child_missing(child));
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void summarise(bench_row *r) {
  if (r->reason || r->n == 0)
    return;
  qsort(r->times, r->n, sizeof *r->times, compare);
  r->median = (r->times[(r->n - 1) / 2] + r->times[r->n / 2]) / 2;
}

/* A contestant may have been in another heat of its case: its times count, its rounds begin anew.  */
static void begin(bench_row *r, double limit) {
  r->rounds = r->improved = 0;
  r->spent = 0;
  if (!r->reason && r->n == 0 && r->first > limit)
    add_times(r, &r->first, 1);
}

void bench_heat(bench_row *const *rows, bench_child *const *children, size_t n, const bench_options *o) {
  for (size_t i = 0; i < n; i++)
    begin(rows[i], o->limit);
  for (bool going = true; going && !bench_stopped();) {
    going = false;
    for (size_t i = 0; i < n; i++)
      if (!bench_stopped() && !done(rows[i], o->limit)) {
        turn(rows[i], children[i], o->limit);
        if (o->threads > 1)
          bench_child_rest(children[i]);
        going = true;
      }
  }
  for (size_t i = 0; i < n; i++)
    summarise(rows[i]);
}
