/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this build and this machine are: the attributes of a result file, and the lines of `info`.  No host name, no path.  */

#ifndef ABOUT_H
#define ABOUT_H

#include "result.h"

/* segattn_version, cpu, isa, threads, compiler, cflags, libraries, git: allocated, n in *n; NULL when out of memory.  */
attribute *about(size_t *n, const char *isa, int threads);

#endif
