/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Results in HDF5, laid out as doc/FORMAT says (../README.md names it).  store*.c are the only files that include hdf5.h.  */

#ifndef STORE_H
#define STORE_H

#include "result.h"

/* Every function returns 0 or FILES with one message that names the file.  Files appear whole: a temporary in the same
   folder, synced, renamed; a failed write leaves what was there before.  */

/* NAME.h5.cases/ID.h5 holds one case and nothing else.  */
int store_case_write(const char *path, const result *r);
int store_case_read(result *r, const char *path, const char *id);      /* from a case file or a NAME.h5 */

/* NAME.h5 from its cases, in their order: everything copied dataset by dataset, dimension scales attached anew.  */
int store_assemble(const char *path, const file_header *h, const char *const *case_paths, const char *const *ids, size_t n);
int store_header_read(file_header *h, const char *path);
int store_ids(char (**ids)[ID_SIZE], size_t *n, const char *path);     /* of a NAME.h5, in file order; caller frees */

/* A provider's answer for one case: ID.PROVIDER.h5, written by experiments/providers/ (attributes, out, lse).  */
int store_reference_read(reference *ref, const char *path);

/* A tensor that a user names, FILE.h5:/path/of/dataset.  Axis names of the dataset (attribute axes or its dimension scales) are
   used where `axes` is NULL; otherwise `axes` is like "phd".  raw: SEGATTN_FORMATS, or what raw integers are.  base: NULL, or
   an attribute.  */
int store_tensor_read(array *a, const char *path, const char *dataset, const char *axes, segattn_format raw);
int store_tensor_write(const char *path, const char *dataset, const array *a, const char *base);

/* An import: capture files (experiments/data/...): group layers/N with q k v, attributes.  shape: batch q_heads kv_heads
   queries keys dim_k dim_v; q_start: position of query 0.  */
int store_import_shape(size_t shape[7], int64_t *q_start, double *scale, bool *causal, const char *path, long layer);
int store_import(array *q, array *k, array *v, const char *path, long layer);

void store_library_version(char *text, size_t size);             /* of the HDF5 that is loaded */

#endif
