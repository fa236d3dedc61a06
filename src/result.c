/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Results in memory: finding a part by its name, and giving all of it back.  */

#include "result.h"
#include <stdlib.h>
#include <string.h>

static void attributes_free(attribute *a, size_t n) {
  for (size_t i = 0; i < n; i++)
    free(a[i].value);
  free(a);
}

static void side_free(side *s) {
  array_free(&s->out);
  array_free(&s->lse);
  array_free(&s->M);
  array_free(&s->S);
}

void reference_free(reference *ref) {
  free(ref->reason);
  array_free(&ref->out);
  array_free(&ref->lse);
  attributes_free(ref->attributes, ref->n_attributes);
  memset(ref, 0, sizeof *ref);
}

void result_drop_tensors(result *r) {
  inputs_free(&r->in);
  side_free(&r->standard);
  side_free(&r->segmented);
  array_free(&r->oracle_out);
  array_free(&r->oracle_lse);
  array_free(&r->oracle_error);
  array_free(&r->unquantised);
  array_free(&r->bound);
  for (size_t i = 0; i < r->n_references; i++) {
    array_free(&r->references[i].out);
    array_free(&r->references[i].lse);
  }
}

void result_free(result *r) {
  free(r->label);
  attributes_free(r->settings, r->n_settings);
  result_drop_tensors(r);
  for (size_t i = 0; i < r->n_references; i++)
    reference_free(&r->references[i]);
  free(r->references);
  for (size_t i = 0; i < r->n_errors; i++)
    errors_free(&r->errors[i]);
  free(r->errors);
  free(r->events);
  memset(r, 0, sizeof *r);
}

const errors *result_errors(const result *r, const char *pair) {
  for (size_t i = 0; i < r->n_errors; i++)
    if (strcmp(r->errors[i].pair, pair) == 0)
      return &r->errors[i];
  return NULL;
}

const reference *result_reference(const result *r, const char *provider) {
  for (size_t i = 0; i < r->n_references; i++)
    if (strcmp(r->references[i].provider, provider) == 0)
      return &r->references[i];
  return NULL;
}

void file_header_free(file_header *h) {
  free(h->experiment);
  free(h->config);
  free(h->digest);
  free(h->started);
  free(h->finished);
  attributes_free(h->attributes, h->n_attributes);
  memset(h, 0, sizeof *h);
}
