/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exp, tanh and log in double-double against MPFR: within their stated errors.  */

#include <math.h>
#include <string.h>
#include <mpfr.h>
#include "doubledouble.h"
#include "random.h"
#include "tap.h"

static void set_dd(mpfr_t to, dd x) {
  mpfr_set_d(to, x.hi, MPFR_RNDN);
  mpfr_add_d(to, to, x.lo, MPFR_RNDN);
}

typedef struct function {
  const char *name;
  dd (*ours)(dd);
  int (*theirs)(mpfr_t, const mpfr_t, mpfr_rnd_t);
  double low, high;             /* of the argument; log: of its base 2 logarithm */
  double relative, absolute;    /* the stated error */
} function;

static int theirs_exp(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) { return mpfr_exp(y, x, r); }
static int theirs_tanh(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) { return mpfr_tanh(y, x, r); }
static int theirs_log(mpfr_t y, const mpfr_t x, mpfr_rnd_t r) { return mpfr_log(y, x, r); }

static const function functions[] = {
  {"exp", dd_exp, theirs_exp, -624, 0, DD_EXP_ERROR, 0}, {"exp", dd_exp, theirs_exp, -1, 1, DD_EXP_ERROR, 0},
  {"tanh", dd_tanh, theirs_tanh, -45, 45, DD_TANH_ERROR, 0}, {"tanh", dd_tanh, theirs_tanh, -1, 1, DD_TANH_ERROR, 0},
  {"tanh", dd_tanh, theirs_tanh, -1e-9, 1e-9, DD_TANH_ERROR, 0},
  {"log", dd_log, theirs_log, -890, 60, 8 * DD_W, 20 * DD_W}, {"log", dd_log, theirs_log, -0.6, 0.6, 8 * DD_W, 20 * DD_W}
};

/* |ours - exact| over the stated error, at most, over random arguments.  */
static double worst_ratio(const function *f, random_stream *r, int n) {
  mpfr_t x, y, z;
  mpfr_inits2(300, x, y, z, (mpfr_ptr)0);
  double worst = 0;
  for (int i = 0; i < n; i++) {
    double a = f->low + (f->high - f->low) * random_uniform(r);
    a = strcmp(f->name, "log") == 0 ? exp2(a) : a;
    dd t = fast_two_sum(a, a * 0x1p-54 * (2 * random_uniform(r) - 1));
    set_dd(x, t);
    f->theirs(y, x, MPFR_RNDN);
    set_dd(z, f->ours(t));
    double exact = fabs(mpfr_get_d(y, MPFR_RNDN));
    mpfr_sub(z, z, y, MPFR_RNDN);
    worst = fmax(worst, fabs(mpfr_get_d(z, MPFR_RNDN)) / (f->relative * exact + f->absolute));
  }
  mpfr_clears(x, y, z, (mpfr_ptr)0);
  return worst;
}

static void test_functions(random_stream *r) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    double worst = worst_ratio(&functions[i], r, 4000);
    ok(worst <= 1, "%s in [%g, %g]: at most %.3f of its stated error", functions[i].name, functions[i].low, functions[i].high,
       worst);
  }
}

int main(void) {
  random_stream *r = random_alloc(1);
  if (r == NULL)
    return 1;
  test_functions(r);
  random_free(r);
  mpfr_free_cache();
  return done();
}
