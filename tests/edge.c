/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The problem of edge.h, and the settings in which its tests run.

   What q, k and v hold unless a row says otherwise: odd sixteenths and others, -15/16 to 15/16, in no simple order and never 0.
   Float formats hold most of them exactly; block formats choose their own.  */

#include "edge.h"

/* ---- the problem ---- */

static void fill(double *x, size_t by) {
  for (size_t i = 0; i < EDGE_INPUTS; i++) {
    double step = (double)((i * by + 3) % 15 + 1) / 16;
    x[i] = (i * by / 7) % 2 ? -step : step;
  }
}

static size_t rounded_up(size_t dim, segattn_format a, segattn_format b) {
  bool blocks = segattn_format_block(a) > 1 || segattn_format_block(b) > 1;
  return blocks ? (dim + EDGE_DIM - 1) / EDGE_DIM * EDGE_DIM : dim;
}

void set_dims(edge *e, size_t dim_k, size_t dim_v) {
  e->problem.dim_k = rounded_up(dim_k, e->q_format, e->k_format);
  e->problem.dim_v = rounded_up(dim_v, e->v_format, e->v_format);
}

void fresh(edge *e, size_t n, size_t keys) {
  static double values[3][EDGE_INPUTS];
  if (values[0][0] == 0) {
    fill(values[0], 5);
    fill(values[1], 7);
    fill(values[2], 11);
  }
  segattn_problem_init(&e->problem);
  set_dims(e, e->ragged ? 5 : EDGE_DIM, e->ragged ? 3 : EDGE_DIM);
  e->queries = e->many && n ? (EDGE_MANY + n - 1) / n * n : n;
  e->keys = keys;
  e->q_start = e->k_start = 0;
  e->masked = false;
  memcpy(e->q, values[0], sizeof e->q);
  memcpy(e->k, values[1], sizeof e->k);
  memcpy(e->v, values[2], sizeof e->v);
}

void set_mask(edge *e, segattn_format format) {
  e->masked = true;
  e->mask_format = format;
  memset(e->mask, 0, e->queries * e->keys * sizeof *e->mask);
}

/* ---- what the library takes ---- */

static segattn_tensor encoded(edge *e, int i, const double *x, segattn_format format, size_t heads, size_t n, size_t dim) {
  segattn_encode(format, x, e->bytes[i], heads * n * dim);
  return segattn_tensor_of(e->bytes[i], format, 1, heads, n, dim);
}

void prepare(edge *e) {
  const segattn_problem *p = &e->problem;
  e->as_queries = (segattn_queries){ .q = encoded(e, 0, e->q, e->q_format, p->q_heads, e->queries, p->dim_k),
                                     .start = e->q_start };
  e->as_segment = (segattn_segment){ .k = encoded(e, 1, e->k, e->k_format, p->kv_heads, e->keys, p->dim_k),
                                     .v = encoded(e, 2, e->v, e->v_format, p->kv_heads, e->keys, p->dim_v),
                                     .start = e->k_start };
  segattn_decode(e->q_format, e->bytes[0], e->stored_q, p->q_heads * e->queries * p->dim_k);
  segattn_decode(e->k_format, e->bytes[1], e->stored_k, p->kv_heads * e->keys * p->dim_k);
  segattn_decode(e->v_format, e->bytes[2], e->stored_v, p->kv_heads * e->keys * p->dim_v);
  if (e->masked)
    e->as_segment.mask = encoded(e, 3, e->mask, e->mask_format, 1, e->queries, e->keys);
}

segattn_segment cut(const edge *e, size_t from, size_t to) {
  segattn_segment s = e->as_segment;
  s.k.data = (char *)s.k.data + (ptrdiff_t)from * s.k.stride[SEGATTN_POS];
  s.v.data = (char *)s.v.data + (ptrdiff_t)from * s.v.stride[SEGATTN_POS];
  s.k.shape[SEGATTN_POS] = s.v.shape[SEGATTN_POS] = s.mask.shape[SEGATTN_DIM] = to - from;
  if (s.mask.data)
    s.mask.data = (char *)s.mask.data + (ptrdiff_t)from * s.mask.stride[SEGATTN_DIM];
  s.start += (int64_t)from;
  return s;
}

