/* SPDX-License-Identifier: BSD-2-Clause */
/* Scores in log2 units with their errors: lemma 2 of BOUNDS, one function a step of rule 1.

   Every estimate has the value in f64 and bounds of two errors: `error` of what the arithmetic computes, `own` of the
   value here.  */

#include <math.h>

#include "bound.h"
#include "elementary.h"

#define CONSTANT (1.2 * UD)     /* x log2 e in f64: the constant 0.16 u, the product 1 u */

typedef struct estimate { double value, error, own; } estimate;

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

/* Roundings that a product passes: its chain's, and the additions of chains (those with chains that are +0 are exact).  */
static double dot_roundings(size_t dim) {
  return (double)((dim + 7) / 8 + (dim > 1) + (dim > 2) + (dim > 4));
}

static estimate dot_estimate(const sga_bound_row *r, double q_size, size_t key, double *size) {
  const sga_bound_type *a = r->type;
  double dim = (double)r->plan->problem.dim_k, roundings = dot_roundings(r->plan->problem.dim_k), k_size = r->keys->size[key];
  estimate s;
  dot(r->q, r->keys->k + key * r->plan->problem.dim_k, r->plan->problem.dim_k, &s.value, size);
  double factor = compound(gamma_of(roundings, a->u) + (r->narrow_q ? a->u : 0) + (r->narrow_k ? a->u : 0));
  s.error = factor * *size + a->tiny * (dim + (r->narrow_q ? k_size : 0) + (r->narrow_k ? q_size : 0));
  s.own = gamma_of(dim / 8 + 5, UD) * *size + dim * TINY;
  if (r->plan->kernel->coder)
    s.error = sga_bound_codes_error(r, key, s.value, s.own);
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

static double reach(estimate x) { return fabs(x.value) + x.own + x.error; }

/* A score from an infinite or NaN input: -inf, which has weight 0, or no bound.  */
static sga_verdict infinite_score(const sga_bound_row *r, const double *q, const double *k, double s, double *t) {
  double finite = 0, c = r->plan->problem.scale;        /* the size of all that is finite */
  for (size_t d = 0; d < r->plan->problem.dim_k; d++)
    finite += isfinite(q[d] * k[d]) ? fabs(q[d] * k[d]) : isfinite(q[d]) ? fabs(q[d]) : isfinite(k[d]) ? fabs(k[d]) : 0;
  if (isnan(s) || (r->plan->problem.softcap > 0 ? false : !(s * c < 0)))
    return UNDEFINED;
  *t = -(double)INFINITY;
  bool bounded = !(r->plan->problem.softcap > 0) && finite < r->type->max / 4 && r->plan->score.scale_log2e * c > 0 &&
                 !r->plan->kernel->coder;       /* codes of what is infinite are NaN */
  return bounded ? BOUNDED : UNBOUNDED;
}

/* t of attended key i, with errors; UNBOUNDED where a step of it may overflow.  */
static sga_verdict score(sga_bound_row *r, double q_size, size_t i) {
  const segattn_problem *p = &r->plan->problem;
  size_t j = (size_t)r->key[i];
  const double *k = r->keys->k + j * p->dim_k, limit = r->type->max * (1 - 0x1p-10);
  double size, used = 0;
  if (isnan(r->mask[i]) || r->mask[i] > 0x1.fffffffffffffp1023)
    return UNDEFINED;
  estimate x = dot_estimate(r, q_size, j, &size);
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

static sga_verdict sink_score(sga_bound_row *r) {
  double t = r->plan->problem.sinks[r->head] * SGA_LOG2E;
  r->t[r->n] = t;
  r->own[r->n] = CONSTANT * fabs(t) + TINY;
  r->error[r->n] = inflate(fabs(round_to(r, t) - t) + r->own[r->n], 4);
  return fabs(t) < r->type->max * (1 - 0x1p-10) ? BOUNDED : UNBOUNDED;
}

sga_verdict sga_bound_scores(sga_bound_row *r) {
  double q_size = 0;
  sga_verdict worst = BOUNDED;
  for (size_t d = 0; d < r->plan->problem.dim_k; d++)
    q_size += fabs(r->q[d]);
  for (size_t i = 0; i < r->n; i++) {
    r->error[i] = r->own[i] = 0;
    sga_verdict v = score(r, q_size, i);
    worst = v > worst ? v : worst;
  }
  if (sga_bound_has_sink(r) && sink_score(r) != BOUNDED && worst == BOUNDED)
    worst = UNBOUNDED;
  return worst;
}
