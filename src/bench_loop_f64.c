/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loops of bench_loop.h in f64, compiled once per instruction set (SGA_ISA).  */

#include "kernel/number_f64.h"
#include "bench_loop.h"
