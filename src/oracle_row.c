/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attention in double-double: score, softmax and weighted sum of each row as the definition has them, rounded once.

     s_j = softcap(scale q.k_j) + slope (key - query) + mask_j,  w_j = exp(s_j - s_m) / sum_i exp(s_i - s_m),  out = sum w_j v_j

   m is the row's maximum.  The mask is kept apart from the rest x_j of a score, s_j - s_m = (x_j - x_m) + (mask_j - mask_m): a
   finite mask of -3.4e38 in every key leaves the softmax of x, as in real arithmetic.

   The stated error, W = 2^-106, u = 2^-53; every line is an upper bound, and the last sum is enlarged by 1 % for what is of
   higher order.  A compensated sum of N terms (hi by two_sum, the errors into lo) is within (N + 4)^2 W of the sum of their
   magnitudes: the errors are at most N u times it, and lo takes at most 4 N u of those in rounding (Ogita, Rump, Oishi 2005).
     d_j, of x_j     dot product: ((ceil(D/8) + 4)^2 + 10) W max|q| sum|k|, 8 chains and 3 levels of sums; scale: 2 W;
                     softcap: 15
                     (quotient) + 128 (tanh) + 2, its slope is at most 1; bias: product 2, sum 3
     d_jm, of the difference:     d_j + d_m + 3 W (|x_j| + |x_m|) + 3 W |difference|, and 0 for j = m
     theta_j, relative, of exp:   1.01 d_jm + 32 W; a difference below -624 is dropped, which changes w_j by less than 2^-898
     lambda, relative, of the sum: sum p_j theta_j / sum p_j + 3 n W
     out:  sum_j w_j (theta_j + lambda + 15 W + (n + 4)^2 W) |v_j|, and the lo that the last rounding cuts off
   and 2^-1060, 2^-1070 n for products below the normal range.  Finite q and k whose products leave the range of f64, and values
   that do, are not covered: such an element comes out infinite or NaN.

   -inf in the mask, or false, skips a key, K and V unread.  A score of NaN or +inf makes its row NaN; -inf has weight 0,
   its V is read.  Sinks join as one more key without a value.  */

#include "oracle_row.h"

#include <stdlib.h>
#include "doubledouble.h"
#include "message.h"

enum { CHAINS = 8 };
static const double cut = -624, cut_weight = 0x1p-898;

typedef struct key {
  size_t j;                     /* its place in K and V; NO_VALUE for the sink */
  dd x, weight;
  double mask, x_error;
  double theta, weight_error;   /* relative of the exponential; absolute of the weight */
} key;
static const size_t NO_VALUE = SIZE_MAX;

/* ---- scores ---- */

static dd fold_chains(double hi[CHAINS], double lo[CHAINS]) {
  dd s[CHAINS];
  for (int c = 0; c < CHAINS; c++)
    s[c] = two_sum(hi[c], lo[c]);
  for (int width = CHAINS / 2; width > 0; width /= 2)
    for (int c = 0; c < width; c++)
      s[c] = dd_add(s[c], s[c + width]);
  return s[0];
}

/* q.k; `exact` says that every product is a double.  */
static dd dot_chains(const double *q, const double *k, size_t n, bool exact) {
  double hi[CHAINS] = {0}, lo[CHAINS] = {0};
  for (size_t i = 0; i < n; i += CHAINS) {
    size_t width = n - i < CHAINS ? n - i : CHAINS;
    double a[CHAINS] = {0}, b[CHAINS] = {0};
    for (size_t c = 0; c < width; c++) {
      a[c] = q[i + c];
      b[c] = k[i + c];
    }
    if (!exact)
      for (int c = 0; c < CHAINS; c++)
        lo[c] += fma(a[c], b[c], -(a[c] * b[c]));
    #pragma omp simd
    for (int c = 0; c < CHAINS; c++) {
      double x = a[c] * b[c], s = hi[c] + x, t = s - hi[c];
      lo[c] += (hi[c] - (s - t)) + (x - t);
      hi[c] = s;
    }
  }
  return fold_chains(hi, lo);
}

static dd distance_of(int64_t key_position, int64_t query_position) {
  int64_t d = key_position - query_position;
  double hi = (double)d;
  return (dd){hi, fabs(hi) < 0x1p62 ? (double)(d - (int64_t)hi) : 0};
}

