/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arithmetic i8 by hand: codes and scales from their definition (BOUNDS, section 1), scores from loops over single integers;
   and every kernel of it that the machine can run, those too that a plan would not take here (AVX-512 without VNNI where there
   is VNNI).  */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "internal.h"
#include "kernel/codes.h"
#include "tap.h"
#include "draw.h"

enum { N_DIM = 96, N_KEYS = 300, N_ROWS = 40 };

/* ---- the quantiser ---- */

static bool near_right(const float x[SGA_CODES]) {
  int8_t code[SGA_CODES];
  float d = sga_quantise(x, code), a = 0;
  for (int i = 0; i < SGA_CODES; i++)
    a = fabsf(x[i]) > a ? fabsf(x[i]) : a;
  if (a < 0x1p-119f)
    a = 0;
  bool right = a > 0 ? d > 0 && d == a / 127 : d == 0;
  for (int i = 0; i < SGA_CODES; i++) {
    double exact = a > 0 ? (double)x[i] * 127 / (double)a : 0;
    right = right && abs(code[i]) <= 127 && fabs(code[i] - exact) <= 0.5 + 127 * 0x1.8p-23;     /* two roundings */
    right = right && (a == 0 || fabsf(x[i]) < a || abs(code[i]) == 127);
  }
  return right;
}

static void quantiser(void) {
  rng r = { 7 };
  float x[SGA_CODES];
  bool right = true;
  for (int i = 0; i < 20000; i++) {
    double size = ldexp(1, (int)rng_between(&r, -149, 126));
    for (int c = 0; c < SGA_CODES; c++)
      x[c] = (float)(rng_normal(&r) * size * 0.2);
    right = right && near_right(x);
  }
  ok(right, "20000 blocks of all sizes: d = a / 127, codes within half a step, the largest gets 127");
  static const float odd[] = { INFINITY, -INFINITY, NAN };
  right = true;
  for (int i = 0; i < 3 * SGA_CODES; i++) {
    int8_t code[SGA_CODES];
    for (int j = 0; j < SGA_CODES; j++)
      x[j] = j == i / 3 ? odd[i % 3] : 1;
    right = right && isnan(sga_quantise(x, code));
  }
  memset(x, 0, sizeof x);
  ok(right && near_right(x), "what is not finite makes d NaN, zeros make it 0");
  for (int i = 0; i < SGA_CODES; i++)
    x[i] = (float)i - 15.5f;
  x[0] = 127;
  int8_t code[SGA_CODES];
  ok(sga_quantise(x, code) == 1 && code[1] == -14 && code[2] == -14 && code[16] == 0 && code[17] == 2 && code[31] == 16,
     "halves go to the even code");
}

/* ---- scores, seen as lse of a single key ---- */

typedef struct inputs { float q[N_ROWS * N_DIM], v[N_KEYS]; unsigned char k[N_KEYS * N_DIM * 4]; } inputs;

static segattn_plan *plan_of(const sga_kernel *kernel) {
  segattn_problem p;
  segattn_plan *plan = NULL;
  segattn_problem_init(&p);
  p.dim_k = N_DIM;
  p.dim_v = 1;
  p.scale = 1;
  if (segattn_plan_alloc(&plan, &p, &(segattn_options){ .arithmetic = "i8", .threads = 1 }, NULL))
    return NULL;
  plan->kernel = kernel;        /* which a user cannot choose */
  return plan;
}

/* s of query i and key j, by the definition.  */
static float score_of(const inputs *in, segattn_format format, size_t i, size_t j) {
  size_t row = segattn_format_bytes(format, N_DIM), block = segattn_format_bytes(format, SGA_CODES);
  float s = 0;
  for (size_t b = 0; b < N_DIM / SGA_CODES; b++) {
    int8_t q[SGA_CODES], k[SGA_CODES];
    const unsigned char *at = in->k + j * row + b * block;
    float x[SGA_CODES], dq = sga_quantise(&in->q[i * N_DIM + b * SGA_CODES], q), dk;
    int sum = 0;
    if (format == SEGATTN_F32) {
      memcpy(x, at, sizeof x);
      dk = sga_quantise(x, k);
    } else {                    /* q8_0, q4_0: half d, then codes */
      double half;
      segattn_decode(SEGATTN_F16, at, &half, 1);
      dk = (float)half;
      for (int c = 0; c < SGA_CODES; c++)
        k[c] = (int8_t)(format == SEGATTN_Q8_0 ? at[2 + c] : (c < 16 ? at[2 + c] & 15 : at[2 + c - 16] >> 4) - 8);
    }
    for (int c = 0; c < SGA_CODES; c++)
      sum += q[c] * k[c];
    s = fmaf(dq * dk, (float)sum, s);
  }
  return s;
}

