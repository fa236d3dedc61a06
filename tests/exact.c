/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A drawn problem against MPFR, judged by segattn_bound: |computed - exact| <= bound for every element and every lse
   that has a finite bound, and NaN wherever the definition gives NaN.  */

#include <math.h>
#include <stdlib.h>
#include "exact.h"
#include "reference_mpfr.h"
#include "render.h"
#include "tap.h"

/* One output with everything that is known of it, C order.  */
typedef struct judged {
  double *computed, *exact, *error, *bound;
  size_t n;
} judged;

static judged judged_of(memory *m, size_t n) {
  size_t bytes = n * sizeof(double);
  return (judged) { memory_get(m, bytes), memory_get(m, bytes), memory_get(m, bytes), memory_get(m, bytes), n };
}

static bool judge(const judged *x, const char *what, size_t *within, double *worst, exact_counts *counts) {
  size_t wrong = 0;
  for (size_t i = 0; i < x->n; i++) {
    bool undefined = isnan(x->exact[i]), finite = isfinite(x->bound[i]);
    bool fine = undefined ? isnan(x->computed[i]) : !finite || x->error[i] <= x->bound[i];
    counts->undefined += undefined;
    counts->unbounded += !undefined && !finite;
    *within += !undefined && finite;
    if (!undefined && finite && x->error[i] > 0)
      *worst = fmax(*worst, x->error[i] / x->bound[i]);
    if (!fine && wrong++ < 3)
      diag("  %s[%zu]: computed %.17g, exact %.17g, error %.3g, bound %.3g", what, i, x->computed[i], x->exact[i], x->error[i],
           x->bound[i]);
  }
  if (wrong)
    diag("  %zu of %zu outside", wrong, x->n);
  return wrong == 0;
}

static segattn_tensor tensor_of(double *data, const rendering *s, size_t dim) {
  const size_t *shape = s->queries.q.shape;
  return segattn_tensor_of(data, SEGATTN_F64, shape[0], shape[1], shape[2], dim);
}

static bool check(const drawn *d, rendering *s, exact_counts *counts) {
  size_t rows = d->batch * d->problem.q_heads * d->queries, dim = d->problem.dim_v;
  judged o = judged_of(s->memory, rows * dim), l = judged_of(s->memory, rows);
  segattn_tensor out = tensor_of(o.computed, s, dim), lse = tensor_of(l.computed, s, 1);
  segattn_tensor bound = tensor_of(o.bound, s, dim), lse_bound = tensor_of(l.bound, s, 1);
  segattn_plan *plan = NULL;
  segattn_error error = { 0 };
  segattn_status status = segattn_plan_alloc(&plan, &s->problem, &(segattn_options) { .arithmetic = d->arithmetic }, &error);
  if (status == SEGATTN_OK)
    status = segattn_attend(plan, &s->queries, s->segments, s->n_segments, &out, &lse, NULL, &error);
  if (status == SEGATTN_OK)
    status = segattn_bound(plan, &s->queries, s->segments, s->n_segments, &bound, &lse_bound, &error);
  segattn_plan_free(plan);
  if (status != SEGATTN_OK) {
    diag("  status %d, %s: %s", (int) status, error.argument, error.text);
    return false;
  }
  reference_attend(&(reference) { o.exact, o.error, l.exact, l.error }, &s->problem, &s->queries, s->segments, s->n_segments,
                   &out, &lse);
  bool right = judge(&o, "out", &counts->elements, &counts->worst, counts);
  return judge(&l, "lse", &counts->rows, &counts->worst_lse, counts) && right;
}

bool exact_check(const drawn *d, rng *r, exact_counts *counts) {
  variant base = variant_base(d);
  rendering s;
  render(&s, d, &base, r);
  bool right = check(d, &s, counts);
  rendering_free(&s);
  counts->problems++;
  return right;
}
