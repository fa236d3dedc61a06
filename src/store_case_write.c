/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One case of a result file, written: /cases/ID as doc/FORMAT lays it out.

   Every axis of every dataset is attached to a dimension scale in /cases/ID, found by name and length; an axis of
   another length than its name has there (a padded mask) gets a scale of its own, NAME_LENGTH.  */

#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "events.h"
#include "message.h"
#include "storage.h"
#include "store.h"
#include "store_hdf5.h"

enum { SCALES = 32, AXIS_SIZE = 32 };

typedef struct writer {
  h5 *f;
  hid_t group;                  /* /cases/ID */
  struct { char name[AXIS_SIZE]; hsize_t n; hid_t id; } scale[SCALES];
  size_t n;
} writer;

/* ---- dimension scales ---- */

static hid_t scale_make(writer *w, const char *name, hsize_t n, hid_t file_type, hid_t memory_type, const void *data) {
  hid_t id = h5_put_data(w->f, w->group, name, file_type, memory_type, 1, &n, data);
  if (w->f->status != DONE)
    return id;
  if (w->n == SCALES || H5DSset_scale(id, name) < 0)
    return h5_fail(w->f, w->group, name, "dimension scale cannot be made"), id;
  snprintf(w->scale[w->n].name, AXIS_SIZE, "%s", name);
  w->scale[w->n].n = n;
  w->scale[w->n++].id = id;
  return id;
}

/* first, first + 1, ...  */
static hid_t scale_count(writer *w, const char *name, hsize_t n, int64_t first) {
  int64_t *data = calloc(n ? n : 1, sizeof *data);
  if (!data)
    return h5_fail(w->f, w->group, name, "out of memory"), H5I_INVALID_HID;
  for (hsize_t i = 0; i < n; i++)
    data[i] = first + (int64_t) i;
  hid_t id = scale_make(w, name, n, H5T_STD_I64LE, H5T_NATIVE_INT64, data);
  free(data);
  return id;
}

static void scale_statistics(writer *w) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  scale_make(w, "statistic", STATISTICS, type, type, statistic_name);
  H5Tclose(type);
  scale_make(w, "probability", PROBABILITIES, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, probability);
  double edge[BINS];
  for (size_t i = 0; i < BINS; i++)
    edge[i] = bin_edge(i);
  hid_t id = scale_make(w, "bin", BINS, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, edge);
  h5_put_text(w->f, id, "meaning",
              "lower edge of the bin of |difference|; the first counts exact zeros, the last infinite ones");
}

static hid_t scale_find(writer *w, const char *name, hsize_t n) {
  char own[AXIS_SIZE];
  snprintf(own, sizeof own, "%s_%llu", name, (unsigned long long) n);
  bool taken = false;
  for (size_t i = 0; i < w->n; i++) {
    bool same = strcmp(w->scale[i].name, name) == 0;
    if ((same && w->scale[i].n == n) || strcmp(w->scale[i].name, own) == 0)
      return w->scale[i].id;
    taken = taken || same;
  }
  return scale_count(w, taken ? own : name, n, 0);
}

/* ---- datasets with names on their axes ---- */

/* `axes` is "batch,head,query"; each gets its scale, and the dataset the attribute.  */
static void name_axes(writer *w, hid_t id, const char *axes, const hsize_t *size) {
  char names[128], *rest = names;
  h5_put_text(w->f, id, "axes", axes);
  snprintf(names, sizeof names, "%s", axes);
  for (unsigned i = 0; rest && w->f->status == DONE; i++) {
    char *name = strsep(&rest, ",");
    hid_t scale = scale_find(w, name, size[i]);
    if (w->f->status == DONE && (H5DSattach_scale(id, scale, i) < 0 || H5DSset_label(id, i, name) < 0))
      h5_fail(w->f, id, NULL, "dimension scale cannot be attached");
  }
}

static int count_axes(const char *axes) {
  int n = 1;
  for (; *axes; axes++)
    n += *axes == ',';
  return n;
}

static void put_array(writer *w, hid_t at, const char *name, const array *a, const char *axes) {
  hsize_t size[SEGATTN_AXES];
  size_t shape[SEGATTN_AXES];
  if (!a->data)
    return;
  memcpy(shape, a->shape, sizeof shape);
  storage_shape_in_file(a->format, count_axes(axes), shape);
  for (int i = 0; i < SEGATTN_AXES; i++)
    size[i] = shape[i];
  hid_t id = h5_put_data(w->f, at, name, h5_file_type(a->format), h5_memory_type(a->format), count_axes(axes), size, a->data);
  h5_put_text(w->f, id, "format", segattn_format_name(a->format));
  name_axes(w, id, axes, size);
  if (id >= 0)
    H5Dclose(id);
}

