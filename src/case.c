/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One case: prepare, run, measure.

   Four sides see the same stored bits: standard (one segment), segmented, the references, and the oracle in double-double.
   Where segments differ in format, the standard side reads the same values in one wider format, which changes no bit of its
   output.
   A fifth, the oracle on the inputs before storage rounded them, tells what storage costs (case_oracle.c).  */

#include "case.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case_oracle.h"
#include "hash.h"
#include "message.h"
#include "work.h"

/* ---- what the library is asked ---- */

static int case_slopes(work *w, const case_spec *c) {
  if (!c->alibi)
    return DONE;
  if (!(w->slopes = malloc(c->q_heads * sizeof *w->slopes)))
    return fail(FILES, "out of memory");
  segattn_alibi_slopes(c->q_heads, w->slopes);
  return DONE;
}

static int case_work(work *w, const case_spec *c, const inputs *in, const case_options *options) {
  *w = (work){ .options = { .arithmetic = c->arithmetic, .isa = options->isa, .threads = options->threads, .keys = c->keys } };
  segattn_problem_init(&w->problem);
  w->problem.q_heads = c->q_heads;
  w->problem.kv_heads = c->kv_heads;
  w->problem.dim_k = c->dim_k;
  w->problem.dim_v = c->dim_v;
  w->problem.scale = c->scale;
  w->problem.softcap = c->softcap;
  w->problem.causal = c->causal;
  w->problem.window = c->window;
  w->queries = inputs_queries(in);
  int status = case_slopes(w, c);
  if (!status && !(w->segments = calloc(c->n_segments + 1, sizeof *w->segments)))
    status = fail(FILES, "out of memory");
  return status ? status : work_plan(w);
}

static void whole(work *w, const case_spec *c, const inputs *in) {
  w->n_segments = 1;
  w->segments[0] = inputs_segment(in, c, 0, c->keys, NULL);
}

static void cut(work *w, const case_spec *c, const inputs *in) {
  size_t from = 0;
  w->n_segments = c->n_segments;
  for (size_t i = 0; i < c->n_segments; from += c->segments[i++].keys)
    w->segments[i] = inputs_segment(in, c, from, c->segments[i].keys, in->typed ? &in->typed[i] : NULL);
}

/* Standard, then segmented; the bound is that of the segments.  */
static int case_sides(result *r, const case_spec *c, work *w) {
  whole(w, c, &r->in);
  int status = work_attend(w, &r->standard, NULL);
  cut(w, c, &r->in);
  r->n_events = c->q_heads;
  if (!status && !(r->events = calloc(r->n_events, sizeof *r->events)))
    status = fail(FILES, "out of memory");
  if (!status)
    status = work_attend(w, &r->segmented, r->events);
  for (size_t h = 0; !status && h < r->n_events; h++)
    r->events[h].saturations += r->in.saturated[h];
  if (!status)
    status = work_bound(w, &r->bound);
  return status;
}

/* ---- digests ---- */

static int digest_outputs(result *r) {
  hash *h = hash_alloc();
  if (!h)
    return fail(FILES, "out of memory");
  for (const side *s = &r->standard; s; s = s == &r->standard ? &r->segmented : NULL) {
    hash_array(h, &s->out);
    hash_array(h, &s->lse);
    hash_array(h, &s->M);
    hash_array(h, &s->S);
  }
  hash_end(h, r->digest);
  return DONE;
}

/* ---- settings ---- */

static int add_setting(result *r, const char *name, const char *value) {
  attribute *grown = realloc(r->settings, (r->n_settings + 1) * sizeof *grown);
  if (!grown)
    return fail(FILES, "out of memory");
  r->settings = grown;
  attribute *a = &grown[r->n_settings];
  snprintf(a->name, sizeof a->name, "%s", name);
  if (!(a->value = strdup(value)))
    return fail(FILES, "out of memory");
  r->n_settings++;
  return DONE;
}

