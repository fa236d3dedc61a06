# SPDX-License-Identifier: BSD-2-Clause
# The library.  The kernels are compiled once per instruction set from the same sources; the flags of a set touch only its
# own archive, never the code that chooses (lib/dispatch.c).

include_HEADERS = lib/segattn.h
pkgconfig_DATA = lib/segattn.pc
lib_LTLIBRARIES += libsegattn.la
noinst_LTLIBRARIES += libsga.la libkernel_portable.la

kernel_i8_sources = \
  lib/kernel/kernel_i8.c lib/kernel/coder.h lib/kernel/codes.h lib/kernel/dot.h lib/kernel/dot_avx2.h lib/kernel/dot_avx512.h \
  lib/kernel/dot_neon.h lib/kernel/dot_portable.h lib/kernel/few_scores_i8.h lib/kernel/many_scores_i8.h
kernel_sources = \
  lib/kernel/kernel_f32.c lib/kernel/kernel_f64.c lib/kernel/kernel_f32c.c $(kernel_i8_sources) lib/kernel/blocks_x86.h \
  lib/kernel/decode.h lib/kernel/events.h lib/kernel/exp2.h lib/kernel/few.h lib/kernel/few_scores.h \
  lib/kernel/few_values.h lib/kernel/join.h \
  lib/kernel/kernel.h lib/kernel/lanes.h lib/kernel/many.h lib/kernel/many_events.h lib/kernel/many_exponents.h \
  lib/kernel/many_scores.h lib/kernel/number_f32.h lib/kernel/number_f64.h lib/kernel/portable_sse2.h \
  lib/kernel/portable_sse2_f32.h lib/kernel/portable_sse2_f64.h lib/kernel/rows.h lib/kernel/simd.h \
  lib/kernel/simd_avx2.h lib/kernel/simd_avx512.h lib/kernel/simd_neon.h lib/kernel/simd_portable.h \
  lib/kernel/sum_pair.h lib/kernel/sum_plain.h lib/kernel/weight.h

libkernel_portable_la_SOURCES = $(kernel_sources)
libkernel_portable_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS) -DSGA_ISA=portable

kernels = libkernel_portable.la
if AVX2
noinst_LTLIBRARIES += libkernel_avx2.la
libkernel_avx2_la_SOURCES = $(kernel_sources)
libkernel_avx2_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS) -DSGA_ISA=avx2 $(AVX2_CFLAGS)
kernels += libkernel_avx2.la
endif
if AVX512
noinst_LTLIBRARIES += libkernel_avx512.la
libkernel_avx512_la_SOURCES = $(kernel_sources)
libkernel_avx512_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS) -DSGA_ISA=avx512 $(AVX512_CFLAGS)
kernels += libkernel_avx512.la
endif
if AVX512VNNI
noinst_LTLIBRARIES += libkernel_avx512vnni.la
libkernel_avx512vnni_la_SOURCES = $(kernel_i8_sources)
libkernel_avx512vnni_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS) -DSGA_ISA=avx512 -DSGA_CPU=avx512vnni -DSGA_VNNI $(AVX512VNNI_CFLAGS)
kernels += libkernel_avx512vnni.la
endif
if NEON
noinst_LTLIBRARIES += libkernel_neon.la
libkernel_neon_la_SOURCES = $(kernel_sources)
libkernel_neon_la_CFLAGS = $(AM_CFLAGS) $(KERNEL_CFLAGS) -DSGA_ISA=neon $(NEON_CFLAGS)
kernels += libkernel_neon.la
endif

# All of it, private names included: tests of single parts link this one.
libsga_la_SOURCES = \
  lib/attend.c lib/bound.c lib/bound_codes.c lib/bound_row.c lib/bound_score.c lib/call.c lib/codes.c lib/cpu.c \
  lib/dispatch.c lib/elementary.c lib/error.c lib/events.c lib/exchange.c lib/finalise.c lib/load.c lib/load_header.c \
  lib/parallel.c lib/plan.c lib/problem.c lib/save.c lib/segment.c lib/slab.c lib/span.c lib/state.c lib/tensor.c \
  lib/tile.c lib/tree.c \
  lib/bound.h lib/codes.h lib/elementary.h lib/internal.h lib/load.h lib/span.h lib/saved.h lib/state.h \
  lib/format/bf16.c lib/format/block.c lib/format/bool.c \
  lib/format/f16.c lib/format/f32.c lib/format/f64.c lib/format/f8e4m3.c lib/format/f8e5m2.c lib/format/format.c \
  lib/format/iq4_nl.c lib/format/q4_0.c lib/format/q4_1.c lib/format/q5_0.c lib/format/q5_1.c lib/format/q8_0.c \
  lib/format/block.h lib/format/f16.h lib/format/format.h lib/format/iq4_nl.h
libsga_la_LIBADD = $(kernels)

libsegattn_la_SOURCES =
libsegattn_la_LIBADD = libsga.la
libsegattn_la_LDFLAGS = -version-info 0:0:0 -no-undefined -export-symbols-regex '^segattn_' $(OPENMP_CFLAGS)

EXTRA_DIST += lib/segattn.pc.in
