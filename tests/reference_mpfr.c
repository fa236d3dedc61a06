/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attention straight from its definition in MPFR; see reference_mpfr.h.

       s_j = softcap(scale q.k_j) + slope (key position - query position) + mask_j       j visible
       M = max s_j,  S = sum exp(s_j - M),  out = sum exp(s_j - M) v_j / S,  lse = M + ln S;  a sink is a key without value

   Each operation rounds to 256 bits, so that the error is below 2^-240 of the largest term: nothing beside the 2^-53 of
   what is judged.  The exponents of MPFR make overflow and underflow impossible.  */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "reference_mpfr.h"
#include "stored.h"
#define MPFR_USE_INTMAX_T       /* mpfr_set_sj */
#include <mpfr.h>

/* ---- elements ---- */

static double element(const segattn_tensor *t, size_t b, size_t h, size_t p, size_t d) {
  const char *at = (const char *) t->data + (ptrdiff_t) b * t->stride[0] + (ptrdiff_t) h * t->stride[1] +
    (ptrdiff_t) p * t->stride[2] + (ptrdiff_t) (d / segattn_format_block(t->format)) * t->stride[3];
  return stored_value(t->format, (const unsigned char *) at, d % segattn_format_block(t->format));
}

/* ---- one row ---- */

typedef struct row {
  const segattn_problem *problem;
  const segattn_queries *queries;
  size_t b, h, i;
  int64_t position;
  mpfr_t score, term, max, sum;
  mpfr_t *scores;               /* of the visible keys, */
  size_t *segment, *key, n;     /* and which they are */
  mpfr_t *o;
} row;

static int64_t key_position(const segattn_segment *s, size_t b, size_t j) {
  return (s->starts ? s->starts[b] : s->start) + (int64_t) j;
}

static double mask_of(const row *r, const segattn_segment *s, size_t j) {
  if (!s->mask.data)
    return 0;
  return element(&s->mask, s->mask.shape[0] > 1 ? r->b : 0, s->mask.shape[1] > 1 ? r->h : 0, r->i, j);
}

static bool visible(const row *r, const segattn_segment *s, size_t j) {
  int64_t distance = r->position - key_position(s, r->b, j);
  if (r->problem->causal && distance < 0)
    return false;
  if (r->problem->window && (uint64_t) llabs(distance) >= r->problem->window)
    return false;
  return mask_of(r, s, j) != -INFINITY;
}

static size_t kv_head(const row *r) {
  return r->h / (r->problem->q_heads / r->problem->kv_heads);
}

static double scale_of(const segattn_problem *p) {
  return p->scale == SEGATTN_SCALE_DEFAULT ? 1 / sqrt((double) p->dim_k) : p->scale;
}

static void score_key(row *r, mpfr_t score, const segattn_segment *s, size_t j) {
  mpfr_set_zero(score, 1);
  for (size_t d = 0; d < r->problem->dim_k; d++) {
    mpfr_set_d(r->term, element(&s->k, r->b, kv_head(r), j, d), MPFR_RNDN);
    mpfr_mul_d(r->term, r->term, element(&r->queries->q, r->b, r->h, r->i, d), MPFR_RNDN);
    mpfr_add(score, score, r->term, MPFR_RNDN);
  }
  mpfr_mul_d(score, score, scale_of(r->problem), MPFR_RNDN);
  if (r->problem->softcap > 0) {
    mpfr_div_d(score, score, r->problem->softcap, MPFR_RNDN);
    mpfr_tanh(score, score, MPFR_RNDN);
    mpfr_mul_d(score, score, r->problem->softcap, MPFR_RNDN);
  }
  if (r->problem->slopes) {
    mpfr_set_sj(r->term, key_position(s, r->b, j) - r->position, MPFR_RNDN);
    mpfr_mul_d(r->term, r->term, r->problem->slopes[r->h], MPFR_RNDN);
    mpfr_add(score, score, r->term, MPFR_RNDN);
  }
  mpfr_add_d(score, score, mask_of(r, s, j), MPFR_RNDN);
}

/* The scores of all visible keys and their maximum.  A NaN is caught by the sum, not here.  */
static void score_row(row *r, const segattn_segment *segments, size_t n_segments) {
  mpfr_set_inf(r->max, -1);
  r->n = 0;
  for (size_t s = 0; s < n_segments; s++)
    for (size_t j = 0; j < segments[s].k.shape[SEGATTN_POS]; j++) {
      if (!visible(r, &segments[s], j))
        continue;
      score_key(r, r->scores[r->n], &segments[s], j);
      mpfr_max(r->max, r->max, r->scores[r->n], MPFR_RNDN);
      r->segment[r->n] = s;
      r->key[r->n++] = j;
    }
  if (r->problem->sinks) {
    mpfr_set_d(r->term, r->problem->sinks[r->h], MPFR_RNDN);
    mpfr_max(r->max, r->max, r->term, MPFR_RNDN);
  }
}

/* weight <- exp(score - max), 0 for -inf */
static void weigh(row *r, mpfr_t weight) {
  if (mpfr_inf_p(weight) && mpfr_sgn(weight) < 0) {
    mpfr_set_zero(weight, 1);
    return;
  }
  mpfr_sub(weight, weight, r->max, MPFR_RNDN);
  mpfr_exp(weight, weight, MPFR_RNDN);
}