/* A call that should not fail did; a few are enough.  */
static void failed(const segattn_error *error) {
  static int told;
  if (told++ < 8)
    diag("%s", error->text);
}

segattn_plan *edge_plan(const edge *e) {
  segattn_plan *plan = NULL;
  segattn_error error = { 0 };
  segattn_options options = { .arithmetic = e->arithmetic, .isa = e->isa, .threads = 1 };
  if (segattn_plan_alloc(&plan, &e->problem, &options, &error))
    failed(&error);
  return plan;
}

static segattn_tensor view(const edge *e, double *x, size_t dim) {
  return segattn_tensor_of(x, SEGATTN_F64, 1, e->problem.q_heads, e->queries, dim);
}

/* The state's M, S, O into `got`; its out must be attend's.  */
static segattn_status run_state(edge *e, const segattn_plan *plan, const segattn_segment *segments, size_t n,
                                segattn_error *error) {
  static double out[EDGE_OUTPUTS];
  segattn_tensor M = view(e, e->got.M, 1), S = view(e, e->got.S, 1), O = view(e, e->got.O, e->problem.dim_v);
  segattn_tensor again = view(e, out, e->problem.dim_v);
  segattn_events heads[EDGE_MANY];
  segattn_state *state = NULL;
  segattn_status status = segattn_state_alloc(&state, plan, &e->as_queries, error);
  for (size_t i = 0; i < n && !status; i++)
    status = segattn_state_absorb(state, &e->as_queries, &segments[i], error);
  if (!status)
    status = segattn_state_export(state, &M, &S, &O, error);
  if (!status)
    status = segattn_state_finalise(state, &again, NULL, error);
  if (!status)
    segattn_state_events(state, heads);
  segattn_state_free(state);
  bool bits = status || same_bits(out, e->got.out, all_outputs(e));
  if (status || (bits && !memcmp(heads, e->got.heads, e->problem.q_heads * sizeof *heads)))
    return status;
  snprintf(error->text, sizeof error->text, "attend and the state give different %s", bits ? "events" : "bits");
  return SEGATTN_EINVAL;
}

bool run_segments(edge *e, const segattn_segment *segments, size_t n) {
  segattn_tensor out = view(e, e->got.out, e->problem.dim_v), lse = view(e, e->got.lse, 1);
  segattn_error error = { 0 };
  segattn_plan *plan = edge_plan(e);
  segattn_status status = plan ? SEGATTN_OK : SEGATTN_EINVAL;
  if (!status)
    status = segattn_attend(plan, &e->as_queries, segments, n, &out, &lse, e->got.heads, &error);
  segattn_events_sum(e->got.heads, status ? 0 : e->problem.q_heads, &e->got.events);
  if (!status)
    status = run_state(e, plan, segments, n, &error);
  if (status)
    failed(&error);
  segattn_plan_free(plan);
  return status == SEGATTN_OK;
}

bool run(edge *e) {
  prepare(e);
  return run_segments(e, &e->as_segment, 1);
}

bool bounded(edge *e) {
  segattn_tensor bound = view(e, e->got.bound, e->problem.dim_v), lse_bound = view(e, e->got.lse_bound, 1);
  segattn_error error = { 0 };
  segattn_plan *plan = edge_plan(e);
  segattn_status status = segattn_bound(plan, &e->as_queries, &e->as_segment, 1, &bound, &lse_bound, &error);
  segattn_plan_free(plan);
  if (status)
    failed(&error);
  return status == SEGATTN_OK;
}

bool run_bounded(edge *e) { return run(e) && bounded(e); }

