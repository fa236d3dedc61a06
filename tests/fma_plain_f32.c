/* SPDX-License-Identifier: GPL-3.0-or-later */
#define SGA_ISA portable
#ifndef SGA_PLAIN               /* the whole build may be plain */
#define SGA_PLAIN
#endif
#define FMA_NAME fma_plain_f32
#include "kernel/number_f32.h"
#include "fma_vector.h"
