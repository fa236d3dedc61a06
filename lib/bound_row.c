/* SPDX-License-Identifier: BSD-2-Clause */
/* The bound of one row: theorems 1 and 2 of BOUNDS, whose names are used here.

   Exact means real arithmetic on the stored inputs, computed what the canonical evaluation gives in the plan's arithmetic.
   The bound itself is evaluated in f64, so every quantity here has up to three values, and errors of two kinds:
   `error` bounds |computed - exact| and `own` |evaluated here - exact|.  All sums of bounds have positive terms; what their
   own rounding takes away is given back by inflate().

   First order, w the softmax weights:  sum w theta |v - y| + gamma(L) (sum w |v| + |y|) + u |y|.  */

#include <math.h>

#include "bound.h"
#include "elementary.h"
#include "kernel/exp2.h"

#define HEADROOM 64             /* rule 2 of the evaluation */

/* ---- weights (lemmas 4 to 6) ---- */

/* What the keys of a row have in common.  */
typedef struct common {
  size_t n;                     /* keys and sink */
  double top, span;             /* largest t; largest computed t - smallest, at most, rounded up to an integer */
  double certain;               /* sum of the weights that are known, at least */
  double loss;                  /* sum of `loss` / certain */
  double kappa;                 /* relative error of `weight` */
  double error;                 /* largest error of a t */
  double chain_l, chain_o;      /* of the sums, relative to the sum of their terms' magnitudes (lemmas 4 and 9) */
  double quotient, lost;        /* of the division: relative, and absolute */
  double underflow;             /* of o and of l, absolute, divided by l (lemma 6) */
} common;

/* weight: 2^(t - top), or 0 where that is not known well; loss: at least |computed weight - exact weight| in the same units,
   and at least both weights where `weight` is 0.  A key may be lost to underflow (lemma 5).  */
static void weigh(const sga_bound_row *r, common *c, size_t i, double lost_below) {
  double t = r->t[i], error = r->error[i], d = t - c->top, own = r->own[i] + 1.1 * UD * fabs(d);
  r->weight[i] = r->loss[i] = 0;
  if (t < -0x1.fffffffffffffp1023)
    return;
  if (error + own <= 0.5 && own <= 0x1p-10 && d >= -1000) {
    double w = sga_exp2(d);
    double theta = compound(compound(error * 0.694) + r->type->exp2);
    r->weight[i] = w;
    r->loss[i] = t - error - own > lost_below ? w * theta : most(w, w * theta);
    c->kappa = most(c->kappa, compound(own * 0.694) + 1.1 * SGA_EXP2_EPSILON);
  } else
    r->loss[i] = most(1.01 * sga_exp2(d + error + own), 0x1p-1021);
}

static void weights(sga_bound_row *r, common *c) {
  double high = -(double)INFINITY, low = (double)INFINITY, sum = 0, loss = 0;
  c->top = high;
  c->error = c->kappa = 0;
  for (size_t i = 0; i < c->n; i++)
    if (r->t[i] >= -0x1.fffffffffffffp1023) {
      c->top = most(c->top, r->t[i]);
      c->error = most(c->error, r->error[i]);
      high = most(high, r->t[i] + r->error[i] + r->own[i]);
      low = least(low, r->t[i] - r->error[i] - r->own[i]);
    }
  c->span = ceil(high - low) + 1;
  for (size_t i = 0; i < c->n; i++) {
    weigh(r, c, i, high + r->type->lowest + HEADROOM);
    sum += r->weight[i];
    loss += r->loss[i];
  }
  c->certain = sum * (1 - 2 * c->kappa) * (1 - 2 * ((double)c->n + 2) * UD);
  c->loss = inflate(loss, (double)c->n) / c->certain;
}

/* Lemma 9: sums that are pairs, of at most `longest` keys of a block, `after` the first of which come keys and joins.  */
static double pair_chain(double longest, double after, double u) {
  return (longest > 1 ? u : 0) + (after > 0 ? 2.1 * (after + 3) * (after + 3) * u * u : 0);
}

/* Roundings that an element of the sums passes (lemma 4), and scalings that may underflow.  */
static void chains(const sga_bound_row *r, common *c) {
  uint64_t first = 0, last = 0, block = 0;
  double blocks = 0, longest = 0, run = 0;
  for (size_t i = 0; i < r->n; i++) {
    uint64_t b = sga_block_of(r->keys->position[(size_t)r->key[i]]);
    run = i && b == block ? run + 1 : 1;
    blocks += run < 2;
    longest = most(longest, run);
    first = i ? first : b;
    last = block = b;
  }
  int height = first == last ? 0 : 64 - __builtin_clzll(first ^ last);
  double joins = least((double)height, most(blocks - 1, 0)) + (sga_bound_has_sink(r) ? 1 : 0);
  double u = r->type->u, after = most(longest - 1, 0) + joins;
  bool pairs = r->plan->kernel->parts > 1;
  c->chain_o = pairs ? pair_chain(longest, after, u) : gamma_of(longest + joins, u);
  c->chain_l = pairs ? pair_chain(longest, after, u) : gamma_of(after, u);
  c->quotient = pairs ? u * (1 + 0x1p-19) : u;
  c->lost = (pairs ? 4 : 1) * r->type->tiny;
  c->underflow = (pairs ? 3 : 1.5) * r->type->tiny * ((double)c->n + blocks + 1);
}

/* ---- values ---- */

static void clear(double *x, size_t n, double to) {
  for (size_t i = 0; i < n; i++)
    x[i] = to;
}

