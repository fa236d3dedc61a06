/* SPDX-License-Identifier: BSD-2-Clause */
/* The number of arithmetic f32, and of others that are called otherwise (NUM).  */

#include <float.h>

#include "exp2.h"

typedef float num;
#ifndef NUM                     /* another arithmetic of this number */
#define NUM f32
#endif
#define NUM_BITS 32
#define NUM_MAX FLT_MAX
#define EXPONENT_MIN (-126)     /* of the smallest normal number */
#define EXP2_DEGREE EXP2_F32_DEGREE
#define EXP2_COEFFICIENT sga_exp2_f32
