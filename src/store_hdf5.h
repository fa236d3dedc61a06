/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HDF5 in the words of this program, for store*.c only.

   A file carries its status: the first failure prints one message and every later call on it does nothing, so that a
   writer or reader is a plain list of calls with one check at its end.  h5_close closes whatever is still open in the
   file.  */

#ifndef STORE_HDF5_H
#define STORE_HDF5_H

#include <stdbool.h>
#include <stdint.h>
#include <hdf5.h>
#include "array.h"
#include "result.h"

typedef struct h5 {
  hid_t file;
  const char *path;
  int status;                   /* DONE or FILES */
} h5;

/* The first failure of the file: "PATH: OBJECT: what (HDF5's own reason)".  Returns FILES.  */
int h5_fail(h5 *f, hid_t at, const char *name, const char *what);

void h5_open(h5 *f, const char *path);                  /* for reading */
void h5_create(h5 *f, const char *path);                /* in memory; nothing of it is on the disk before h5_commit */
void h5_edit(h5 *f, const char *path);                  /* the same with what the file holds already, if there is one */
void h5_commit(h5 *f);                                  /* the whole file under its path */
int h5_close(h5 *f);                                    /* the status */

hid_t h5_group_make(h5 *f, hid_t at, const char *name);
hid_t h5_group(h5 *f, hid_t at, const char *name);      /* which must exist */
bool h5_has(h5 *f, hid_t at, const char *name);         /* a link of this name: one level, no path */
/* Names of what lies in a group, in the order of its making (else by name); the caller frees each and the list.  */
char **h5_list(h5 *f, hid_t at, size_t *n);
void h5_list_free(char **names, size_t n);

/* Attributes.  */
void h5_put_text(h5 *f, hid_t at, const char *name, const char *value);
void h5_put_integer(h5 *f, hid_t at, const char *name, int64_t value);
void h5_put_unsigned(h5 *f, hid_t at, const char *name, uint64_t value);
void h5_put_numbers(h5 *f, hid_t at, const char *name, size_t n, const double *values); /* n = 1: a scalar */
bool h5_has_attribute(h5 *f, hid_t at, const char *name);
char *h5_get_text(h5 *f, hid_t at, const char *name);   /* any type as text, elements joined by commas; the caller frees */
void h5_get_name(h5 *f, hid_t at, const char *name, char *to, size_t size);     /* text that must fit */
int64_t h5_get_integer(h5 *f, hid_t at, const char *name);
uint64_t h5_get_unsigned(h5 *f, hid_t at, const char *name);
void h5_get_numbers(h5 *f, hid_t at, const char *name, size_t n, double *values);
/* All attributes except those named in `except` (NULL-terminated), as texts.  */
void h5_get_attributes(h5 *f, hid_t at, const char *const *except, attribute **list, size_t *n);

/* Datasets.  A tensor lies as its raw bits: u16 for 16-bit formats, u8 for 8-bit ones, bool, and blocks.  */
hid_t h5_file_type(segattn_format format);
hid_t h5_memory_type(segattn_format format);
/* Chunked, shuffled, deflated, checksummed; returns the open dataset.  */
hid_t h5_put_data(h5 *f, hid_t at, const char *name, hid_t file_type, hid_t memory_type, int rank, const hsize_t *size,
                  const void *data);
/* Elements of 8 bytes of the given shape, allocated; NULL after a failure.  */
void *h5_get_whole_of(h5 *f, hid_t at, const char *name, hid_t memory_type, int rank, const size_t *size);
/* The same of doubles.  */
double *h5_get_numbers_of(h5 *f, hid_t at, const char *name, int rank, const size_t *size);
/* A dataset of 1 to 4 axes, its axes put into a->shape from the front, the rest 1.  The attribute `format` names the
   format; without it the type of the dataset does, and raw integers are `raw` (SEGATTN_FORMATS: an error).  */
void h5_get_array(h5 *f, hid_t at, const char *name, array *a, segattn_format raw, int *rank);

/* Shared between the files of the store.  */
enum { FORMAT_VERSION = 1 };
void store_put_case(h5 *f, hid_t cases, const result *r);
void store_check_version(h5 *f);        /* a result file of ours? */

#endif
