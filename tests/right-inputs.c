/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inputs: the bits of each family, streams that are shared on purpose and never by accident, what makes each family what it is,
   rounding to storage, mixed segments, masks and imports.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "hash.h"
#include "inputs.h"
#include "message.h"
#include "tap.h"

static segment_spec whole[1];

/* Two KV heads, four query heads, f64 storage: what was drawn.  */
static case_spec base(const char *name) {
  const family *f = family_find(name);
  case_spec c = {.batch = 1, .q_heads = 4, .kv_heads = 2, .dim_k = 16, .dim_v = 12, .queries = 24, .keys = 200,
                 .scale = SEGATTN_SCALE_DEFAULT, .q_start = INT64_MIN, .q = SEGATTN_F64, .k = SEGATTN_F64, .v = SEGATTN_F64,
                 .segments = whole, .n_segments = 1, .arithmetic = "f32"};
  whole[0] = (segment_spec){c.keys, SEGATTN_F64, SEGATTN_F64};
  snprintf(c.input.family, sizeof c.input.family, "%s", name);
  memcpy(c.input.parameter, f->initial, sizeof c.input.parameter);
  c.input.layer = -1;
  return c;
}

static inputs make(const case_spec *c, uint64_t seed) {
  inputs in;
  if (inputs_make(&in, c, seed) != 0)
    exit(1);
  return in;
}

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
  ok(inputs_make(&in, &c, 1ull << 32) == 2 && inputs_make(&in, &c, 0) == 2, "first-report: a seed that its generator cannot take");
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

/* ---- storage ---- */

static bool same(const array *a, const array *b) {
  return a->format == b->format && array_bytes(a) == array_bytes(b) && memcmp(a->data, b->data, array_bytes(a)) == 0;
}

static void test_rounding(void) {
  case_spec c = base("normal");
  inputs drawn = make(&c, 9);
  static const segattn_format formats[] = {SEGATTN_F32, SEGATTN_F16, SEGATTN_BF16};
  bool once = true;
  for (int i = 0; i < 3; i++) {
    c.q = c.k = c.v = formats[i];
    inputs in = make(&c, 9);
    array q, k, v;
    if (array_convert(&q, formats[i], &drawn.q) || array_convert(&k, formats[i], &drawn.k) || array_convert(&v, formats[i], &drawn.v))
      exit(1);
    once = once && same(&q, &in.q) && same(&k, &in.k) && same(&v, &in.v);
    array_free(&q);
    array_free(&k);
    array_free(&v);
    inputs_free(&in);
  }
  ok(once, "storage f32, f16, bf16: the values that were drawn, rounded once");
  inputs_free(&drawn);
}

static bool close_to(const segattn_tensor *t, size_t head, size_t position, size_t dim, double expected) {
  double x;
  segattn_decode(t->format, (const char *)t->data + (ptrdiff_t)head * t->stride[1] + (ptrdiff_t)position * t->stride[2]
                 + (ptrdiff_t)dim * t->stride[3], &x, 1);
  return x == expected;
}

/* Every value of `wide` is that of the typed view, and the rounding of what was drawn.  */
static bool segment_agrees(const segattn_tensor *typed, const segattn_tensor *wide, const array *drawn, size_t from) {
  bool agree = true;
  for (size_t h = 0; h < typed->shape[1]; h++)
    for (size_t p = 0; p < typed->shape[2]; p++)
      for (size_t d = 0; d < typed->shape[3]; d++) {
        double x = ((const double *)drawn->data)[(h * drawn->shape[2] + from + p) * drawn->shape[3] + d];
        char bytes[8];
        segattn_encode(typed->format, &x, bytes, 1);
        segattn_decode(typed->format, bytes, &x, 1);
        agree = agree && close_to(typed, h, p, d, x) && close_to(wide, h, p, d, x);
      }
  return agree;
}

static void test_mixed(void) {
  case_spec c = base("normal");
  segment_spec segments[3] = {{50, SEGATTN_F16, SEGATTN_BF16}, {0, SEGATTN_F32, SEGATTN_F32}, {150, SEGATTN_BF16, SEGATTN_F64}};
  inputs drawn = make(&c, 9);
  c.segments = segments;
  c.n_segments = 3;
  c.mixed = true;
  inputs in = make(&c, 9);
  ok(in.k.format == SEGATTN_F32 && in.v.format == SEGATTN_F64, "mixed segments: held in f32, in f64 where one is f64");
  bool agree = true;
  for (size_t i = 0, from = 0; i < 3; from += segments[i++].keys) {
    segattn_segment own = inputs_segment(&in, &c, from, segments[i].keys, &in.typed[i]);
    segattn_segment wide = inputs_segment(&in, &c, from, segments[i].keys, NULL);
    agree = agree && own.k.format == segments[i].k && own.v.format == segments[i].v && own.start == (int64_t)from
            && segment_agrees(&own.k, &wide.k, &drawn.k, from) && segment_agrees(&own.v, &wide.v, &drawn.v, from);
  }
  ok(agree, "mixed segments: each value is the one drawn, rounded to its segment's format");
  inputs_free(&in);
  inputs_free(&drawn);
}

