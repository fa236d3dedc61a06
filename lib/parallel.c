/* SPDX-License-Identifier: BSD-2-Clause */
/* Parallel loops.  The only file that knows OpenMP.  No float is ever reduced across threads.  */

#ifdef _OPENMP
# include <omp.h>
#endif

#include "internal.h"

#define THREAD_FLOPS ((uint64_t)1 << 22)         /* less is done before another thread has woken up */

int sga_threads(const segattn_plan *plan, size_t items, uint64_t flops) {
  int threads = plan->threads;
  if (flops / THREAD_FLOPS < (uint64_t)threads)
    threads = (int)(flops / THREAD_FLOPS) + 1;
  threads = threads < plan->threads ? threads : plan->threads;
  return items < (size_t)threads ? (int)(items ? items : 1) : threads;
}

/* The outer environment: libomp's serial regions drop the caller's exception flags.  */
void sga_parallel(int threads, void (*body)(void *job, int thread), void *job) {
  sga_environment outer;
  sga_environment_set(&outer);
  if (threads <= 1)
    body(job, 0);
  else {
#pragma omp parallel num_threads(threads)
    {
      sga_environment own;
      sga_environment_set(&own);
#ifdef _OPENMP
      body(job, omp_get_thread_num());
#else
      body(job, 0);
#endif
      sga_environment_restore(&own);
    }
  }
  sga_environment_restore(&outer);
}

size_t sga_take(size_t *next) {
  size_t i;
#pragma omp atomic capture
  i = (*next)++;
  return i;
}

void sga_events_collect(segattn_events *to, const sga_counts *counts, const segattn_events *rows) {
#pragma omp critical(sga_events)
  {
    to->rescales += counts->rescales;
    to->underflow += counts->underflow;
    to->nan += counts->nan;
    to->inf += counts->inf;
    to->overflow += rows->overflow;
    to->masked_rows += rows->masked_rows;
  }
}