/* y = sum w v / sum w, size = sum (w + loss) |v|, spread = sum loss |v - y|, sum = sum |v|, low and high of v.  */
static void values(sga_bound_row *r, double total) {
  size_t dim = r->plan->problem.dim_v;
  double side = sga_bound_has_sink(r) ? 0 : (double)INFINITY;
  clear(r->y, dim, 0), clear(r->size, dim, 0), clear(r->spread, dim, 0), clear(r->sum, dim, 0);
  clear(r->low, dim, side), clear(r->high, dim, -side);
  for (size_t i = 0; i < r->n; i++) {
    const double *v = r->keys->v + (size_t)r->key[i] * dim, w = r->weight[i], x = w + r->loss[i];
    for (size_t d = 0; d < dim; d++) {
      double size = fabs(v[d]);
      r->y[d] += w * v[d];
      r->size[d] += x * size;
      r->sum[d] += size;
      r->low[d] = v[d] < r->low[d] ? v[d] : r->low[d];
      r->high[d] = v[d] > r->high[d] ? v[d] : r->high[d];
    }
  }
  for (size_t d = 0; d < dim; d++)
    r->y[d] /= total;
  for (size_t i = 0; i < r->n; i++) {
    const double *v = r->keys->v + (size_t)r->key[i] * dim, x = r->loss[i];
    for (size_t d = 0; d < dim; d++)
      r->spread[d] += x * fabs(v[d] - r->y[d]);
  }
  if (sga_bound_has_sink(r))
    for (size_t d = 0; d < dim; d++)
      r->spread[d] += r->loss[r->n] * fabs(r->y[d]);
}

/* Theorem 1 for element d: the smaller of what follows from the weights' errors, and of out and exact both lying in the hull of
   the values.  */
static double element(const sga_bound_row *r, const common *c, size_t d) {
  const sga_bound_type *a = r->type;
  double n = (double)c->n, largest = most(fabs(r->low[d]), fabs(r->high[d])), kappa = 2 * c->kappa;
  if (isnan(r->sum[d]) || (r->low[d] < -0x1.fffffffffffffp1023 && r->high[d] > 0x1.fffffffffffffp1023))
    return (double)NAN;
  if (r->sum[d] == 0 || c->n == 0)              /* a weight of 0 times a value that the arithmetic has as inf is NaN */
    return r->sum[d] < a->max ? 0 : (double)INFINITY;
  double top = sga_exp2(least(c->span, HEADROOM) + 0.6);        /* a weight is at most that */
  if (!(1.01 * (top * r->sum[d]) < a->max))
    return (double)INFINITY;
  double chain_o = compound(c->chain_o + (r->narrow_v ? a->u : 0)), decode = r->narrow_v ? a->tiny : 0, y = fabs(r->y[d]);
  double hull = (r->high[d] - r->low[d]) + 1.01 * (largest * (chain_o + c->chain_l) + decode) +
                c->underflow * (1 + largest);
  double size = r->size[d] * (1 + kappa), loss = c->loss * (1 + kappa), mass = 1 + loss;        /* mass, loss: / certain */
  double dy = ((2 * kappa + 8 * (n + 4) * UD) * size + r->spread[d] * (1 + kappa) + 8 * n * TINY) / c->certain * (1 + loss);
  double b = (r->spread[d] * (1 + kappa) + chain_o * size + 8 * n * TINY) / c->certain + dy * loss +
             mass * (decode + c->chain_l * (y + dy));
  b = b / ((1 - loss) * (1 - c->chain_l) * (1 - 2 * c->underflow)) + c->underflow * (1 + y + dy);
  b = loss < 1 ? least(b, hull) : hull;
  return inflate(b + c->quotient * (least(y + dy, largest) + b) + c->lost, 2 * n);
}

/* Theorem 2.  */
static double lse_error(const sga_bound_row *r, const common *c) {
  double n = (double)c->n, s = c->loss * (1 + 2 * c->kappa) + c->chain_l + 2 * c->underflow;
  double span = least(c->span, HEADROOM) + 2;
  double shift = 0.694 * c->error + 1.01 * (r->type->exp2 + c->chain_l) + 2 * c->underflow +
                 n * sga_exp2(r->type->lowest + HEADROOM + 2);
  double log_l = 0.694 * (span + 1) + sga_log(n + 1);
  double evaluation = UD * (4 * log_l) + 1.6 * UD * fabs(c->top) + 1.6 * UD * (c->error + span) + 4 * TINY;
  return inflate((s < 1 ? least(s / (1 - s), shift) : shift) + evaluation, n);
}

void sga_bound_row_evaluate(sga_bound_row *r, double *bound, double *lse_bound) {
  common c = { .n = r->n + (sga_bound_has_sink(r) ? 1 : 0) };
  size_t dim = r->plan->problem.dim_v;
  sga_verdict v = sga_bound_scores(r);
  *lse_bound = v == UNDEFINED ? (double)NAN : (double)INFINITY;
  clear(bound, dim, *lse_bound);
  if (v != BOUNDED)
    return;
  weights(r, &c);
  chains(r, &c);
  if (c.top < -0x1.fffffffffffffp1023)          /* nothing but masked keys and scores of -inf */
    c.n = 0;
  values(r, c.certain > 0 ? c.certain : 1);
  for (size_t d = 0; d < dim; d++)
    bound[d] = element(r, &c, d);
  *lse_bound = c.n ? lse_error(r, &c) : 0;
}
