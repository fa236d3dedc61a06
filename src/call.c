/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of attend and judge: options into a call, a call into work.  */

#include "argument.h"
#include "call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "storage.h"
#include "tensor_file.h"

static const char *const tensor_name[TENSORS] = { "q", "k", "v", "mask", "sinks", "out" };

/* ---- options ---- */

enum { OPT_SCALE = 256, OPT_CAUSAL, OPT_Q_START, OPT_WINDOW, OPT_SOFTCAP, OPT_ALIBI, OPT_SINKS, OPT_SEGMENTS, OPT_STORE,
       OPT_ARITHMETIC, OPT_THREADS, OPT_ISA, OPT_AXES, OPT_SATURATE, OPT_Q, OPT_K, OPT_V, OPT_MASK };

static const struct argp_option options[] = {
  { NULL, 0, NULL, 0, "Tensors: FILE.npy, FILE.safetensors:NAME or FILE.h5:/path/of/dataset; three axes are head, position, "
    "dim, four batch, head, position, dim", 1 },
  { "q", OPT_Q, "T", 0, "queries", 1 },
  { "k", OPT_K, "T", 0, "keys", 1 },
  { "v", OPT_V, "T", 0, "values", 1 },
  { "mask", OPT_MASK, "T", 0, "additive mask, or boolean: true attends", 1 },
  { "axes", OPT_AXES, "T=LETTERS", 0, "the order of a tensor's axes in its file: letters of b h p d, as in q=phd", 1 },
  { NULL, 0, NULL, 0, "Problem:", 2 },
  { "scale", OPT_SCALE, "X", 0, "factor of q.k (default 1/sqrt(D))", 2 },
  { "causal", OPT_CAUSAL, NULL, 0, "only keys at or before the query's position", 2 },
  { "q-start", OPT_Q_START, "N", 0, "position of query 0 (default: keys - queries)", 2 },
  { "window", OPT_WINDOW, "N", 0, "only keys with |query - key| < N", 2 },
  { "softcap", OPT_SOFTCAP, "X", 0, "s -> X tanh(s/X)", 2 },
  { "alibi", OPT_ALIBI, NULL, 0, "ALiBi slopes for the number of heads", 2 },
  { "sinks", OPT_SINKS, "T", 0, "a logit per query head", 2 },
  { NULL, 0, NULL, 0, "Plan:", 3 },
  { "segments", OPT_SEGMENTS, "LIST", 0, "lengths (256,256; 256:q4_0,256:k=f16/v=bf16), each:N, or whole", 3 },
  { "store", OPT_STORE, "LIST", 0, "storage: k=q8_0,v=q4_0 or one format for q, k and v (f64 f32 f16 bf16 f8e4m3 f8e5m2 q8_0 "
    "q4_0 q4_1 q5_0 q5_1 iq4_nl); what raw 8- and 16-bit types are", 3 },
  { "saturate", OPT_SATURATE, NULL, 0,
    "numbers beyond a float format's largest are stored as that, not as inf (f8e4m3: NaN)", 3 },
  { "arithmetic", OPT_ARITHMETIC, "NAME", 0,
    "f32 (default), f64, f32c (f32 with compensated sums) or i8 (scores of 8-bit codes)", 3 },
  { "threads", OPT_THREADS, "N", 0, "default: OMP_NUM_THREADS or the machine's", 3 },
  { "isa", OPT_ISA, "NAME", 0, "portable, avx2, avx512, neon (default: SEGATTN_ISA or the best)", 3 },
  { 0 }
};

static double number_of(const char *text, const char *option, struct argp_state *state) {
  char *end;
  double x = strtod(text, &end);
  if (end == text || *end || !isfinite(x))
    argp_error(state, "%s: '%s' is no finite number", option, text);
  return x;
}

static size_t size_of(const char *text, const char *option, struct argp_state *state) {
  size_t n = 0;
  if (!parse_size(&n, text))
    argp_error(state, "%s: '%s' is no whole number from 0 on", option, text);
  return n;
}

