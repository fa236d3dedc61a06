/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries and keys as integer codes.  */

#ifndef SGA_LIB_CODES_H
#define SGA_LIB_CODES_H

#include "span.h"

/* The codes and scales of `dim` elements, blocks of 32, the last filled up with codes 0: of a query, of a key.  */
void sga_codes_of(const segattn_tensor *t, const char *from, size_t dim, int8_t *code, float *d);
void sga_codes_stored(const segattn_tensor *t, const char *from, size_t dim, int8_t *code, float *d);
/* The keys of a span as the kernel's coder lays them out: zeros where no row attends, and up to a multiple of SGA_PAD.  */
void sga_codes_keys(const sga_tile *t, const sga_span *s, void *keys);

#endif
