/* SPDX-License-Identifier: BSD-2-Clause */
/* Integer products beside simd.h, in f32, under fixed names.

   ints       LANES integers of 32 bits
   quads      four codes of 8 bits in each of LANES lanes
   quads_dot(k, q, sum): each lane's sum of four products more.  k are codes of a key as they are stored, each less CODE_ZERO (0
   or -128, where an instruction wants one factor without sign); then sums begin with CODE_ZERO times the sum of the codes of
   q, so that they end as those of the codes: integers, the same on every instruction set.
   codes_less(stored, from, zero, to): the codes of a block of q8_0 or q4_0 (on x86-64, of q5_0 or iq4_nl too: blocks_x86.h),
   what follows its scale, less their zero and less `zero`, CODE_ZERO.
   quads_of(row, at, k): four codes from `at` on in each of LANES rows, then the next four, eight times: a block.  */

#define SGA_DOT_(isa) dot_##isa.h
#define SGA_DOT(isa) SGA_TEXT(SGA_DOT_(isa))

#include SGA_DOT(SGA_ISA)

enum { QUADS = SGA_CODES / 4 };         /* of a block */
