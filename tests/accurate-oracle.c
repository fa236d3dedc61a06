/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The oracle against attention in MPFR: each element lies within its own stated error, the stated error is that of one rounding
   where nothing cancels.  */

#include <math.h>
#include <mpfr.h>
#include "oracle.h"
#include "random.h"
#include "reference_mpfr.h"
#include "tap.h"

enum filling { NORMAL, WIDE, CANCEL, TINY, EQUAL };
enum mask_type { NO_MASK, ADDITIVE, FINITE_MINIMUM, HUGE, BOOLEAN };

typedef struct problem {
  const char *name;
  segattn_format q, k, v;
  size_t batch, heads, kv_heads, queries, keys, dim_k, dim_v;
  double scale, softcap;
  bool causal, slopes, sinks;
  size_t window;
  enum mask_type mask;
  enum filling fill;
  double q_size, k_size, v_size;
} problem;

typedef struct data {
  array q, k, v, mask, out, lse, error;
  double slopes[16], sinks[16];
  oracle_problem oracle;
} data;

static double value(enum filling fill, random_stream *r, size_t i, double size) {
  double x = random_normal(r);
  switch (fill) {
  case NORMAL: return size * x;
  case WIDE: return size * x * exp2(rint(40 * random_uniform(r) - 20));
  case CANCEL: return size * (i % 2 ? -1 : 1) * (1 + 1e-6 * x);
  case TINY: return size * x * 0x1p-1040;
  default: return size;
  }
}

static void fill(array *a, segattn_format format, size_t batch, size_t heads, size_t positions, size_t dim, random_stream *r,
                 enum filling how, double size) {
  array wide = {0};
  if (array_alloc(&wide, SEGATTN_F64, batch, heads, positions, dim) != 0)
    exit(1);
  for (size_t i = 0; i < array_count(&wide); i++)
    ((double *)wide.data)[i] = value(how, r, i, size);
  if (array_convert(a, format, &wide) != 0)
    exit(1);
  array_free(&wide);
}

static double mask_value(enum mask_type type, random_stream *r, size_t j) {
  double u = random_uniform(r);
  switch (type) {
  case ADDITIVE: return u < 0.3 ? -INFINITY : 4 * random_normal(r);
  case FINITE_MINIMUM: return -0x1.fffffep127;
  case HUGE: return j % 3 ? -1e30 : 1e30;
  default: return u < 0.5;
  }
}

/* Larger than it need be, as a padded one is.  */
static void make_mask(array *mask, const problem *p, random_stream *r) {
  array wide = {0};
  *mask = (array){0};
  if (p->mask == NO_MASK)
    return;
  if (array_alloc(&wide, SEGATTN_F64, p->batch, 1, p->queries + 1, p->keys + 3) != 0)
    exit(1);
  for (size_t i = 0; i < array_count(&wide); i++)
    ((double *)wide.data)[i] = mask_value(p->mask, r, i);
  if (array_convert(mask, p->mask == BOOLEAN ? SEGATTN_BOOL : SEGATTN_F32, &wide) != 0)
    exit(1);
  array_free(&wide);
}

static void make_data(data *d, const problem *p, random_stream *r) {
  *d = (data){0};
  fill(&d->q, p->q, p->batch, p->heads, p->queries, p->dim_k, r, p->fill, p->q_size);
  fill(&d->k, p->k, p->batch, p->kv_heads, p->keys, p->dim_k, r, p->fill == CANCEL ? NORMAL : p->fill, p->k_size);
  fill(&d->v, p->v, p->batch, p->kv_heads, p->keys, p->dim_v, r, p->fill, p->v_size);
  make_mask(&d->mask, p, r);
  for (size_t h = 0; h < p->heads; h++) {
    d->slopes[h] = -0.5 * random_uniform(r);
    d->sinks[h] = 3 * random_normal(r);
  }
  d->oracle = (oracle_problem){.scale = p->scale, .softcap = p->softcap, .causal = p->causal, .window = p->window,
                               .slopes = p->slopes ? d->slopes : NULL, .sinks = p->sinks ? d->sinks : NULL,
                               .q_start = 2, .k_start = -1};
}

