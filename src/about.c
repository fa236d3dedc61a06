/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this build and this machine are.  Versions of libraries come from those that are loaded, through the files that own
   them.  */

#include "about.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "measure.h"
#include "message.h"
#include "safetensors.h"
#include "store.h"

#ifndef SEGATTN_CFLAGS
# define SEGATTN_CFLAGS "unknown"
#endif
#ifndef SEGATTN_GIT
# define SEGATTN_GIT "unknown"
#endif

static void cpu_name(char *name, size_t size) {
  char line[256];
  FILE *f = fopen("/proc/cpuinfo", "r");
  snprintf(name, size, "unknown");
  while (f && fgets(line, sizeof line, f)) {
    char *at = strncmp(line, "model name", 10) ? NULL : strchr(line, ':');
    if (at) {
      snprintf(name, size, "%s", at + 2);
      name[strcspn(name, "\n")] = 0;
      break;
    }
  }
  if (f)
    fclose(f);
}

static void library_versions(char *text, size_t size) {
  char hdf5[32], gsl[32];
  store_library_version(hdf5, sizeof hdf5);
  measure_library_version(gsl, sizeof gsl);
  snprintf(text, size, "GSL %s, HDF5 %s, libyaml %s, Jansson %s", gsl, hdf5, yaml_get_version_string(),
           safetensors_library_version());
}

static const char *compiler(void) {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

attribute *about(size_t *n, const char *isa, int threads) {
  char cpu[128], count[16], libraries[128];
  cpu_name(cpu, sizeof cpu);
  library_versions(libraries, sizeof libraries);
  snprintf(count, sizeof count, "%d", threads);
  const char *const row[][2] = {
    { "segattn_version", segattn_version() }, { "generator", "MT19937" }, { "cpu", cpu }, { "isa", isa }, { "threads", count },
    { "compiler", compiler() }, { "cflags", SEGATTN_CFLAGS }, { "libraries", libraries }, { "git", SEGATTN_GIT }
  };
  *n = sizeof row / sizeof *row;
  attribute *a = calloc(*n, sizeof *a);
  for (size_t i = 0; a && i < *n; i++) {
    snprintf(a[i].name, sizeof a[i].name, "%s", row[i][0]);
    if (!(a[i].value = strdup(row[i][1]))) {
      while (i)
        free(a[--i].value);
      free(a);
      a = NULL;
    }
  }
  if (!a)
    fail(FILES, "out of memory");
  return a;
}
