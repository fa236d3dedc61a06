/* SPDX-License-Identifier: BSD-2-Clause */
/* What load_header.c (is it a state, and of this problem?) and load.c (its tree and accumulators) share.  */

#ifndef SGA_LOAD_H
#define SGA_LOAD_H

#include "saved.h"

/* What is left of the bytes.  */
typedef struct sga_reader {
  const unsigned char *at;
  size_t left;
  segattn_error *error;
} sga_reader;

#define DAMAGED(r, ...) sga_fail((r)->error, SEGATTN_EDAMAGED, "saved", __VA_ARGS__)

/* n bytes; NULL, with an error that names what they are of, when there are not so many.  */
const unsigned char *sga_read(sga_reader *r, size_t n, const char *of);
/* EDAMAGED, or EUNSUPPORTED for another version.  */
segattn_status sga_saved_whole(const unsigned char *bytes, size_t size, segattn_error *error);
/* What it says of its problem, against the state's; takes slopes and sinks, which follow the header.  `tag` may be NULL.  */
segattn_status sga_saved_header(const segattn_state *s, const unsigned char *h, const void *tag, sga_reader *r);

#endif
