/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folder that gnuplot works in: made, emptied, and removed, also by whoever ends the program with Ctrl-C.

   A signal may come at any time, so what its handler needs lies in one static structure and it calls nothing that POSIX does
   not allow there: gnuplot is ended and waited for, or it would write one more file; then the files go, the folder, and the
   program, by the signal that came.  */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "message.h"
#include "report_data.h"

static const char *const names[] = { "job.gp", "data.txt", "log.txt", "figure.pdf", "figure.svg", "figure.png" };
static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
enum { NAMES = sizeof names / sizeof *names, SIGNALS = sizeof signals / sizeof *signals };

static char folder[PATH_MAX];           /* "" without one */
static volatile pid_t gnuplot;          /* 0 without one */

void scratch_clear(void) {
  int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; at >= 0 && i < NAMES; i++)
    unlinkat(at, names[i], 0);
  if (at >= 0)
    close(at);
}

static void leave(int number) {
  if (gnuplot > 0 && kill(gnuplot, SIGKILL) == 0)
    waitpid(gnuplot, NULL, 0);
  scratch_clear();
  rmdir(folder);
  signal(number, SIG_DFL);
  raise(number);
}

/* A signal that is ignored (nohup, a shell's background job) stays so.  */
static void handle(void (*how)(int)) {
  for (size_t i = 0; i < SIGNALS; i++) {
    struct sigaction now, then = { .sa_handler = how };
    if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
      sigaction(signals[i], &then, NULL);
  }
}

const char *scratch_open(void) {
  const char *temporary = getenv("TMPDIR");
  char name[PATH_MAX];
  int n = snprintf(name, sizeof name, "%s/segattn-report-XXXXXX", temporary != NULL && *temporary ? temporary : "/tmp");
  if (n >= PATH_MAX)
    errno = ENAMETOOLONG;
  if (n >= PATH_MAX || mkdtemp(name) == NULL) {
    fail(FILES, "%s: cannot make a folder for scratch: %s (TMPDIR names its place)", name, strerror(errno));
    return NULL;
  }
  strcpy(folder, name);
  handle(leave);
  return folder;
}

void scratch_close(void) {
  if (!*folder)
    return;
  handle(SIG_DFL);
  scratch_clear();
  rmdir(folder);
  *folder = 0;
}

void scratch_worker(pid_t pid) { gnuplot = pid; }
