/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensors that a user names on the command line: FILE.npy, FILE.safetensors:NAME or FILE.h5:/path/of/dataset.  */

#ifndef TENSOR_FILE_H
#define TENSOR_FILE_H

#include "array.h"

/* Reads the tensor as [batch][head][position][dim].  axes: letters of b h p d, slowest first, one per axis of the file;
   NULL means "hpd" or "bhpd" by their number (what the file says goes first, in HDF5); "mask" means "pd" [query][key],
   "hpd" or "bhpd" by their number.  raw: the format of raw 8- and 16-bit types (u2, V2, u1, V1), SEGATTN_FORMATS when
   not said: then such a type is an error that names --store.  0, USAGE or FILES.  */
int tensor_read(array *a, const char *name, const char *axes, segattn_format raw);
/* Writes .npy (f8 f4 f2; bf16 as u2) or FILE.h5:/dataset by the ending of the name; whole or not at all.  `axes` as
   above: the order of the axes in the file.  base: of logarithms, which a dataset says as its attribute; NULL for
   what is none.  */
int tensor_write(const char *name, const array *a, const char *axes, const char *base);
/* Can its file be written?  FILES with the reason.  */
int tensor_writable(const char *name);

/* What all kinds of file share: the first `rank` axes of a->shape are those of the file, in the order of `axes` (as
   above); afterwards `a` is [batch][head][position][dim].  USAGE, with `a` freed, when the axes do not fit.  */
int tensor_arrange(array *a, const char *name, const char *axes, int rank);

#endif
