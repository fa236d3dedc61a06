/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Storage formats as the program sees them: by name, in files, and whether they fit.  */

#ifndef STORAGE_H
#define STORAGE_H

#include <segattn.h>

/* What q, k and v may be stored in: name number i, NULL past the end; all names, separated by blanks; the format of a name.  */
const char *storage_name(int i);
const char *storage_names(void);
bool storage_find(segattn_format *format, const char *name);

/* Turns the byte order of each element of so many bytes.  */
void storage_swap(char *bytes, size_t n, size_t element);
/* Bytes of what a file counts: an element, or one byte of a block.  */
size_t storage_unit(segattn_format format);
/* Does it hold numbers that f32 does not?  */
bool storage_wide(segattn_format format);
/* USAGE, with a message, where `dim` elements of `what` are no whole blocks.  */
int storage_fits(segattn_format format, size_t dim, const char *what);

/* USAGE, with a message that counts them and names the first, where the values x (C order, of `shape`, the first of them at
   position `from` of `what`) hold what a block format has no code for: anything that is not finite in f32.  */
int storage_finite(segattn_format format, const char *what, const double *x, const size_t shape[SEGATTN_AXES], size_t from);
/* The same for what x was stored as: blocks whose scale is beyond f16.  */
int storage_scales(segattn_format format, const char *what, const void *stored, const double *x,
                   const size_t shape[SEGATTN_AXES], size_t from);
/* Adds to by_head[head] the finite values that are beyond a float format: they become infinite (in f8e4m3
   NaN), or saturate.  */
void storage_saturated(segattn_format format, const double *x, const size_t shape[SEGATTN_AXES], uint64_t *by_head);
void storage_encode(segattn_format format, bool saturate, const double *x, void *to, size_t n);

/* Of block formats the last of a file's `rank` axes counts bytes: from elements to a file, and back; false where that has no
   whole blocks.  */
void storage_shape_in_file(segattn_format format, int rank, size_t shape[SEGATTN_AXES]);
bool storage_shape_of_file(segattn_format format, int rank, size_t shape[SEGATTN_AXES]);

#endif
