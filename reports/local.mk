# SPDX-License-Identifier: GPL-3.0-or-later
# How figures look: gnuplot scripts, which only draw.

reportsdir = $(pkgdatadir)/reports

report_files = \
  reports/bench-time.gp reports/bench.gp reports/error-by-case.gp reports/error-by-element.gp reports/error-by-head.gp \
  reports/error-distribution.gp reports/key.gp reports/mixed-cache-by-head.gp reports/mixed-cache-by-length.gp \
  reports/mixed-cache.gp reports/palette.gp reports/panel.gp reports/style.gp
EXTRA_DIST += $(report_files)

if PROGRAM
reports_DATA = $(report_files)
endif