/* The references that the case asks for, so that `segattn reference` knows without the YAML.  */
static int references_setting(result *r, const case_spec *c) {
  char text[1024];
  size_t n = 0;
  *text = 0;
  for (size_t i = 0; i < c->n_references && n < sizeof text; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", c->references[i]);
  return add_setting(r, "references", text);
}

static int case_settings(result *r, const case_spec *c, uint64_t seed) {
  setting s;
  char text[32];
  snprintf(r->id, sizeof r->id, "%s", c->id);
  if (!(r->label = strdup(c->label)))
    return fail(FILES, "out of memory");
  for (size_t i = 0; case_setting(c, i, &s); i++)
    if (add_setting(r, s.name, s.value))
      return FILES;
  if (references_setting(r, c))
    return FILES;
  snprintf(text, sizeof text, "%" PRIu64, seed);
  return add_setting(r, "seed", text) || add_setting(r, "version", segattn_version()) ? FILES : DONE;
}

static const char *setting_of(const result *r, const char *name) {
  for (size_t i = 0; i < r->n_settings; i++)
    if (!strcmp(r->settings[i].name, name))
      return r->settings[i].value;
  return "";
}

bool case_answers(const result *r, const case_spec *c, uint64_t seed) {
  setting s;
  char text[32];
  snprintf(text, sizeof text, "%" PRIu64, seed);
  if (strcmp(setting_of(r, "seed"), text) || strcmp(setting_of(r, "version"), segattn_version()))
    return false;
  for (size_t i = 0; case_setting(c, i, &s); i++)
    if (strcmp(setting_of(r, s.name), s.value))
      return false;
  return r->standard.out.data && r->segmented.out.data && result_errors(r, "segmented-oracle")
    && result_errors(r, "oracle-unquantised");
}

/* ---- measures ---- */

/* The bound that a comparison with the oracle is held to: the output's own and the oracle's.  */
static double *joint_bound(const result *r) {
  double *bound = array_values(&r->bound), *own = array_values(&r->oracle_error);
  for (size_t i = 0; bound && own && i < array_count(&r->bound); i++)
    bound[i] += own[i];
  if (!own) {
    free(bound);
    bound = NULL;
  }
  free(own);
  return bound;
}

static int add_pair(result *r, const char *pair, const array *a, const array *b, bool bounded, segattn_format ulp) {
  errors *grown = realloc(r->errors, (r->n_errors + 1) * sizeof *grown);
  if (!grown)
    return fail(FILES, "out of memory");
  r->errors = grown;
  double *x = array_values(a), *y = array_values(b), *bound = bounded ? joint_bound(r) : NULL;
  int status = !x || !y || (bounded && !bound)
             ? FILES : errors_measure(&r->errors[r->n_errors], pair, x, y, bound, a->shape, ulp);
  r->n_errors += !status;
  free(x);
  free(y);
  free(bound);
  return status;
}

static int case_measure(result *r) {
  segattn_format number = r->segmented.out.format;
  int status = add_pair(r, "standard-segmented", &r->standard.out, &r->segmented.out, false, number);
  if (!status)
    status = add_pair(r, "standard-oracle", &r->standard.out, &r->oracle_out, true, number);
  if (!status)
    status = add_pair(r, "segmented-oracle", &r->segmented.out, &r->oracle_out, true, number);
  return status;
}

/* What storage costs, before any arithmetic: exact attention on the stored inputs against that on the inputs before they were
   rounded.  And what both cost together, where storage costs anything.  */
static int measure_storage(result *r) {
  const bool lossy = r->unquantised.data != NULL;
  const array *exact = lossy ? &r->unquantised : &r->oracle_out;
  int status = add_pair(r, "oracle-unquantised", &r->oracle_out, exact, false, SEGATTN_F64);
  if (!status && lossy)
    status = add_pair(r, "segmented-unquantised", &r->segmented.out, exact, false, r->segmented.out.format);
  return status;
}

int case_measure_reference(result *r, const reference *ref) {
  char pair[2 * NAME_SIZE];
  if (!ref->available)
    return DONE;
  for (int a = 0; a < SEGATTN_AXES; a++)
    if (ref->out.shape[a] != r->segmented.out.shape[a])
      return fail(FILES, "reference %s of case %s is %zu x %zu x %zu x %zu, expected %zu x %zu x %zu x %zu",
                  ref->provider, r->id, ref->out.shape[0], ref->out.shape[1], ref->out.shape[2], ref->out.shape[3],
                  r->segmented.out.shape[0], r->segmented.out.shape[1], r->segmented.out.shape[2], r->segmented.out.shape[3]);
  segattn_format narrow = segattn_format_bytes(ref->out.format, 1) < segattn_format_bytes(r->segmented.out.format, 1)
                        ? ref->out.format : r->segmented.out.format;
  snprintf(pair, sizeof pair, "segmented-%s", ref->provider);
  int status = add_pair(r, pair, &r->segmented.out, &ref->out, false, narrow);
  snprintf(pair, sizeof pair, "%s-oracle", ref->provider);
  return status ? status : add_pair(r, pair, &ref->out, &r->oracle_out, false, ref->out.format);
}

int case_compute(result *r, const case_spec *c, uint64_t seed, const case_options *options) {
  work w = { 0 };
  *r = (result){ 0 };
  int status = case_settings(r, c, seed);
  if (!status)
    status = inputs_make(&r->in, c, seed);
  if (!status)
    status = case_work(&w, c, &r->in, options);
  if (!status)
    status = case_sides(r, c, &w);
  if (!status)
    status = oracle_of_case(r, c, &w);
  if (!status)
    status = unquantised_of_case(r, c, seed, &w);
  if (!status)
    status = digest_outputs(r);
  if (!status)
    status = case_measure(r);
  if (!status)
    status = measure_storage(r);
  work_free(&w);
  if (status)
    result_free(r);
  return status;
}