/* lse or M, with its base.  */
static void put_logarithm(writer *w, hid_t at, const char *name, const array *a) {
  put_array(w, at, name, a, "batch,head,query");
  if (!a->data)
    return;
  hid_t id = w->f->status == DONE ? H5Dopen2(at, name, H5P_DEFAULT) : H5I_INVALID_HID;
  h5_put_text(w->f, id, "base", "e");
  if (id >= 0)
    H5Dclose(id);
}

static void put_numbers(writer *w, hid_t at, const char *name, const double *data, const char *axes, const hsize_t *size) {
  if (!data)
    return;
  hid_t id = h5_put_data(w->f, at, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, count_axes(axes), size, data);
  name_axes(w, id, axes, size);
  if (id >= 0)
    H5Dclose(id);
}

/* ---- the parts of a case ---- */

static void put_inputs(writer *w, const inputs *in) {
  hid_t at = h5_group_make(w->f, w->group, "inputs");
  h5_put_integer(w->f, at, "q_start", in->q_start);
  put_array(w, at, "q", &in->q, "batch,head,query,dim");
  put_array(w, at, "k", &in->k, "batch,kv_head,key,dim");
  put_array(w, at, "v", &in->v, "batch,kv_head,key,dim_v");
  put_array(w, at, "mask", &in->mask, "batch,head,query,key");
}

static void put_side(writer *w, hid_t outputs, const char *name, const side *s) {
  hid_t at = h5_group_make(w->f, outputs, name);
  put_array(w, at, "out", &s->out, "batch,head,query,dim_v");
  put_logarithm(w, at, "lse", &s->lse);
  put_logarithm(w, at, "M", &s->M);
  put_array(w, at, "S", &s->S, "batch,head,query");
}

static void put_reference(writer *w, hid_t references, const reference *ref) {
  hid_t at = h5_group_make(w->f, references, ref->provider);
  h5_put_integer(w->f, at, "available", ref->available);
  h5_put_text(w->f, at, "reason", ref->reason);
  for (size_t i = 0; i < ref->n_attributes; i++)
    h5_put_text(w->f, at, ref->attributes[i].name, ref->attributes[i].value);
  put_array(w, at, "out", &ref->out, "batch,head,query,dim_v");
  put_logarithm(w, at, "lse", &ref->lse);
}

/* One member of each head's events.  */
static void put_event(writer *w, hid_t at, const char *name, hid_t file_type, hid_t memory_type, const segattn_events *e,
                      size_t offset, hsize_t heads) {
  uint64_t *data = calloc(heads, sizeof *data);
  if (!data) {
    h5_fail(w->f, at, name, "out of memory");
    return;
  }
  for (hsize_t h = 0; h < heads; h++)
    memcpy(&data[h], (const char *) &e[h] + offset, sizeof *data);
  hid_t id = h5_put_data(w->f, at, name, file_type, memory_type, 1, &heads, data);
  name_axes(w, id, "head", &heads);
  if (id >= 0)
    H5Dclose(id);
  free(data);
}

static void put_events(writer *w, const segattn_events *e, hsize_t heads) {
  if (!e)
    return;
  hid_t at = h5_group_make(w->f, w->group, "events");
  for (size_t i = 0; event_at(i); i++)
    put_event(w, at, event_at(i)->name, H5T_STD_U64LE, H5T_NATIVE_UINT64, e, event_at(i)->offset, heads);
  put_event(w, at, "first", H5T_STD_I64LE, H5T_NATIVE_INT64, e, offsetof(segattn_events, first), heads);
}

static void put_error_totals(h5 *f, hid_t at, const errors *e) {
  for (int i = 0; i < STATISTICS; i++)
    h5_put_numbers(f, at, statistic_name[i], 1, &e->total[i]);
  h5_put_numbers(f, at, "relative_rms", 1, &e->relative_rms);
  h5_put_text(f, at, "ulp_format", e->ulp_format);
  h5_put_integer(f, at, "vacuous", e->vacuous);
  h5_put_integer(f, at, "identical", e->identical);
  h5_put_unsigned(f, at, "nan_one_side", e->nan_one_side);
  h5_put_unsigned(f, at, "nan_both", e->nan_both);
  h5_put_unsigned(f, at, "inf_equal", e->inf_equal);
  static const char *const place[4] = { "worst_batch", "worst_head", "worst_query", "worst_element" };
  for (int i = 0; i < 4; i++)
    h5_put_unsigned(f, at, place[i], e->worst[i]);
  h5_put_numbers(f, at, "worst_a", 1, &e->worst_a);
  h5_put_numbers(f, at, "worst_b", 1, &e->worst_b);
  h5_put_numbers(f, at, "worst_bound", 1, &e->worst_bound);
}

