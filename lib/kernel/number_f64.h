/* SPDX-License-Identifier: BSD-2-Clause */
/* The number of arithmetic f64.  */

#include <float.h>

#include "exp2.h"

typedef double num;
#define NUM f64
#define NUM_BITS 64
#define NUM_MAX DBL_MAX
#define EXPONENT_MIN (-1022)    /* of the smallest normal number */
#define EXP2_DEGREE EXP2_F64_DEGREE
#define EXP2_COEFFICIENT sga_exp2_f64
