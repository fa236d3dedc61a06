/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages, progress and colour.  */

#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static struct {
  char line[160];               /* the progress line that is on the screen; "" when there is none */
  struct timespec began;
  char what[32];
} shown;

static bool terminal(int fd) {
  const char *term = getenv("TERM");
  return isatty(fd) && !(term && strcmp(term, "dumb") == 0);
}

static void erase(void) {
  if (*shown.line)
    fputs("\r\033[K", stderr);
}

static void draw(void) {
  if (*shown.line) {
    fputs(shown.line, stderr);
    fflush(stderr);
  }
}

static void message(const char *prefix, enum colour c, const char *format, va_list list) {
  erase();
  fprintf(stderr, "segattn: %s%s%s", colour_err(c), prefix, colour_err(PLAIN));
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
  draw();
}

int fail(int status, const char *format, ...) {
  va_list list;
  va_start(list, format);
  message("", RED, format, list);
  va_end(list);
  return status;
}

void note(const char *format, ...) {
  va_list list;
  va_start(list, format);
  message("note: ", YELLOW, format, list);
  va_end(list);
}

static double seconds_since(const struct timespec *t) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - t->tv_sec) + 1e-9 * (double)(now.tv_nsec - t->tv_nsec);
}

static int columns(void) {
  struct winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20)
    return 80;
  return size.ws_col < sizeof shown.line ? size.ws_col : (int)sizeof shown.line;
}

void progress(const char *what, size_t done, size_t total, const char *detail) {
  char left[32] = "";
  if (!terminal(STDERR_FILENO))
    return;
  if (strncmp(shown.what, what, sizeof shown.what - 1) || done == 0) {
    clock_gettime(CLOCK_MONOTONIC, &shown.began);
    snprintf(shown.what, sizeof shown.what, "%s", what);
  }
  double seconds = seconds_since(&shown.began);
  if (done > 0 && done < total && seconds > 1) {
    unsigned rest = (unsigned)(seconds / (double)done * (double)(total - done) + 0.5);
    snprintf(left, sizeof left, "  %u:%02u left", rest / 60, rest % 60);
  }
  erase();
  int n = snprintf(shown.line, (size_t)columns(), "%s  %zu/%zu%s  %s", what, done, total, left, detail ? detail : "");
  if (n < 0)
    *shown.line = 0;
  draw();
}

void progress_end(void) {
  erase();
  fflush(stderr);
  *shown.line = *shown.what = 0;
}

static const char *colour(int fd, enum colour c) {
  static const char *const code[] = {
    [PLAIN] = "\033[0m", [BOLD] = "\033[1m", [DIM] = "\033[2m", [RED] = "\033[31m", [GREEN] = "\033[32m", [YELLOW] = "\033[33m"
  };
  const char *no_color = getenv("NO_COLOR");
  return terminal(fd) && !(no_color && *no_color) ? code[c] : "";
}

const char *colour_out(enum colour c) { return colour(STDOUT_FILENO, c); }
const char *colour_err(enum colour c) { return colour(STDERR_FILENO, c); }