/* "T=VALUE": which tensor; -1 with a message for none.  *value is what follows.  */
static int tensor_of(const char *text, const char **value, const char *option, struct argp_state *state) {
  const char *at = strchr(text, '=');
  for (int i = 0; at && i < TENSORS; i++)
    if (strlen(tensor_name[i]) == (size_t)(at - text) && !strncmp(text, tensor_name[i], (size_t)(at - text))) {
      *value = at + 1;
      return i;
    }
  argp_error(state, "%s: '%s': expected q, k, v, mask or out, '=', and a value", option, text);
  return -1;
}

static void axes_option(call *c, const char *text, struct argp_state *state) {
  const char *value;
  int i = tensor_of(text, &value, "--axes", state);
  if (i >= 0 && (strlen(value) < 2 || strlen(value) > 4 || strspn(value, "bhpd") != strlen(value)))
    argp_error(state, "--axes: '%s': expected two to four different letters of b h p d", text);
  else if (i >= 0)
    snprintf(c->axes[i], sizeof c->axes[i], "%s", value);
}

static void store_one(call *c, char *entry, struct argp_state *state) {
  const char *value = entry;
  int first = TENSOR_Q, last = TENSOR_V;
  segattn_format f;
  if (strchr(entry, '='))
    first = last = tensor_of(entry, &value, "--store", state);
  if (first < 0)
    return;
  if (!storage_find(&f, value))
    argp_error(state, "--store: '%s' is no storage format: %s", value, storage_names());
  else
    for (int i = first; i <= last; i++)
      c->store[i] = f;
}

static void store_option(call *c, const char *text, struct argp_state *state) {
  char *copy = strdup(text), *rest = copy;
  for (char *entry; copy && (entry = strsep(&rest, ","));)
    store_one(c, entry, state);
  free(copy);
}

static void q_start_option(call *c, const char *text, struct argp_state *state) {
  size_t n = size_of(text, "--q-start", state);
  c->q_start = (int64_t)n;
  c->q_start_given = true;
  if (n > (size_t)1 << 61)
    argp_error(state, "--q-start: '%s': expected at most 2^61", text);
}

static error_t parse(int key, char *text, struct argp_state *state) {
  call *c = state->input;
  switch (key) {
  case OPT_Q: c->name[TENSOR_Q] = text; break;
  case OPT_K: c->name[TENSOR_K] = text; break;
  case OPT_V: c->name[TENSOR_V] = text; break;
  case OPT_MASK: c->name[TENSOR_MASK] = text; break;
  case OPT_SINKS: c->name[TENSOR_SINKS] = text; break;
  case OPT_AXES: axes_option(c, text, state); break;
  case OPT_STORE: store_option(c, text, state); break;
  case OPT_SCALE: c->scale = number_of(text, "--scale", state); break;
  case OPT_SOFTCAP: c->softcap = number_of(text, "--softcap", state); break;
  case OPT_SATURATE: c->saturate = true; break;
  case OPT_CAUSAL: c->causal = true; break;
  case OPT_ALIBI: c->alibi = true; break;
  case OPT_Q_START: q_start_option(c, text, state); break;
  case OPT_WINDOW: c->window = size_of(text, "--window", state); break;
  case OPT_SEGMENTS: c->segments = text; break;
  case OPT_ARITHMETIC: c->arithmetic = text; break;
  case OPT_ISA: c->isa = text; break;
  case OPT_THREADS: c->threads = argument_whole(text, "--threads", 0, 4096, state); break;
  default: return ARGP_ERR_UNKNOWN;
  }
  return 0;
}

const struct argp call_argp = { options, parse, NULL, NULL, NULL, NULL, NULL };

void call_init(call *c) {
  *c = (call){ .scale = SEGATTN_SCALE_DEFAULT, .arithmetic = "f32" };
  for (int i = 0; i < TENSORS; i++)
    c->store[i] = SEGATTN_FORMATS;
}

/* ---- tensors ---- */

static int read_one(call *c, int i) {
  const char *axes = *c->axes[i] ? c->axes[i] : i == TENSOR_MASK || i == TENSOR_SINKS ? tensor_name[i] : NULL;
  int status = tensor_read(&c->tensor[i], c->name[i], axes, c->store[i]);
  array *a = &c->tensor[i], rounded;
  if (!status && i <= TENSOR_V && !(c->saturated[i] = calloc(a->shape[SEGATTN_HEAD] + 1, sizeof **c->saturated)))
    status = fail(FILES, "out of memory");
  if (status || i > TENSOR_V || c->store[i] == SEGATTN_FORMATS || c->store[i] == a->format)
    return status;
  if ((status = array_store(&rounded, c->store[i], c->saturate, a, 0, a->shape[SEGATTN_POS], c->name[i],
                            c->saturated[i])))
    return status;
  array_free(a);
  *a = rounded;
  return DONE;
}

