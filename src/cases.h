/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What config.c leaves to be done when all cases are there: identities, duplicates, streams, labels.  */

#ifndef CASES_H
#define CASES_H

#include "experiment.h"

bool positions_matter(const case_spec *c);
void case_free(case_spec *c);
/* 0 or USAGE or FILES.  */
int cases_finish(experiment *e);

#endif
