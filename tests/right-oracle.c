/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The oracle at the edges of the semantics: what is masked is not read, NaN and infinities reach the rows and elements that
   they belong to, constants come out as they are, and the number of threads changes nothing.  */

#include <math.h>
#include <string.h>
#include "oracle.h"
#include "random.h"
#include "tap.h"

#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

typedef struct data {
  array q, k, v, mask, out, lse, error;
  oracle_problem oracle;
} data;

enum { E_KEYS = 6, E_DIM = 4 };

static void set(array *a, size_t position, size_t c, double x) {
  ((float *)a->data)[position * a->shape[SEGATTN_DIM] + c] = (float)x;
}

static double at(const array *a, size_t i) {
  return ((const double *)a->data)[i];
}

static void fill(array *a, random_stream *r, size_t heads, size_t positions) {
  if (array_alloc(a, SEGATTN_F32, 1, heads, positions, E_DIM) != 0)
    exit(1);
  for (size_t i = 0; i < array_count(a); i++)
    ((float *)a->data)[i] = (float)random_normal(r);
}

static data make(random_stream *r, size_t heads, size_t queries, size_t keys) {
  data d = {.oracle = {.scale = 0.5}};
  fill(&d.q, r, heads, queries);
  fill(&d.k, r, 1, keys);
  fill(&d.v, r, 1, keys);
  return d;
}

/* One head, two queries; the caller spoils something, attends and looks.  */
static data small(random_stream *r) {
  return make(r, 1, 2, E_KEYS);
}

static void free_data(data *d) {
  array *all[] = {&d->q, &d->k, &d->v, &d->mask, &d->out, &d->lse, &d->error};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    array_free(all[i]);
}

static void attend(data *d) {
  if (oracle_attend(&d->out, &d->lse, &d->error, &d->oracle, &d->q, &d->k, &d->v, &d->mask) != 0)
    exit(1);
}

static bool all_nan(const array *a, size_t from, size_t n) {
  size_t nan = 0;
  for (size_t i = 0; i < n; i++)
    nan += isnan(at(a, from + i)) ? 1 : 0;
  return nan == n;
}

static bool all_finite(const array *a, size_t from, size_t n) {
  size_t finite = 0;
  for (size_t i = 0; i < n; i++)
    finite += isfinite(at(a, from + i)) ? 1 : 0;
  return finite == n;
}

static void test_masked_unread(random_stream *r) {
  for (int boolean = 0; boolean < 2; boolean++) {
    data d = small(r);
    if (array_alloc(&d.mask, boolean ? SEGATTN_BOOL : SEGATTN_F32, 1, 1, 2, E_KEYS) != 0)
      exit(1);
    for (size_t i = 0; i < 2; i++)
      for (size_t j = 0; j < E_KEYS; j++)
        if (boolean)
          ((unsigned char *)d.mask.data)[i * E_KEYS + j] = j != 2 && i == 0;
        else
          ((float *)d.mask.data)[i * E_KEYS + j] = j != 2 && i == 0 ? 0 : -INFINITY;
    for (size_t c = 0; c < E_DIM; c++) {
      set(&d.k, 2, c, NAN);
      set(&d.v, 2, c, c % 2 ? NAN : INFINITY);
    }
    attend(&d);
    ok(all_finite(&d.out, 0, E_DIM), "%s mask: NaN in a masked key and its value is not read",
       boolean ? "boolean" : "additive");
    bool zero = true;
    for (size_t c = 0; c < E_DIM; c++)
      zero = zero && at(&d.out, E_DIM + c) == 0 && !signbit(at(&d.out, E_DIM + c)) && at(&d.error, E_DIM + c) == 0;
    ok(zero && at(&d.lse, 1) == -INFINITY, "%s mask: a row masked throughout is 0, lse -inf", boolean ? "boolean" : "additive");
    free_data(&d);
  }
}

static void test_poison(random_stream *r) {
  data d = small(r);
  set(&d.q, 1, 0, NAN);
  attend(&d);
  ok(all_finite(&d.out, 0, E_DIM) && all_nan(&d.out, E_DIM, E_DIM) && isnan(at(&d.lse, 1)) && all_nan(&d.error, E_DIM, E_DIM),
     "NaN in a query makes its row NaN and no other");
  free_data(&d);
  d = small(r);
  for (size_t i = 0; i < 2; i++)
    set(&d.q, i, 0, i == 0 ? 1 : -1);
  set(&d.k, 3, 0, INFINITY);
  attend(&d);
  ok(all_nan(&d.out, 0, E_DIM) && isnan(at(&d.lse, 0)), "a score of +inf makes the row NaN");
  ok(all_finite(&d.out, E_DIM, E_DIM) && all_finite(&d.error, E_DIM, E_DIM), "a score of -inf has weight 0");
  free_data(&d);
  d = small(r);
  set(&d.v, 3, 1, NAN);
  set(&d.v, 2, 2, -INFINITY);
  attend(&d);
  ok(all_finite(&d.out, 0, 1) && isnan(at(&d.out, 1)) && at(&d.out, 2) == -INFINITY && all_finite(&d.out, 3, 1),
     "NaN or -inf in a value reaches its element and no other");
  free_data(&d);
  d = small(r);
  for (size_t j = 0; j < E_KEYS; j++)
    set(&d.k, j, 0, -INFINITY);
  set(&d.q, 0, 0, 1);
  set(&d.v, 0, 3, NAN);
  attend(&d);
  ok(at(&d.out, 0) == 0 && at(&d.lse, 0) == -INFINITY && isnan(at(&d.out, 3)),
     "a row of scores of -inf: out 0, lse -inf, and its values are read");
  free_data(&d);
}

static void test_constants(random_stream *r) {
  data d = small(r);
  static const double constant[E_DIM] = {1, -4, 0, 0x1p-100};
  for (size_t j = 0; j < E_KEYS; j++)
    for (size_t c = 0; c < E_DIM; c++)
      set(&d.v, j, c, constant[c]);
  attend(&d);
  bool same = true;
  for (size_t i = 0; i < 2 * E_DIM; i++)
    same = same && at(&d.out, i) == constant[i % E_DIM];
  ok(same, "values that are all the same come out as they are");
  free_data(&d);
}

static void test_threads(random_stream *r) {
  data d = make(r, 4, 9, 50);
  omp_set_num_threads(1);
  attend(&d);
  for (int threads = 2; threads <= 5; threads += 3) {
    data again = d;
    omp_set_num_threads(threads);
    attend(&again);
    ok(memcmp(again.out.data, d.out.data, array_bytes(&d.out)) == 0
       && memcmp(again.lse.data, d.lse.data, array_bytes(&d.lse)) == 0
       && memcmp(again.error.data, d.error.data, array_bytes(&d.error)) == 0, "%d threads: the same bits as 1", threads);
    array_free(&again.out);
    array_free(&again.lse);
    array_free(&again.error);
  }
  free_data(&d);
}

int main(void) {
  random_stream *r = random_alloc(1);
  if (r == NULL)
    return 1;
  test_masked_unread(r);
  test_poison(r);
  test_constants(r);
  test_threads(r);
  random_free(r);
  return done();
}
