/* SPDX-License-Identifier: BSD-2-Clause */
/* Which instruction sets this machine has (and the system saves the registers of).  avx512vnni is no set of its own to users:
   part of avx512 where a machine has it.  */

#include <string.h>
#if defined __x86_64__ || defined __i386__
# include <cpuid.h>
#endif

#include "internal.h"

#if defined __x86_64__ || defined __i386__
static bool has_f16c(void) {            /* not every compiler's __builtin_cpu_supports knows the name */
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static bool has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
}
#endif

bool sga_cpu_has(const char *isa) {
  if (!strcmp(isa, "portable"))
    return true;
#if defined __x86_64__ || defined __i386__
  __builtin_cpu_init();
  if (!strcmp(isa, "avx2"))
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  if (!strcmp(isa, "avx512"))
    return has_avx512();
  if (!strcmp(isa, "avx512vnni"))
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
#elif defined __aarch64__
  if (!strcmp(isa, "neon"))
    return true;
#endif
  return false;
}
