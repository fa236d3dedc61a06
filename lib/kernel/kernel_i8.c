/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernels for arithmetic i8, compiled once per instruction set (SGA_ISA): scores are of integer codes, all else is f32.  */

#define ARITHMETIC i8
#define CODED

#include "number_f32.h"
#include "simd.h"
#include "codes.h"
#include "dot.h"
#include "weight.h"
#include "sum_plain.h"
#include "join.h"
#include "decode.h"
#include "events.h"
#include "few.h"
#include "many_scores.h"
#include "many_events.h"
#include "many_exponents.h"
#include "many.h"
#include "lanes.h"
#include "rows.h"
