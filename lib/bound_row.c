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
#define UD 0x1p-53              /* unit roundoff of f64 */
#define TINY 0x1p-1074
#define CONSTANT (1.2 * UD)     /* x log2 e in f64: the constant 0.16 u, the product 1 u */

typedef struct estimate { double value, error, own; } estimate;

/* n roundings: |prod (1 + d_i) - 1| <= gamma (Higham 2002, lemma 3.1).  */
static double gamma_of(double n, double u) { return n * u / (1 - n * u); }
/* (1 + a)(1 + b) ... - 1 <= s + s^2 for a + b + ... = s <= 1.7 */
static double compound(double s) { return s + s * s; }
static double least(double a, double b) { return a < b ? a : b; }       /* b where a is NaN */
static double most(double a, double b) { return a > b ? a : b; }
static double inflate(double x, double operations) { return x * (1 + 2 * (operations + 64) * UD); }
static double round_to(const sga_bound_row *r, double x) { return sga_round(r->plan, x); }

/* ---- scores (lemma 2) ---- */

/* q.k and its size sum |q_i k_i|, in eight partial sums.  */
static void dot(const double *q, const double *k, size_t dim, double *value, double *size) {
  double a[8] = { 0 }, g[8] = { 0 };
  size_t d = 0;
  for (; d + 8 <= dim; d += 8)
    for (size_t i = 0; i < 8; i++) {
      double x = q[d + i] * k[d + i];
      a[i] += x;
      g[i] += fabs(x);
    }
  for (; d < dim; d++) {
    double x = q[d] * k[d];
    a[d % 8] += x;
    g[d % 8] += fabs(x);
  }
  *value = ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
  *size = inflate(((g[0] + g[4]) + (g[2] + g[6])) + ((g[1] + g[5]) + (g[3] + g[7])), (double)dim);
}

static estimate dot_estimate(const sga_bound_row *r, const double *q, double q_size, const double *k, double k_size, double *size) {
  const sga_bound_type *a = r->type;
  double dim = (double)r->plan->problem.dim_k, roundings = (double)((r->plan->problem.dim_k + 7) / 8 + 3);
  estimate s;
  dot(q, k, r->plan->problem.dim_k, &s.value, size);
  double factor = compound(gamma_of(roundings, a->u) + (r->narrow_q ? a->u : 0) + (r->narrow_k ? a->u : 0));
  s.error = factor * *size + a->tiny * (dim + (r->narrow_q ? k_size : 0) + (r->narrow_k ? q_size : 0));
  s.own = gamma_of(dim / 8 + 5, UD) * *size + dim * TINY;
  return s;
}

static estimate scaled(const sga_bound_row *r, estimate s) {
  const sga_bound_type *a = r->type;
  double c = r->plan->problem.scale * SGA_LOG2E, used = r->plan->score.scale_log2e;
  double c_own = CONSTANT * fabs(c) + TINY, c_error = fabs(used - c) + c_own, exact = fabs(s.value) + s.own;
  double error = fabs(used) * s.error + c_error * exact;
  estimate x = { .value = s.value * c };
  x.own = fabs(c) * s.own + c_own * exact + UD * fabs(x.value) + TINY;
  x.error = error + a->u * (fabs(x.value) + x.own + error) + a->tiny;
  return x;
}

/* cap log2 e tanh(s scale / cap); tanh has slope at most 1 - tanh^2 of the smaller argument.  */
static estimate capped(const sga_bound_row *r, estimate s) {
  const sga_bound_type *a = r->type;
  double f = r->plan->score.scale_over_cap, cap = r->plan->score.cap_log2e, z = s.value * f, h = sga_tanh(z);
  double own = fabs(f) * s.own + 4 * UD * fabs(z) + TINY * (1 + fabs(s.value));
  double error = own + fabs(f) * s.error + 4 * UD * fabs(z), near = most(fabs(z) - error - own, 0), g = sga_tanh(near);
  double slope = least(1 - g * g + 16 * UD, 1), rest = 8 * UD * (fabs(h) + least(error, 2)) + TINY;
  estimate x = { .value = cap * h };
  x.own = cap * (least(slope * own, 2) + rest) + TINY;
  error = cap * (least(slope * error, 2) + rest);
  x.error = error + a->u * (fabs(x.value) + x.own + error) + a->tiny;
  return x;
}

