/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random numbers with the same bits on every machine: MT19937 (Matsumoto and Nishimura 1998; GSL's) and our own normals. */

#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

typedef struct random_stream random_stream;
random_stream *random_alloc(uint32_t seed);     /* NULL: out of memory */
void random_free(random_stream *r);
uint32_t random_word(random_stream *r);         /* uniform on 0 .. 2^32 - 1 */
double random_uniform(random_stream *r);        /* in (0, 1), 53 bits, from two words */
double random_normal(random_stream *r);         /* N(0,1) by the polar method with our own log: the same bits everywhere */
/* As C++'s std::uniform_real_distribution<float>(a, b)(std::mt19937) in libstdc++: one word.  */
float random_uniform_float(random_stream *r, float a, float b);

#endif
