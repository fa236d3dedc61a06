/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of kernels, slowest instruction set first.  This file is compiled without instruction-set flags.

   An arithmetic is a name and, for every instruction set, a row: kernel/kernel.h says what a row offers.  A new one provides
     kernel/kernel_NAME.c   compiled once per instruction set (lib/local.mk): a number header (the type that sums, weights and
                            states are held in: f32 or f64), simd.h, then the parts of the kernel.  A part is replaced where
                            the arithmetic differs (i8: few_scores_i8.h and many_scores_i8.h for the scores) and included where
                            it does not.  Every instruction set gives the same bits; portable C first, the others are faster
     the row below          for portable and for each set; segattn_arithmetic_name, messages and the program follow from it
     BOUNDS, section 1      the canonical evaluation where it differs, and a lemma for what its roundings cost
     bound*.c               that lemma evaluated.  (Numbers of f32 or f64 have their sga_bound_type; what is known of the plan
                            by plan->number needs nothing.)
     doc/STATE              the name in a saved state's header
     README, doc/           the name where arithmetics are listed
   Tests that loop over segattn_arithmetic_name meet it by themselves; tests/right-promise.c needs golden digests for it, and
   tests/accurate-bound.c and tests/exact.c its bound against MPFR.

   A machine may have a later part of an instruction set, which one row wants and another does not (`cpu`): the last row that
   can run is taken.  */

#include <stdlib.h>
#include <string.h>

#include "internal.h"

extern const sga_kernel sga_kernel_f32_portable, sga_kernel_f64_portable, sga_kernel_f32c_portable, sga_kernel_i8_portable;
#ifdef SGA_HAVE_AVX2
extern const sga_kernel sga_kernel_f32_avx2, sga_kernel_f64_avx2, sga_kernel_f32c_avx2, sga_kernel_i8_avx2;
#endif
#ifdef SGA_HAVE_AVX512
extern const sga_kernel sga_kernel_f32_avx512, sga_kernel_f64_avx512, sga_kernel_f32c_avx512, sga_kernel_i8_avx512;
#endif
#ifdef SGA_HAVE_AVX512VNNI
extern const sga_kernel sga_kernel_i8_avx512vnni;
#endif
#ifdef SGA_HAVE_NEON
extern const sga_kernel sga_kernel_f32_neon, sga_kernel_f64_neon, sga_kernel_f32c_neon, sga_kernel_i8_neon;
#endif

static const sga_kernel *const kernels[] = {
  &sga_kernel_f32_portable, &sga_kernel_f64_portable, &sga_kernel_f32c_portable, &sga_kernel_i8_portable,
#ifdef SGA_HAVE_AVX2
  &sga_kernel_f32_avx2, &sga_kernel_f64_avx2, &sga_kernel_f32c_avx2, &sga_kernel_i8_avx2,
#endif
#ifdef SGA_HAVE_AVX512
  &sga_kernel_f32_avx512, &sga_kernel_f64_avx512, &sga_kernel_f32c_avx512, &sga_kernel_i8_avx512,
#endif
#ifdef SGA_HAVE_AVX512VNNI
  &sga_kernel_i8_avx512vnni,
#endif
#ifdef SGA_HAVE_NEON
  &sga_kernel_f32_neon, &sga_kernel_f64_neon, &sga_kernel_f32c_neon, &sga_kernel_i8_neon,
#endif
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* Every set has every arithmetic once without further parts, so portable has all, and f32 is in all.  */
const char *segattn_arithmetic_name(int i) {
  for (int j = 0; j < KERNELS; j++)
    if (!strcmp(kernels[j]->isa, "portable") && i-- == 0)
      return kernels[j]->arithmetic;
  return NULL;
}

const char *segattn_isa_name(int i) {
  for (int j = 0; j < KERNELS; j++)
    if (!strcmp(kernels[j]->arithmetic, "f32") && sga_cpu_has(kernels[j]->cpu) && i-- == 0)
      return kernels[j]->isa;
  return NULL;
}

const sga_kernel *sga_kernel_at(int i) { return i >= 0 && i < KERNELS ? kernels[i] : NULL; }

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

/* "f32, f64 or i8" */
static void unknown_arithmetic(const char *arithmetic, segattn_error *error) {
  char names[128] = "";
  for (int i = 0; segattn_arithmetic_name(i); i++) {
    strcat(names, i == 0 ? "" : segattn_arithmetic_name(i + 1) ? ", " : " or ");
    strcat(names, segattn_arithmetic_name(i));
  }
  sga_fail(error, SEGATTN_EINVAL, "options.arithmetic", "is '%.40s', expected %s", arithmetic, names);
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
    if (!strcmp(kernels[i]->arithmetic, arithmetic) && sga_cpu_has(kernels[i]->cpu) &&
        (!asked || !strcmp(kernels[i]->isa, asked)))
      found = kernels[i];
  if (!found)
    unknown_arithmetic(arithmetic, error);
  return found;
}