/* t + slope distance log2 e, one fused operation */
static estimate sloped(const sga_bound_row *r, estimate x, int64_t distance) {
  const sga_bound_type *a = r->type;
  double s = r->plan->problem.slopes[r->head] * SGA_LOG2E, used = round_to(r, s), d = (double)distance;
  double d_own = fabs(d) > 0x1p53 ? 2 * UD * fabs(d) : 0, d_error = fabs(round_to(r, d) - d) + d_own;
  double s_own = CONSTANT * fabs(s) + TINY, bias = s * d;
  double error = x.error + fabs(used) * d_error + (fabs(used - s) + s_own) * (fabs(d) + d_own);
  x.own += s_own * (fabs(d) + d_own) + fabs(s) * d_own + UD * (fabs(bias) + fabs(x.value + bias)) + 2 * TINY;
  x.value += bias;
  x.error = error + a->u * (fabs(x.value) + x.own + error) + a->tiny;
  return x;
}

/* t + max(mask log2 e, -max); *used is what the computation adds.  */
static estimate masked(const sga_bound_row *r, estimate x, double mask, double *used) {
  const sga_bound_type *a = r->type;
  double m = mask * SGA_LOG2E, m_own = CONSTANT * fabs(m) + TINY;
  if (m < -0x1.fffffffffffffp1023) {            /* exact: at most log2 e times the largest f64 */
    m = -0x1.fffffffffffffp1023;
    m_own = -0.45 * m;
  }
  *used = m < -a->max ? -a->max : round_to(r, m);
  double error = x.error + fabs(*used - m) + m_own;
  x.own += m_own + UD * fabs(x.value + m) + TINY;
  x.value += m;
  x.error = error + a->u * fabs(x.value) + a->u * (x.own + error) + a->tiny;       /* no overflow on the way */
  return x;
}

typedef enum verdict { BOUNDED, UNBOUNDED, UNDEFINED } verdict;

static double reach(estimate x) { return fabs(x.value) + x.own + x.error; }

/* A score from an infinite or NaN input: -inf, which has weight 0, or no bound.  */
static verdict infinite_score(const sga_bound_row *r, const double *q, const double *k, double s, double *t) {
  double finite = 0, c = r->plan->problem.scale;        /* the size of all that is finite */
  for (size_t d = 0; d < r->plan->problem.dim_k; d++)
    finite += isfinite(q[d] * k[d]) ? fabs(q[d] * k[d]) : isfinite(q[d]) ? fabs(q[d]) : isfinite(k[d]) ? fabs(k[d]) : 0;
  if (isnan(s) || (r->plan->problem.softcap > 0 ? false : !(s * c < 0)))
    return UNDEFINED;
  *t = -(double)INFINITY;
  return r->plan->problem.softcap > 0 || !(finite < r->type->max / 4) || r->plan->score.scale_log2e * c <= 0 ? UNBOUNDED : BOUNDED;
}

/* t of attended key i, with errors; UNBOUNDED where a step of it may overflow.  */
static verdict score(sga_bound_row *r, double q_size, size_t i) {
  const segattn_problem *p = &r->plan->problem;
  size_t j = (size_t)r->key[i];
  const double *k = r->keys->k + j * p->dim_k, limit = r->type->max * (1 - 0x1p-10);
  double size, used = 0;
  if (isnan(r->mask[i]) || r->mask[i] > 0x1.fffffffffffffp1023)
    return UNDEFINED;
  estimate x = dot_estimate(r, r->q, q_size, k, r->keys->size[j], &size);
  if (!isfinite(q_size) || !isfinite(r->keys->size[j]))
    return infinite_score(r, r->q, k, x.value, &r->t[i]);
  if (!(size + x.error < limit) || !(q_size < limit) || !(r->keys->size[j] < limit) || !isfinite(r->plan->score.scale_over_cap))
    return UNBOUNDED;
  x = p->softcap > 0 ? capped(r, x) : scaled(r, x);
  bool fits = reach(x) < limit;
  if (p->slopes && (p->slopes[r->head] < 0 || p->slopes[r->head] > 0)) {
    x = sloped(r, x, r->keys->position[j] - r->position);
    fits = fits && reach(x) < limit;
  }
  double before = reach(x);
  if (r->mask[i] < 0 || r->mask[i] > 0)
    x = masked(r, x, r->mask[i], &used);
  fits = fits && (before + fabs(used) < limit || (used < 0 && used >= -r->type->max && before < r->type->max * r->type->u / 4));
  r->t[i] = x.value;
  r->error[i] = inflate(x.error, 16);
  r->own[i] = inflate(x.own, 16);
  return fits ? BOUNDED : UNBOUNDED;
}

/* The sink is one more key, of value 0.  */
static bool has_sink(const sga_bound_row *r) {
  return r->plan->problem.sinks && r->plan->problem.sinks[r->head] > -(double)INFINITY;
}

