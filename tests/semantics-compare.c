/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges, rows 34 and 35 (tests/SEMANTICS): what a comparison says of NaN, infinities, and a side that is all zero or
   constant.  */

#include <math.h>
#include <stdlib.h>
#include "measure.h"
#include "message.h"
#include "tap.h"
#include "verdict.h"

enum { N = 6 };
static const size_t shape[4] = { 1, 1, 1, N };
static const double none = (double)NAN, inf = (double)INFINITY;
static const double wide[N] = { INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY };

static errors measured(const double *a, const double *b, const double *bound) {
  errors e;
  if (errors_measure(&e, "a-b", a, b, bound, shape, SEGATTN_F32))
    exit(99);
  return e;
}

/* Whatever the bound: NaN must not be lost in a maximum.  */
static bool fails_infinitely(const double *a, const double *b) {
  errors e = measured(a, b, wide);
  bool fails = verdict_bound(&e) == FAIL && e.total[STAT_MAX] == inf && e.total[STAT_RMS] == inf &&
               e.total[STAT_RATIO] == inf && e.total[STAT_ULP] == inf && e.relative_rms == inf;
  errors_free(&e);
  return fails;
}

static void row_34(void) {
  const double good[N] = { 1, 2, 3, 4, 5, 6 };
  bool here = true, there = true, opposite = true, number = true;
  for (int i = 0; i < N; i++) {
    double a[N], b[N] = { 1, 2, 3, 4, 5, 6 };
    for (int j = 0; j < N; j++)
      a[j] = good[j];
    a[i] = none;
    here = here && fails_infinitely(a, good);
    there = there && fails_infinitely(good, a);
    a[i] = inf;
    number = number && fails_infinitely(a, good) && fails_infinitely(good, a);
    b[i] = -inf;
    opposite = opposite && fails_infinitely(a, b) && fails_infinitely(b, a);
  }
  ok(here, "row 34: NaN against a number is a failure, its error infinite");
  ok(there, "row 34: so is a number against NaN");
  ok(number, "row 34: so is an infinity against a number");
  ok(opposite, "row 34: so are infinities of opposite sign");
  const double all[N] = { none, none, none, none, none, none };
  ok(fails_infinitely(all, good), "row 34: so is an output of nothing but NaN");
  const double a[N] = { inf, -inf, none, 1, 2, 3 }, bound[N] = { 0, 0, 0, 0, 0, 0 };
  errors e = measured(a, a, bound);
  ok(verdict_bound(&e) == PASS && e.total[STAT_MAX] == 0 && e.inf_equal == 2 && e.nan_both == 1 && !e.nan_one_side,
     "row 34: infinities of one sign are equal, NaN is equal to NaN, and both are counted");
  errors_free(&e);
}

static void row_35(void) {
  const double zero[N] = { 0, -0.0, 0, 0, 0, 0 }, constant[N] = { 3, 3, 3, 3, 3, 3 }, a[N] = { 3, 3, 3, 3, 3, 3.5 };
  errors e = measured(zero, zero, wide);
  ok(e.vacuous && verdict_bound(&e) == UNDEFINED && isnan(e.relative_rms),
     "row 35: all zero on both sides is undefined, not a pass");
  errors_free(&e);
  e = measured(constant, constant, wide);
  ok(e.vacuous && verdict_bound(&e) == UNDEFINED, "row 35: so is a constant reference");
  errors_free(&e);
  e = measured(a, zero, wide);
  ok(e.vacuous && isnan(e.relative_rms), "row 35: the relative error against zeros is undefined");
  errors_free(&e);
  const double small[N] = { 1, 1, 1, 1, 1, 0.25 };
  e = measured(a, constant, small);
  ok(verdict_bound(&e) == FAIL, "row 35: but what is out of its bound fails all the same");
  errors_free(&e);
  e = measured(constant, a, wide);
  ok(!e.vacuous && verdict_bound(&e) == PASS, "row 35: a constant output against one that is not is a comparison");
  errors_free(&e);
}

int main(void) {
  row_34();
  row_35();
  return done();
}
