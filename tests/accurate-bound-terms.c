/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segattn_bound term by term, against MPFR: problems of one dimension and one or two keys in which the error comes so near to
   the bound that the bound would fail if it lacked this one term.

   With one key lse is the score: lse = t ln 2, and its bound the error of t (lemma 2 of BOUNDS) times ln 2.  Every problem has
   the significands of its numbers just above 1, where a rounding costs up to u, so that T roundings of about |x| u each are
   bounded by T u |x|, and the sum of T independent errors exceeds (T - 1) u |x| in one of 2^(T-1) T! problems.  A family
   says what is left of the bound without its term; that some error exceeds it is part of the test, or it would show nothing.

   Each family was seen to fail without the term that it is named after; of the f64 families also without half of it, |c' - c|
   or the error of c itself.  Not seen by any: own in the loss of an uncertain key, which error exceeds.  */

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <segattn.h>
#include "draw.h"
#include "reference_mpfr.h"
#include "tap.h"

enum { PROBLEMS = 10000 };
#define LOG2E 0x1.71547652b82fep+0
#define LN2 0x1.62e42fefa39efp-1

typedef struct problem {
  segattn_problem p;
  const char *arithmetic;
  segattn_format q_format, k_format, v_format;
  size_t keys;                  /* 1, or 2 */
  int64_t distance;             /* key position - query position */
  double q, k[2], v[2], mask[2], slope, sink;
} problem;

typedef struct family {
  const char *name;
  bool f64, out;                /* is it f64, or f32 and f32c? is it out that shows the term, or lse? */
  double rest;                  /* share of the bound without the term, less a little for second orders */
  void (*draw)(problem *x, rng *r);
} family;

/* ---- numbers ---- */

/* A little above 1, all bits random.  */
static double one(rng *r) { return 1 + 0x1p-10 * rng_uniform(r); }
static double single(double x) { return (double) (float) x; }

/* One key of score q k c before masks and slopes, of magnitude `size`; c = scale log2 e.  */
static void product(problem *x, rng *r, double size, double scale) {
  x->q = size * one(r);
  x->k[0] = one(r);
  x->p.scale = scale;
}

static double product_score(const problem *x) { return x->q * x->k[0] * (x->p.scale * LOG2E); }

/* A mask that leaves about `rest` of a score of t in log2 units.  That of a t which is an f64 would have a log2 e that is
   nearly one: the last factor has the errors of all masks.  */
static void cancel(problem *x, rng *r, double t, double rest) {
  x->mask[0] = (rest - t) * LN2 * (1 + 0x1p-44 * rng_uniform(r));
}

static double large(const problem *x) { return x->arithmetic[1] == '6' ? 0x1p40 : 0x1p11; }

/* ---- families ---- */

/* q k, c, c q k:  the errors of 3 roundings */
static void scale_32(problem *x, rng *r) { product(x, r, large(x), LN2 * one(r)); }

/* Those, and that of the mask; lse is small, so that it does not hide them by its own rounding.  */
static void scale_64(problem *x, rng *r) {
  product(x, r, large(x), LN2 * one(r));
  cancel(x, r, product_score(x), 3);
}

/* c is known: q k, c q k, and the mask */
static void mask(problem *x, rng *r) {
  product(x, r, large(x), single(one(r)) / LOG2E);
  cancel(x, r, product_score(x), 3);
}

static void narrow_q(problem *x, rng *r) {
  product(x, r, large(x), single(one(r)) / LOG2E);
  x->q_format = SEGATTN_F64;
}

static void narrow_k(problem *x, rng *r) {
  product(x, r, large(x), single(one(r)) / LOG2E);
  x->k_format = SEGATTN_F64;
}

/* p v, decoding v, o / l: the quotient is a neighbour of v where the product's significand is smaller than that of v.  */
static void narrow_v(problem *x, rng *r) {
  x->v[0] = 1.05 + 0.3 * rng_uniform(r);
  x->q = 1;
  x->k[0] = log(one(r) / x->v[0]);
  x->p.scale = 1;
  x->v_format = SEGATTN_F64;
}