/* All scores of a kernel, few rows and many: M is the only t.  */
static size_t wrong_scores(const sga_kernel *kernel, const inputs *in, segattn_format format, size_t queries) {
  size_t wrong = 0, row = segattn_format_bytes(format, N_DIM);
  double M[N_ROWS], S[N_ROWS], O[N_ROWS];
  segattn_plan *plan = plan_of(kernel);
  segattn_queries q = { .q = segattn_tensor_of((void *)(uintptr_t)in->q, SEGATTN_F32, 1, 1, queries, N_DIM) };
  segattn_tensor m = segattn_tensor_of(M, SEGATTN_F64, 1, 1, queries, 1);
  segattn_tensor s = segattn_tensor_of(S, SEGATTN_F64, 1, 1, queries, 1);
  segattn_tensor o = segattn_tensor_of(O, SEGATTN_F64, 1, 1, queries, 1);
  for (size_t j = 0; j < N_KEYS; j += 1 + j % 7) {
    segattn_state *state = NULL;
    segattn_segment x = { .k = segattn_tensor_of((void *)(uintptr_t)(in->k + j * row), format, 1, 1, 1, N_DIM),
                          .v = segattn_tensor_of((void *)(uintptr_t)in->v, SEGATTN_F32, 1, 1, 1, 1) };
    if (segattn_state_alloc(&state, plan, &q, NULL) || segattn_state_absorb(state, &q, &x, NULL) ||
        segattn_state_export(state, &m, &s, &o, NULL))
      wrong++;
    for (size_t i = 0; i < queries; i++) {
      float t = score_of(in, format, i, j) * (float)SGA_LOG2E;
      wrong += M[i] != (double)t * SGA_LN2;
    }
    segattn_state_free(state);
  }
  segattn_plan_free(plan);
  return wrong;
}

/* out and lse of many keys, whole and in blocks that end inside, the same from every kernel.  */
static bool answer(const sga_kernel *kernel, const inputs *in, segattn_format format, size_t queries, size_t keys, double *to) {
  segattn_plan *plan = plan_of(kernel);
  segattn_queries q = { .q = segattn_tensor_of((void *)(uintptr_t)in->q, SEGATTN_F32, 1, 1, queries, N_DIM) };
  segattn_segment x = { .k = segattn_tensor_of((void *)(uintptr_t)in->k, format, 1, 1, keys, N_DIM),
                        .v = segattn_tensor_of((void *)(uintptr_t)in->v, SEGATTN_F32, 1, 1, keys, 1) };
  segattn_tensor out = segattn_tensor_of(to, SEGATTN_F64, 1, 1, queries, 1);
  segattn_tensor lse = segattn_tensor_of(to + queries, SEGATTN_F64, 1, 1, queries, 1);
  bool fine = plan && !segattn_attend(plan, &q, &x, 1, &out, &lse, NULL, NULL);
  segattn_plan_free(plan);
  return fine;
}

static void inputs_make(inputs *in, segattn_format format) {
  rng r = { (uint64_t)format };
  double *x = allocate(N_KEYS * N_DIM, sizeof *x);
  for (size_t i = 0; i < N_ROWS * N_DIM; i++)
    in->q[i] = (float)(0.2 * rng_normal(&r));
  for (size_t i = 0; i < N_KEYS * N_DIM; i++)
    x[i] = 0.2 * rng_normal(&r);
  for (size_t i = 0; i < N_KEYS; i++)
    in->v[i] = (float)rng_normal(&r);
  segattn_encode(format, x, in->k, N_KEYS * N_DIM);
  for (size_t i = 2; format == SEGATTN_Q8_0 && i < 34; i++)     /* the code that has no opposite, beside the largest of q */
    in->k[i] = 0x80;
  for (size_t i = 0; i < SGA_CODES; i++)
    in->q[i] = 3;
  free(x);
}

static void kernels(segattn_format format) {
  static inputs in;
  static double first[2 * N_ROWS], other[2 * N_ROWS];
  const sga_kernel *portable = sga_kernel_find("i8", "portable", NULL);
  inputs_make(&in, format);
  for (int i = 0; sga_kernel_at(i); i++) {
    const sga_kernel *kernel = sga_kernel_at(i);
    if (strcmp(kernel->arithmetic, "i8") || !sga_cpu_has(kernel->cpu))
      continue;
    size_t wrong = wrong_scores(kernel, &in, format, 3) + wrong_scores(kernel, &in, format, N_ROWS), differ = 0;
    ok(!wrong, "%s, %s: scores by hand (%zu wrong)", segattn_format_name(format), kernel->cpu, wrong);
    static const size_t few_or_many[] = { 1, 2, 3, 4, 17, N_ROWS }, keys[] = { N_KEYS, 129, 7, 1 };
    for (size_t a = 0; a < 6; a++)
      for (size_t b = 0; b < 4; b++) {
        bool fine = answer(portable, &in, format, few_or_many[a], keys[b], first) &&
          answer(kernel, &in, format, few_or_many[a], keys[b], other);
        differ += !fine || memcmp(first, other, 2 * few_or_many[a] * sizeof *first);
      }
    ok(!differ, "%s, %s: out and lse as portable C has them", segattn_format_name(format), kernel->cpu);
  }
}

int main(void) {
  quantiser();
  kernels(SEGATTN_F32);
  kernels(SEGATTN_Q8_0);
  kernels(SEGATTN_Q4_0);
  return done();
}
