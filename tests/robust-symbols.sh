#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The shared library exports names that begin with segattn_ and no other; the header has every one of them.

. "${srcdir:-.}/tests/tap.sh"

header=${srcdir:-.}/lib/segattn.h
library=$(ls "${builddir:-.}"/.libs/libsegattn.so "${builddir:-.}"/.libs/libsegattn.dylib 2>/dev/null | head -n 1)
[ -n "$library" ] || skip_all "no shared library was built"
command -v nm >/dev/null || skip_all "no nm"

nm -D --defined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' | sort -u >"$work/exported"
ok "it exports something" test -s "$work/exported"
ok "only segattn_ names" sh -c '! grep -v "^segattn_" "$1"' sh "$work/exported"

sed 's|/\*.*\*/||' "$header" | grep -o 'segattn_[a-z_]* *(' | tr -d ' (' | sort -u >"$work/declared"
ok "every function of the header is exported" sh -c 'comm -23 "$1" "$2" | sed "s/^/missing: /" | grep . && exit 1; exit 0' sh \
  "$work/declared" "$work/exported"
ok "every exported function is in the header" \
  sh -c 'comm -13 "$1" "$2" | sed "s/^/undeclared: /" | grep . && exit 1; exit 0' sh "$work/declared" "$work/exported"

nm -D --undefined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' | sort -u >"$work/wanted"
ok "it never prints, exits or aborts" \
  sh -c '! grep -xE "printf|puts|putchar|fprintf|fputs|fwrite|perror|exit|_exit|abort|__assert_fail" "$1"' sh "$work/wanted"
done_testing
