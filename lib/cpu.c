/* SPDX-License-Identifier: BSD-2-Clause */
/* Which instruction sets this machine has (and the system saves the registers of).  */

#include <string.h>

#include "internal.h"

bool sga_cpu_has(const char *isa) {
  if (!strcmp(isa, "portable"))
    return true;
#if defined __x86_64__ || defined __i386__
  __builtin_cpu_init();
  if (!strcmp(isa, "avx2"))
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!strcmp(isa, "avx512"))
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
#endif
  return false;
}
