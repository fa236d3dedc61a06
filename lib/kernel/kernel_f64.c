/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernels for arithmetic f64, compiled once per instruction set (SGA_ISA).  */

#include "number_f64.h"
#include "simd.h"
#include "weight.h"
#include "few.h"
#include "many.h"
#include "rows.h"