/* scale q.k; in plain f64 where double-double meets an infinity or NaN.  */
static dd scaled_product(double *error, const kv_head *h, const row *r, size_t j) {
  const double *k = h->k + j * h->dim_k, chain = (double)((h->dim_k + CHAINS - 1) / CHAINS) + 4;
  dd x = dd_mul_d(dot_chains(r->q, k, h->dim_k, h->exact_scores), h->p->scale);
  *error = (chain * chain + 10) * DD_W * r->q_max * h->k_sum[j] * fabs(h->p->scale) + 2 * DD_W * fabs(x.hi);
  if (isfinite(x.hi) && isfinite(x.lo))
    return x;
  double s = 0;
  for (size_t i = 0; i < h->dim_k; i++)
    s += r->q[i] * k[i];
  *error = 0;
  return (dd){s * h->p->scale, 0};
}

static dd capped(double *error, dd x, double cap) {
  if (isinf(x.hi))
    return (dd){copysign(cap, x.hi), 0};
  x = dd_mul_d(dd_tanh(dd_div(x, (dd){cap, 0})), cap);
  *error += 17 * DD_W * fabs(x.hi) + DD_TANH_ERROR * fabs(x.hi);
  return x;
}

static dd biased(double *error, dd x, dd distance, double slope) {
  dd bias = dd_mul_d(distance, slope);
  if (!isfinite(x.hi))
    return x;
  x = dd_add(x, bias);
  *error += 2 * DD_W * fabs(bias.hi) + 3 * DD_W * fabs(x.hi);
  return x;
}

static void score(key *a, const kv_head *h, const row *r) {
  double error;
  a->x = scaled_product(&error, h, r, a->j);
  if (h->p->softcap > 0)
    a->x = capped(&error, a->x, h->p->softcap);
  if (r->slope != 0)
    a->x = biased(&error, a->x, distance_of(h->p->k_start + (int64_t)a->j, r->position), r->slope);
  a->x_error = error + 0x1p-1060;
}

static bool attended(const kv_head *h, const row *r, size_t j) {
  int64_t distance = h->p->k_start + (int64_t)j - r->position;
  if (h->p->causal && distance > 0)
    return false;
  if (h->p->window > 0 && (uint64_t)(distance < 0 ? -distance : distance) >= h->p->window)
    return false;
  return r->mask == NULL || r->mask[j] != -INFINITY;
}

/* ---- weights ---- */

/* s_a - s_b */
static dd difference(const key *a, const key *b) {
  dd mask = two_sum(a->mask, -b->mask);
  if (!isfinite(mask.hi))
    return (dd){mask.hi, 0};
  return dd_add(dd_add(a->x, dd_negate(b->x)), mask);
}

static bool has_weight(const key *a) {
  return a->x.hi + a->mask != -INFINITY;
}

/* The keys that the row attends to, and the sink, without weights yet; their number.  *best is the largest, or n if none has a
   weight.  False: NaN or +inf.  */
static bool scores(key *keys, size_t *n, size_t *best, const kv_head *h, const row *r) {
  size_t count = 0, top = SIZE_MAX;
  for (size_t j = 0; j <= h->keys; j++) {
    key *a = &keys[count];
    *a = (key){.j = NO_VALUE, .x = {r->sink, 0}};
    if (j < h->keys ? !attended(h, r, j) : r->sink == -INFINITY)
      continue;
    if (j < h->keys) {
      a->j = j;
      a->mask = r->mask == NULL ? 0 : r->mask[j];
      score(a, h, r);
    }
    double s = a->x.hi + a->mask;
    if (isnan(s) || s == INFINITY)
      return false;
    if (has_weight(a) && (top == SIZE_MAX || difference(a, &keys[top]).hi > 0))
      top = count;
    count++;
  }
  *n = count;
  *best = top == SIZE_MAX ? count : top;
  return true;
}

/* exp(s_a - s_m) */
static void exponential(key *a, const key *m) {
  if (!has_weight(a))
    return;
  dd t = difference(a, m);
  double e = a == m ? 0 : a->x_error + m->x_error + 3 * DD_W * (fabs(a->x.hi) + fabs(m->x.hi) + fabs(t.hi));
  if (t.hi < cut) {
    a->weight_error = t.hi == -INFINITY || t.hi + e < cut + 1 ? cut_weight : INFINITY;
    return;
  }
  a->weight = dd_exp(t);
  a->theta = e < 0x1p-10 ? 1.01 * e + DD_EXP_ERROR : INFINITY;
}

