/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A contestant: attention written on a BLAS, as one writes it who has no attention kernel but knows the machine.

   S = Q K^T (sgemm), softmax by rows with a vectorised exp, O = P V (sgemm).  Blocks of queries keep S in the cache and let a
   causal problem skip what lies above the diagonal.  One query a head: the heads of a group are the rows of one product.  Heads
   and blocks are shared among threads, each calling a sequential BLAS, which beats the BLAS's own threads at these sizes.
   f32 only.  The library is opened when the contest begins, so that the program does not need one.  */

#include "bench.h"

#include <dlfcn.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };          /* of cblas.h */
enum { BLOCK = 128 };           /* queries; 64 and 256 are no better */

typedef void sgemm_function(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                            const float *b, int ldb, float beta, float *c, int ldc);

static sgemm_function *sgemm;

static void *symbol(const char *name) {
  static const char *const libraries[] = { "libopenblas.so.0", "libopenblas.so", "libblas.so.3" };
  static void *library;
  for (size_t i = 0; !library && i < sizeof libraries / sizeof *libraries; i++)
    library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
  return library ? dlsym(library, name) : NULL;
}

/* An OpenBLAS that is older than the machine takes the slowest code that it has.  It is told the best that the machine can run,
   which it reads as it is loaded: so the program starts anew.  */
static void restart_for(const char *core, int threads) {
  static const char *const slow[] = { "Prescott", "Core2", "Generic", "Unknown" };
  const char *better = NULL;
  char number[16];
  for (int i = 0; segattn_isa_name(i); i++)
    better = !strcmp(segattn_isa_name(i), "avx512") ? "SkylakeX" : !strcmp(segattn_isa_name(i), "avx2") ? "Haswell" : better;
  for (size_t i = 0; better && i < sizeof slow / sizeof *slow; i++)
    if (!strcasecmp(core, slow[i]) && !getenv("OPENBLAS_CORETYPE") && !setenv("OPENBLAS_CORETYPE", better, 1)) {
      snprintf(number, sizeof number, "%d", threads);
      execl("/proc/self/exe", "segattn", "bench", "--serve", "blas", "--threads", number, (char *)NULL);
    }
}

static bool hello(char *version, char *isa, size_t size, int threads) {
  char *(*config)(void), *(*core)(void);
  void (*set_threads)(int);
  *(void **)&sgemm = symbol("cblas_sgemm");
  *(void **)&config = symbol("openblas_get_config");
  *(void **)&core = symbol("openblas_get_corename");
  *(void **)&set_threads = symbol("openblas_set_num_threads");
  if (!sgemm) {
    snprintf(version, size, "no BLAS with cblas_sgemm was found");
    return false;
  }
  if (core)
    restart_for(core(), threads);
  snprintf(version, size, "%s", config ? config() : "unnamed");
  for (size_t i = 0, words = 0; version[i]; i++)    /* "OpenBLAS 0.3.21", and not how it was built */
    if (strchr(" \t\n", version[i]) && ++words == 2)
      version[i] = 0;
  const char *told = getenv("OPENBLAS_CORETYPE");
  snprintf(isa, size, "%s%s", core ? core() : "unknown", told ? ", which it was told: it does not know this machine" : "");
  if (set_threads)
    set_threads(1);
  return true;
}

/* ---- softmax of one row, un-normalised: p = exp(s - max), returns the sum ---- */

/* exp(x) for x <= 0: 2^n 2^f with f in [-1/2, 1/2], the series of 2^f to the 7th power; relative error about
   (2 + |x|) 2^-24.  */
static inline __attribute__((always_inline)) float row_exp(float x) {
  const float log2e = 0x1.715476p0f, magic = 0x1.8p23f;
  float t = x * log2e < -126 ? -126 : x * log2e, r = t + magic, f = t - (r - magic);
  float y = 0x1.ffcbfcp-17f;    /* ln(2)^k / k!, k = 7 .. 0 */
  y = __builtin_fmaf(y, f, 0x1.430912p-13f);
  y = __builtin_fmaf(y, f, 0x1.5d87fep-10f);
  y = __builtin_fmaf(y, f, 0x1.3b2ab6p-7f);
  y = __builtin_fmaf(y, f, 0x1.c6b08ep-5f);
  y = __builtin_fmaf(y, f, 0x1.ebfbep-3f);
  y = __builtin_fmaf(y, f, 0x1.62e43p-1f);
  y = __builtin_fmaf(y, f, 1.0f);
  union { float f; int32_t i; } bits = { r }, power;
  power.i = (int32_t)((uint32_t)(bits.i + 127) << 23);
  return y * power.f;
}

