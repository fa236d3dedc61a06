# SPDX-License-Identifier: GPL-3.0-or-later
# TAP tests.  right-*: results; accurate-*: errors against stated bounds; robust-*: bad input and bad days; semantics-*: what
# happens at the edges, row by row (SEMANTICS).
# C programs that look at private names of the library link libsga.la; those of the program link libprogram.la too.

TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
  SEGATTN='$(abs_top_builddir)/segattn$(EXEEXT)'; export SEGATTN; \
  srcdir='$(abs_top_srcdir)'; builddir='$(abs_top_builddir)'; export srcdir builddir; \
  OMP_WAIT_POLICY=passive; export OMP_WAIT_POLICY; CC='$(CC)'; export CC; \
  SEGATTN_PROVIDERS='$(abs_top_srcdir)/experiments/providers'; export SEGATTN_PROVIDERS; \
  SEGATTN_REPORTS='$(abs_top_srcdir)/reports'; export SEGATTN_REPORTS; \
  test -n "$$SEGATTN_PYTHON" || SEGATTN_PYTHON='$(abs_top_builddir)/venv/bin/python'; \
  if test -x "$$SEGATTN_PYTHON"; then export SEGATTN_PYTHON; else unset SEGATTN_PYTHON; fi;

# Unless said otherwise a test is one file and sees what a user of the library sees.
AM_CPPFLAGS += -I$(srcdir)/tests $(MPFR_CFLAGS)
LDADD = libsegattn.la $(MPFR_LIBS)
private_libraries = libsga.la $(MPFR_LIBS)
program_libraries = libprogram.la libsegattn.la $(MPFR_LIBS)

semantics_tests = \
  tests/semantics-formats tests/semantics-layout tests/semantics-long tests/semantics-masks tests/semantics-numbers \
  tests/semantics-scores tests/semantics-shapes tests/semantics-state
library_tests = \
  tests/right-promise tests/right-algebra tests/right-blocks tests/right-codes tests/right-decode tests/right-events \
  tests/right-exchange tests/right-fma tests/right-formats tests/right-merge tests/right-state tests/robust-api \
  tests/robust-environment tests/robust-memory tests/robust-state tests/robust-state-sums $(semantics_tests)
exact_tests = tests/accurate-elementary tests/accurate-bound tests/accurate-bound-terms tests/accurate-oracle
program_tests = \
  tests/accurate-doubledouble tests/right-families tests/right-inputs tests/right-measure tests/right-npy tests/right-oracle \
  tests/right-quantisation tests/right-random tests/right-references tests/right-safetensors tests/robust-references \
  tests/semantics-compare
script_tests = \
  tests/right-attend.sh tests/right-bench.sh tests/right-mixed.sh tests/right-report.sh tests/right-store.sh \
  tests/robust-config.sh tests/robust-files.sh tests/robust-program.sh tests/semantics-program.sh
library_scripts = tests/robust-symbols.sh tests/semantics-rows.sh
semantics_logs = $(semantics_tests:=.log)

draw_sources = tests/draw.c tests/draw_values.c
edge_sources = tests/edge.c tests/edge_look.c tests/edge.h
guard_sources = tests/guard.c tests/guard.h
tests_right_promise_SOURCES = \
  tests/right-promise.c tests/compare.c tests/evaluate.c tests/layout.c tests/render.c $(draw_sources) \
  tests/compare.h tests/draw.h tests/exact.h tests/fixture.h tests/golden.h tests/layout.h \
  tests/render.h tests/tap.h tests/trial.h
if MPFR
tests_right_promise_SOURCES += tests/exact.c tests/reference_mpfr.c tests/stored.c tests/reference_mpfr.h tests/stored.h
endif
tests_right_blocks_LDADD = $(private_libraries)
tests_right_blocks_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/lib
tests_right_codes_SOURCES = tests/right-codes.c $(draw_sources) tests/draw.h tests/tap.h
tests_right_codes_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/lib
tests_right_codes_LDADD = $(private_libraries)
tests_right_decode_LDADD = $(private_libraries)
tests_right_decode_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/lib
tests_right_fma_SOURCES = \
  tests/right-fma.c tests/fma_plain_f32.c tests/fma_plain_f64.c tests/fma_portable_f32.c tests/fma_portable_f64.c tests/fma.h \
  tests/fma_vector.h
tests_right_fma_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/lib
tests_right_fma_LDADD = $(private_libraries)
tests_right_formats_SOURCES = tests/right-formats.c $(draw_sources)
tests_right_algebra_SOURCES = tests/right-algebra.c $(draw_sources) tests/saved_state.h
tests_right_events_SOURCES = tests/right-events.c tests/saved_state.h
tests_right_exchange_SOURCES = tests/right-exchange.c $(draw_sources) tests/saved_state.h
tests_right_state_SOURCES = \
  tests/right-state.c tests/evaluate.c tests/layout.c tests/render.c $(draw_sources) tests/saved_state.h
