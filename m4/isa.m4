# SPDX-License-Identifier: GPL-3.0-or-later
# Which instruction sets the compiler can make code for.  Which of them the machine has is asked at run time.
# NEON is that of 64-bit ARM, which every such machine has; the older one has no doubles.

# SEGATTN_CHECK_ISA(NAME, FLAGS, HEADER, STATEMENT): sets NAME_CFLAGS, the conditional NAME, and defines SGA_HAVE_NAME.
AC_DEFUN([SEGATTN_CHECK_ISA], [
  AC_CACHE_CHECK([whether $CC makes $1 code[]m4_ifval([$2], [ ($2)])], [segattn_cv_isa_$1], [
    segattn_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $2"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <$3>]], [$4])],
      [segattn_cv_isa_$1=yes], [segattn_cv_isa_$1=no])
    CFLAGS=$segattn_save_CFLAGS])
  AS_IF([test "$segattn_cv_isa_$1" = yes], [
    $1_CFLAGS="$2"
    isa_names="$isa_names AS_TR_SH(m4_tolower([$1]))"
    AC_DEFINE([SGA_HAVE_$1], [1], [The compiler makes $1 code.])])
  AC_SUBST([$1_CFLAGS])
  AM_CONDITIONAL([$1], [test "$segattn_cv_isa_$1" = yes])
])

AC_DEFUN([SEGATTN_ISA], [
  isa_names=portable
  # Where each variable of inlined code is to be found takes a third of the time that a kernel takes to compile.
  AX_CHECK_COMPILE_FLAG([-fno-var-tracking-assignments], [KERNEL_CFLAGS=-fno-var-tracking-assignments],
    [KERNEL_CFLAGS=], [-Werror])
  AC_SUBST([KERNEL_CFLAGS])
  SEGATTN_CHECK_ISA([AVX2], [-mavx2 -mfma -mf16c], [immintrin.h],
    [[__m256 x = _mm256_fmadd_ps (_mm256_setzero_ps (), _mm256_cvtph_ps (_mm_setzero_si128 ()), _mm256_setzero_ps ());
      __m256i n = _mm256_add_epi32 (_mm256_castps_si256 (x), _mm256_setzero_si256 ()); (void) n;]])
  SEGATTN_CHECK_ISA([AVX512], [-mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma -mf16c], [immintrin.h],
    [[__m512 x = _mm512_fmadd_ps (_mm512_setzero_ps (), _mm512_setzero_ps (), _mm512_setzero_ps ());
      __m512i n = _mm512_add_epi16 (_mm512_castps_si512 (x), _mm512_setzero_si512 ()); (void) n;
      __m256 y = _mm512_extractf32x8_ps (x, 1); (void) _mm256_maskz_mov_ps ((__mmask8) 1, y);]])
  SEGATTN_CHECK_ISA([AVX512VNNI], [-mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma -mf16c -mavx512vnni], [immintrin.h],
    [[__m512i n = _mm512_dpbusd_epi32 (_mm512_setzero_si512 (), _mm512_setzero_si512 (), _mm512_setzero_si512 ()); (void) n;]])
  SEGATTN_CHECK_ISA([NEON], [], [arm_neon.h],
    [[float64x2_t x = vfmaq_f64 (vdupq_n_f64 (0), vrndnq_f64 (vdupq_n_f64 (1)), vdupq_n_f64 (2)); (void) x;
      float32x4_t y = vcvt_f32_f16 (vreinterpret_f16_u16 (vdup_n_u16 (0))); (void) y;]])
])