static void free_data(data *d) {
  array *all[] = {&d->q, &d->k, &d->v, &d->mask, &d->out, &d->lse, &d->error};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    array_free(all[i]);
}

/* The caller frees the four arrays.  */
static reference exact_of(const problem *p, const data *d) {
  size_t rows = p->batch * p->heads * p->queries, n = rows * p->dim_v;
  reference exact = {calloc(n + 1, 8), calloc(n + 1, 8), calloc(rows + 1, 8), calloc(rows + 1, 8)};
  segattn_problem s = {.q_heads = p->heads, .kv_heads = p->kv_heads, .dim_k = p->dim_k, .dim_v = p->dim_v, .scale = p->scale,
                       .softcap = p->softcap, .causal = p->causal, .window = p->window, .slopes = d->oracle.slopes,
                       .sinks = d->oracle.sinks};
  segattn_queries queries = {.q = array_view(&d->q), .start = d->oracle.q_start};
  segattn_segment segment = {.k = array_view(&d->k), .v = array_view(&d->v), .start = d->oracle.k_start};
  if (d->mask.data != NULL) {
    segment.mask = array_view(&d->mask);
    segment.mask.shape[SEGATTN_POS] = p->queries;
    segment.mask.shape[SEGATTN_DIM] = p->keys;
  }
  segattn_tensor out = array_view(&d->out), lse = array_view(&d->lse);
  reference_attend(&exact, &s, &queries, &segment, 1, &out, &lse);
  return exact;
}

typedef struct verdict { size_t outside, wide, lse_outside; double worst, largest_ulp; } verdict;

static double half_ulp(double x) {
  return 0.5 * (nextafter(fabs(x), INFINITY) - fabs(x));
}

/* Where an infinite value meets a weight that is 0 in MPFR's range too, its product is NaN there, and infinite in the
   oracle.  */
static bool differ(double computed, double exact) {
  return isnan(exact) ? isfinite(computed) : computed != exact;
}

static verdict judge(const problem *p, const data *d) {
  verdict to = {0};
  reference exact = exact_of(p, d);
  const double *out = d->out.data, *error = d->error.data, *lse = d->lse.data;
  for (size_t i = 0; i < array_count(&d->out); i++) {
    if (isfinite(exact.out[i]) ? !(exact.out_error[i] <= error[i]) : differ(out[i], exact.out[i]))
      to.outside++;
    if (error[i] > 0)
      to.worst = fmax(to.worst, exact.out_error[i] / error[i]);
    if (out[i] != 0)
      to.largest_ulp = fmax(to.largest_ulp, error[i] / (2 * half_ulp(out[i])));
    to.wide += error[i] > 1.02 * half_ulp(out[i]) + 0x1p-80 * fabs(p->v_size);
  }
  for (size_t i = 0; i < array_count(&d->lse); i++)     /* one rounding, and 2^-90 of the largest term in play */
    if (isfinite(exact.lse[i]) ? !(exact.lse_error[i] <= 1.0000001 * half_ulp(lse[i]) + 0x1p-80) : differ(lse[i], exact.lse[i]))
      to.lse_outside++;
  free(exact.out);
  free(exact.out_error);
  free(exact.lse);
  free(exact.lse_error);
  return to;
}

static void attend(data *d) {
  if (oracle_attend(&d->out, &d->lse, &d->error, &d->oracle, &d->q, &d->k, &d->v, &d->mask) != 0)
    exit(1);
}

#define F16 SEGATTN_F16
#define BF16 SEGATTN_BF16
#define F32 SEGATTN_F32
#define F64 SEGATTN_F64
#define PLAIN 1, 2, 1, 3, 40, 16, 8

