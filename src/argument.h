/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the subcommands read alike from their command lines.  argp_error ends the program with status USAGE.  */

#ifndef ARGUMENT_H
#define ARGUMENT_H

#include <argp.h>

/* The one word that is no option, for the end of a parser: takes ARGP_KEY_ARG into *to, refuses a second, and at the end says
   `missing` where none came (NULL: it may be left out).  */
error_t argument_one(const char **to, int key, char *text, struct argp_state *state, const char *missing);
int argument_whole(const char *text, const char *option, int low, int high, struct argp_state *state);

#endif
