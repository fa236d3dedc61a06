/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole files, or a part: read at once, written at once or not at all.

   rename(2) replaces a name atomically, but only what fsync(2) has put on the disk is there after a crash: so the file
   is synced before the rename, and the folder after it.  */

#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "message.h"

enum { MOST_AT_ONCE = 1 << 30 };        /* Linux moves no more than 2^31 - 4096 bytes a call */

static ssize_t read_all(int fd, char *bytes, size_t n) {
  size_t done = 0;
  while (done < n) {
    ssize_t got = read(fd, bytes + done, n - done < MOST_AT_ONCE ? n - done : MOST_AT_ONCE);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    done += (size_t) got;
  }
  return (ssize_t) done;
}

static int read_open_file(char **bytes, size_t *n, size_t *size, int fd, const char *path, size_t from, size_t most) {
  struct stat status;
  if (fstat(fd, &status) != 0)
    return fail(FILES, "%s: cannot be read: %s", path, strerror(errno));
  if (!S_ISREG(status.st_mode))
    return fail(FILES, "%s: cannot be read: %s, expected a file", path,
                S_ISDIR(status.st_mode) ? "it is a folder" : "it is no regular file");
  *size = (size_t) status.st_size;
  size_t rest = from < *size ? *size - from : 0, wanted = rest < most ? rest : most;
  char *buffer = malloc(wanted + 1);
  if (!buffer)
    return fail(FILES, "%s: out of memory for %zu of its bytes", path, wanted);
  ssize_t got = lseek(fd, (off_t) from, SEEK_SET) < 0 ? -1 : read_all(fd, buffer, wanted);
  if (got < 0) {
    int reason = errno;
    free(buffer);
    return fail(FILES, "%s: cannot be read: %s", path, strerror(reason));
  }
  buffer[got] = 0;
  *bytes = buffer;
  *n = (size_t) got;
  return DONE;
}

int file_read_part(char **bytes, size_t *n, size_t *size, const char *path, size_t from, size_t most) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(FILES, "%s: cannot be read: %s", path, strerror(errno));
  int status = read_open_file(bytes, n, size, fd, path, from, most);
  close(fd);
  return status;
}

int file_read(char **bytes, size_t *n, const char *path) {
  size_t size;
  return file_read_part(bytes, n, &size, path, 0, SIZE_MAX);
}

/* 0, or an errno.  */
static int write_all(int fd, const char *bytes, size_t n) {
  while (n > 0) {
    ssize_t put = write(fd, bytes, n < MOST_AT_ONCE ? n : MOST_AT_ONCE);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return put < 0 ? errno : EIO;
    bytes += put;
    n -= (size_t) put;
  }
  return 0;
}

static int write_in_place(const char *path, const void *bytes, size_t n) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  int reason = write_all(fd, bytes, n);
  if (close(fd) != 0 && !reason)
    reason = errno;
  return reason;
}

static int sync_folder_of(const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? strndup(path, slash == path ? 1 : (size_t) (slash - path)) : strdup(".");
  if (!folder)
    return ENOMEM;
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int reason = 0;
  if (fd >= 0) {
    if (fsync(fd) != 0 && errno != EINVAL)      /* EINVAL: a file system that cannot sync a folder */
      reason = errno;
    close(fd);
  }
  free(folder);
  return reason;                /* a folder that may be written but not read cannot be synced: the file itself is */
}

/* A new file NAME.tmp-PID-COUNT beside `path`, its name in *name (the caller frees); -1 with errno.  Not mkstemp, which
   would give the result the permissions of a secret.  */
static int open_temporary(char **name, const char *path) {
  size_t room = strlen(path) + 48;
  if (!(*name = malloc(room)))
    return errno = ENOMEM, -1;
  int fd = -1;
  for (int count = 0; count < 100 && fd < 0; count++) {
    snprintf(*name, room, "%s.tmp-%ld-%d", path, (long) getpid(), count);
    fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST)
      break;
  }
  return fd;
}

static int write_and_rename(const char *path, const void *bytes, size_t n) {
  char *name;
  int fd = open_temporary(&name, path);
  int reason = fd < 0 ? errno : 0;
  if (fd >= 0) {
    reason = write_all(fd, bytes, n);
    if (!reason && fsync(fd) != 0)
      reason = errno;
    if (close(fd) != 0 && !reason)
      reason = errno;
    if (!reason && rename(name, path) != 0)
      reason = errno;
    if (reason)
      unlink(name);
    else
      reason = sync_folder_of(path);
  }
  free(name);
  return reason;
}

int file_write(const char *path, const void *bytes, size_t n) {
  struct stat status;
  bool there = stat(path, &status) == 0;
  char *target = there ? realpath(path, NULL) : strdup(path);   /* a link is followed, not replaced */
  if (!target)
    return fail(FILES, "%s: cannot be written: %s", path, strerror(errno));
  int reason;
  if (there && S_ISDIR(status.st_mode))
    reason = EISDIR;
  else if (there && !S_ISREG(status.st_mode))
    reason = write_in_place(target, bytes, n);
  else if (there && access(target, W_OK) != 0)  /* rename would replace what its owner protected */
    reason = errno;
  else
    reason = write_and_rename(target, bytes, n);
  free(target);
  return reason ? fail(FILES, "%s: cannot be written: %s", path, strerror(reason)) : DONE;
}

/* A temporary beside it can be made, or what is there is no file and may be written.  */
static int try_to_write(const char *path, const struct stat *status) {
  char *name;
  if (status && S_ISDIR(status->st_mode))
    return EISDIR;
  if (status && access(path, W_OK) != 0)
    return errno;
  if (status && !S_ISREG(status->st_mode))
    return 0;
  int fd = open_temporary(&name, path), reason = fd < 0 ? errno : 0;
  if (fd >= 0) {
    close(fd);
    unlink(name);
  }
  free(name);
  return reason;
}

int file_writable(const char *path) {
  struct stat status;
  bool there = stat(path, &status) == 0;
  char *target = there ? realpath(path, NULL) : strdup(path);
  int reason = target ? try_to_write(target, there ? &status : NULL) : errno;
  free(target);
  return reason ? fail(FILES, "%s: cannot be written: %s", path, strerror(reason)) : DONE;
}

bool file_same(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
