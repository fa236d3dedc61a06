/* SPDX-License-Identifier: BSD-2-Clause */
/* Integer products beside simd.h, in f32, under fixed names.

   ints       LANES integers of 32 bits
   quads      four codes of 8 bits in each of LANES lanes
   quads_dot(k, q, sum): each lane's sum of four products more.  k are codes of a key as they are stored, each less CODE_ZERO (0
   or -128, where an instruction wants one factor without sign); then sums begin with CODE_ZERO times the sum of the codes of
   q, so that they end as those of the codes: integers, the same on every instruction set.
   codes_less(stored, from, zero, to): the codes of a block of q8_0 or q4_0 (on x86-64, of q5_0 or iq4_nl too: blocks_x86.h),
   what follows its scale, less their zero and less `zero`, CODE_ZERO.
   quads_of(row, at, k): four codes from `at` on in each of LANES rows, then the next four, eight times: a block.
   quads_stored(stored, row, at, k): the same of blocks of q8_0 and formats up to CODES_IN_PLACE, as they are stored.  */

#define SGA_DOT_(isa) dot_##isa.h
#define SGA_DOT(isa) SGA_TEXT(SGA_DOT_(isa))

#include SGA_DOT(SGA_ISA)

#ifndef CODES_IN_PLACE
#define CODES_IN_PLACE SGA_NUMBERS      /* none */
FORCED void quads_stored(sga_stored stored, const int8_t *const *row, size_t at, quads *k) {
  (void)stored, (void)row, (void)at, (void)k;
}
FORCED vec halves_of(const char *from, size_t stride, int rows, bool second) {
  (void)from, (void)stride, (void)rows, (void)second;
  return vec_set1(0);
}
#endif

enum { QUADS = SGA_CODES / 4 };         /* of a block */
