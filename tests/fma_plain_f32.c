/* SPDX-License-Identifier: GPL-3.0-or-later */
#define SGA_ISA portable
#define SGA_PLAIN
#define FMA_NAME fma_plain_f32
#include "kernel/number_f32.h"
#include "fma_vector.h"