static const problem problems[] = {
  {"plain f32", F32, F32, F32, 1, 2, 1, 5, 300, 64, 40, .scale = 0.125, .q_size = 1, .k_size = 1, .v_size = 1},
  {"f16 and bf16", F16, BF16, F16, PLAIN, .scale = 0.25, .q_size = 1, .k_size = 1, .v_size = 1},
  {"blocks that f32 does not hold", F32, SEGATTN_Q4_1, SEGATTN_Q5_1, 1, 2, 1, 3, 40, 64, 32, .scale = 0.25, .q_size = 1,
   .k_size = 1, .v_size = 1},
  {"blocks and fp8", SEGATTN_Q8_0, SEGATTN_F8E4M3, SEGATTN_IQ4_NL, 1, 2, 1, 3, 40, 64, 32, .scale = 0.25, .q_size = 1,
   .k_size = 1, .v_size = 1},
  {"f64", F64, F64, F64, PLAIN, .scale = 0.3, .q_size = 1, .k_size = 1, .v_size = 1},
  {"values f64", F32, F32, F64, PLAIN, .scale = 0.3, .q_size = 1, .k_size = 1, .v_size = 1e300},
  {"batch and heads", F32, F16, F32, 2, 4, 2, 3, 17, 7, 5, .scale = -0.4, .q_size = 1, .k_size = 1, .v_size = 1},
  {"causal", F32, F32, F32, 1, 2, 2, 20, 20, 9, 3, .scale = 0.4, .causal = true, .q_size = 1, .k_size = 1, .v_size = 1},
  {"window", F32, F32, F32, 1, 2, 2, 20, 20, 9, 3, .scale = 0.4, .window = 3, .q_size = 1, .k_size = 1, .v_size = 1},
  {"causal window, slopes, sinks", F32, F32, F32, 1, 4, 2, 12, 20, 9, 3, .scale = 0.4, .causal = true, .slopes = true,
   .sinks = true, .window = 5, .q_size = 1, .k_size = 1, .v_size = 1},
  {"softcap", F32, F32, F32, PLAIN, .scale = 0.4, .softcap = 5, .q_size = 2, .k_size = 2, .v_size = 1},
  {"softcap, saturated", F32, F32, F32, PLAIN, .scale = 9, .softcap = 30, .slopes = true,
   .q_size = 20, .k_size = 20, .v_size = 1},
  {"additive mask", F32, F32, F32, PLAIN, .scale = 0.4, .mask = ADDITIVE, .q_size = 1, .k_size = 1, .v_size = 1},
  {"boolean mask", F32, F32, F32, 2, 2, 1, 4, 6, 5, 3, .scale = 0.4, .mask = BOOLEAN, .sinks = true,
   .q_size = 1, .k_size = 1,
   .v_size = 1},
  {"boolean mask, empty rows", F32, F32, F32, 2, 2, 1, 9, 2, 5, 3, .scale = 0.4, .mask = BOOLEAN, .q_size = 1, .k_size = 1,
   .v_size = 1},
  {"masked by finite minima only", F32, F32, F32, PLAIN, .scale = 0.4, .mask = FINITE_MINIMUM,
   .q_size = 1, .k_size = 1, .v_size = 1},
  {"huge masks of both signs", F32, F32, F32, PLAIN, .scale = 0.4, .mask = HUGE, .q_size = 1, .k_size = 1, .v_size = 1},
  {"scores of thousands", F32, F32, F32, PLAIN, .scale = 1, .q_size = 60, .k_size = 60, .v_size = 1},
  {"scores of 1e10", F32, F32, F32, PLAIN, .scale = 1, .q_size = 1e5, .k_size = 1e5, .v_size = 1},
  {"wide exponents", F64, F64, F64, PLAIN, .scale = 1e-3, .fill = WIDE, .q_size = 1, .k_size = 1, .v_size = 1},
  {"cancelling products", F32, F32, F32, 1, 1, 1, 3, 60, 64, 8, .scale = 0.125, .fill = CANCEL,
   .q_size = 30, .k_size = 1, .v_size = 1},
  {"f64 below the normal range", F64, F64, F64, PLAIN, .scale = 1, .fill = TINY, .q_size = 1, .k_size = 1, .v_size = 1},
  {"values at the top of f64", F32, F32, F64, PLAIN, .scale = 0.3, .fill = EQUAL, .q_size = 1, .k_size = 1,
   .v_size = 0x1.fffffffffffffp1023},
  {"equal keys", F32, F32, F32, 1, 1, 1, 2, 1000, 8, 4, .scale = 0.3, .fill = EQUAL, .q_size = 1, .k_size = 1, .v_size = 4},
  {"scale 0", F32, F32, F32, PLAIN, .q_size = 1, .k_size = 1, .v_size = 1},
  {"one key", F32, F32, F32, 1, 2, 1, 3, 1, 16, 8, .scale = 1, .q_size = 3, .k_size = 3, .v_size = 1},
  {"no key, with and without", F32, F32, F32, 1, 2, 1, 3, 0, 16, 8, .scale = 1, .sinks = true,
   .q_size = 3, .k_size = 3, .v_size = 1},
  {"dims 1", F32, F32, F32, 1, 1, 1, 4, 30, 1, 1, .scale = 1, .q_size = 2, .k_size = 2, .v_size = 1}
};

