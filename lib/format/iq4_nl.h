/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16 levels of iq4_nl, ggml's: for format/iq4_nl.c and for kernels, which look them up in a register.  */

#define SGA_IQ4_NL_LEVELS -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