tests_robust_api_SOURCES = tests/robust-api.c tests/robust_api_rows.h
tests_robust_state_SOURCES = tests/robust-state.c tests/saved_state.h tests/state_scene.h
tests_robust_state_sums_SOURCES = tests/robust-state-sums.c tests/saved_state.h tests/state_scene.h
# The library's allocations fail when the test says so.
tests_robust_memory_LDADD = libsga.la
tests_robust_memory_LDFLAGS = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=free
tests_accurate_bound_SOURCES = tests/accurate-bound.c tests/trial.c tests/reference_mpfr.c tests/stored.c $(draw_sources)
tests_accurate_bound_terms_SOURCES = tests/accurate-bound-terms.c tests/reference_mpfr.c tests/stored.c $(draw_sources)
tests_semantics_formats_SOURCES = tests/semantics-formats.c $(edge_sources)
tests_semantics_layout_SOURCES = tests/semantics-layout.c $(edge_sources) $(guard_sources)
tests_semantics_long_SOURCES = tests/semantics-long.c $(edge_sources)
tests_semantics_masks_SOURCES = tests/semantics-masks.c $(edge_sources) $(guard_sources)
tests_semantics_numbers_SOURCES = tests/semantics-numbers.c $(edge_sources)
tests_semantics_scores_SOURCES = tests/semantics-scores.c $(edge_sources)
tests_semantics_shapes_SOURCES = tests/semantics-shapes.c $(edge_sources)
tests_semantics_state_SOURCES = tests/semantics-state.c $(edge_sources)
tests_accurate_elementary_LDADD = $(private_libraries)
tests_accurate_oracle_SOURCES = tests/accurate-oracle.c tests/reference_mpfr.c tests/stored.c
tests_accurate_oracle_CPPFLAGS = $(program_cppflags)
tests_accurate_oracle_LDADD = $(program_libraries)
tests_accurate_doubledouble_CPPFLAGS = $(program_cppflags)
tests_accurate_doubledouble_LDADD = $(program_libraries)
tests_right_families_SOURCES = tests/right-families.c tests/drawn_inputs.h
tests_right_families_CPPFLAGS = $(program_cppflags)
tests_right_families_LDADD = $(program_libraries)
tests_right_inputs_CPPFLAGS = $(program_cppflags)
tests_right_inputs_LDADD = $(program_libraries)
tests_right_measure_CPPFLAGS = $(program_cppflags)
tests_right_measure_LDADD = $(program_libraries)
tests_right_npy_CPPFLAGS = $(program_cppflags)
tests_right_npy_LDADD = $(program_libraries)
tests_right_oracle_CPPFLAGS = $(program_cppflags)
tests_right_oracle_LDADD = $(program_libraries)
tests_right_quantisation_SOURCES = tests/right-quantisation.c tests/drawn_inputs.h
tests_right_quantisation_CPPFLAGS = $(program_cppflags)
tests_right_quantisation_LDADD = $(program_libraries)
tests_right_random_CPPFLAGS = $(program_cppflags)
tests_right_random_LDADD = $(program_libraries)
tests_right_references_CPPFLAGS = $(program_cppflags)
tests_right_references_LDADD = $(program_libraries)
tests_right_safetensors_CPPFLAGS = $(program_cppflags)
tests_right_safetensors_LDADD = $(program_libraries)
tests_semantics_compare_CPPFLAGS = $(program_cppflags)
tests_semantics_compare_LDADD = $(program_libraries)
tests_robust_references_CPPFLAGS = $(program_cppflags)
tests_robust_references_LDADD = $(program_libraries)

check_PROGRAMS += $(library_tests)
TESTS += $(library_tests) $(library_scripts)
if MPFR
check_PROGRAMS += $(exact_tests)
TESTS += $(exact_tests)
endif
if PROGRAM
check_PROGRAMS += $(program_tests)
TESTS += $(program_tests) $(script_tests)
semantics_logs += tests/semantics-compare.log tests/semantics-program.log
endif
tests/semantics-rows.log: $(semantics_logs)
golden_files = \
  tests/data/formats/bf16.codes tests/data/formats/blocks.f32 tests/data/formats/f16.codes tests/data/formats/f8e4m3.codes \
  tests/data/formats/f8e4m3.f64 tests/data/formats/f8e5m2.codes tests/data/formats/f8e5m2.f64 tests/data/formats/floats.f64 \
  tests/data/formats/iq4_nl.any tests/data/formats/iq4_nl.blocks tests/data/formats/iq4_nl.f32 tests/data/formats/q4_0.any \
  tests/data/formats/q4_0.blocks tests/data/formats/q4_0.f32 tests/data/formats/q4_1.any tests/data/formats/q4_1.blocks \
  tests/data/formats/q4_1.f32 tests/data/formats/q5_0.any tests/data/formats/q5_0.blocks tests/data/formats/q5_0.f32 \
  tests/data/formats/q5_1.any tests/data/formats/q5_1.blocks tests/data/formats/q5_1.f32 tests/data/formats/q8_0.any \
  tests/data/formats/q8_0.blocks tests/data/formats/q8_0.f32 \
  tests/data/safetensors/bf16.f64 tests/data/safetensors/f16.f64 tests/data/safetensors/f32.f64 tests/data/safetensors/f64.f64 \
  tests/data/safetensors/f8e4m3.f64 tests/data/safetensors/f8e5m2.f64 tests/data/safetensors/tensors.safetensors
EXTRA_DIST += $(golden_files) tests/SEMANTICS tests/tap.sh $(library_scripts) $(script_tests)
