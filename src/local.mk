# SPDX-License-Identifier: GPL-3.0-or-later
# The program.  All but main.c is an archive, which its tests link too.

if PROGRAM
bin_PROGRAMS += segattn
noinst_LTLIBRARIES += libprogram.la libabout.la
endif

program_cppflags = $(AM_CPPFLAGS) -I$(srcdir)/src -DPKGDATADIR='"$(pkgdatadir)"' \
  $(GSL_CFLAGS) $(HDF5_CFLAGS) $(YAML_CFLAGS) $(JANSSON_CFLAGS) $(LIBMD_CFLAGS)

# What results say they were made by: the flags, and the commit or what a release was made from.
libabout_la_CPPFLAGS = $(program_cppflags) -DSEGATTN_CFLAGS='"$(CFLAGS)"' -include git-state.h
libabout_la_SOURCES = src/about.c src/about.h
git-state.h: FORCE
	@top=`git -C '$(srcdir)' rev-parse --show-prefix 2>/dev/null || echo none`; \
	if test -z "$$top"; then state=`git -C '$(srcdir)' describe --always --dirty --abbrev=12 2>/dev/null`; \
	elif test -f '$(srcdir)/.git-state'; then state=`cat '$(srcdir)/.git-state'`; fi; \
	line="#define SEGATTN_GIT \"$${state:-unknown}\""; \
	echo "$$line" | cmp -s - $@ || echo "$$line" >$@
FORCE:
.PHONY: FORCE
DISTCLEANFILES += git-state.h
if PROGRAM
BUILT_SOURCES += git-state.h
endif
dist-hook: git-state.h
	$(SED) 's/.*"\(.*\)"/\1/' git-state.h >'$(distdir)/.git-state'

# What the bench measures the machine with, once per instruction set as the kernels are.
if PROGRAM
loop_sources = src/bench_loop_f32.c src/bench_loop_f64.c src/bench.h src/bench_loop.h

noinst_LTLIBRARIES += libloop_portable.la
libloop_portable_la_SOURCES = $(loop_sources)
libloop_portable_la_CFLAGS = $(AM_CFLAGS) -DSGA_ISA=portable
loops = libloop_portable.la
if AVX2
noinst_LTLIBRARIES += libloop_avx2.la
libloop_avx2_la_SOURCES = $(loop_sources)
libloop_avx2_la_CFLAGS = $(AM_CFLAGS) -DSGA_ISA=avx2 $(AVX2_CFLAGS)
loops += libloop_avx2.la
endif
if AVX512
noinst_LTLIBRARIES += libloop_avx512.la
libloop_avx512_la_SOURCES = $(loop_sources)
libloop_avx512_la_CFLAGS = $(AM_CFLAGS) -DSGA_ISA=avx512 $(AVX512_CFLAGS)
loops += libloop_avx512.la
endif
if NEON
noinst_LTLIBRARIES += libloop_neon.la
libloop_neon_la_SOURCES = $(loop_sources)
libloop_neon_la_CFLAGS = $(AM_CFLAGS) -DSGA_ISA=neon $(NEON_CFLAGS)
loops += libloop_neon.la
endif
endif

libprogram_la_CPPFLAGS = $(program_cppflags)
libprogram_la_LIBADD = $(loops) libabout.la $(GSL_LIBS) $(HDF5_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) $(LIBMD_LIBS) $(DL_LIBS)
libprogram_la_SOURCES = \
  src/argument.c src/array.c src/attend.c src/bench.c src/bench_blas.c src/bench_figure.c src/bench_inputs.c \
  src/bench_limits.c src/bench_meeting.c src/bench_peak.c src/bench_peer.c src/bench_run.c src/bench_segattn.c \
  src/bench_serve.c src/bench_suites.c src/bench_table.c src/bench_times.c src/call.c src/carry.c src/case.c \
  src/case_oracle.c src/cases.c src/config.c src/config_input.c src/config_problem.c \
  src/config_storage.c src/doubledouble.c src/events.c src/experiment_commands.c src/families.c src/file.c src/hash.c \
  src/inputs.c src/json.c src/judge.c src/measure.c src/message.c src/npy.c src/oracle.c src/oracle_row.c src/place.c \
  src/provider.c src/provider_text.c src/random.c src/references.c src/report.c src/report_cache.c src/report_cache_figure.c \
  src/report_cache_head.c src/report_cache_length.c src/report_cache_table.c src/report_case.c src/report_data.c \
  src/report_distribution.c src/report_element.c src/report_head.c src/report_name.c src/report_panel.c \
  src/report_plot.c src/report_scratch.c src/report_table.c src/report_tex.c src/result.c src/run.c src/run_file.c \
  src/run_folder.c \
  src/run_references.c src/safetensors.c src/schema.c src/segments.c src/setting.c src/storage.c src/store.c \
  src/store_attribute.c \
  src/store_case_read.c src/store_case_write.c src/store_data.c src/store_hdf5.c src/store_import.c src/store_pack.c \
  src/store_tensor.c src/tensor_file.c src/verdict.c src/work.c src/argument.h src/array.h src/bench.h \
  src/bench_figure.h src/call.h src/carry.h src/case.h src/case_oracle.h src/cases.h src/commands.h src/config_read.h \
  src/doubledouble.h src/events.h src/experiment.h src/families.h src/file.h src/hash.h src/inputs.h src/json.h src/measure.h \
  src/message.h src/npy.h src/oracle.h src/oracle_row.h src/place.h src/provider.h src/random.h src/references.h \
  src/report.h src/report_cache.h src/report_data.h src/result.h src/run.h src/safetensors.h src/schema.h src/storage.h \
  src/store.h src/store_hdf5.h src/tensor_file.h src/verdict.h src/work.h

segattn_CPPFLAGS = $(program_cppflags)
segattn_LDADD = libprogram.la libsegattn.la
segattn_SOURCES = \
  src/main.c
