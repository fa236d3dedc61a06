/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Test Anything Protocol for the C tests: `ok N - text`, `not ok N - text`, `# SKIP`, and the plan at the end.

   plan() is optional; done() prints the plan where plan() was not called, and returns main's exit status.  A test that
   failed says so on standard output, its reasons follow it as diag() lines.  The counters are of one program: one
   thread calls these functions.  */

#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static int tap_planned, tap_run, tap_failed;

static inline void tap_line(const char *start, const char *format, va_list list) __attribute__((format(printf, 2, 0)));
static inline bool ok(bool condition, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void diag(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void skip_all(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static inline void tap_line(const char *start, const char *format, va_list list) {
  fputs(start, stdout);
  vprintf(format, list);
  putchar('\n');
  fflush(stdout);               /* a crash later must not lose it */
}

static inline void plan(int n) {
  tap_planned = n;
  printf("1..%d\n", n);
}

/* One test; returns the condition, so that a reason can follow: if (!ok(...)) diag(...).  */
static inline bool ok(bool condition, const char *format, ...) {
  char start[32];
  va_list list;
  snprintf(start, sizeof start, "%s %d - ", condition ? "ok" : "not ok", ++tap_run);
  tap_failed += !condition;
  va_start(list, format);
  tap_line(start, format, list);
  va_end(list);
  return condition;
}

static inline void diag(const char *format, ...) {
  va_list list;
  va_start(list, format);
  tap_line("# ", format, list);
  va_end(list);
}

/* One test that cannot be made here; the text is the reason.  */
static inline void skip(const char *format, ...) {
  char start[32];
  va_list list;
  snprintf(start, sizeof start, "ok %d # SKIP ", ++tap_run);
  va_start(list, format);
  tap_line(start, format, list);
  va_end(list);
}

/* The whole program cannot run here.  Before any other call.  */
static inline void skip_all(const char *format, ...) {
  va_list list;
  va_start(list, format);
  tap_line("1..0 # SKIP ", format, list);
  va_end(list);
  exit(0);
}

/* return done();  */
static inline int done(void) {
  if (tap_planned == 0)
    printf("1..%d\n", tap_run);
  else if (tap_planned != tap_run)
    diag("planned %d tests, ran %d", tap_planned, tap_run);
  if (tap_run == 0)
    diag("no test was made");
  if (tap_failed)
    diag("%d of %d tests failed", tap_failed, tap_run);
  fflush(stdout);
  return tap_failed || tap_run == 0 || (tap_planned && tap_planned != tap_run);
}

#endif
