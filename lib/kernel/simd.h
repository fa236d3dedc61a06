/* SPDX-License-Identifier: BSD-2-Clause */
/* A dozen vector operations under fixed names, for the number type and the instruction set that the including file was
   compiled for.  Only static inline functions.

   vec        LANES numbers                      vec_fma(a, b, c) = a b + c, rounded once, on every instruction set
   chains     the eight FMA chains of CHAIN_KEYS scores (rule 1): lane c of key i sums d = c, c + 8, c + 16, ...
   The _as forms load elements that are stored as an sga_stored, decoded; with f64 numbers they are numbers always.
   A comparison gives a bit per lane and is false for NaN.  vec_max(a, b) is a > b ? a : b, vec_min(a, b) is a < b ? a : b;
   vec_transpose(a): element j of a[i] and element i of a[j] change places.
   vec_largest(a) is the largest of the lanes, none of which is NaN.
   vec_pow2(k) is 2^k for integers EXPONENT_MIN <= k <= 127 and any number otherwise; vec_scale(p, k) is p 2^k for an integer k
   where p and the result are normal, and any number otherwise.  */

#include <stdint.h>

#include "kernel.h"

#define RAISED 256                      /* e4m3 is f16 with exponents 8 too small */
#define FORCED static inline __attribute__((always_inline))     /* compiled for each set of constants */

#define SGA_PASTE_(a, b, c) a##_##b##_##c
#define SGA_PASTE(a, b, c) SGA_PASTE_(a, b, c)
#define SGA_TEXT_(a) #a
#define SGA_TEXT(a) SGA_TEXT_(a)

#define SGA_HEADER_(isa) simd_##isa.h
#define SGA_HEADER(isa) SGA_TEXT(SGA_HEADER_(isa))

#include SGA_HEADER(SGA_ISA)            /* by name, not by what the compiler may use: portable stays portable */
