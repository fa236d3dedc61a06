/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of the program: one line each, on standard error, "segattn: ...".  Colour and progress only on a terminal;
   NO_COLOR is obeyed.  */

#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Exit status of the program (and the return value of what can fail in it).  */
enum { DONE = 0, VERDICT_FAIL = 1, USAGE = 2, FILES = 3 };

/* Prints the message and returns `status`, so that a failure is one statement: return fail (FILES, "...", ...).  */
int fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A progress line on a terminal, nothing in a pipe: "run  12/24  layer 18 f16 each 64   0:42 left".  progress_end clears it.
   fail and note clear and redraw it.  Called from one thread.  */
void progress(const char *what, size_t done, size_t total, const char *detail);
void progress_end(void);

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW };
/* The escape sequence, or "" where standard output (error) is no terminal or NO_COLOR is set.  */
const char *colour_out(enum colour c);
const char *colour_err(enum colour c);

#endif
