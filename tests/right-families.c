/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of inputs: the bits of each, streams that are shared on purpose and never by accident, and what makes each family
   what it is.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "drawn_inputs.h"
#include "hash.h"
#include "inputs.h"
#include "tap.h"

static bool has_digest(const array *a, size_t n, const char *expected) {
  hash *h = hash_alloc();
  char hex[65];
  for (size_t i = 0; i < n; i++)
    hash_array(h, &a[i]);
  hash_end(h, hex);
  if (strcmp(hex, expected) != 0)
    diag("sha256 %s", hex);
  return strcmp(hex, expected) == 0;
}

static bool bytes_have_digest(const array *a, const char *expected) {
  hash *h = hash_alloc();
  char hex[65];
  hash_add(h, a->data, array_bytes(a));
  hash_end(h, hex);
  return strcmp(hex, expected) == 0;
}

/* ---- bits ---- */

/* SHA-256 of the elements of q (f32), k and v (f16) of the first report, seed 42.  Little-endian machines only.  */
static void test_first_report(void) {
  case_spec c = base("first-report");
  c.q_heads = 8;
  c.kv_heads = 4;
  c.dim_k = c.dim_v = 32;
  c.queries = 2;
  c.keys = 4;
  c.q = SEGATTN_F32;
  c.k = c.v = SEGATTN_F16;
  inputs in = make(&c, 42);
  ok(bytes_have_digest(&in.q, "904572a0f1631229743590ac1fc0c8c60807dc9f0160669b4421a9f82a93227e")
     && bytes_have_digest(&in.k, "88b4a042c5abaf91b77999b41f4d125b1e97b2ece14016e0ecaef777fe4db9c9")
     && bytes_have_digest(&in.v, "a8837a969540cefbbee7d85d387168277aab90e1b39ee4b8f65ff4d8d4ba89dd"),
     "first-report: q, k and v have the bits of the first report");
  inputs_free(&in);
  ok(inputs_make(&in, &c, 1ull << 32) == 2 && inputs_make(&in, &c, 0) == 2,
     "first-report: a seed that its generator cannot take");
}

static const struct golden { const char *family, *digest; } goldens[] = {
  {"normal", "ca4dbfa4331cb6967d9488d4df0ef8fc6b58e7180dc3752d4e9665c7a97ab90a"},
  {"uniform", "e4e02c690ae1c33f6bb91a644bf94aa0473ac21da14add700d5e085148e7e3dc"},
  {"outliers", "4671697ddfdf1f4d1fc47402ec319ee2d1b39a9167b9d1ca57bd729ea71cad78"},
  {"sink", "40df42bf231bfdea0f8cbe4fe0e086ac25df96a9d45bcff7f1873c55aaea7c08"},
  {"repeated-maximum", "73aa7fa0dd5d4e4539210072fffecda949d5cb3f4a5ff332189dc5055b8a4f21"}
};

static void test_goldens(void) {
  for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
    case_spec c = base(goldens[i].family);
    inputs in = make(&c, 42);
    ok(has_digest((array[]){in.q, in.k, in.v}, 3, goldens[i].digest), "%s: the bits that it had", goldens[i].family);
    inputs_free(&in);
  }
}

/* ---- streams ---- */

static void test_streams(void) {
  case_spec c = base("normal"), other = c;
  segment_spec two[2] = {{100, SEGATTN_F16, SEGATTN_F16}, {100, SEGATTN_F32, SEGATTN_BF16}};
  uint32_t stream = inputs_stream(&c, 42);
  other.k = SEGATTN_F16;
  other.segments = two;
  other.n_segments = 2;
  other.mixed = true;
  other.causal = true;
  strcpy(other.arithmetic, "f64");
  ok(inputs_stream(&other, 42) == stream, "storage, segments, arithmetic and masks do not change the stream");
  bool differ = inputs_stream(&c, 43) != stream;
  other = c;
  other.keys++;
  differ = differ && inputs_stream(&other, 42) != stream;
  other = c;
  other.input.parameter[1] = 2;
  differ = differ && inputs_stream(&other, 42) != stream;
  other = c;
  other.input.replicate = 1;
  differ = differ && inputs_stream(&other, 42) != stream;
  other = c;
  strcpy(other.input.family, "uniform");
  differ = differ && inputs_stream(&other, 42) != stream;
  ok(differ, "seed, shape, parameter, replicate and family each change it");
  other = base("first-report");
  ok(inputs_stream(&other, 42) == 42, "first-report takes the seed itself");
}

