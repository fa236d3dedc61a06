/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at the results of edge.h.  */

#include "edge.h"

bool same_bits(const double *a, const double *b, size_t n) { return memcmp(a, b, n * sizeof *a) == 0; }

bool all_are(const double *x, size_t n, double value) {
  for (size_t i = 0; i < n; i++)
    if (!(isnan(value) ? isnan(x[i]) : x[i] == value && signbit(x[i]) == signbit(value)))
      return false;
  return true;
}

bool same_row(const edge *e, const answer *other, size_t i) {
  size_t dim = e->problem.dim_v;
  return same_bits(&e->got.out[i * dim], &other->out[i * dim], dim) && same_bits(&e->got.lse[i], &other->lse[i], 1);
}

bool same_answer(const edge *e, const answer *other) {
  return same_bits(e->got.out, other->out, all_outputs(e)) && same_bits(e->got.lse, other->lse, all_rows(e));
}

bool same_state(const edge *e, const answer *other, size_t i) {
  size_t dim = e->problem.dim_v;
  return same_bits(&e->got.M[i], &other->M[i], 1) && same_bits(&e->got.S[i], &other->S[i], 1) &&
         same_bits(&e->got.O[i * dim], &other->O[i * dim], dim);
}

bool empty_row(const edge *e, size_t i) {
  const answer *a = &e->got;
  size_t dim = e->problem.dim_v;
  return all_are(&a->out[i * dim], dim, 0) && all_are(&a->lse[i], 1, -(double)INFINITY) &&
         all_are(&a->M[i], 1, -(double)INFINITY) && all_are(&a->S[i], 1, 0) && all_are(&a->O[i * dim], dim, 0);
}

bool poisoned_row(const edge *e, size_t i) {
  return all_are(&e->got.out[i * e->problem.dim_v], e->problem.dim_v, (double)NAN) && isnan(e->got.lse[i]);
}

bool agree(const edge *e, const answer *other) {
  for (size_t i = 0; i < all_outputs(e); i++)
    if (!(fabs(e->got.out[i] - other->out[i]) <= e->got.bound[i] + other->bound[i]))
      return false;
  return true;
}

bool within(const edge *e, size_t i, size_t c, double exact) {
  return fabs(out_at(e, &e->got, i, c) - exact) <= e->got.bound[i * e->problem.dim_v + c];
}

static bool is_f64(const edge *e) { return !strcmp(e->arithmetic, "f64"); }

double edge_ulp(const edge *e, double x) {
  int exponent;
  frexp(x, &exponent);
  return ldexp(1, exponent - (is_f64(e) ? 53 : 24));
}

double edge_round(const edge *e, double x) { return is_f64(e) ? x : (double)(float)x; }
double edge_unit(const edge *e) { return is_f64(e) ? 0x1p-53 : 0x1p-24; }
double edge_gamma(const edge *e, size_t n) { return (double)n * edge_unit(e) / (1 - (double)n * edge_unit(e)); }

/* n numbers as arithmetic i8 rounds them (BOUNDS, section 1), in place: blocks of 32.  */
static void quantise(double *x, size_t n) {
  for (size_t b = 0; b < n; b += 32) {
    float a = 0;
    size_t end = b + 32 < n ? b + 32 : n;
    for (size_t c = b; c < end; c++)
      a = fabsf((float)x[c]) > a ? fabsf((float)x[c]) : a;
    for (size_t c = b; c < end; c++)
      x[c] = a < 0x1p-119f ? 0 : (double)(a / 127) * rint((double)((float)x[c] * (127 / a)));
  }
}

static bool of_codes(segattn_format format) {   /* times one scale a block */
  return format == SEGATTN_Q8_0 || format == SEGATTN_Q5_0 || format == SEGATTN_Q4_0 || format == SEGATTN_IQ4_NL;
}

double edge_score(const edge *e, size_t i, size_t j) {
  const segattn_problem *p = &e->problem;
  size_t group = p->q_heads / p->kv_heads, head = i / e->queries;
  double q[SEGATTN_MAX_DIM], k[SEGATTN_MAX_DIM], sum = 0;
  memcpy(q, &e->stored_q[i * p->dim_k], p->dim_k * sizeof *q);
  memcpy(k, &e->stored_k[(head / group * e->keys + j) * p->dim_k], p->dim_k * sizeof *k);
  if (!strcmp(e->arithmetic, "i8")) {
    quantise(q, p->dim_k);
    if (!of_codes(e->k_format))
      quantise(k, p->dim_k);
  }
  for (size_t c = 0; c < p->dim_k; c++)
    sum += q[c] * k[c];
  return sum;
}

bool format_holds(segattn_format format, double x) {
  double many[EDGE_DIM], back[EDGE_DIM];
  unsigned char bytes[EDGE_DIM * sizeof(double)];
  for (size_t i = 0; i < EDGE_DIM; i++)
    many[i] = x;
  segattn_encode(format, many, bytes, EDGE_DIM);
  segattn_decode(format, bytes, back, EDGE_DIM);
  return back[0] == x;
}

bool is_power(double x) {
  int exponent;
  return x == 0 || fabs(frexp(x, &exponent)) == 0.5;
}
