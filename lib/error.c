/* SPDX-License-Identifier: BSD-2-Clause */
/* Status, error texts, version, and the floating-point environment.  */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#ifndef SGA_VERSION
# define SGA_VERSION "0"
#endif

const char *segattn_version(void) {
  return SGA_VERSION;
}

const char *segattn_strerror(segattn_status status) {
  static const char *const phrase[] = {
    [SEGATTN_OK] = "success",
    [SEGATTN_EINVAL] = "invalid argument",
    [SEGATTN_ENOMEM] = "out of memory",
    [SEGATTN_EORDER] = "segments out of order",
    [SEGATTN_EALIAS] = "an output overlaps another argument",
    [SEGATTN_EUNSUPPORTED] = "not supported here",
    [SEGATTN_EDAMAGED] = "not a whole saved state"
  };
  return (unsigned)status < sizeof phrase / sizeof *phrase ? phrase[status] : "unknown status";
}

segattn_status sga_fail(segattn_error *error, segattn_status status, const char *argument, const char *format, ...) {
  if (error) {
    va_list list;
    va_start(list, format);
    error->code = status;
    snprintf(error->argument, sizeof error->argument, "%s", argument);
    int n = snprintf(error->text, sizeof error->text, "%s ", argument);
    if (n > 0 && (size_t)n < sizeof error->text)
      vsnprintf(error->text + n, sizeof error->text - (size_t)n, format, list);
    va_end(list);
  }
  return status;
}

#if defined __x86_64__

enum { MXCSR_DEFAULT = 0x1f80 };        /* all exceptions masked, to nearest, neither flush-to-zero nor denormals-are-zero */

void sga_environment_set(sga_environment *e) {
  e->saved = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(MXCSR_DEFAULT);
}

void sga_environment_restore(const sga_environment *e) {
  __builtin_ia32_ldmxcsr(e->saved);
}

#else

/* Of 64-bit ARM's FPCR FE_DFL_ENV leaves DN, FZ16 and AHP, with which an f16 has neither inf nor NaN; what was saved has
   them.  */
void sga_environment_set(sga_environment *e) {
  fegetenv(&e->saved);
  fesetenv(FE_DFL_ENV);
#if defined __aarch64__
  __asm__ volatile("msr fpcr, xzr" : : : "memory");
#endif
}

void sga_environment_restore(const sga_environment *e) {
  fesetenv(&e->saved);
}

#endif
