/* SPDX-License-Identifier: GPL-3.0-or-later */
/* safetensors files, which models are published in.  */

#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include "array.h"

/* FILE.safetensors:NAME in two: *path is FILE.safetensors, the caller frees it.  *tensor is NAME, NULL where there is none.
   False: the name is no such thing, or memory is out; then *path is NULL.  */
bool safetensors_split(char **path, const char **tensor, const char *name);
/* The axes of the tensor in front of a->shape, the rest 1.  0, USAGE or FILES.  */
int safetensors_read(array *a, int *rank, const char *path, const char *tensor);
const char *safetensors_library_version(void);  /* of Jansson */

#endif