static void put_errors(writer *w, hid_t group, const errors *e) {
  hid_t at = h5_group_make(w->f, group, e->pair);
  hsize_t b = e->batch, h = e->heads;
  put_error_totals(w->f, at, e);
  put_numbers(w, at, "by_head", e->by_head, "batch,head,statistic", (hsize_t[]) { b, h, STATISTICS });
  put_numbers(w, at, "relative_by_head", e->relative_by_head, "batch,head", (hsize_t[]) { b, h });
  put_numbers(w, at, "by_element", e->by_element, "batch,head,dim_v,statistic", (hsize_t[]) { b, h, e->dim, STATISTICS });
  put_numbers(w, at, "by_query", e->by_query, "batch,head,query,statistic", (hsize_t[]) { b, h, e->queries, STATISTICS });
  put_numbers(w, at, "quantiles", e->quantiles, "batch,head,probability", (hsize_t[]) { b, h, PROBABILITIES });
  put_numbers(w, at, "histogram", e->histogram, "batch,head,bin", (hsize_t[]) { b, h, BINS });
}

static void put_outputs(writer *w, const result *r) {
  hid_t at = h5_group_make(w->f, w->group, "outputs");
  put_side(w, at, "standard", &r->standard);
  put_side(w, at, "segmented", &r->segmented);
  at = h5_group_make(w->f, w->group, "references");
  for (size_t i = 0; i < r->n_references; i++)
    put_reference(w, at, &r->references[i]);
  at = h5_group_make(w->f, w->group, "oracle");
  put_array(w, at, "out", &r->oracle_out, "batch,head,query,dim_v");
  put_logarithm(w, at, "lse", &r->oracle_lse);
  put_array(w, at, "error", &r->oracle_error, "batch,head,query,dim_v");
  put_array(w, at, "unquantised", &r->unquantised, "batch,head,query,dim_v");
  at = h5_group_make(w->f, w->group, "bound");
  put_array(w, at, "out", &r->bound, "batch,head,query,dim_v");
  at = h5_group_make(w->f, w->group, "errors");
  for (size_t i = 0; i < r->n_errors; i++)
    put_errors(w, at, &r->errors[i]);
}

void store_put_case(h5 *f, hid_t cases, const result *r) {
  writer w = { .f = f, .group = h5_group_make(f, cases, r->id) };
  h5_put_text(f, w.group, "label", r->label);
  h5_put_text(f, w.group, "inputs_digest", r->inputs_digest);
  h5_put_text(f, w.group, "digest", r->digest);
  for (size_t i = 0; i < r->n_settings; i++)
    h5_put_text(f, w.group, r->settings[i].name, r->settings[i].value);
  const inputs *in = &r->in;
  scale_count(&w, "batch", in->q.shape[0], 0);
  scale_count(&w, "head", in->q.shape[1], 0);
  scale_count(&w, "kv_head", in->k.shape[1], 0);
  hid_t id = scale_count(&w, "query", in->q.shape[2], in->q_start);
  h5_put_text(f, id, "meaning", "absolute position");
  id = scale_count(&w, "key", in->k.shape[2], 0);
  h5_put_text(f, id, "meaning", "absolute position");
  scale_count(&w, "dim", in->q.shape[3], 0);
  scale_count(&w, "dim_v", in->v.shape[3], 0);
  scale_statistics(&w);
  put_inputs(&w, in);
  put_outputs(&w, r);
  put_events(&w, r->events, r->n_events);
  for (size_t i = 0; i < w.n; i++)
    H5Dclose(w.scale[i].id);
  if (w.group >= 0)
    H5Gclose(w.group);
}

int store_case_write(const char *path, const result *r) {
  h5 f;
  h5_create(&f, path);
  h5_put_integer(&f, f.file, "format_version", FORMAT_VERSION);
  store_put_case(&f, h5_group_make(&f, f.file, "cases"), r);
  h5_commit(&f);
  return h5_close(&f);
}
