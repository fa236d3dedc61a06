/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NumPy's .npy files.  */

#ifndef NPY_H
#define NPY_H

#include "array.h"

/* The axes of the file in front of a->shape, the rest 1, C order whatever the file's; raw as in tensor_file.h.  0, USAGE
   or FILES.  */
int npy_read(array *a, int *rank, const char *path, segattn_format raw);
/* The first `rank` axes of a->shape; the others must be 1.  */
int npy_write(const char *path, const array *a, int rank);

#endif