/* Turns the scores into weights that sum to 1; returns the sum that they had, *lambda its relative error.  */
static dd normalise(key *keys, size_t n, size_t best, double *lambda) {
  dd sum = {0, 0};
  double error = 0;
  for (size_t i = 0; i < n; i++) {
    exponential(&keys[i], &keys[best]);
    sum = dd_add(sum, keys[i].weight);
    error += keys[i].weight.hi * keys[i].theta + keys[i].weight_error;
  }
  *lambda = 1.01 * error / sum.hi + 3 * (double)n * DD_W;
  if (!(*lambda < 0x1p-10))
    *lambda = INFINITY;
  double chain = (double)n + 4, common = 1.01 * *lambda + (15 + chain * chain) * DD_W;
  for (size_t i = 0; i < n; i++) {
    key *a = &keys[i];
    a->weight = dd_div(a->weight, sum);
    a->weight_error += a->weight.hi > 0 ? a->weight.hi * (a->theta + common) : 0;
  }
  return sum;
}

/* ---- values ---- */

/* hi + lo += weight * v, bound += weight_error |v|.  With v of 24 bits, halves of the weight times v are exact (Dekker).  */
static void accumulate(double *hi, double *lo, double *bound, const key *a, const double *v, size_t dim, bool exact) {
  double w = a->weight.hi, w_lo = a->weight.lo, e = a->weight_error;
  double scaled = 0x1.0000002p+27 * w, high = scaled - (scaled - w), low = w - high;
  if (exact) {
    #pragma omp simd
    for (size_t c = 0; c < dim; c++) {
      double x = w * v[c], rest = (high * v[c] - x) + low * v[c], s = hi[c] + x, t = s - hi[c];
      lo[c] += ((hi[c] - (s - t)) + (x - t)) + (rest + w_lo * v[c]);
      hi[c] = s;
      bound[c] += e * fabs(v[c]);
    }
  } else {
    for (size_t c = 0; c < dim; c++) {
      double x = w * v[c], rest = fma(w, v[c], -x), s = hi[c] + x, t = s - hi[c];
      lo[c] += ((hi[c] - (s - t)) + (x - t)) + (rest + w_lo * v[c]);
      hi[c] = s;
      bound[c] += e * fabs(v[c]);
    }
  }
}

/* The element in plain f64, where a value is infinite or NaN.  A weight that has underflowed is still positive.  */
static double element_plain(const key *keys, size_t n, const kv_head *h, size_t c) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    if (keys[i].j != NO_VALUE) {
      double least = has_weight(&keys[i]) ? 0x1p-1074 : 0;
      sum += fmax(keys[i].weight.hi, least) * h->v[keys[i].j * h->dim_v + c];
    }
  return sum;
}

static void values(const row *r, double *scratch, const key *keys, size_t n, const kv_head *h) {
  size_t dim = h->dim_v;
  double *hi = scratch, *lo = scratch + dim, *bound = scratch + 2 * dim;
  for (size_t c = 0; c < 3 * dim; c++)
    scratch[c] = 0;
  for (size_t i = 0; i < n; i++)
    if (keys[i].j != NO_VALUE)
      accumulate(hi, lo, bound, &keys[i], h->v + keys[i].j * dim, dim, h->exact_values);
  for (size_t c = 0; c < dim; c++) {
    dd sum = two_sum(hi[c], lo[c]);
    double error = 1.01 * (fabs(sum.lo) + bound[c] + 0x1p-1070 * (double)n);
    bool finite = isfinite(sum.hi) && isfinite(sum.lo);
    double out = finite ? sum.hi : element_plain(keys, n, h, c);
    r->out[c] = isnan(out) ? NAN : out + 0.0;
    r->error[c] = isnan(out) ? NAN : finite && !isnan(error) ? error : INFINITY;
  }
}

/* ---- rows ---- */

static void poison(const row *r, size_t dim) {
  *r->lse = NAN;
  for (size_t c = 0; c < dim; c++)
    r->out[c] = r->error[c] = NAN;
}

/* A row in which nothing has a weight: out 0 (but a NaN among the values that are read shows), lse -inf.  */
static void attend(const row *r, const kv_head *h, key *keys, double *scratch) {
  size_t n, best;
  double lambda;
  if (!scores(keys, &n, &best, h, r)) {
    poison(r, h->dim_v);
    return;
  }
  *r->lse = -INFINITY;
  if (best < n) {
    dd sum = normalise(keys, n, best, &lambda);
    *r->lse = dd_add(dd_add_d(keys[best].x, keys[best].mask), dd_log(sum)).hi + 0.0;
  }
  values(r, scratch, keys, n, h);
}

int oracle_row(const row *r, const kv_head *h) {
  key *keys = malloc((h->keys + 1) * sizeof *keys);
  double *scratch = malloc(3 * h->dim_v * sizeof *scratch);
  int status = keys != NULL && scratch != NULL ? DONE : FILES;
  if (status == DONE)
    attend(r, h, keys, scratch);
  free(keys);
  free(scratch);
  return status;
}
