# SPDX-License-Identifier: GPL-3.0-or-later
# What configure found, and what each missing piece costs.

AC_DEFUN([SEGATTN_LINE], [AS_IF([test "$2" = yes], [AS_ECHO(["  $1: yes"])], [AS_ECHO(["  $1: NO: $3"])])])

AC_DEFUN([SEGATTN_SUMMARY], [
  segattn_openmp=no
  AS_IF([test "$ac_cv_prog_c_openmp" != unsupported && test "$enable_openmp" != no], [segattn_openmp=yes])
  AS_IF([test "$GNUPLOT" != no], [segattn_gnuplot=yes], [segattn_gnuplot=no])
  AS_ECHO(["
segattn $PACKAGE_VERSION
  prefix: $prefix
  compiler: $CC $CFLAGS
  instruction sets: $isa_names (the best of the machine is taken at run time)"])
  SEGATTN_LINE([OpenMP threads], [$segattn_openmp], [everything runs on one thread (clang: install libomp-dev)])
  SEGATTN_LINE([program segattn], [$enable_program], [only the library (--disable-program)])
  AS_IF([test "$enable_program" = yes], [
    SEGATTN_LINE([gnuplot], [$segattn_gnuplot], [segattn report cannot draw until it is installed (gnuplot-nox)])
    SEGATTN_LINE([MPFR for the tests], [$have_MPFR], [the tests against exact results are left out (libmpfr-dev)])])
  AS_ECHO(["  floating-point rules kept: $segattn_cv_floating_point
"])
  AS_IF([test $segattn_openmp = no], [AC_MSG_WARN([
  *******************************************************************
  ***  No OpenMP: the library will use ONE THREAD and be slow.    ***
  ***  gcc has it built in; for clang install libomp-dev.         ***
  *******************************************************************])])
])