static inline __attribute__((always_inline)) float row_softmax(float *s, size_t n) {
  enum { LANES = 16 };
  float best[LANES], top = -INFINITY, sum = 0;
  size_t whole = n / LANES * LANES;
  for (size_t l = 0; l < LANES; l++)
    best[l] = -INFINITY;
  for (size_t j = 0; j < whole; j += LANES)
    for (size_t l = 0; l < LANES; l++)
      best[l] = s[j + l] > best[l] ? s[j + l] : best[l];
  for (size_t l = 0; l < LANES; l++)
    top = best[l] > top ? best[l] : top;
  for (size_t j = whole; j < n; j++)
    top = s[j] > top ? s[j] : top;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < n; j++) {
    s[j] = row_exp(s[j] - top);
    sum += s[j];
  }
  return sum;
}

#if defined __x86_64__
__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"))) static float softmax_avx512(float *s, size_t n) {
  return row_softmax(s, n);
}

__attribute__((target("avx2,fma"))) static float softmax_avx2(float *s, size_t n) {
  return row_softmax(s, n);
}
#endif

static float softmax_portable(float *s, size_t n) {
  return row_softmax(s, n);
}

typedef float softmax_function(float *s, size_t n);

static softmax_function *softmax_best(void) {
#if defined __x86_64__
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    return softmax_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return softmax_avx2;
#endif
  return softmax_portable;
}

/* ---- attention ---- */

typedef struct mine {
  float **scores;               /* a block of rows for each thread */
  size_t rows, blocks;          /* of a product; products of a KV head */
  softmax_function *softmax;
} mine;

static bool prepare(bench_job *job) {
  const bench_case *c = &job->c;
  if (c->work != BENCH_ATTEND || c->parts != 1 || c->part[0].format != SEGATTN_F32 || c->segments != 1) {
    snprintf(job->reason, sizeof job->reason, "sgemm knows f32 only");
    return false;
  }
  mine *m = job->mine = calloc(1, sizeof *m);
  if (!m)
    return false;
  size_t group = c->q_heads / c->kv_heads;
  m->rows = c->queries == 1 ? group : c->queries < BLOCK ? c->queries : BLOCK;
  m->blocks = c->queries == 1 ? 1 : group * ((c->queries + BLOCK - 1) / BLOCK);
  m->softmax = softmax_best();
  m->scores = calloc((size_t)job->threads, sizeof *m->scores);
  for (int i = 0; m->scores && i < job->threads; i++)
    if (!(m->scores[i] = aligned_alloc(64, (m->rows * c->keys * sizeof(float) + 63) / 64 * 64))) {
      snprintf(job->reason, sizeof job->reason, "out of memory");
      return false;
    }
  return m->scores;
}

/* Rows `from` .. of query head (or group) `head`: n of them, against the keys that the last of them sees.  */
static void product(const bench_job *job, float *s, size_t head, size_t from, size_t n) {
  const bench_case *c = &job->c;
  const mine *m = job->mine;
  size_t kv = c->queries == 1 ? head : head / (c->q_heads / c->kv_heads);
  size_t step = c->token_major ? c->kv_heads * c->dim : c->dim, at = c->token_major ? kv * c->dim : kv * c->keys * c->dim;
  size_t row = c->queries == 1 ? head * n : head * c->queries + from, first = c->keys - c->queries + from + 1;
  size_t keys = c->causal ? first + n - 1 : c->keys;
  const float *q = (const float *)job->q + row * c->dim, *k = (const float *)job->k[0] + at, *v = (const float *)job->v[0] + at;
  float *out = (float *)job->out + row * c->dim, sum[BLOCK];
  int dim = (int)c->dim, lds = (int)keys;
  sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)n, lds, dim, 1 / sqrtf((float)dim), q, dim, k, (int)step, 0, s, lds);
  for (size_t i = 0; i < n; i++) {
    size_t seen = c->causal ? first + i : keys;
    sum[i] = m->softmax(s + i * keys, seen);
    memset(s + i * keys + seen, 0, (keys - seen) * sizeof *s);
  }
  sgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, (int)n, dim, lds, 1, s, lds, v, (int)step, 0, out, dim);
  for (size_t i = 0; i < n; i++)
    for (size_t d = 0; d < c->dim; d++)
      out[i * c->dim + d] /= sum[i];
}

static double run(bench_job *job) {
  const bench_case *c = &job->c;
  const mine *m = job->mine;
  size_t blocks = m->blocks * c->kv_heads, a_head = (c->queries + BLOCK - 1) / BLOCK;
  double start = bench_clock();
#pragma omp parallel for schedule(dynamic) num_threads(job->threads)
  for (size_t i = blocks; i > 0; i--) {         /* from the end: with causality the last blocks are the longest */
    size_t head = c->queries == 1 ? i - 1 : (i - 1) / a_head, from = c->queries == 1 ? 0 : (i - 1) % a_head * BLOCK;
    size_t n = c->queries == 1 ? m->rows : c->queries - from < BLOCK ? c->queries - from : BLOCK;
    product(job, m->scores[omp_get_thread_num()], head, from, n);
  }
  return bench_clock() - start;
}

static void release(bench_job *job) {
  mine *m = job->mine;
  for (int i = 0; m->scores && i < job->threads; i++)
    free(m->scores[i]);
  free(m->scores);
  free(m);
}

const bench_contestant bench_blas = { "blas", hello, prepare, run, NULL, release };
