/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the files lie that the program brings along.  */

#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEVELS = 4 };            /* TREE/build/.libs/segattn, and one to spare */

char *place_upwards(const char *name) {
  char path[4096];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1 - strlen(name) - 1);
  if (n < 0)
    return NULL;
  path[n] = 0;
  char *slash = strrchr(path, '/');
  for (int i = 0; slash && i < LEVELS; i++) {
    strcpy(slash + 1, name);
    if (!access(path, R_OK))
      return strdup(path);
    *slash = 0;
    slash = strrchr(path, '/');
  }
  return NULL;
}

char *place_of(const char *variable, const char *folder, const char *name) {
  const char *named = getenv(variable);
  char *path = NULL, *below = NULL;
  if (named && *named)
    return asprintf(&path, "%s/%s", named, name) < 0 ? NULL : path;
  if (asprintf(&below, "%s/%s", folder, name) < 0)
    return NULL;
  if (!(path = place_upwards(below)) && asprintf(&path, "%s/%s", PKGDATADIR, below) < 0)
    path = NULL;
  free(below);
  return path;
}
