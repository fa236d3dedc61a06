/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inputs of a case: values are drawn (families.c) or imported in f64 and rounded once, to the format that each is stored in.
   The stream of random words depends on the seed and on what determines the inputs, so cases that differ in storage,
   segments or arithmetic see the same values, and a case that is added never changes another.  */

#include "inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "families.h"
#include "hash.h"
#include "message.h"
#include "storage.h"
#include "store.h"

static bool imported(const case_spec *c) {
  return strcmp(c->input.family, "import") == 0;
}

static bool first_report(const case_spec *c) {
  return strcmp(c->input.family, "first-report") == 0;
}

/* ---- import: the shape ---- */

/* *value comes from the file; what the YAML said must agree.  */
static int take_size(size_t *value, size_t found, const char *name, const case_spec *c) {
  if (*value != 0 && *value != found)
    return fail(USAGE, "%s: %s is %zu there, but the experiment says %zu", c->input.path, name, found, *value);
  *value = found;
  return DONE;
}

/* The model's own scale, unless the YAML gives one or it is 1 / sqrt(D) anyway (captures hold it in f32 or f64).  */
static void take_scale(case_spec *c, double scale) {
  bool usual = (float)scale == (float)(1 / sqrt((double)c->dim_k));
  if (c->scale == SEGATTN_SCALE_DEFAULT && isfinite(scale) && scale != 0 && !usual)
    c->scale = scale;
}

int inputs_shape(case_spec *c) {
  if (!imported(c))
    return DONE;
  if (c->input.path == NULL)
    return fail(USAGE, "inputs: family import needs a file: {import: FILE.h5}");
  size_t shape[7];
  int64_t q_start;
  double scale = NAN;
  bool causal = false;
  int status = store_import_shape(shape, &q_start, &scale, &causal, c->input.path, c->input.layer);
  size_t *const size[7] = {&c->batch, &c->q_heads, &c->kv_heads, &c->queries, &c->keys, &c->dim_k, &c->dim_v};
  static const char *const name[7] = {"batch", "q_heads", "kv_heads", "queries", "keys", "dim_k", "dim_v"};
  for (size_t i = 0; i < 7 && status == DONE; i++)
    status = take_size(size[i], shape[i], name[i], c);
  if (status != DONE)
    return status;
  if (c->q_start != INT64_MIN && c->q_start != q_start)
    return fail(USAGE, "%s: q_start is %" PRId64 " there, but the experiment says %" PRId64, c->input.path, q_start,
                c->q_start);
  c->q_start = q_start;
  take_scale(c, scale);
  return DONE;
}

/* ---- the stream ---- */

uint32_t inputs_stream(const case_spec *c, uint64_t seed) {
  if (first_report(c))
    return (uint32_t)seed;
  hash *h = hash_alloc();
  if (h == NULL)
    exit(FILES);                /* hash_alloc has said it; a made-up stream would be worse */
  char text[65];
  snprintf(text, sizeof text, "%" PRIu64, seed);
  hash_text(h, text);
  setting s;
  for (size_t i = 0; case_setting(c, i, &s); i++)
    if (s.determines_inputs) {
      hash_text(h, s.name);
      hash_text(h, s.value);
    }
  hash_end(h, text);
  text[8] = 0;
  return (uint32_t)strtoul(text, NULL, 16);
}

/* ---- values ---- */

typedef struct values { double *q, *k, *v; } values;

static void values_free(values *x) {
  free(x->q);
  free(x->k);
  free(x->v);
}

static bool has_shape(const array *a, size_t batch, size_t heads, size_t positions, size_t dim) {
  const size_t *s = a->shape;
  return s[SEGATTN_BATCH] == batch && s[SEGATTN_HEAD] == heads && s[SEGATTN_POS] == positions && s[SEGATTN_DIM] == dim;
}

static int values_import(values *x, const case_spec *c) {
  array q = {0}, k = {0}, v = {0};
  int status = store_import(&q, &k, &v, c->input.path, c->input.layer);
  if (status == DONE && !(has_shape(&q, c->batch, c->q_heads, c->queries, c->dim_k)
                          && has_shape(&k, c->batch, c->kv_heads, c->keys, c->dim_k)
                          && has_shape(&v, c->batch, c->kv_heads, c->keys, c->dim_v)))
    status = fail(FILES, "%s: the shapes of q, k and v have changed since the experiment was read", c->input.path);
  if (status == DONE) {
    *x = (values){array_values(&q), array_values(&k), array_values(&v)};
    status = x->q != NULL && x->k != NULL && x->v != NULL ? DONE : FILES;
  }
  array_free(&q);
  array_free(&k);
  array_free(&v);
  return status;
}

