/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The limits of the machine: the best of many short runs of the loops of bench_loop.h, all threads at once.

   A buffer stands for a level of memory when it is half of that cache and larger than the one below, or, for the memory itself,
   a multiple of the last cache: each thread has its own.  What a virtual machine says of its last cache may be the whole
   socket's, of which other machines have their part.  */

#include "bench.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "message.h"

const char *const bench_read_name[READS] = { "L2", "L3", "memory" };

double bench_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What all threads do from a common start to the end of the last one: sum of work / time.  */
static double fma_once(const bench_loop *loop, size_t rounds, int threads) {
  double operations = 0, start = 0;
#pragma omp parallel num_threads(threads)
  {
#pragma omp barrier
#pragma omp master
    start = bench_clock();
    double mine = loop->fma(rounds);
#pragma omp critical
    operations += mine;
  }
  return operations / (bench_clock() - start);
}

static double read_once(const bench_loop *loop, void *const *buffer, size_t n, size_t passes, int threads) {
  double start = 0;
#pragma omp parallel num_threads(threads)
  {
#pragma omp barrier
#pragma omp master
    start = bench_clock();
    for (size_t i = 0; i < passes; i++)
      loop->read(buffer[omp_get_thread_num()], n);
  }
  return (double)n * (double)passes * threads / (bench_clock() - start);
}

static double fma_best(const bench_loop *loop, int threads) {
  enum { TRIAL = 2000, TIMES = 60 };
  const double once = 1e-3;     /* s: so short that some of them are undisturbed */
  double rate = fma_once(loop, TRIAL, threads), best = 0;
  double rounds = fmin(fmax(TRIAL, rate * once / (loop->fma(1) * threads)), 1e9);
  for (int i = 0; i < TIMES && !bench_stopped(); i++)
    best = fmax(best, fma_once(loop, (size_t)rounds, threads));
  return best * 1e-9;
}

static double read_best(const bench_loop *loop, void *const *buffer, size_t n, int threads) {
  enum { ONCE = 64 << 20, TIMES = 12 };
  double best = 0;
  for (int i = 0; i < TIMES && !bench_stopped(); i++)
    best = fmax(best, read_once(loop, buffer, n, n < ONCE ? ONCE / n : 1, threads));
  return best * 1e-9;
}

static size_t cache(int name, size_t otherwise) {
  long n = sysconf(name);
  return n > 0 ? (size_t)n : otherwise;
}

static void sizes(size_t bytes[READS]) {
  size_t l2 = cache(_SC_LEVEL2_CACHE_SIZE, 512 << 10), l3 = cache(_SC_LEVEL3_CACHE_SIZE, 8 << 20), least = (size_t)256 << 20;
  bytes[READ_L2] = l2 / 2;
  bytes[READ_L3] = l3 / 4 > 2 * l2 ? l3 / 4 : l3 / 2;
  bytes[READ_MEMORY] = 4 * l3 > least ? 4 * l3 : least;
  for (int i = 0; i < READS; i++)
    bytes[i] &= ~(size_t)4095;
}

static int measure_reads(bench_limits *l, const bench_loop *loop, int threads) {
  enum { HUGE_PAGE = 2 << 20 };
  size_t n = (l->bytes[READ_MEMORY] + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  void **buffer = calloc((size_t)threads, sizeof *buffer);
  bool there = buffer;
  for (int i = 0; there && i < threads; i++)
    there = (buffer[i] = aligned_alloc(HUGE_PAGE, n));
  if (there) {
    for (int i = 0; i < threads; i++)
      madvise(buffer[i], n, MADV_HUGEPAGE);
#pragma omp parallel num_threads(threads)
    memset(buffer[omp_get_thread_num()], 1, n);
    for (int i = 0; i < READS; i++)
      l->gbytes[i] = fmax(l->gbytes[i], read_best(loop, buffer, l->bytes[i], threads));
  }
  for (int i = 0; buffer && i < threads; i++)
    free(buffer[i]);
  free(buffer);
  return there ? DONE : fail(FILES, "out of memory");
}

int bench_limits_measure(bench_limits *l, int threads) {
  const bench_loop *const *loops, *best = NULL;
  sizes(l->bytes);
  for (size_t i = 0; i < MOST_ISAS && (loops = bench_loops_at(i)); i++) {
    progress("bench", i, MOST_ISAS, "the machine's limits");
    l->isa[i] = loops[BENCH_F32]->isa;
    for (int number = 0; number < BENCH_NUMBERS; number++)
      l->gflops[i][number] = fmax(l->gflops[i][number], fma_best(loops[number], threads));
    best = loops[BENCH_F32];
  }
  return bench_stopped() ? DONE : measure_reads(l, best, threads);
}

double bench_peak(const bench_limits *l, const char *isa, int number) {
  double best = NAN;
  for (size_t i = 0; i < MOST_ISAS && l->isa[i]; i++) {
    best = l->gflops[i][number];
    if (isa && !strcmp(l->isa[i], isa))
      break;
  }
  return best;
}

int bench_number(const bench_case *c) {
  return c->q_format == SEGATTN_F64 ? BENCH_F64 : BENCH_F32;
}

int bench_level(const bench_limits *l, const bench_case *c) {
  double n = bench_kv_bytes(c);
  return n <= 2 * (double)l->bytes[READ_L2] ? READ_L2 : n <= (double)l->bytes[READ_MEMORY] / 4 ? READ_L3 : READ_MEMORY;
}
