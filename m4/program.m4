# SPDX-License-Identifier: GPL-3.0-or-later
# What the program stands on: GSL (statistics, MT19937), HDF5 (files), libyaml (experiments), Jansson (the headers of
# safetensors; it refuses names that come twice), libmd (SHA-256; neither HDF5 nor GSL has a hash).  MPFR is the tests' exact
# oracle and no product needs it.

# SEGATTN_NEED(VARIABLE, MODULES, NAME, DEBIAN PACKAGE): the first pkg-config module that is there, or one more in `missing`.
AC_DEFUN([SEGATTN_NEED], [
  have_$1=no
  m4_foreach_w([segattn_module], [$2], [
    AS_IF([test $have_$1 = no], [PKG_CHECK_MODULES([$1], segattn_module, [have_$1=yes], [have_$1=no])])])
  AS_IF([test $have_$1 = no], [missing="$missing $3 ($4)"])
])

AC_DEFUN([SEGATTN_PROGRAM_LIBRARIES], [
  have_MPFR=no
  AS_IF([test "$enable_program" = yes], [
    missing=
    SEGATTN_NEED([GSL], [gsl], [GSL], [libgsl-dev])
    SEGATTN_NEED([HDF5], [hdf5 hdf5-serial], [HDF5], [libhdf5-dev])
    SEGATTN_NEED([YAML], [yaml-0.1], [libyaml], [libyaml-dev])
    SEGATTN_NEED([JANSSON], [jansson], [Jansson], [libjansson-dev])
    SEGATTN_NEED([LIBMD], [libmd], [libmd], [libmd-dev])
    AS_IF([test -n "$missing"], [AC_MSG_ERROR([the program needs, and this machine has not:$missing
  Install them (in brackets: Debian's package), or give --disable-program for the library alone.])])
    SEGATTN_DIMENSION_SCALES
    # the bench opens a BLAS when it runs; before glibc 2.34 that needs a library of its own
    segattn_save_LIBS=$LIBS
    AC_SEARCH_LIBS([dlopen], [dl], [AS_CASE([$ac_cv_search_dlopen], [-l*], [AC_SUBST([DL_LIBS], [$ac_cv_search_dlopen])])])
    LIBS=$segattn_save_LIBS
    PKG_CHECK_MODULES([MPFR], [mpfr], [have_MPFR=yes; AC_DEFINE([HAVE_MPFR], [1], [Tests compare with MPFR.])],
      [have_MPFR=no])
  ])
  AM_CONDITIONAL([MPFR], [test $have_MPFR = yes])
  AC_CHECK_PROG([GNUPLOT], [gnuplot], [gnuplot], [no])
])

# H5DS*, the dimension scales, are in HDF5's high-level library, which hdf5.pc does not name everywhere.
AC_DEFUN([SEGATTN_DIMENSION_SCALES], [
  segattn_save_LIBS=$LIBS; segattn_save_CPPFLAGS=$CPPFLAGS
  CPPFLAGS="$CPPFLAGS $HDF5_CFLAGS"
  AC_CHECK_HEADER([hdf5_hl.h], [], [AC_MSG_ERROR([HDF5 lacks its high-level header hdf5_hl.h (Debian: libhdf5-dev)])])
  LIBS="$HDF5_LIBS $LIBS"
  AC_CHECK_FUNC([H5DSset_scale], [], [
    LIBS="-lhdf5_hl $LIBS"
    AS_UNSET([ac_cv_func_H5DSset_scale])
    AC_CHECK_FUNC([H5DSset_scale],
      [HDF5_LIBS="`AS_ECHO(["$HDF5_LIBS"]) | $SED 's/-lhdf5\>/-lhdf5_hl -lhdf5/'`"],
      [AC_MSG_ERROR([HDF5 lacks its high-level library (H5DSset_scale); Debian: libhdf5-dev])])])
  LIBS=$segattn_save_LIBS; CPPFLAGS=$segattn_save_CPPFLAGS
])
