/* SPDX-License-Identifier: GPL-3.0-or-later */
#define SGA_ISA portable
#define FMA_NAME fma_portable_f64
#include "kernel/number_f64.h"
#include "fma_vector.h"