/* Encoding a block again may change it: what is held and what the segments store must be of one encoding.  */
static void test_mixed_blocks(void) {
  case_spec c = base("normal");
  segment_spec segments[3] = {{50, SEGATTN_Q4_0, SEGATTN_IQ4_NL}, {30, SEGATTN_Q4_1, SEGATTN_Q5_1},
                              {120, SEGATTN_F8E4M3, SEGATTN_F16}};
  c.dim_k = 64;
  c.dim_v = 32;
  inputs drawn = make(&c, 9);
  c.segments = segments;
  c.n_segments = 3;
  c.mixed = true;
  inputs in = make(&c, 9);
  ok(in.k.format == SEGATTN_F64 && in.v.format == SEGATTN_F64, "mixed blocks: held in f64 where one is q4_1 or q5_1");
  bool agree = true, encoded = true;
  for (size_t i = 0, from = 0; i < 3; from += segments[i++].keys) {
    segattn_segment own = inputs_segment(&in, &c, from, segments[i].keys, &in.typed[i]);
    segattn_segment wide = inputs_segment(&in, &c, from, segments[i].keys, NULL);
    for (size_t h = 0; h < 2; h++)
      for (size_t p = 0; p < segments[i].keys; p++) {
        double x[64];
        char bytes[64];
        size_t row = segattn_format_bytes(own.k.format, 64);
        const char *at = (const char *)own.k.data + (h * segments[i].keys + p) * row;
        segattn_encode(own.k.format, (const double *)drawn.k.data + (h * 200 + from + p) * 64, bytes, 64);
        segattn_decode(own.k.format, at, x, 64);
        encoded = encoded && memcmp(at, bytes, row) == 0;
        for (size_t d = 0; d < 64; d++)
          agree = agree && close_to(&wide.k, h, p, d, x[d]);
      }
  }
  ok(encoded, "mixed blocks: the segments store the encoding of what was drawn");
  ok(agree, "mixed blocks: what is held is what they store");
  inputs_free(&in);
  inputs_free(&drawn);
}

static void test_unfit_blocks(void) {
  case_spec c = base("normal");
  segment_spec one = {200, SEGATTN_F32, SEGATTN_Q8_0};
  inputs in = {0};
  c.dim_v = 48;
  c.segments = &one;
  c.n_segments = 1;
  c.v = SEGATTN_Q8_0;
  ok(inputs_make(&in, &c, 9) == USAGE && in.v.data == NULL, "dim_v 48 in blocks of 32 is refused");
}

/* ---- masks and positions ---- */

static void test_masks(void) {
  case_spec c = base("normal");
  c.keys = 70;
  whole[0].keys = 70;
  c.mask = MASK_ZERO;
  inputs in = make(&c, 1);
  ok(in.mask.shape[2] == 24 && in.mask.shape[3] == 70, "zero mask: queries x keys");
  inputs_free(&in);
  c.mask = MASK_PADDED;
  in = make(&c, 1);
  const float *x = in.mask.data;
  bool right = in.mask.shape[2] == 64 && in.mask.shape[3] == 128;
  for (size_t i = 0; i < array_count(&in.mask) && right; i++)
    right = x[i] == (i % 128 < 70 ? 0 : -INFINITY);
  ok(right, "padded mask: 64 x 128, -inf beyond the keys");
  segattn_segment s = inputs_segment(&in, &c, 30, 40, NULL);
  ok(s.mask.shape[2] == 24 && s.mask.shape[3] == 40 && s.mask.data == (void *)(x + 30) && s.mask.stride[2] == 128 * 4,
     "a segment sees its own columns of the mask");
  inputs_free(&in);
}

static void test_positions(void) {
  case_spec c = base("normal");
  inputs in = make(&c, 1);
  ok(in.q_start == 176 && inputs_queries(&in).start == 176, "queries are the last positions");
  inputs_free(&in);
  c.queries = 201;
  c.causal = true;
  ok(inputs_make(&in, &c, 1) == 2, "causal with more queries than keys needs a q_start");
  c.q_start = 3;
  in = make(&c, 1);
  ok(in.q_start == 3, "q_start as given");
  inputs_free(&in);
  c.kv_heads = 3;
  ok(inputs_make(&in, &c, 1) == 2, "q_heads that are no multiple of kv_heads");
}

/* ---- import ---- */

static void test_import(void) {
  const char *srcdir = getenv("srcdir");
  char path[4096];
  snprintf(path, sizeof path, "%s/experiments/data/smollm2.h5", srcdir != NULL ? srcdir : ".");
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    skip("there is no %s", path);
    return;
  }
  fclose(file);
  case_spec c = base("import");
  c.batch = c.q_heads = c.kv_heads = c.dim_k = c.dim_v = c.queries = c.keys = 0;
  c.input.path = path;
  c.input.layer = 18;
  bool shaped = inputs_shape(&c) == 0;
  ok(shaped && c.batch == 1 && c.q_heads == 9 && c.kv_heads == 3 && c.dim_k == 64 && c.keys == 1024 && c.scale == SEGATTN_SCALE_DEFAULT
     && c.q_start == (int64_t)(c.keys - c.queries), "import: the shape comes from the file");
  whole[0].keys = c.keys;
  inputs in = make(&c, 1);
  double max = 0;
  for (size_t i = 0; i < array_count(&in.q); i++)
    max = fmax(max, fabs(((const double *)in.q.data)[i]));
  ok(in.k.shape[2] == 1024 && max > 5 && max < 50, "import: tensors of a model, max |q| %.3g", max);
  inputs_free(&in);
  c.keys = 1000;
  ok(inputs_shape(&c) == 2, "import: other keys in the experiment are refused");
}

int main(void) {
  test_first_report();
  test_goldens();
  test_streams();
  test_uniform();
  test_outliers();
  test_sink();
  test_repeated_maximum();
  test_rounding();
  test_mixed();
  test_mixed_blocks();
  test_unfit_blocks();
  test_masks();
  test_positions();
  test_import();
  return done();
}
