/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loops that do nothing but what the machine does at most, compiled once per instruction set as the kernels are: independent
   fused multiply-adds, and loads.

   An FMA has a latency of 4 or 5 cycles and two start each cycle: 10 chains keep the units busy, 12 leave room and fit the 16
   registers of AVX2; where a register has 16 bytes there are 32 of them and up to four units.  The values settle at a fixed
   point, so that nothing becomes denormal or infinite.  What is loaded is added up in 8 chains, which two loads a cycle need.
   The portable one makes its fused operations by arithmetic, as the portable kernel does: no hardware's peak, but its own.  */

#include "bench.h"
#include "kernel/simd.h"

enum { FMA_CHAINS = sizeof(vec) == 16 ? 24 : 12, READ_CHAINS = 8 };
static volatile num sink;

static double fma_loop(size_t rounds) {
  vec x[FMA_CHAINS], a = vec_set1((num)0.5), b = vec_set1(1), sum = a;
  for (int i = 0; i < FMA_CHAINS; i++)
    x[i] = vec_set1((num)i);
  for (size_t r = 0; r < rounds; r++)
#pragma GCC unroll 24           /* all of it, so that the chains are registers: gcc by itself stops at 16 */
    for (int i = 0; i < FMA_CHAINS; i++)
      x[i] = vec_fma(x[i], a, b);
  for (int i = 0; i < FMA_CHAINS; i++)
    sum = vec_add(sum, x[i]);
  sink = vec_first(sum);
  return 2.0 * LANES * FMA_CHAINS * (double)rounds;
}

static void read_loop(const void *data, size_t n) {
  const num *p = data;
  vec x[READ_CHAINS];
  for (int i = 0; i < READ_CHAINS; i++)
    x[i] = vec_set1(0);
  for (size_t at = 0; at + READ_CHAINS * LANES <= n / sizeof *p; at += READ_CHAINS * LANES)
    for (int i = 0; i < READ_CHAINS; i++)
      x[i] = vec_add(x[i], vec_load(p + at + (size_t)i * LANES));
  for (int i = 1; i < READ_CHAINS; i++)
    x[0] = vec_add(x[0], x[i]);
  sink = vec_first(x[0]);
}

const bench_loop SGA_PASTE(bench_loop, NUM, SGA_ISA) = { SGA_TEXT(SGA_ISA), fma_loop, read_loop };
