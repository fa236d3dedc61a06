/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NAME.h5.cases: where cases wait until all are there.  */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "run.h"

char *folder_file(const case_folder *f, const char *id, const char *provider) {
  char *path = NULL;
  if (asprintf(&path, "%s/%s%s%s.h5", f->path, id, provider ? "." : "", provider ? provider : "") < 0) {
    fail(FILES, "out of memory");
    return NULL;
  }
  return path;
}

/* Unlinks the files whose names contain `part`; "" for all.  */
static void sweep(const case_folder *f, const char *part) {
  DIR *d = opendir(f->path);
  for (struct dirent *e; d && (e = readdir(d));)
    if (e->d_name[0] != '.' && strstr(e->d_name, part))
      unlinkat(dirfd(d), e->d_name, 0);
  if (d)
    closedir(d);
}

int folder_open(case_folder *f, const char *output) {
  if (asprintf(&f->path, "%s.cases", output) < 0)
    return fail(FILES, "out of memory");
  if (mkdir(f->path, 0777) && errno != EEXIST) {
    fail(FILES, "%s: the folder for results cannot be made: %s", f->path, strerror(errno));
    free(f->path);
    return FILES;
  }
  f->lock = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (f->lock < 0 || flock(f->lock, LOCK_EX | LOCK_NB)) {
    fail(FILES, "%s: %s", f->path, f->lock >= 0 && errno == EWOULDBLOCK ? "another segattn is at work on it" : strerror(errno));
    if (f->lock >= 0)
      close(f->lock);
    free(f->path);
    return FILES;
  }
  sweep(f, ".tmp-");            /* what a killed run left half written */
  return DONE;
}

void folder_close(case_folder *f) {
  rmdir(f->path);
  close(f->lock);
  free(f->path);
}

void folder_remove(case_folder *f) {
  sweep(f, "");
  folder_close(f);
}