static int read_all(call *c) {
  for (int i = TENSOR_Q; i <= TENSOR_V; i++)
    if (!c->name[i])
      return fail(USAGE, "--%s is missing: q, k and v are all needed", tensor_name[i]);
  for (int i = 0; i < TENSORS; i++)
    if (c->name[i]) {
      int status = read_one(c, i);
      if (status)
        return status;
    }
  return DONE;
}

/* ---- the problem ---- */

static int disagree(const call *c, int a, int b, const char *axis, size_t got, size_t expected) {
  return fail(USAGE, "%s has %zu along %s, expected %zu as in %s", c->name[a], got, axis, expected, c->name[b]);
}

static int shapes_agree(const call *c) {
  const size_t *q = c->tensor[TENSOR_Q].shape, *k = c->tensor[TENSOR_K].shape, *v = c->tensor[TENSOR_V].shape;
  if (k[0] != q[0])
    return disagree(c, TENSOR_K, TENSOR_Q, "batch", k[0], q[0]);
  if (v[0] != q[0])
    return disagree(c, TENSOR_V, TENSOR_Q, "batch", v[0], q[0]);
  if (v[1] != k[1])
    return disagree(c, TENSOR_V, TENSOR_K, "head", v[1], k[1]);
  if (v[2] != k[2])
    return disagree(c, TENSOR_V, TENSOR_K, "position", v[2], k[2]);
  if (k[3] != q[3])
    return disagree(c, TENSOR_K, TENSOR_Q, "dim", k[3], q[3]);
  if (!k[1] || q[1] % k[1])
    return fail(USAGE, "%s has %zu heads, expected a multiple of the %zu KV heads of %s", c->name[TENSOR_Q], q[1], k[1],
                c->name[TENSOR_K]);
  const size_t *m = c->tensor[TENSOR_MASK].shape;
  if (c->name[TENSOR_MASK] && (m[2] < q[2] || m[3] < k[2] || (m[0] != 1 && m[0] != q[0]) || (m[1] != 1 && m[1] != q[1])))
    return fail(USAGE, "--mask %s is %zu x %zu x %zu x %zu, expected 1 or %zu, 1 or %zu, %zu queries, %zu keys",
                c->name[TENSOR_MASK], m[0], m[1], m[2], m[3], q[0], q[1], q[2], k[2]);
  return DONE;
}

static int start_of(call *c) {
  size_t queries = c->tensor[TENSOR_Q].shape[2], keys = c->tensor[TENSOR_K].shape[2];
  bool matters = c->causal || c->window || c->alibi;
  if (c->carried && matters && !c->q_start_given)
    return fail(USAGE, "--q-start is needed with --state: %s count from position 0, and not all keys are here",
                c->causal ? "--causal's positions" : c->window ? "--window's positions" : "--alibi's positions");
  if (!c->q_start_given && matters && keys < queries)
    return fail(USAGE, "--q-start is needed: %zu queries on %zu keys would begin at position %lld", queries, keys,
                (long long)keys - (long long)queries);
  if (!c->q_start_given)
    c->q_start = keys >= queries ? (int64_t)(keys - queries) : 0;
  return DONE;
}

static int head_numbers(call *c) {
  size_t heads = c->tensor[TENSOR_Q].shape[1];
  if (c->alibi) {
    if (!(c->w.slopes = malloc(heads * sizeof(double))))
      return fail(FILES, "out of memory");
    segattn_alibi_slopes(heads, c->w.slopes);
  }
  if (!c->name[TENSOR_SINKS])
    return DONE;
  if (array_count(&c->tensor[TENSOR_SINKS]) != heads)
    return fail(USAGE, "%s has %zu elements, expected one for each of %zu heads", c->name[TENSOR_SINKS],
                array_count(&c->tensor[TENSOR_SINKS]), heads);
  c->w.sinks = array_values(&c->tensor[TENSOR_SINKS]);
  return c->w.sinks ? DONE : FILES;
}

