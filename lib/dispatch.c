/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of kernels, slowest instruction set first.  This file is compiled without instruction-set flags.  */

#include <stdlib.h>
#include <string.h>

#include "internal.h"

extern const sga_kernel sga_kernel_f32_portable, sga_kernel_f64_portable;
#ifdef SGA_HAVE_AVX2
extern const sga_kernel sga_kernel_f32_avx2, sga_kernel_f64_avx2;
#endif
#ifdef SGA_HAVE_AVX512
extern const sga_kernel sga_kernel_f32_avx512, sga_kernel_f64_avx512;
#endif
#ifdef SGA_HAVE_NEON
extern const sga_kernel sga_kernel_f32_neon, sga_kernel_f64_neon;
#endif

static const sga_kernel *const kernels[] = {
  &sga_kernel_f32_portable, &sga_kernel_f64_portable,
#ifdef SGA_HAVE_AVX2
  &sga_kernel_f32_avx2, &sga_kernel_f64_avx2,
#endif
#ifdef SGA_HAVE_AVX512
  &sga_kernel_f32_avx512, &sga_kernel_f64_avx512,
#endif
#ifdef SGA_HAVE_NEON
  &sga_kernel_f32_neon, &sga_kernel_f64_neon,
#endif
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

const char *segattn_arithmetic_name(int i) {
  static const char *const name[] = { "f32", "f64" };
  return i >= 0 && i < 2 ? name[i] : NULL;
}

const char *segattn_isa_name(int i) {
  for (int j = 0; j < KERNELS; j += 2)
    if (sga_cpu_has(kernels[j]->isa) && i-- == 0)
      return kernels[j]->isa;
  return NULL;
}

static segattn_status isa_check(const char *isa, const char *source, segattn_error *error) {
  static const char *const known[] = { "portable", "avx2", "avx512", "neon" };
  bool is_known = false;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    is_known |= !strcmp(isa, known[i]);
  if (!is_known)
    return sga_fail(error, SEGATTN_EINVAL, source, "is '%s', expected portable, avx2, avx512 or neon", isa);
  for (int i = 0; segattn_isa_name(i); i++)
    if (!strcmp(isa, segattn_isa_name(i)))
      return SEGATTN_OK;
  return sga_fail(error, SEGATTN_EUNSUPPORTED, source, "is '%s', which this machine or this build has not", isa);
}

/* The last kernel of the arithmetic that the machine can run, or the one asked for.  */
const sga_kernel *sga_kernel_find(const char *arithmetic, const char *isa, segattn_error *error) {
  const sga_kernel *found = NULL;
  const char *asked = isa ? isa : getenv("SEGATTN_ISA");
  if (asked && !*asked)
    asked = NULL;
  if (asked && isa_check(asked, isa ? "options.isa" : "SEGATTN_ISA", error))
    return NULL;
  for (int i = 0; i < KERNELS; i++)
    if (!strcmp(kernels[i]->arithmetic, arithmetic) && sga_cpu_has(kernels[i]->isa) &&
        (!asked || !strcmp(kernels[i]->isa, asked)))
      found = kernels[i];
  if (!found)
    sga_fail(error, SEGATTN_EINVAL, "options.arithmetic", "is '%s', expected f32 or f64", arithmetic);
  return found;
}
