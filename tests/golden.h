/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The golden bytes of tests/data/formats, which experiments/providers/make_formats_golden.py made, and others beside it.  */

#ifndef GOLDEN_H
#define GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `bytes` bytes of the file NAME.KIND, which has no more; ends the program otherwise.  Numbers are little-endian, `unit`
   bytes each.  */
static inline void golden_read(const char *name, const char *kind, void *to, size_t bytes, size_t unit) {
  char path[4096];
  const char *folder = getenv("srcdir");
  snprintf(path, sizeof path, "%s/tests/data/formats/%s.%s", folder ? folder : ".", name, kind);
  FILE *f = fopen(path, "rb");
  if (!f || fread(to, 1, bytes, f) != bytes || getc(f) != EOF) {
    printf("Bail out! %s does not hold %zu bytes\n", path, bytes);
    exit(99);
  }
  fclose(f);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
  for (unsigned char *p = to; p < (unsigned char *)to + bytes; p += unit)
    for (size_t i = 0; i < unit / 2; i++) {
      unsigned char one = p[i];
      p[i] = p[unit - 1 - i];
      p[unit - 1 - i] = one;
    }
#else
  (void)unit;
#endif
}

#endif