/* ---- segments ---- */

static int typed_one(call *c, size_t i, size_t from) {
  const segment_spec *s = &c->spec[i];
  int status = array_store(&c->typed[i].k, s->k, c->saturate, &c->tensor[TENSOR_K], from, s->keys, c->name[TENSOR_K],
                           c->saturated[TENSOR_K]);
  return status ? status : array_store(&c->typed[i].v, s->v, c->saturate, &c->tensor[TENSOR_V], from, s->keys,
                                       c->name[TENSOR_V], c->saturated[TENSOR_V]);
}

static segattn_tensor mask_of(const call *c, size_t from, size_t keys) {
  segattn_tensor m = array_view(&c->tensor[TENSOR_MASK]);
  if (!c->name[TENSOR_MASK])
    return (segattn_tensor){ 0 };
  m.data = (char *)m.data + (ptrdiff_t)from * m.stride[SEGATTN_DIM];
  m.shape[SEGATTN_POS] = c->tensor[TENSOR_Q].shape[2];
  m.shape[SEGATTN_DIM] = keys;
  return m;
}

static int cut(call *c) {
  const array *k = &c->tensor[TENSOR_K];
  size_t from = 0;
  int status = segments_parse(&c->spec, &c->n_segments, c->segments, k->shape[2], k->format, c->tensor[TENSOR_V].format);
  if (status)
    return status;
  c->w.segments = calloc(c->n_segments + 1, sizeof *c->w.segments);
  c->typed = calloc(c->n_segments + 1, sizeof *c->typed);
  if (!c->w.segments || !c->typed)
    return fail(FILES, "out of memory");
  for (size_t i = 0; i < c->n_segments && !status; from += c->spec[i++].keys) {
    status = typed_one(c, i, from);
    c->w.segments[i] = (segattn_segment){ .k = array_view(&c->typed[i].k), .v = array_view(&c->typed[i].v),
                                          .start = (int64_t)from, .mask = mask_of(c, from, c->spec[i].keys) };
  }
  c->w.n_segments = c->n_segments;
  return status;
}

int call_read(call *c) {
  int status = read_all(c);
  if (!status)
    status = shapes_agree(c);
  if (!status)
    status = start_of(c);
  if (!status)
    status = head_numbers(c);
  if (status)
    return status;
  const size_t *q = c->tensor[TENSOR_Q].shape;
  c->w.problem = (segattn_problem){ .q_heads = q[1], .kv_heads = c->tensor[TENSOR_K].shape[1], .dim_k = q[3],
                                    .dim_v = c->tensor[TENSOR_V].shape[3], .scale = c->scale, .softcap = c->softcap,
                                    .causal = c->causal, .window = c->window };
  c->w.options = (segattn_options){ .arithmetic = c->arithmetic, .isa = c->isa, .threads = c->threads,
                                    .keys = c->tensor[TENSOR_K].shape[2] };
  c->w.queries = (segattn_queries){ .q = array_view(&c->tensor[TENSOR_Q]), .start = c->q_start };
  status = work_plan(&c->w);
  return status ? status : cut(c);
}

void call_keys_from(call *c, int64_t start) {
  for (size_t i = 0; i < c->w.n_segments; i++)
    c->w.segments[i].start += start;
  if (!c->q_start_given)
    c->w.queries.start += start;
}

void call_saturations(const call *c, segattn_events *events) {
  size_t heads = c->w.problem.q_heads, group = heads / c->w.problem.kv_heads;
  for (size_t h = 0; h < heads; h++)
    events[h].saturations += c->saturated[TENSOR_Q][h] + c->saturated[TENSOR_K][h / group] + c->saturated[TENSOR_V][h / group];
}

void call_free(call *c) {
  for (int i = 0; i < TENSORS; i++)
    array_free(&c->tensor[i]);
  for (size_t i = 0; c->typed && i < c->n_segments; i++) {
    array_free(&c->typed[i].k);
    array_free(&c->typed[i].v);
  }
  for (int i = 0; i <= TENSOR_V; i++)
    free(c->saturated[i]);
  free(c->typed);
  free(c->spec);
  work_free(&c->w);
}
