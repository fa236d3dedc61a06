# SPDX-License-Identifier: GPL-3.0-or-later
# The --enable switches, and the warnings that the code must compile without.

AC_DEFUN([SEGATTN_OPTIONS], [
  AC_ARG_ENABLE([program],
    [AS_HELP_STRING([--disable-program], [only the library: no GSL, HDF5, libyaml, Jansson, libmd or MPFR needed])],
    [], [enable_program=yes])
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors])], [], [enable_werror=no])
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers], [AddressSanitizer and UndefinedBehaviorSanitizer, any finding is fatal])],
    [], [enable_sanitizers=no])
  AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage], [count executed lines: `make coverage` shows them])],
    [], [enable_coverage=no])

  AS_IF([test "$enable_sanitizers" = yes], [
    CFLAGS="$CFLAGS -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"])
  AS_IF([test "$enable_coverage" = yes], [CFLAGS="$CFLAGS -O1 --coverage"])
  AM_CONDITIONAL([PROGRAM], [test "$enable_program" = yes])
])

AC_DEFUN([SEGATTN_WARNINGS], [
  WARNING_CFLAGS=
  m4_foreach_w([segattn_flag], [-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes], [
    AX_CHECK_COMPILE_FLAG(segattn_flag, [WARNING_CFLAGS="$WARNING_CFLAGS segattn_flag"], [], [-Werror])])
  AS_IF([test "$enable_werror" = yes], [WARNING_CFLAGS="$WARNING_CFLAGS -Werror"])
  AC_SUBST([WARNING_CFLAGS])
])
