/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loops that do nothing but what the machine does at most: independent fused multiply-adds, and loads.

   An FMA has a latency of 4 or 5 cycles and two start each cycle: 10 chains keep the units busy, 12 leave room and fit the 16
   registers of AVX2.  The values settle at a fixed point, so that nothing becomes denormal or infinite.  Loads are joined
   by OR: no dependence longer than one cycle, in 4 chains.  */

#include "bench.h"

#if defined __x86_64__
# include <immintrin.h>
#elif defined __aarch64__
# include <arm_neon.h>
#endif

enum { CHAINS = 12 };
static volatile float fma_sink;
static volatile uint64_t read_sink;

#if defined __x86_64__

__attribute__((target("avx512f")))
static double fma_avx512(size_t rounds) {
  __m512 x[CHAINS], a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1.0f), sum = a;
  for (int i = 0; i < CHAINS; i++)
    x[i] = _mm512_set1_ps((float)i);
  for (size_t r = 0; r < rounds; r++)
    for (int i = 0; i < CHAINS; i++)
      x[i] = _mm512_fmadd_ps(x[i], a, b);
  for (int i = 0; i < CHAINS; i++)
    sum = _mm512_add_ps(sum, x[i]);
  fma_sink = _mm512_reduce_add_ps(sum);
  return 2.0 * 16 * CHAINS * (double)rounds;
}

__attribute__((target("avx512f")))
static void read_avx512(const void *data, size_t n) {
  const __m512i *p = data;
  __m512i x[4] = { _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512() };
  for (size_t i = 0; i + 4 <= n / sizeof *p; i += 4)
    for (size_t j = 0; j < 4; j++)
      x[j] = _mm512_or_si512(x[j], _mm512_load_si512(p + i + j));
  read_sink = (uint64_t)_mm512_reduce_or_epi64(_mm512_or_si512(_mm512_or_si512(x[0], x[1]), _mm512_or_si512(x[2], x[3])));
}

__attribute__((target("avx2,fma")))
static double fma_avx2(size_t rounds) {
  __m256 x[CHAINS], a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1.0f), sum = a;
  for (int i = 0; i < CHAINS; i++)
    x[i] = _mm256_set1_ps((float)i);
  for (size_t r = 0; r < rounds; r++)
    for (int i = 0; i < CHAINS; i++)
      x[i] = _mm256_fmadd_ps(x[i], a, b);
  for (int i = 0; i < CHAINS; i++)
    sum = _mm256_add_ps(sum, x[i]);
  fma_sink = _mm256_cvtss_f32(sum);
  return 2.0 * 8 * CHAINS * (double)rounds;
}

__attribute__((target("avx2")))
static void read_avx2(const void *data, size_t n) {
  const __m256i *p = data;
  __m256i x[4] = { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256() };
  for (size_t i = 0; i + 4 <= n / sizeof *p; i += 4)
    for (size_t j = 0; j < 4; j++)
      x[j] = _mm256_or_si256(x[j], _mm256_load_si256(p + i + j));
  x[0] = _mm256_or_si256(_mm256_or_si256(x[0], x[1]), _mm256_or_si256(x[2], x[3]));
  read_sink = (uint64_t)_mm256_extract_epi64(x[0], 0);
}

#elif defined __aarch64__

static double fma_neon(size_t rounds) {
  float32x4_t x[CHAINS], a = vdupq_n_f32(0.5f), b = vdupq_n_f32(1.0f), sum = a;
  for (int i = 0; i < CHAINS; i++)
    x[i] = vdupq_n_f32((float)i);
  for (size_t r = 0; r < rounds; r++)
    for (int i = 0; i < CHAINS; i++)
      x[i] = vfmaq_f32(b, x[i], a);
  for (int i = 0; i < CHAINS; i++)
    sum = vaddq_f32(sum, x[i]);
  fma_sink = vaddvq_f32(sum);
  return 2.0 * 4 * CHAINS * (double)rounds;
}

#endif

/* Portable code may not assume a fused operation.  */
static double fma_portable(size_t rounds) {
  (void)rounds;
  return 0;
}

static void read_portable(const void *data, size_t n) {
  const uint64_t *p = data;
  uint64_t x[4] = { 0 };
  for (size_t i = 0; i + 4 <= n / sizeof *p; i += 4)
    for (size_t j = 0; j < 4; j++)
      x[j] |= p[i + j];
  read_sink = x[0] | x[1] | x[2] | x[3];
}

const bench_loop *bench_loop_at(size_t i) {
  static const bench_loop loops[] = {
    { "portable", fma_portable, read_portable },
#if defined __x86_64__
    { "avx2", fma_avx2, read_avx2 },
    { "avx512", fma_avx512, read_avx512 },
#elif defined __aarch64__
    { "neon", fma_neon, read_portable },
#endif
  };
  size_t there = 1;
#if defined __x86_64__
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    there = __builtin_cpu_supports("avx512f") ? 3 : 2;
#elif defined __aarch64__
  there = 2;
#endif
  return i < there ? &loops[i] : NULL;
}
