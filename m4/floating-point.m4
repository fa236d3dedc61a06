# SPDX-License-Identifier: GPL-3.0-or-later
# The floating-point rules.  The library promises the same bits everywhere, so a compiler may neither contract a*b+c,
# nor reorder, nor drop a sign of zero, a NaN or a subnormal.  Some flags that allow it define no macro that a header
# could refuse, hence: our flags come last, the known offenders are refused by name, and the behaviour is tried.

AC_DEFUN([SEGATTN_REFUSE_FLAGS], [
  for flag in $CC $CPPFLAGS $CFLAGS $LDFLAGS; do
    case $flag in #(
    -Ofast|-ffast-math|-funsafe-math-optimizations|-fassociative-math|-freciprocal-math|-ffinite-math-only|\
    -fno-signed-zeros|-fno-honor-nans|-fno-honor-infinities|-fapprox-func|-fsingle-precision-constant|\
    -ffp-model=fast|-ffp-model=aggressive|-fcx-limited-range|-mrecip|-mrecip=*|-mfpmath=387|-mdaz-ftz)
      AC_MSG_ERROR([the flag $flag is not allowed: it changes results, and segattn promises the same bits everywhere])
    esac
  done
])

AC_DEFUN([SEGATTN_FLOATING_POINT], [
  SEGATTN_REFUSE_FLAGS
  FLOATING_POINT_CFLAGS=
  m4_foreach_w([segattn_flag], [-fno-fast-math -ffp-contract=off -fexcess-precision=standard], [
    AX_CHECK_COMPILE_FLAG(segattn_flag, [FLOATING_POINT_CFLAGS="$FLOATING_POINT_CFLAGS segattn_flag"], [], [-Werror])])
  CFLAGS="$CFLAGS$FLOATING_POINT_CFLAGS"
  AC_SUBST([FLOATING_POINT_CFLAGS])     # for `make CFLAGS=...`, which drops what configure appended
  AC_CACHE_CHECK([whether floating point keeps the rules], [segattn_cv_floating_point], [
    AC_RUN_IFELSE([AC_LANG_PROGRAM([[
#include <float.h>
#if FLT_EVAL_METHOD != 0
# error "float and double are evaluated in a wider type"
#endif
#if defined __x86_64__ && defined __GNUC__
# define WITH_FMA __attribute__ ((target ("fma"), noinline))
# define MACHINE_HAS_FMA __builtin_cpu_supports ("fma")
#else
# define WITH_FMA __attribute__ ((noinline))
# define MACHINE_HAS_FMA 1
#endif
static WITH_FMA float multiply_add (float a, float b, float c) { return a * b + c; }
static float cancel (float a, float b) { return (a + b) - a; }
static float divide (float a, float b) { return a / b; }
]], [[
  volatile float one = 1, tiny = FLT_EPSILON, zero = 0, smallest = FLT_MIN, three = 3;
  float nan = zero / zero, x = one + tiny;
  if (MACHINE_HAS_FMA && multiply_add (x, x, -(one + 2 * tiny)) != 0) return 2;  /* contracted */
  if (cancel (one, tiny / 4) != 0) return 3;            /* reassociated */
  if (nan == nan || !(nan != nan)) return 4;            /* NaN assumed away */
  if (1 / (-zero + -zero) > 0) return 5;                /* sign of zero dropped */
  if (smallest / 2 == 0) return 6;                      /* subnormals flushed */
  if (divide (5 * one, three) != 0x1.aaaaaap+0f) return 7;      /* reciprocal times */
  return 0;]])],
      [segattn_cv_floating_point=yes], [segattn_cv_floating_point="no (status $?)"],
      [segattn_cv_floating_point="not tried (cross compiling)"])])
  case $segattn_cv_floating_point in #(
  "no ("*)
    AC_MSG_ERROR([this compiler with CFLAGS="$CFLAGS" contracts, reorders or drops floating-point operations; see config.log]);;
  esac
])