/* Decoding to a subnormal loses up to eta / 2, times a huge factor on the other side.  */
static void tiny_q(problem *x, rng *r) {
  x->q = 0x1p-150 * (1 + rng_uniform(r));
  x->k[0] = 0x1p120;
  x->p.scale = 0x1p28;
  x->q_format = SEGATTN_F64;
}

static void tiny_k(problem *x, rng *r) {
  tiny_q(x, r);
  x->k[0] = x->q;
  x->q = 0x1p120;
  x->q_format = SEGATTN_F32;
  x->k_format = SEGATTN_F64;
}

/* slope log2 e, and its product with the distance */
static void slope_32(problem *x, rng *r) {
  x->distance = -(int64_t) (0x1p20 * one(r));
  x->slope = 0x1p-9 * LN2 * one(r);
  x->p.slopes = &x->slope;
}

/* Those, and the mask that cancels the bias.  */
static void slope_64(problem *x, rng *r) {
  x->distance = -(int64_t) (0x1p48 * one(r));
  x->slope = 0x1p-8 * LN2 * one(r);
  x->p.slopes = &x->slope;
  cancel(x, r, x->slope * LOG2E * (double) x->distance, 3);
}

/* A distance that the arithmetic cannot hold, times a slope that it can.  */
static void distance_32(problem *x, rng *r) {
  x->distance = -(int64_t) (0x1p30 * one(r));
  x->slope = 0x1p-19 * single(one(r)) / LOG2E;
  x->p.slopes = &x->slope;
}

static void distance_64(problem *x, rng *r) {
  x->distance = -((int64_t) (0x1p60 * one(r)) + (int64_t) rng_below(r, 256));
  x->slope = 0x1p-20 * LN2 * one(r);
  x->p.slopes = &x->slope;
  cancel(x, r, x->slope * LOG2E * (double) x->distance, 3);
}

/* Nothing but a sink: its key's weight is 0.  */
static void sink(problem *x, rng *r) {
  x->sink = 0x1p11 * LN2 * one(r);
  x->p.sinks = &x->sink;
}

/* Scores that are wrong by more than they are: the first key of two may have any weight.  */
static void uncertain(problem *x, rng *r) {
  product(x, r, (x->arithmetic[1] == '6' ? 0x1p55 : 0x1p26) * (double) (1 << rng_below(r, 4)), LN2 * one(r));
  x->mask[0] = (-20 * rng_uniform(r) - product_score(x)) * LN2;
  x->keys = 2;
  x->v[1] = 3;
}

/* A weight of 2^-1003 and a value that makes it count.  */
static void far(problem *x, rng *r) {
  x->mask[0] = -1003 * LN2;
  x->keys = 2;
  x->v[0] = 0x1p955 * one(r);
  x->v[1] = 0x1p-70 * one(r);
}

static const family families[] = {
  { "scale", false, false, 2.0 / 3, scale_32 }, { "scale", true, false, 3.2 / 4.4, scale_64 },
  { "mask", false, false, 2.0 / 3, mask }, { "mask", true, false, 3.2 / 4.4, mask },
  { "decoding q", false, false, 2.0 / 3, narrow_q }, { "decoding k", false, false, 2.0 / 3, narrow_k },
  { "decoding v", false, true, 2.0 / 3, narrow_v },
  { "decoding a tiny q", false, false, 0.01, tiny_q }, { "decoding a tiny k", false, false, 0.01, tiny_k },
  { "slope", false, false, 0.5, slope_32 }, { "slope", true, false, 2.2 / 3.4, slope_64 },
  { "distance", false, false, 0.5, distance_32 }, { "distance", true, false, 3.4 / 7.4, distance_64 },
  { "sink", false, false, 0.5, sink },
  { "uncertain keys", false, true, 0, uncertain }, { "uncertain keys", true, true, 0, uncertain },
  { "far keys", true, true, 0, far },
};

