/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole files: read at once, written at once or not at all.  */

#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes of a regular file and a final 0 that `n` does not count; the caller frees.  0 or FILES.  */
int file_read(char **bytes, size_t *n, const char *path);
/* The same for at most `most` bytes from byte `from` on; *size is that of the whole file.  */
int file_read_part(char **bytes, size_t *n, size_t *size, const char *path, size_t from, size_t most);

/* A temporary in the same folder, synced, renamed, the folder synced: a failure (FILES, one message) or a crash leaves what was
   there before.  A device or pipe is written in place.  */
int file_write(const char *path, const void *bytes, size_t n);

/* Could it be written now?  FILES with what file_write would say.  */
int file_writable(const char *path);

/* Do both names lead to one regular file?  */
bool file_same(const char *a, const char *b);

#endif
