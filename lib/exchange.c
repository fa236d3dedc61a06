/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums that were made elsewhere become a state: (M, S, O), or the pair (out, lse) that other systems exchange, which is
   (M = lse, S = 1, O = out).

   With t = M log2 e an accumulator is e = rint(t), l = S 2^(t - e), o = O 2^(t - e).  What is exact and what is rounded:
   BOUNDS, lemma 8.  M may be any reference, not the maximum alone; where S is then far from 1 a power of 2 moves from S and O
   to e, so that l is as large as a sum of weights is (lemma 5).  */

#include <math.h>

#include "elementary.h"
#include "state.h"

/* What is imported: base of M; without S, S = 1 where M is a number.  */
typedef struct sums {
  const segattn_tensor *M, *S, *O;
  const char *M_name;           /* the argument */
  segattn_base base;
} sums;

segattn_status sga_base_check(segattn_base base, segattn_error *error) {
  if ((unsigned)base > SEGATTN_BASE_2)
    return sga_fail(error, SEGATTN_EINVAL, "base", "is %d, expected SEGATTN_NATURAL or SEGATTN_BASE_2", (int)base);
  return SEGATTN_OK;
}

/* ---- checks ---- */

static double value_of(const segattn_tensor *t, size_t batch, size_t head, size_t query, size_t d) {
  double x;
  sga_format_of(t->format)->to_f64(sga_at(t, batch, head, query) + (ptrdiff_t)d * t->stride[SEGATTN_DIM], 0, &x, 1);
  return x;
}

static double base_log2(const sums *x) { return x->base == SEGATTN_NATURAL ? SGA_LOG2E : 1; }

static double weight_of(const sums *x, double M, size_t batch, size_t head, size_t query) {
  if (x->S)
    return value_of(x->S, batch, head, query, 0);
  return M != M ? (double)NAN : M > -(double)INFINITY ? 1 : 0;
}

/* What of a row is no sum of weights; text NULL: nothing.  */
typedef struct fault { const char *argument, *text; } fault;

static fault row_fault(const segattn_plan *plan, const sums *x, double M, double S) {
  const double inf = (double)INFINITY;
  if (x->S && M != M)
    return (fault){ x->M_name, "is NaN" };
  if (S < 0)
    return (fault){ "S", "is below 0" };
  if (S > 0 && M == -inf)
    return (fault){ x->M_name, "is -inf where S is above 0" };
  if (S == S && M == inf)
    return (fault){ x->M_name, "is inf, expected a number, or -inf for a row without keys" };
  if (S > 0 && M * base_log2(x) > sga_number_max(plan))
    return (fault){ x->M_name, "is larger than the arithmetic can hold" };
  return (fault){ NULL, NULL };
}

static segattn_status row_check(const segattn_state *s, const sums *x, bool keys, size_t batch, size_t head, size_t query,
                                segattn_error *error) {
  double M = value_of(x->M, batch, head, query, 0), S = weight_of(x, M, batch, head, query);
  fault f = row_fault(s->plan, x, M, S);
  if (!f.text && !keys && !(S == 0))
    f = (fault){ x->M_name, "is of a row with keys, but range.keys is 0" };
  if (f.text)
    return sga_fail(error, SEGATTN_EINVAL, f.argument, "%s at batch %zu, head %zu, query %zu", f.text, batch, head, query);
  for (size_t d = 0; x->S && S == 0 && d < s->plan->problem.dim_v; d++) {
    double o = value_of(x->O, batch, head, query, d);
    if (o < 0 || o > 0)
      return sga_fail(error, SEGATTN_EINVAL, "O", "has %g at batch %zu, head %zu, query %zu, element %zu, expected 0 without S",
                      o, batch, head, query, d);
  }
  return SEGATTN_OK;
}

static segattn_status tensor_check(const segattn_state *s, const segattn_tensor *t, const char *name, size_t dim,
                                   segattn_error *error) {
  const size_t shape[] = { s->batch, s->plan->problem.q_heads, s->queries, dim };
  if (!t)
    return sga_fail(error, SEGATTN_EINVAL, name, "is NULL");
  segattn_status status = sga_tensor_check(t, name, shape, false, error);
  if (!status && t->format > SEGATTN_BOOL)
    status = sga_fail(error, SEGATTN_EINVAL, name, "has format %s, expected f64, f32, f16 or bf16",
                      segattn_format_name(t->format));
  return status;
}

static int64_t start_of(const segattn_range *range, size_t batch) {
  return range->starts ? range->starts[batch] : range->start;
}

static segattn_status range_check(const segattn_state *s, const segattn_range *range, segattn_error *error) {
  const int64_t limit = (int64_t)1 << 61;
  if (!s || !range)
    return sga_fail(error, SEGATTN_EINVAL, s ? "range" : "state", "is NULL");
  if (range->keys > (size_t)limit)
    return sga_fail(error, SEGATTN_EINVAL, "range.keys", "is %zu, expected at most 2^61", range->keys);
  for (size_t b = 0; b < s->batch; b++)
    if (start_of(range, b) < -limit || start_of(range, b) > limit)
      return sga_fail(error, SEGATTN_EINVAL, "range.start", "is %lld, expected within 2^61 of 0",
                      (long long)start_of(range, b));
  return SEGATTN_OK;
}

static segattn_status rows_check(const segattn_state *s, const segattn_range *range, const sums *x, segattn_error *error) {
  segattn_status status;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t h = 0; h < s->plan->problem.q_heads; h++)
      for (size_t i = 0; i < s->queries; i++)
        if ((status = row_check(s, x, range->keys > 0, b, h, i, error)))
          return status;
  return SEGATTN_OK;
}

/* ---- rows ---- */

