# SPDX-License-Identifier: GPL-3.0-or-later
# Man pages and completion; a page of the library stands beside it in lib/.

program_pages = \
  doc/segattn.1 doc/segattn-attend.1 doc/segattn-run.1 doc/segattn-reference.1 doc/segattn-judge.1 doc/segattn-report.1 \
  doc/segattn-bench.1 doc/segattn-info.1

dist_man_MANS += lib/segattn.3
EXTRA_DIST += $(program_pages) doc/completion/segattn doc/FORMAT

bashcompletiondir = $(datadir)/bash-completion/completions
if PROGRAM
man_MANS = $(program_pages)
doc_DATA = doc/FORMAT
bashcompletion_DATA = doc/completion/segattn
endif
