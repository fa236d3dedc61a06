/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON, written as it goes.  */

#include "json.h"

#include <math.h>
#include <stdlib.h>

void json_number(FILE *to, double x) {
  char text[32];
  if (!isfinite(x)) {
    fputs(isnan(x) ? "\"nan\"" : x > 0 ? "\"inf\"" : "\"-inf\"", to);
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, x);
    if (strtod(text, NULL) == x)
      break;
  }
  fputs(text, to);
}

void json_text(FILE *to, const char *text) {
  if (!text) {
    fputs("null", to);
    return;
  }
  fputc('"', to);
  for (; *text; text++)
    if ((unsigned char)*text < 32)
      fprintf(to, "\\u%04x", (unsigned)(unsigned char)*text);
    else {
      if (*text == '"' || *text == '\\')
        fputc('\\', to);
      fputc(*text, to);
    }
  fputc('"', to);
}

void json_member(FILE *to, const char *name, double x) {
  json_text(to, name);
  fputc(':', to);
  json_number(to, x);
}
