/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One case of a result file, read back into memory; and a provider's answer, which is a small file of the same kind.  */

#include <stdlib.h>
#include <string.h>
#include "events.h"
#include "message.h"
#include "store.h"
#include "store_hdf5.h"

/* A tensor that must have this shape (`axes` of them); absent ones are allowed where `optional`.  */
static void get_shaped(h5 *f, hid_t at, const char *name, array *a, const size_t shape[4], int axes, bool optional) {
  int rank;
  if (optional && !h5_has(f, at, name))
    return;
  h5_get_array(f, at, name, a, SEGATTN_FORMATS, &rank);
  if (f->status != DONE)
    return;
  bool same = rank == axes;
  for (int i = 0; i < axes; i++)
    same = same && a->shape[i] == shape[i];
  if (!same)
    h5_fail(f, at, name, "dataset does not have the shape of the others of its case");
}

static void get_inputs(h5 *f, hid_t group, inputs *in) {
  hid_t at = h5_group(f, group, "inputs");
  in->q_start = h5_get_integer(f, at, "q_start");
  h5_get_array(f, at, "q", &in->q, SEGATTN_FORMATS, NULL);
  h5_get_array(f, at, "k", &in->k, SEGATTN_FORMATS, NULL);
  const size_t *q = in->q.shape, *k = in->k.shape;
  if (f->status == DONE && (q[0] != k[0] || q[3] != k[3] || k[1] == 0 || q[1] % k[1] != 0))
    h5_fail(f, at, "k", "dataset does not have a shape that goes with q");
  size_t v[4] = { k[0], k[1], k[2], 0 };
  h5_get_array(f, at, "v", &in->v, SEGATTN_FORMATS, NULL);
  v[3] = in->v.shape[3];
  if (f->status == DONE && memcmp(v, in->v.shape, sizeof v) != 0)
    h5_fail(f, at, "v", "dataset does not have a shape that goes with k");
  if (h5_has(f, at, "mask"))
    h5_get_array(f, at, "mask", &in->mask, SEGATTN_FORMATS, NULL);
}

static void get_side(h5 *f, hid_t outputs, const char *name, side *s, const size_t shape[4]) {
  hid_t at = h5_group(f, outputs, name);
  get_shaped(f, at, "out", &s->out, shape, 4, false);
  get_shaped(f, at, "lse", &s->lse, shape, 3, false);
  get_shaped(f, at, "M", &s->M, shape, 3, false);
  get_shaped(f, at, "S", &s->S, shape, 3, false);
}

/* What both a case and a provider's own file hold of a reference.  */
static void get_reference(h5 *f, hid_t at, reference *ref) {
  static const char *const own[] = { "available", "reason", "format_version", NULL };
  ref->available = h5_get_integer(f, at, "available") != 0;
  ref->reason = h5_has_attribute(f, at, "reason") ? h5_get_text(f, at, "reason") : strdup("");
  h5_get_attributes(f, at, own, &ref->attributes, &ref->n_attributes);
  if (f->status != DONE || !ref->available)
    return;
  h5_get_array(f, at, "out", &ref->out, SEGATTN_FORMATS, NULL);
  get_shaped(f, at, "lse", &ref->lse, ref->out.shape, 3, true);
}

static void get_references(h5 *f, hid_t group, result *r, const size_t shape[4]) {
  hid_t at = h5_group(f, group, "references");
  size_t n;
  char **names = h5_list(f, at, &n);
  r->references = calloc(n + 1, sizeof *r->references);
  if (!r->references)
    h5_fail(f, at, NULL, "out of memory");
  for (size_t i = 0; i < n && f->status == DONE; i++) {
    reference *ref = &r->references[r->n_references++];
    hid_t one = h5_group(f, at, names[i]);
    if (strlen(names[i]) >= NAME_SIZE)
      h5_fail(f, one, NULL, "a provider has too long a name");
    else
      strcpy(ref->provider, names[i]);
    get_reference(f, one, ref);
    if (ref->out.data && memcmp(ref->out.shape, shape, sizeof ref->out.shape) != 0)
      h5_fail(f, one, "out", "dataset does not have the shape of the others of its case");
  }
  h5_list_free(names, n);
}

/* One member of each head's events.  */
static void get_event(h5 *f, hid_t at, const char *name, hid_t memory_type, segattn_events *e, size_t offset, size_t heads) {
  uint64_t *data = h5_get_whole_of(f, at, name, memory_type, 1, &heads);
  for (size_t h = 0; data && h < heads; h++)
    memcpy((char *) &e[h] + offset, &data[h], sizeof *data);
  free(data);
}

/* Versions before had attributes, of all heads together.  */
static void get_events(h5 *f, hid_t group, result *r) {
  hid_t at = h5_group(f, group, "events");
  if (f->status != DONE || h5_has_attribute(f, at, "overflow"))
    return;
  r->n_events = r->in.q.shape[SEGATTN_HEAD];
  if (!(r->events = calloc(r->n_events + 1, sizeof *r->events))) {
    h5_fail(f, at, NULL, "out of memory");
    return;
  }
  for (size_t i = 0; event_at(i); i++)
    get_event(f, at, event_at(i)->name, H5T_NATIVE_UINT64, r->events, event_at(i)->offset, r->n_events);
  get_event(f, at, "first", H5T_NATIVE_INT64, r->events, offsetof(segattn_events, first), r->n_events);
}

