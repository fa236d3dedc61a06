/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stored bytes mean, from the definitions of the formats and apart from the library.  */

#ifndef STORED_H
#define STORED_H

#include <segattn.h>

/* Element j of the block at `from` (j = 0 for formats without blocks); booleans as additive masks.  */
double stored_value(segattn_format format, const unsigned char *from, size_t j);

#endif