static verdict sink_score(sga_bound_row *r) {
  double t = r->plan->problem.sinks[r->head] * SGA_LOG2E;
  r->t[r->n] = t;
  r->own[r->n] = CONSTANT * fabs(t) + TINY;
  r->error[r->n] = inflate(fabs(round_to(r, t) - t) + r->own[r->n], 4);
  return fabs(t) < r->type->max * (1 - 0x1p-10) ? BOUNDED : UNBOUNDED;
}

/* ---- weights (lemmas 4 to 6) ---- */

/* What the keys of a row have in common.  */
typedef struct common {
  size_t n;                     /* keys and sink */
  double top, span;             /* largest t; largest computed t - smallest, at most, rounded up to an integer */
  double certain;               /* sum of the weights that are known, at least */
  double loss;                  /* sum of `loss` / certain */
  double kappa;                 /* relative error of `weight` */
  double error;                 /* largest error of a t */
  double chain_l, chain_o;      /* gamma of the longest chain */
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
  double joins = least((double)height, most(blocks - 1, 0)) + (has_sink(r) ? 1 : 0);
  c->chain_o = gamma_of(longest + joins, r->type->u);
  c->chain_l = gamma_of(most(longest - 1, 0) + joins, r->type->u);
  c->underflow = 1.5 * r->type->tiny * ((double)c->n + blocks + 1);
}

/* ---- values ---- */

static void clear(double *x, size_t n, double to) {
  for (size_t i = 0; i < n; i++)
    x[i] = to;
}

/* y = sum w v / sum w, size = sum (w + loss) |v|, spread = sum loss |v - y|, sum = sum |v|, low and high of v.  */
static void values(sga_bound_row *r, double total) {
  size_t dim = r->plan->problem.dim_v;
  double side = has_sink(r) ? 0 : (double)INFINITY;
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
  if (has_sink(r))
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
  if (r->sum[d] == 0 || c->n == 0)
    return isfinite(r->sum[d]) ? 0 : (double)INFINITY;
  double top = sga_exp2(least(c->span, HEADROOM) + 0.6);        /* a weight is at most that */
  if (!(1.01 * (top * r->sum[d]) < a->max))
    return (double)INFINITY;
  double chain_o = compound(c->chain_o + (r->narrow_v ? a->u : 0)), decode = r->narrow_v ? a->tiny : 0, y = fabs(r->y[d]);
  double hull = (r->high[d] - r->low[d]) + 1.01 * (largest * (chain_o + c->chain_l) + decode) +
                c->underflow * (1 + largest);
  double size = r->size[d] * (1 + kappa), mass = 1 + kappa + c->loss;   /* sums of computed weights, the second / certain */
  double dy = ((2 * kappa + 8 * (n + 4) * UD) * size + r->spread[d] + 8 * n * TINY) / c->certain * (1 + c->loss);
  double b = (r->spread[d] * (1 + kappa) + chain_o * size + 8 * n * TINY) / c->certain + dy * c->loss +
             mass * (decode + c->chain_l * (y + dy));
  b = b / ((1 - c->loss) * (1 - c->chain_l) * (1 - 2 * c->underflow)) + c->underflow * (1 + y + dy);
  b = c->loss < 1 ? least(b, hull) : hull;
  return inflate(b + a->u * (least(y + dy, largest) + b) + a->tiny, 2 * n);
}

/* Theorem 2.  */
static double lse_error(const sga_bound_row *r, const common *c) {
  double n = (double)c->n, s = c->loss + c->chain_l + 2 * c->underflow, span = least(c->span, HEADROOM) + 2;
  double shift = 0.694 * c->error + 1.01 * (r->type->exp2 + c->chain_l) + 2 * c->underflow +
                 n * sga_exp2(r->type->lowest + HEADROOM + 2);
  double log_l = 0.694 * (span + 1) + sga_log(n + 1);
  double evaluation = UD * (4 * log_l) + 1.6 * UD * fabs(c->top) + 1.6 * UD * (c->error + span) + 4 * TINY;
  return inflate((s < 1 ? least(s / (1 - s), shift) : shift) + evaluation, n);
}

static verdict scores(sga_bound_row *r) {
  double q_size = 0;
  verdict worst = BOUNDED;
  for (size_t d = 0; d < r->plan->problem.dim_k; d++)
    q_size += fabs(r->q[d]);
  for (size_t i = 0; i < r->n; i++) {
    r->error[i] = r->own[i] = 0;
    verdict v = score(r, q_size, i);
    worst = v > worst ? v : worst;
  }
  if (has_sink(r) && sink_score(r) != BOUNDED && worst == BOUNDED)
    worst = UNBOUNDED;
  return worst;
}

void sga_bound_row_evaluate(sga_bound_row *r, double *bound, double *lse_bound) {
  common c = { .n = r->n + (has_sink(r) ? 1 : 0) };
  size_t dim = r->plan->problem.dim_v;
  verdict v = scores(r);
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