/* ---- one problem ---- */

static void initial(problem *x, const char *arithmetic) {
  bool f64 = !strcmp(arithmetic, "f64");
  *x = (problem) { .arithmetic = arithmetic, .keys = 1, .v = { 1, 1 } };
  segattn_problem_init(&x->p);
  x->p.dim_k = x->p.dim_v = 1;
  x->p.scale = 1;
  x->q_format = x->k_format = x->v_format = f64 ? SEGATTN_F64 : SEGATTN_F32;
}

static segattn_tensor typed(void *room, const double *from, segattn_format format, size_t positions) {
  segattn_encode(format, from, room, positions);
  return segattn_tensor_of(room, format, 1, 1, positions, 1);
}

/* error / bound of out and of lse; 2 where the library fails.  */
static void ratios(const problem *x, double *out_ratio, double *lse_ratio) {
  double q, k[2], v[2], mask[2] = { x->mask[0], x->mask[1] }, out, lse, bound, lse_bound, error, lse_error;
  segattn_queries queries = { .q = typed(&q, &x->q, x->q_format, 1), .start = -x->distance };
  segattn_segment s = { .k = typed(k, x->k, x->k_format, x->keys), .v = typed(v, x->v, x->v_format, x->keys),
                        .mask = segattn_tensor_of(mask, SEGATTN_F64, 1, 1, 1, x->keys) };
  segattn_tensor o = segattn_tensor_of(&out, SEGATTN_F64, 1, 1, 1, 1), l = segattn_tensor_of(&lse, SEGATTN_F64, 1, 1, 1, 1);
  segattn_tensor b = segattn_tensor_of(&bound, SEGATTN_F64, 1, 1, 1, 1);
  segattn_tensor lb = segattn_tensor_of(&lse_bound, SEGATTN_F64, 1, 1, 1, 1);
  segattn_plan *plan = NULL;
  *out_ratio = *lse_ratio = 2;
  if (!segattn_plan_alloc(&plan, &x->p, &(segattn_options) { .arithmetic = x->arithmetic, .threads = 1 }, NULL) &&
      !segattn_attend(plan, &queries, &s, 1, &o, &l, NULL, NULL) && !segattn_bound(plan, &queries, &s, 1, &b, &lb, NULL)) {
    reference_attend(&(reference) { NULL, &error, NULL, &lse_error }, &x->p, &queries, &s, 1, &o, &l);
    *out_ratio = error > 0 ? error / bound : 0;
    *lse_ratio = lse_error > 0 ? lse_error / lse_bound : 0;
  }
  segattn_plan_free(plan);
}

static void check_family(const family *f, const char *arithmetic) {
  rng r = { (uint64_t) (f - families) + 77 };
  double worst = 0;
  size_t outside = 0, beyond = 0;
  for (int i = 0; i < PROBLEMS; i++) {
    problem x;
    double of_out, of_lse;
    initial(&x, arithmetic);
    f->draw(&x, &r);
    ratios(&x, &of_out, &of_lse);
    outside += !(of_out <= 1) || !(of_lse <= 1);
    beyond += (f->out ? of_out : of_lse) > f->rest;
    worst = fmax(worst, f->out ? of_out : of_lse);
  }
  ok(outside == 0 && beyond > 0, "%s, %s: error / bound at most %.3f, beyond %.3f in %zu of %d problems, outside in %zu",
     f->name, arithmetic, worst, f->rest, beyond, PROBLEMS, outside);
}

int main(void) {
  for (size_t i = 0; i < sizeof families / sizeof *families; i++)
    for (int a = 0; segattn_arithmetic_name(a); a++)
      if (!strcmp(segattn_arithmetic_name(a), "f64") == families[i].f64 &&
          (strcmp(segattn_arithmetic_name(a), "f32c") || families[i].draw != narrow_v))         /* there out is v as decoded */
        check_family(&families[i], segattn_arithmetic_name(a));
  return done();
}
