/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exact attention of a case: on its stored inputs, and on those before storage rounded them.  */

#ifndef CASE_ORACLE_H
#define CASE_ORACLE_H

#include "case.h"
#include "work.h"

/* oracle_out, oracle_lse, oracle_error and inputs_digest, from r->in.  0 or FILES.  */
int oracle_of_case(result *r, const case_spec *c, const work *w);
/* r->unquantised, which stays empty where storage holds every q, k and v exactly.  0, USAGE or FILES.  */
int unquantised_of_case(result *r, const case_spec *c, uint64_t seed, const work *w);

#endif