void keep(answer *to, const edge *e) {
  size_t wide = all_outputs(e) * sizeof(double), narrow = all_rows(e) * sizeof(double);
  memcpy(to->out, e->got.out, wide);
  memcpy(to->O, e->got.O, wide);
  memcpy(to->bound, e->got.bound, wide);
  memcpy(to->lse, e->got.lse, narrow);
  memcpy(to->lse_bound, e->got.lse_bound, narrow);
  memcpy(to->M, e->got.M, narrow);
  memcpy(to->S, e->got.S, narrow);
  memcpy(to->heads, e->got.heads, sizeof to->heads);
  to->events = e->got.events;
}

/* ---- claims ---- */

enum { CLAIMS = 32, TOLD = 4 };
static struct { const char *text; size_t settings, failed; char told[TOLD][80]; } claims[CLAIMS];

void claim(const edge *e, bool holds, const char *text) {
  int i = 0;
  while (i < CLAIMS - 1 && claims[i].text && strcmp(claims[i].text, text))
    i++;
  claims[i].text = text;
  claims[i].settings++;
  if (!holds && claims[i].failed++ < TOLD)
    snprintf(claims[i].told[claims[i].failed - 1], sizeof claims[i].told[0], "%s, %zu queries, q %s, k %s, v %s, dims %zu %zu",
             e->isa, e->queries, segattn_format_name(e->q_format), segattn_format_name(e->k_format),
             segattn_format_name(e->v_format), e->problem.dim_k, e->problem.dim_v);
}

/* A line for each; then they are forgotten.  */
static void claims_report(const char *arithmetic) {
  for (int i = 0; i < CLAIMS && claims[i].text; i++) {
    if (!ok(!claims[i].failed, "%s, %s (%zu settings)", claims[i].text, arithmetic, claims[i].settings))
      diag("not in %zu of them:", claims[i].failed);
    for (size_t t = 0; t < claims[i].failed && t < TOLD; t++)
      diag("%s", claims[i].told[t]);
  }
  memset(claims, 0, sizeof claims);
}

/* ---- settings ---- */

/* SEGATTN_THIN=N takes every N-th setting, for a machine that is emulated.  */
static size_t thinning(void) {
  const char *text = getenv("SEGATTN_THIN");
  long n = text ? strtol(text, NULL, 10) : 1;
  return n > 1 ? (size_t)n : 1;
}

static void in_storages(edge *e, answer *other, test_row *row) {
  segattn_format *const tensor[] = { &e->q_format, &e->k_format, &e->v_format };
  size_t thin = thinning(), setting = 0;
  for (int i = 0; i < 3; i++)
    for (segattn_format f = SEGATTN_F64; f < SEGATTN_FORMATS; f++) {
      if (f == SEGATTN_BOOL || (f == SEGATTN_F32 && i > 0))     /* all of f32: once is enough */
        continue;
      e->q_format = e->k_format = e->v_format = SEGATTN_F32;
      *tensor[i] = f;
      for (int shape = 0; shape < 4; shape++) {
        e->many = shape & 1;
        e->ragged = shape & 2;
        if (setting++ % thin == 0)
          row(e, other);
      }
    }
}

static void in_f32(edge *e, answer *other, test_row *row) {
  e->q_format = e->k_format = e->v_format = SEGATTN_F32;
  e->many = e->ragged = false;
  row(e, other);
}

static void in_kernels(test_row *const *rows, size_t n, void run_in(edge *, answer *, test_row *)) {
  edge *e = calloc(1, sizeof *e);
  answer *other = calloc(1, sizeof *other);
  for (int a = 0; e && other && segattn_arithmetic_name(a); a++)
    for (size_t i = 0; i < n; i++) {
      e->arithmetic = segattn_arithmetic_name(a);
      for (int isa = 0; segattn_isa_name(isa); isa++) {
        e->isa = segattn_isa_name(isa);
        run_in(e, other, rows[i]);
      }
      claims_report(e->arithmetic);
    }
  free(other);
  free(e);
}

void rows_run(test_row *const *rows, size_t n) { in_kernels(rows, n, in_storages); }
void kernels_run(test_row *const *rows, size_t n) { in_kernels(rows, n, in_f32); }
int edge_done(void) { return done(); }
