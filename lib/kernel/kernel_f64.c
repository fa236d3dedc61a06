/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernels for arithmetic f64, compiled once per instruction set (SGA_ISA).  */

#define ARITHMETIC f64

#include "number_f64.h"
#include "simd.h"
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
