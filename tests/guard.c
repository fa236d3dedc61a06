/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages that cannot be read (guard.h).  */

#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include "guard.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static guarded region(size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return (guarded){ p == MAP_FAILED ? NULL : p, bytes };
}

void guard_free(guarded g) {
  if (g.region)
    munmap(g.region, g.bytes);
}

guarded guard_spread(segattn_tensor *t, int axis, size_t stride, const bool *hidden) {
  size_t n = t->shape[axis], bytes = (size_t)t->stride[axis];
  guarded g = region(n * stride);
  for (size_t j = 0; g.region && j < n; j++) {
    char *at = g.region + j * stride;
    memset(at, 0xff, stride < page() ? stride : page());
    memcpy(at, (char *)t->data + (ptrdiff_t)j * t->stride[axis], bytes);
    if (hidden && hidden[j])
      mprotect(at, page(), PROT_NONE);
  }
  t->data = g.region;
  t->stride[axis] = (ptrdiff_t)stride;
  return g;
}

guarded guard_flush(segattn_tensor *t, bool end) {
  size_t bytes = t->shape[SEGATTN_POS] * (size_t)t->stride[SEGATTN_POS], room = (bytes + page() - 1) / page() * page();
  guarded g = region(room + 2 * page());
  if (!g.region)
    return g;
  char *at = g.region + page() + (end ? room - bytes : 0);
  memset(g.region, 0xff, g.bytes);
  memcpy(at, t->data, bytes);
  t->data = at;
  mprotect(g.region, page(), PROT_NONE);
  mprotect(g.region + page() + room, page(), PROT_NONE);
  return g;
}

static sigjmp_buf back;

static void on_fault(int number) {
  (void)number;
  siglongjmp(back, 1);
}

bool guard_run(edge *e, const segattn_segment *s) {
  struct sigaction guard = { .sa_handler = on_fault }, before[2];
  sigaction(SIGSEGV, &guard, &before[0]);
  sigaction(SIGBUS, &guard, &before[1]);
  bool fine = sigsetjmp(back, 1) == 0 && run_segments(e, s, 1);
  sigaction(SIGSEGV, &before[0], NULL);
  sigaction(SIGBUS, &before[1], NULL);
  return fine;
}
