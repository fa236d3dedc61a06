/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the subcommands read alike from their command lines.  */

#include "argument.h"
#include "call.h"

error_t argument_one(const char **to, int key, char *text, struct argp_state *state, const char *missing) {
  if (key == ARGP_KEY_END) {
    if (!*to && missing)
      argp_error(state, "%s", missing);
    return 0;
  }
  if (key != ARGP_KEY_ARG)
    return ARGP_ERR_UNKNOWN;
  if (*to)
    argp_error(state, "'%s' is more than expected", text);
  *to = text;
  return 0;
}

int argument_whole(const char *text, const char *option, int low, int high, struct argp_state *state) {
  size_t n = 0;
  if (!parse_size(&n, text) || n < (size_t)low || n > (size_t)high)
    argp_error(state, "%s: '%s' is no whole number from %d to %d", option, text, low, high);
  return (int)n;
}
