#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every row of tests/SEMANTICS has a test that passed, in each program that the table names for it, and no row is missing.  The
# programs have run before (tests/local.mk): their logs are read.  One that is not part of this build is looked up in
# its source.

. "${srcdir:-.}/tests/tap.sh"
table=${srcdir:-.}/tests/SEMANTICS logs=${builddir:-.}/tests

# said ROW PROGRAM
said() {
  if [ -e "$logs/semantics-$2.log" ]; then
    grep -q "^ok [0-9]* - row $1: " "$logs/semantics-$2.log"
  else
    grep -q "row $1: " "${srcdir:-.}/tests/semantics-$2".*
  fi
}

sed -n 's/^ *\([0-9][0-9]*\)  .*  \([a-z ]*\)$/\1 \2/p' "$table" >"$work/rows"
ok 'the table has rows 1 to 35' test "$(cut -d ' ' -f 1 "$work/rows" | tr '\n' ' ')" = "$(seq -s ' ' 35) "
while read -r row programs; do
  missing=
  for program in $programs; do
    said "$row" "$program" || missing="$missing semantics-$program"
  done
  [ -n "$programs" ] && [ -z "$missing" ]
  result $? "row $row is tested by $programs" || diag "no test of row $row passed in$missing"
done <"$work/rows"
done_testing
