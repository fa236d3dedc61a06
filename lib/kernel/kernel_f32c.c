/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernels for arithmetic f32c, compiled once per instruction set (SGA_ISA): f32 with sums that are pairs of numbers.  */

#define ARITHMETIC f32c

#include "number_f32.h"
#include "simd.h"
#include "weight.h"
#include "sum_pair.h"
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
