/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inputs: rounding to storage, mixed segments, masks, positions and imports.  What is drawn: right-families.c.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "drawn_inputs.h"
#include "inputs.h"
#include "message.h"
#include "tap.h"

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
    if (array_convert(&q, formats[i], &drawn.q) || array_convert(&k, formats[i], &drawn.k)
        || array_convert(&v, formats[i], &drawn.v))
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
  ok(shaped && c.batch == 1 && c.q_heads == 9 && c.kv_heads == 3 && c.dim_k == 64 && c.keys == 1024
     && c.scale == SEGATTN_SCALE_DEFAULT && c.q_start == (int64_t)(c.keys - c.queries),
     "import: the shape comes from the file");
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
  test_rounding();
  test_mixed();
  test_mixed_blocks();
  test_unfit_blocks();
  test_masks();
  test_positions();
  test_import();
  return done();
}