static double *room(size_t batch, size_t heads, size_t positions, size_t dim) {
  size_t n;
  if (__builtin_mul_overflow(batch, heads, &n) || __builtin_mul_overflow(n, positions, &n)
      || __builtin_mul_overflow(n, dim, &n) || n >= PTRDIFF_MAX / sizeof(double))
    return NULL;
  return malloc((n + 1) * sizeof(double));
}

static int values_draw(values *x, const case_spec *c, uint64_t seed) {
  if (first_report(c) && (seed == 0 || seed > UINT32_MAX))
    return fail(USAGE, "seed is %" PRIu64 ": the family first-report takes it as it is, from 1 to %" PRIu32, seed, UINT32_MAX);
  *x = (values){room(c->batch, c->q_heads, c->queries, c->dim_k), room(c->batch, c->kv_heads, c->keys, c->dim_k),
                room(c->batch, c->kv_heads, c->keys, c->dim_v)};
  random_stream *stream = random_alloc(inputs_stream(c, seed));
  int status = DONE;
  if (x->q == NULL || x->k == NULL || x->v == NULL || stream == NULL)
    status = fail(FILES, "out of memory for the inputs");
  else if (!family_draw(c->input.family, &(draw){stream, c->input.parameter, c->batch, c->q_heads, c->kv_heads, c->queries,
                                                 c->keys, c->dim_k, c->dim_v, x->q, x->k, x->v}))
    status = fail(USAGE, "inputs: unknown family '%s'", c->input.family);
  random_free(stream);
  return status;
}

/* ---- rounding to the storage formats ---- */

/* One tensor of a segment: stores its part of x, and leaves in x what that holds.  */
static int store_segment(array *to, segattn_format format, double *x, const case_spec *c, size_t from, size_t keys,
                         size_t dim, const char *what, uint64_t *saturated) {
  array all = {x, SEGATTN_F64, {c->batch, c->kv_heads, c->keys, dim}};
  int status = array_store(to, format, c->saturate, &all, from, keys, what, saturated);
  for (size_t head = 0; status == DONE && head < c->batch * c->kv_heads; head++)
    segattn_decode(format, (char *)to->data + segattn_format_bytes(format, head * keys * dim),
                   x + (head * c->keys + from) * dim, keys * dim);
  return status;
}

/* The segments of k and v; the formats that hold them all.  */
static int store_segments(inputs *in, segattn_format *k, segattn_format *v, const case_spec *c, double *x_k, double *x_v,
                          uint64_t *saturated) {
  int status = DONE;
  size_t from = 0;
  *k = *v = SEGATTN_F32;
  if (!(in->typed = calloc(c->n_segments, sizeof *in->typed)))
    return fail(FILES, "out of memory for the inputs");
  in->n_typed = c->n_segments;
  for (size_t i = 0; i < c->n_segments && status == DONE; from += c->segments[i++].keys) {
    const segment_spec *s = &c->segments[i];
    *k = storage_wide(s->k) ? SEGATTN_F64 : *k;
    *v = storage_wide(s->v) ? SEGATTN_F64 : *v;
    status = store_segment(&in->typed[i].k, s->k, x_k, c, from, s->keys, c->dim_k, "inputs: k", saturated);
    if (status == DONE)
      status = store_segment(&in->typed[i].v, s->v, x_v, c, from, s->keys, c->dim_v, "inputs: v", saturated);
  }
  return status;
}

static int store_values(array *a, segattn_format format, size_t heads, size_t positions, size_t dim, const case_spec *c,
                        double *x, const char *what, uint64_t *saturated) {
  array all = {x, SEGATTN_F64, {c->batch, heads, positions, dim}};
  return array_store(a, format, c->saturate, &all, 0, positions, what, saturated);
}

static int store_keys(inputs *in, const case_spec *c, double *x_k, double *x_v) {
  segattn_format k = c->k, v = c->v;
  uint64_t *saturated = calloc(c->kv_heads, sizeof *saturated);
  int status = !saturated ? fail(FILES, "out of memory for the inputs")
             : c->mixed ? store_segments(in, &k, &v, c, x_k, x_v, saturated) : DONE;
  if (status == DONE)
    status = store_values(&in->k, k, c->kv_heads, c->keys, c->dim_k, c, x_k, "inputs: k", saturated);
  if (status == DONE)
    status = store_values(&in->v, v, c->kv_heads, c->keys, c->dim_v, c, x_v, "inputs: v", saturated);
  for (size_t h = 0; saturated && h < c->q_heads; h++)
    in->saturated[h] += saturated[h / (c->q_heads / c->kv_heads)];
  free(saturated);
  return status;
}

/* ---- masks ---- */

