/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exact attention of a case: on its stored inputs, and on those before storage rounded them.

   With A(x) the exact attention on inputs x, s(x) what storage makes of them, and y the output that was computed,

       y - A(x)  =  (y - A(s(x)))  +  (A(s(x)) - A(x))
       total        arithmetic        quantisation

   so that in any norm the total is at most the sum of the two.  The values before storage are those that f64 storage holds:
   families are drawn in f64, captures hold f32.

   An oracle takes longer than everything else of a case.  Cases of an experiment that see the same values follow each other,
   so the last one of each kind is kept, under the SHA-256 of all that it depends on.  */

#include "case_oracle.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "message.h"

typedef struct kept {
  char digest[65];
  array out, lse, error;
} kept;

static kept stored, unrounded;

static void forget(kept *x) {
  array_free(&x->out);
  array_free(&x->lse);
  array_free(&x->error);
  *x->digest = 0;
}

void case_forget(void) {
  forget(&stored);
  forget(&unrounded);
}

/* Every number of the problem, and the bits of the inputs.  */
static int digest_inputs(char digest[65], const inputs *in, const case_spec *c, const work *w) {
  char text[256];
  hash *h = hash_alloc();
  if (!h)
    return fail(FILES, "out of memory");
  snprintf(text, sizeof text, "scale %a softcap %a causal %d window %zu alibi %d q_start %" PRId64, segattn_plan_scale(w->plan),
           c->softcap, c->causal, c->window, c->alibi, in->q_start);
  hash_text(h, text);
  hash_array(h, &in->q);
  hash_array(h, &in->k);
  hash_array(h, &in->v);
  if (in->mask.data)
    hash_array(h, &in->mask);
  hash_end(h, digest);
  return DONE;
}

static int copy(array *to, const array *from) {
  return array_convert(to, from->format, from);
}

/* Exact attention on `in`, whose digest is given.  */
static int attend(kept *x, const char *digest, const inputs *in, const work *w) {
  if (!strcmp(x->digest, digest))
    return DONE;
  forget(x);
  oracle_problem p = work_oracle(w, in->q_start, 0);
  int status = oracle_attend(&x->out, &x->lse, &x->error, &p, &in->q, &in->k, &in->v, &in->mask);
  if (!status)
    snprintf(x->digest, sizeof x->digest, "%s", digest);
  return status;
}

int oracle_of_case(result *r, const case_spec *c, const work *w) {
  int status = digest_inputs(r->inputs_digest, &r->in, c, w);
  if (!status)
    status = attend(&stored, r->inputs_digest, &r->in, w);
  if (!status && (copy(&r->oracle_out, &stored.out) || copy(&r->oracle_lse, &stored.lse)
                  || copy(&r->oracle_error, &stored.error)))
    status = FILES;
  return status;
}

/* ---- before storage ---- */

static int inputs_unrounded(inputs *in, const case_spec *c, uint64_t seed) {
  segment_spec whole = { c->keys, SEGATTN_F64, SEGATTN_F64 };
  case_spec exact = *c;
  exact.q = exact.k = exact.v = SEGATTN_F64;
  exact.segments = &whole;
  exact.n_segments = 1;
  exact.mixed = false;
  return inputs_make(in, &exact, seed);
}

/* Are the stored values those of `given`, which is f64?  The sign of a zero is no value.  */
static int same_values(bool *same, const array *stored_values, const array *given) {
  double *x = array_values(stored_values);
  const double *y = given->data;
  for (size_t i = 0; x && *same && i < array_count(given); i++)
    *same = x[i] == y[i] || (isnan(x[i]) && isnan(y[i]));
  free(x);
  return x ? DONE : FILES;
}

int unquantised_of_case(result *r, const case_spec *c, uint64_t seed, const work *w) {
  inputs given;
  char digest[65];
  bool same = true;
  int status = inputs_unrounded(&given, c, seed);
  if (status)
    return status;
  if (same_values(&same, &r->in.q, &given.q) || same_values(&same, &r->in.k, &given.k)
      || same_values(&same, &r->in.v, &given.v))
    status = FILES;
  if (!status && !same)
    status = digest_inputs(digest, &given, c, w);
  if (!status && !same)
    status = attend(&unrounded, digest, &given, w);
  if (!status && !same)
    status = copy(&r->unquantised, &unrounded.out);
  inputs_free(&given);
  return status;
}