static void get_error_totals(h5 *f, hid_t at, errors *e) {
  for (int i = 0; i < STATISTICS; i++)
    h5_get_numbers(f, at, statistic_name[i], 1, &e->total[i]);
  h5_get_numbers(f, at, "relative_rms", 1, &e->relative_rms);
  h5_get_name(f, at, "ulp_format", e->ulp_format, sizeof e->ulp_format);
  if (f->status == DONE && segattn_format_find(&(segattn_format) { 0 }, e->ulp_format, NULL) != SEGATTN_OK)
    h5_fail(f, at, "ulp_format", "attribute names no format");  /* HDF5 has no checksum of texts */
  e->vacuous = h5_get_integer(f, at, "vacuous") != 0;
  e->identical = h5_get_integer(f, at, "identical") != 0;
  e->nan_one_side = h5_get_unsigned(f, at, "nan_one_side");
  e->nan_both = h5_get_unsigned(f, at, "nan_both");
  e->inf_equal = h5_get_unsigned(f, at, "inf_equal");
  static const char *const place[4] = { "worst_batch", "worst_head", "worst_query", "worst_element" };
  for (int i = 0; i < 4; i++)
    e->worst[i] = h5_get_unsigned(f, at, place[i]);
  h5_get_numbers(f, at, "worst_a", 1, &e->worst_a);
  h5_get_numbers(f, at, "worst_b", 1, &e->worst_b);
  h5_get_numbers(f, at, "worst_bound", 1, &e->worst_bound);
}

static void get_errors(h5 *f, hid_t at, errors *e, const size_t shape[4]) {
  size_t b = e->batch = shape[0], h = e->heads = shape[1];
  e->queries = shape[2];
  e->dim = shape[3];
  get_error_totals(f, at, e);
  e->by_head = h5_get_numbers_of(f, at, "by_head", 3, (size_t[]) { b, h, STATISTICS });
  if (h5_has(f, at, "relative_by_head"))
    e->relative_by_head = h5_get_numbers_of(f, at, "relative_by_head", 2, (size_t[]) { b, h });
  e->by_element = h5_get_numbers_of(f, at, "by_element", 4, (size_t[]) { b, h, e->dim, STATISTICS });
  e->by_query = h5_get_numbers_of(f, at, "by_query", 4, (size_t[]) { b, h, e->queries, STATISTICS });
  e->quantiles = h5_get_numbers_of(f, at, "quantiles", 3, (size_t[]) { b, h, PROBABILITIES });
  e->histogram = h5_get_numbers_of(f, at, "histogram", 3, (size_t[]) { b, h, BINS });
}

static void get_all_errors(h5 *f, hid_t group, result *r, const size_t shape[4]) {
  hid_t at = h5_group(f, group, "errors");
  size_t n;
  char **names = h5_list(f, at, &n);
  r->errors = calloc(n + 1, sizeof *r->errors);
  if (!r->errors)
    h5_fail(f, at, NULL, "out of memory");
  for (size_t i = 0; i < n && f->status == DONE; i++) {
    errors *e = &r->errors[r->n_errors++];
    if (strlen(names[i]) >= sizeof e->pair)
      h5_fail(f, at, NULL, "a pair has too long a name");
    else
      strcpy(e->pair, names[i]);
    get_errors(f, h5_group(f, at, names[i]), e, shape);
  }
  h5_list_free(names, n);
}

static void get_outputs(h5 *f, hid_t group, result *r) {
  const array *q = &r->in.q;
  const size_t shape[4] = { q->shape[0], q->shape[1], q->shape[2], r->in.v.shape[3] };
  hid_t at = h5_group(f, group, "outputs");
  get_side(f, at, "standard", &r->standard, shape);
  get_side(f, at, "segmented", &r->segmented, shape);
  at = h5_group(f, group, "oracle");
  get_shaped(f, at, "out", &r->oracle_out, shape, 4, false);
  get_shaped(f, at, "lse", &r->oracle_lse, shape, 3, false);
  get_shaped(f, at, "error", &r->oracle_error, shape, 4, false);
  get_shaped(f, at, "unquantised", &r->unquantised, shape, 4, true);
  get_shaped(f, h5_group(f, group, "bound"), "out", &r->bound, shape, 4, false);
  get_references(f, group, r, shape);
  get_all_errors(f, group, r, shape);
}

static void get_case(h5 *f, result *r, const char *id) {
  static const char *const own[] = { "label", "digest", "inputs_digest", NULL };
  hid_t group = h5_group(f, h5_group(f, f->file, "cases"), id);
  strcpy(r->id, id);
  r->label = f->status == DONE ? h5_get_text(f, group, "label") : NULL;
  h5_get_name(f, group, "digest", r->digest, sizeof r->digest);
  h5_get_name(f, group, "inputs_digest", r->inputs_digest, sizeof r->inputs_digest);
  h5_get_attributes(f, group, own, &r->settings, &r->n_settings);
  get_inputs(f, group, &r->in);
  if (f->status == DONE)
    get_outputs(f, group, r);
  get_events(f, group, r);
}

int store_case_read(result *r, const char *path, const char *id) {
  h5 f;
  memset(r, 0, sizeof *r);
  h5_open(&f, path);
  store_check_version(&f);
  if (f.status == DONE && strlen(id) >= ID_SIZE)
    h5_fail(&f, f.file, id, "is no case: its name is too long");
  if (f.status == DONE)
    get_case(&f, r, id);
  if (h5_close(&f) != DONE)
    result_free(r);
  return f.status;
}

int store_reference_read(reference *ref, const char *path) {
  h5 f;
  memset(ref, 0, sizeof *ref);
  h5_open(&f, path);
  h5_get_name(&f, f.file, "provider", ref->provider, sizeof ref->provider);
  if (f.status == DONE)
    get_reference(&f, f.file, ref);
  if (h5_close(&f) != DONE)
    reference_free(ref);
  return f.status;
}