/* A row in log2 units: m and e as the arithmetic holds them, and what S and O are multiplied with, 2^rest 2^-shift.  */
typedef struct reference {
  double m, e, rest;
  int shift;
} reference;

/* t - rint(t) for t = M log2 e, the logarithm's fraction, to 0.6 2^-53: fma leaves of e ln 2 what it rounds.  */
static double fraction(const sums *x, double M, double e) {
  if (x->base == SEGATTN_BASE_2)
    return M - e;
  return fma(-e, SGA_LN2_LOW, fma(-e, SGA_LN2, M)) * SGA_LOG2E;
}

/* From 2^23 (2^52) on every t of the arithmetic is an integer, and has no fraction, as scores have none (rule 3).  */
static reference reference_of(const segattn_plan *plan, const sums *x, double M, double S) {
  double largest = sga_number_max(plan), whole = plan->number == SEGATTN_F32 ? 0x1p23 : 0x1p52, t = M * base_log2(x);
  reference r = { .m = sga_round(plan, t > -largest ? t : -largest) };
  r.e = rint(r.m);
  r.rest = fabs(r.m) < whole ? fraction(x, M, r.e) : 0;
  if ((S < 0.5 || S > 0x1p64) && isfinite(S)) {
    frexp(S, &r.shift);
    r.e = sga_round(plan, r.e + r.shift);
    r.m = r.e > r.m ? r.e : r.m;
  }
  return r;
}

/* The row's m, and (e, l, o) in `row`.  */
static double import_row(const segattn_plan *plan, const sums *x, size_t batch, size_t head, size_t query, sga_rows row) {
  double M = value_of(x->M, batch, head, query, 0), S = weight_of(x, M, batch, head, query);
  bool empty = S == 0, poisoned = S != S;
  reference r = { M == M ? M : -(double)INFINITY, -sga_number_max(plan), 0, 0 };
  if (!empty && !poisoned)
    r = reference_of(plan, x, M, S);
  else if (isfinite(r.m))
    r.m = reference_of(plan, x, M, 1).m;
  double factor = sga_exp2(r.rest);
  sga_number_set(plan, row.e, 0, r.e);
  sga_sum_l_set(plan, row, ldexp(S, -r.shift) * factor);
  for (size_t d = 0; d < plan->problem.dim_v; d++) {
    double o = empty && !x->S ? 0 : poisoned ? (double)NAN : value_of(x->O, batch, head, query, d);
    sga_sum_o_set(plan, row, d, ldexp(o, -r.shift) * factor);
  }
  return r.m;
}

static void import_rows(segattn_state *s, size_t batch, const sums *x) {
  sga_sequence *q = &s->sequences[batch];
  const segattn_queries queries = sga_state_shape(s);
  double room[SGA_ROW];
  const sga_rows row = { room, room + 1, room + 2 };
  for (size_t tile = 0; tile < q->slabs.tiles; tile++) {
    sga_tile t;
    sga_tile_number(&t, s->plan, &queries, SGA_TILE, batch * q->slabs.tiles + tile);
    sga_slab_clear(s->plan, &q->slabs, 0, tile);
    for (size_t i = 0; i < t.n; i++) {
      sga_number_set(s->plan, q->m, tile * SGA_TILE + i, import_row(s->plan, x, batch, t.head[i], t.query[i], row));
      sga_slab_row_set(s->plan, &q->slabs, sga_slab_tile(s->plan, &q->slabs, 0, tile), i, row);
    }
  }
}

static segattn_status import(segattn_state *s, const segattn_range *range, const sums *x, segattn_error *error) {
  segattn_status status = rows_check(s, range, x, error);
  if (status)
    return status;
  for (size_t b = 0; b < s->batch; b++)
    if (!sga_state_reserve(s, &s->sequences[b], 1))
      return sga_fail(error, SEGATTN_ENOMEM, "state", "cannot grow");
  segattn_state_reset(s);
  for (size_t b = 0; b < s->batch && range->keys; b++) {
    sga_tree_import(&s->sequences[b].tree, start_of(range, b), start_of(range, b) + (int64_t)range->keys);
    import_rows(s, b, x);
  }
  return SEGATTN_OK;
}

/* ---- the calls ---- */

/* Whatever the caller's floating-point environment is.  */
static segattn_status import_with(segattn_state *s, const segattn_range *range, const sums *x, segattn_error *error) {
  sga_environment environment;
  sga_environment_set(&environment);
  segattn_status status = import(s, range, x, error);
  sga_environment_restore(&environment);
  return status;
}

segattn_status segattn_state_import(segattn_state *s, const segattn_range *range, const segattn_tensor *M,
                                    const segattn_tensor *S,
                                    const segattn_tensor *O, segattn_error *error) {
  segattn_status status = range_check(s, range, error);
  if (status || (status = tensor_check(s, M, "M", 1, error)) || (status = tensor_check(s, S, "S", 1, error)) ||
      (status = tensor_check(s, O, "O", s->plan->problem.dim_v, error)))
    return status;
  return import_with(s, range, &(sums){ M, S, O, "M", SEGATTN_NATURAL }, error);
}

segattn_status segattn_state_import_pair(segattn_state *s, const segattn_range *range, segattn_base base,
                                         const segattn_tensor *out,
                                         const segattn_tensor *lse, segattn_error *error) {
  segattn_status status = range_check(s, range, error);
  if (status || (status = sga_base_check(base, error)) || (status = tensor_check(s, out, "out", s->plan->problem.dim_v,
                                                                                 error)) ||
      (status = tensor_check(s, lse, "lse", 1, error)))
    return status;
  return import_with(s, range, &(sums){ lse, NULL, out, "lse", base }, error);
}
