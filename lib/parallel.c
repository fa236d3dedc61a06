/* SPDX-License-Identifier: BSD-2-Clause */
/* Parallel loops over tiles, with OpenMP.  No float is ever reduced across threads.  */

#ifdef _OPENMP
# include <omp.h>
#endif

#include "internal.h"

int sga_threads(const segattn_plan *plan, size_t items, uint64_t flops) {
  uint64_t threads = flops / plan->thread_work + 1;
  threads = threads < (uint64_t)plan->threads ? threads : (uint64_t)plan->threads;
  return (int)(items < threads ? (items ? items : 1) : threads);
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