static void sum_row(row *r, const segattn_segment *segments) {
  mpfr_set_zero(r->sum, 1);
  for (size_t c = 0; c < r->problem->dim_v; c++)
    mpfr_set_zero(r->o[c], 1);
  for (size_t j = 0; j < r->n; j++) {
    weigh(r, r->scores[j]);
    mpfr_add(r->sum, r->sum, r->scores[j], MPFR_RNDN);
    for (size_t c = 0; c < r->problem->dim_v; c++) {
      mpfr_mul_d(r->term, r->scores[j], element(&segments[r->segment[j]].v, r->b, kv_head(r), r->key[j], c), MPFR_RNDN);
      mpfr_add(r->o[c], r->o[c], r->term, MPFR_RNDN);
    }
  }
  if (r->problem->sinks) {
    mpfr_set_d(r->score, r->problem->sinks[r->h], MPFR_RNDN);
    weigh(r, r->score);
    mpfr_add(r->sum, r->sum, r->score, MPFR_RNDN);
  }
}

/* exact value and |computed - exact|, rounded up */
static void judge(row *r, mpfr_t exact, double computed, double *value, double *error) {
  if (value)
    *value = mpfr_get_d(exact, MPFR_RNDN);
  if (!error)
    return;
  if (mpfr_inf_p(exact) || isnan(computed) || isinf(computed)) {
    *error = mpfr_nan_p(exact) ? NAN : mpfr_get_d(exact, MPFR_RNDN) == computed && mpfr_inf_p(exact) ? 0 : INFINITY;
    return;
  }
  mpfr_sub_d(r->term, exact, computed, MPFR_RNDA);
  mpfr_abs(r->term, r->term, MPFR_RNDU);
  *error = mpfr_get_d(r->term, MPFR_RNDU);
}

static double *place(double *array, size_t at) {
  return array ? &array[at] : NULL;
}

static void finish_row(row *r, reference *to, size_t at, const segattn_tensor *out, const segattn_tensor *lse) {
  size_t dim = r->problem->dim_v;
  for (size_t c = 0; c < dim; c++) {
    if (!mpfr_zero_p(r->sum))
      mpfr_div(r->o[c], r->o[c], r->sum, MPFR_RNDN);
    judge(r, r->o[c], out ? element(out, r->b, r->h, r->i, c) : NAN, place(to->out, at * dim + c),
          place(to->out_error, at * dim + c));
  }
  if (mpfr_zero_p(r->sum)) {
    mpfr_set_inf(r->score, -1);
  } else {
    mpfr_log(r->score, r->sum, MPFR_RNDN);
    mpfr_add(r->score, r->score, r->max, MPFR_RNDN);
  }
  judge(r, r->score, lse ? element(lse, r->b, r->h, r->i, 0) : NAN, place(to->lse, at), place(to->lse_error, at));
}

/* ---- the whole ---- */

static mpfr_t *numbers(size_t n) {
  mpfr_t *x = malloc((n + 1) * sizeof *x);
  if (!x)
    abort();
  for (size_t i = 0; i < n; i++)
    mpfr_init2(x[i], REFERENCE_BITS);
  return x;
}

static void numbers_free(mpfr_t *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    mpfr_clear(x[i]);
  free(x);
}

static void rows(row *r, reference *to, const segattn_segment *segments, size_t n_segments, const segattn_tensor *out,
                 const segattn_tensor *lse) {
  const segattn_queries *queries = r->queries;
  size_t at = 0;
  for (r->b = 0; r->b < queries->q.shape[0]; r->b++)
    for (r->h = 0; r->h < queries->q.shape[1]; r->h++)
      for (r->i = 0; r->i < queries->q.shape[2]; r->i++) {
        r->position = queries->positions ? queries->positions[r->i]
          : (queries->starts ? queries->starts[r->b] : queries->start) + (int64_t) r->i;
        score_row(r, segments, n_segments);
        sum_row(r, segments);
        finish_row(r, to, at++, out, lse);
      }
}

void reference_attend(reference *to, const segattn_problem *problem, const segattn_queries *queries,
                      const segattn_segment *segments, size_t n_segments, const segattn_tensor *out,
                        const segattn_tensor *lse) {
  size_t keys = 0;
  for (size_t s = 0; s < n_segments; s++)
    keys += segments[s].k.shape[SEGATTN_POS];
  row r = { .problem = problem, .queries = queries, .scores = numbers(keys), .o = numbers(problem->dim_v) };
  r.segment = malloc((keys + 1) * sizeof *r.segment);
  r.key = malloc((keys + 1) * sizeof *r.key);
  if (!r.segment || !r.key)
    abort();
  mpfr_inits2(REFERENCE_BITS, r.score, r.term, r.max, r.sum, (mpfr_ptr) 0);
  rows(&r, to, segments, n_segments, out, lse);
  mpfr_clears(r.score, r.term, r.max, r.sum, (mpfr_ptr) 0);
  numbers_free(r.scores, keys);
  numbers_free(r.o, problem->dim_v);
  free(r.segment);
  free(r.key);
}