static size_t padded(size_t n) {
  return (n + 63) / 64 * 64;
}

static int make_mask(array *mask, const case_spec *c) {
  if (c->mask == MASK_NONE)
    return DONE;
  bool pad = c->mask == MASK_PADDED;
  size_t rows = pad ? padded(c->queries) : c->queries, columns = pad ? padded(c->keys) : c->keys;
  int status = array_alloc(mask, SEGATTN_F32, 1, 1, rows, columns);
  float *x = mask->data;
  for (size_t i = 0; i < rows && status == DONE; i++)
    for (size_t j = c->keys; j < columns; j++)
      x[i * columns + j] = -INFINITY;
  return status;
}

/* ---- all of it ---- */

/* Query 0 comes right after the keys before it.  Where no position is read a negative one is of no meaning.  */
static int resolve_start(int64_t *start, const case_spec *c) {
  *start = c->q_start != INT64_MIN ? c->q_start : (int64_t)c->keys - (int64_t)c->queries;
  if (*start >= 0)
    return DONE;
  if (c->causal || c->alibi || c->window > 0 || c->q_start != INT64_MIN)
    return fail(USAGE, "q_start is %" PRId64 " (keys - queries unless given), expected 0 or more", *start);
  *start = 0;
  return DONE;
}

static int check_shape(const case_spec *c) {
  if (c->kv_heads == 0 || c->q_heads % c->kv_heads != 0)
    return fail(USAGE, "q_heads is %zu, expected a multiple of kv_heads, %zu", c->q_heads, c->kv_heads);
  if (c->dim_k == 0 || c->dim_k > SEGATTN_MAX_DIM || c->dim_v == 0 || c->dim_v > SEGATTN_MAX_DIM)
    return fail(USAGE, "dim_k is %zu and dim_v %zu, expected 1 to %d", c->dim_k, c->dim_v, SEGATTN_MAX_DIM);
  int status = storage_fits(c->q, c->dim_k, "q");
  for (size_t i = 0; i < c->n_segments && status == DONE; i++) {
    status = storage_fits(c->segments[i].k, c->dim_k, "k");
    if (status == DONE)
      status = storage_fits(c->segments[i].v, c->dim_v, "v");
  }
  return status;
}

int inputs_make(inputs *in, const case_spec *c, uint64_t seed) {
  values x = {0};
  *in = (inputs){0};
  int status = check_shape(c);
  if (status == DONE)
    status = resolve_start(&in->q_start, c);
  if (status == DONE)
    status = imported(c) ? values_import(&x, c) : values_draw(&x, c, seed);
  if (status == DONE && !(in->saturated = calloc(c->q_heads, sizeof *in->saturated)))
    status = fail(FILES, "out of memory for the inputs");
  if (status == DONE)
    status = store_values(&in->q, c->q, c->q_heads, c->queries, c->dim_k, c, x.q, "inputs: q", in->saturated);
  if (status == DONE)
    status = store_keys(in, c, x.k, x.v);
  if (status == DONE)
    status = make_mask(&in->mask, c);
  values_free(&x);
  if (status != DONE)
    inputs_free(in);
  return status;
}

void inputs_free(inputs *in) {
  array_free(&in->q);
  array_free(&in->k);
  array_free(&in->v);
  array_free(&in->mask);
  for (size_t i = 0; i < in->n_typed; i++) {
    array_free(&in->typed[i].k);
    array_free(&in->typed[i].v);
  }
  free(in->typed);
  free(in->saturated);
  in->typed = NULL;
  in->saturated = NULL;
  in->n_typed = 0;
  in->q_start = 0;
}

/* ---- views ---- */

segattn_queries inputs_queries(const inputs *in) {
  return (segattn_queries){.q = array_view(&in->q), .start = in->q_start};
}

/* Columns [from, from + keys) of the mask, without its padding.  */
static segattn_tensor mask_view(const inputs *in, const case_spec *c, size_t from, size_t keys) {
  segattn_tensor mask = array_view(&in->mask);
  mask.data = (char *)mask.data + (ptrdiff_t)from * mask.stride[SEGATTN_DIM];
  mask.shape[SEGATTN_POS] = c->queries;
  mask.shape[SEGATTN_DIM] = keys;
  return mask;
}

segattn_segment inputs_segment(const inputs *in, const case_spec *c, size_t from, size_t keys, const typed_segment *typed) {
  segattn_segment s = {.k = typed == NULL ? array_positions(&in->k, from, keys) : array_view(&typed->k),
                       .v = typed == NULL ? array_positions(&in->v, from, keys) : array_view(&typed->v),
                       .start = (int64_t)from};
  if (in->mask.data != NULL)
    s.mask = mask_view(in, c, from, keys);
  return s;
}