/* ---- families ---- */

static double product(const double *q, const double *k, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += q[i] * k[i];
  return sum;
}

static void test_uniform(void) {
  case_spec c = base("uniform");
  c.input.parameter[0] = 2;
  c.input.parameter[1] = 3;
  inputs in = make(&c, 1);
  const double *k = in.k.data;
  double low = 3, high = 2;
  for (size_t i = 0; i < array_count(&in.k); i++) {
    low = fmin(low, k[i]);
    high = fmax(high, k[i]);
  }
  ok(low >= 2 && high <= 3 && low < 2.01 && high > 2.99, "uniform: from low to high");
  inputs_free(&in);
}

/* The outliers of N(0, 1 + sigma^2) beyond 6 are Poisson; those of N(0,1) are one in 5e8.  */
static void test_outliers(void) {
  case_spec c = base("outliers");
  c.keys = 4000;
  c.input.parameter[1] = 0.01;
  inputs in = make(&c, 1);
  const double *k = in.k.data;
  double n = (double)array_count(&in.k), beyond = 0, expected = n * 0.01 * erfc(6 / sqrt(2 * 101.0));
  for (size_t i = 0; i < array_count(&in.k); i++)
    beyond += fabs(k[i]) > 6;
  ok(fabs(beyond - expected) < 5 * sqrt(expected), "outliers: %g of %g beyond 6, expected %.0f", beyond, n, expected);
  inputs_free(&in);
}

/* Softmax weight of key 0 in a row.  */
static double first_weight(const case_spec *c, const double *q, const double *k) {
  double sum = 0, first = product(q, k, c->dim_k) / sqrt((double)c->dim_k);
  for (size_t j = 0; j < c->keys; j++)
    sum += exp(product(q, k + j * c->dim_k, c->dim_k) / sqrt((double)c->dim_k) - first);
  return 1 / sum;
}

static void test_sink(void) {
  case_spec c = base("sink");
  inputs in = make(&c, 1);
  const double *q = in.q.data, *k = in.k.data, *v = in.v.data;
  double mean = 0, first = 0, rest = 0;
  size_t rows = c.q_heads * c.queries, group = c.q_heads / c.kv_heads * c.queries;
  for (size_t i = 0; i < rows; i++)
    mean += first_weight(&c, q + i * c.dim_k, k + i / group * c.keys * c.dim_k) / (double)rows;
  for (size_t i = 0; i < c.dim_v; i++) {
    first = fmax(first, fabs(v[i]));
    rest = fmax(rest, fabs(v[c.dim_v + i]));
  }
  ok(mean > 0.5 && first < rest / 10, "sink: the first key has %.3f of the weight, and a small value", mean);
  inputs_free(&in);
}

static void test_repeated_maximum(void) {
  case_spec c = base("repeated-maximum");
  inputs in = make(&c, 1);
  const double *q = in.q.data, *k = in.k.data, *v = in.v.data;
  size_t rows = c.q_heads * c.queries, group = c.q_heads / c.kv_heads * c.queries;
  bool repeated = true, negative = true;
  for (size_t i = 0; i < rows; i++) {
    const double *head = k + i / group * c.keys * c.dim_k;
    double max = -INFINITY;
    size_t times = 0;
    for (size_t j = 0; j < c.keys; j++) {
      double s = product(q + i * c.dim_k, head + j * c.dim_k, c.dim_k);
      times = s > max ? 1 : times + (s == max);
      max = fmax(max, s);
    }
    repeated = repeated && times == c.keys / 4;
  }
  for (size_t i = 0; i < array_count(&in.v); i++)
    negative = negative && v[i] <= 0;
  ok(repeated && negative, "repeated-maximum: in a quarter of the keys of every row; values of one sign");
  inputs_free(&in);
}

int main(void) {
  test_first_report();
  test_goldens();
  test_streams();
  test_uniform();
  test_outliers();
  test_sink();
  test_repeated_maximum();
  return done();
}
