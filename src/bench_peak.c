/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of loops (bench_loop.h), as lib/dispatch.c has the kernels.  This file is compiled without flags of an
   instruction set.  */

#include "bench.h"

#include <string.h>

extern const bench_loop bench_loop_f32_portable, bench_loop_f64_portable;
#ifdef SGA_HAVE_AVX2
extern const bench_loop bench_loop_f32_avx2, bench_loop_f64_avx2;
#endif
#ifdef SGA_HAVE_AVX512
extern const bench_loop bench_loop_f32_avx512, bench_loop_f64_avx512;
#endif
#ifdef SGA_HAVE_NEON
extern const bench_loop bench_loop_f32_neon, bench_loop_f64_neon;
#endif

static const bench_loop *const loops[][BENCH_NUMBERS] = {
  { &bench_loop_f32_portable, &bench_loop_f64_portable },
#ifdef SGA_HAVE_AVX2
  { &bench_loop_f32_avx2, &bench_loop_f64_avx2 },
#endif
#ifdef SGA_HAVE_AVX512
  { &bench_loop_f32_avx512, &bench_loop_f64_avx512 },
#endif
#ifdef SGA_HAVE_NEON
  { &bench_loop_f32_neon, &bench_loop_f64_neon },
#endif
};

/* The instruction sets that the machine has are the library's to say.  */
static bool is_there(const char *isa) {
  const char *name = NULL;
  for (int i = 0; (name = segattn_isa_name(i)) && strcmp(name, isa); i++)
    ;
  return name;
}

const bench_loop *const *bench_loops_at(size_t i) {
  for (size_t j = 0; j < sizeof loops / sizeof *loops; j++)
    if (is_there(loops[j][0]->isa) && i-- == 0)
      return loops[j];
  return NULL;
}
