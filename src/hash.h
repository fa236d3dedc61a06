/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 (libmd's) in hexadecimal, over pieces.  */

#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include "array.h"

typedef struct hash hash;
hash *hash_alloc(void);
void hash_add(hash *h, const void *bytes, size_t n);
void hash_text(hash *h, const char *text);              /* with its final 0, so that pieces cannot run together */
void hash_array(hash *h, const array *a);               /* format name, shape, elements in little-endian bytes */
void hash_end(hash *h, char hex[65]);                   /* and frees */

#endif