static void test_problems(random_stream *r) {
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
    const problem *p = &problems[i];
    data d;
    make_data(&d, p, r);
    attend(&d);
    verdict v = judge(p, &d);
    ok(v.outside == 0 && v.lse_outside == 0, "%s: each element within its stated error (%.3f of it; %.3g ulp)", p->name,
       v.worst, v.largest_ulp);
    if (v.outside || v.lse_outside)
      diag("%zu elements, %zu lse outside", v.outside, v.lse_outside);
    if (p->fill == NORMAL && p->k_size < 1e3)
      ok(v.wide == 0, "%s: no stated error is larger than one rounding and 2^-80", p->name);
    free_data(&d);
  }
}

static double pick(random_stream *r, const double *from, size_t n) {
  return from[random_word(r) % n];
}

/* Random problems: shapes, formats, features and sizes mixed.  */
static void test_random(random_stream *r, size_t n) {
  static const double sizes[] = {1e-3, 0.3, 1, 4, 30, 1e4}, scales[] = {0.05, 0.5, 1, -1, 3};
  static const segattn_format formats[] = {F16, BF16, F32, F64};
  size_t outside = 0, lse = 0;
  double worst = 0;
  for (size_t i = 0; i < n; i++) {
    size_t kv = 1 + random_word(r) % 2;
    problem p = {"random", formats[random_word(r) % 4], formats[random_word(r) % 4], formats[random_word(r) % 4],
                 1 + random_word(r) % 2, kv * (1 + random_word(r) % 2), kv, 1 + random_word(r) % 4, random_word(r) % 40,
                 1 + random_word(r) % 20, 1 + random_word(r) % 10, .scale = pick(r, scales, 5),
                 .softcap = random_word(r) % 3 ? 0 : pick(r, sizes + 1, 4), .causal = random_word(r) % 2,
                 .slopes = random_word(r) % 3 == 0, .sinks = random_word(r) % 3 == 0,
                 .window = random_word(r) % 2 ? 0 : 1 + random_word(r) % 20, .mask = random_word(r) % 5,
                 .fill = random_word(r) % 3, .q_size = pick(r, sizes, 5), .k_size = pick(r, sizes, 5),
                 .v_size = pick(r, sizes, 6)};
    data d;
    make_data(&d, &p, r);
    attend(&d);
    verdict v = judge(&p, &d);
    outside += v.outside;
    lse += v.lse_outside;
    worst = fmax(worst, v.worst);
    free_data(&d);
  }
  ok(outside == 0, "%zu random problems: each element within its stated error (%.3f of it)", n, worst);
  ok(lse == 0, "%zu random problems: each lse within one rounding", n);
}

int main(int argc, char **argv) {
  random_stream *r = random_alloc(20251122);
  if (r == NULL)
    return 1;
  test_problems(r);
  test_random(r, argc > 1 ? strtoul(argv[1], NULL, 10) : 400);
  random_free(r);
  mpfr_free_cache();
  return done();
}
