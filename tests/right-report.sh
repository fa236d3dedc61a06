# SPDX-License-Identifier: GPL-3.0-or-later
# Figures: all of them are there and hold what the result file holds; bad days leave earlier figures alone.

. "${srcdir:-.}/tests/tap.sh"
command -v gnuplot >/dev/null 2>&1 || skip_all "no gnuplot"
SEGATTN_REPORTS="$work/the report's scripts"
TMPDIR=$work/scratch
export SEGATTN_REPORTS TMPDIR
mkdir "$TMPDIR" && cp -r "$srcdir/reports" "$SEGATTN_REPORTS" || exit 99

cat >"$work/small.yaml" <<'EOF'
experiment: small
seed: 7
blocks:
  - problem:    {q_heads: 4, kv_heads: 2, dim: 16, queries: 3, keys: 40, causal: true}
    inputs:     [{family: normal}, {family: sink}]
    storage:    [{q: f32, k: f16, v: f16}]
    segments:   [[20, 20], {each: 7}]
EOF
cd "$work" || exit 99
result="it's a \"result\" \$(touch HARM) 'x'.h5"
figures="a folder's \`touch HARM\` \"figures\""
run_capture "$SEGATTN" run small.yaml -o "$result" --no-references
is_status 0 "an experiment to draw"

# ---- everything is there ----

run_capture "$SEGATTN" report "$result" -o "$figures" --formats pdf,svg,png,tex
is_status 0 "report ends with 0, in a folder with blanks and quotes"
ok "no name became a command" test ! -e HARM -a ! -e "$figures/HARM"
missing=
for figure in error-by-case error-by-head-normal error-by-head-sink error-by-element-normal error-by-element-sink \
  error-distribution-normal error-distribution-sink; do
  for ending in -1col.pdf -2col.pdf -1col.svg -2col.svg -1col.png -2col.png .csv .caption.txt; do
    [ -s "$figures/small-$figure$ending" ] || missing="$missing $figure$ending"
  done
done
ok "every figure in two widths and three formats, with its numbers and caption; missing:${missing:- none}" test -z "$missing"
ok "and nothing else lies there" test "$(ls -A "$figures" | wc -l)" -eq 57
ok "a LaTeX table" grep -q 'end{tabular}' "$figures/small-error-by-case.tex"

# ---- the numbers: one line a side and head, or side, head and element ----

rows() {
  grep -c '^standard = segmented,' "$figures/small-$1.csv"
}
ok "error-by-head lists each head" test "$(rows error-by-head-normal)" -eq 4
ok "error-by-element lists each element of each head" test "$(rows error-by-element-normal)" -eq 64
elements() {
  awk -F, '$1 == "standard = segmented" { n += $4 } END { print n }' "$figures/small-error-distribution-normal.csv"
}
ok "error-distribution counts each element once" test "$(elements)" -eq 192
ok "segmented against standard: 192 exact zeros" \
  grep -q '^segmented vs standard,0,[^,]*,192,1$' "$figures/small-error-distribution-normal.csv"
contains "$figures/small-error-by-head-sink.caption.txt" "n = 192 elements" "the caption gives n"
digest=$("$SEGATTN" run small.yaml -o again.h5 --no-references --json 2>/dev/null |
  sed -n 's/.*"digest": *"\([0-9a-f]*\)".*/\1/p')
ok "the caption gives the run's digest" grep -q "Results digest: ${digest:-none}" "$figures/small-error-by-case.caption.txt"

if command -v pdffonts >/dev/null 2>&1; then
  unembedded() {
    for f in "$figures"/*.pdf; do
      pdffonts "$f" | awk 'NR > 2' | sed 's/.* \(yes\|no\) *\(yes\|no\) *\(yes\|no\) *[0-9]* *[0-9]*$/\1/'
    done | grep -c -v '^yes$'
  }
  ok "all fonts are embedded in the PDFs" test "$(unembedded)" -eq 0
  ok "one column is 85 mm (241 pt)" sh -c 'pdfinfo "$1" | grep -q "Page size: *241 x"' - "$figures/small-error-by-case-1col.pdf"
else
  skip "no pdffonts"
  skip "no pdfinfo"
fi

run_capture "$SEGATTN" report "$result" -o twice --formats pdf,svg,png --only error-by-head,error-by-case
ok "the same result gives the same bytes" sh -c 'for f in twice/*; do cmp "$f" "$1/${f#twice/}" || exit 1; done' - "$figures"

# ---- the element table, and the comparison that fails by permuted axes ----

run_capture "$SEGATTN" run "$srcdir/experiments/first-report.yaml" -o first.h5
is_status 0 "the first report ends with 0: the comparison in memory order decides nothing"
contains "$stdout" "M  min -0.137299  max 0.296505  cut to three decimals [-0.137, 0.296]" "the range of M"
contains "$stdout" "S  min 2.961793  max 3.926459  cut to three decimals [2.961, 3.926]" "the range of S"
ok "128 elements side by side" test "$(grep -c '^ *[0-9]* *0  *[0-3]  *[0-9]*  *-\{0,1\}0\.' "$stdout")" -eq 128
contains "$stdout" "standard and segmented: identical bits"
if grep -q 'ggml-f16, torch-math-f32' "$stdout"; then
  ok "ggml by axis names: 3.69e-4" grep -q 'ggml-f16, torch-math-f32 *by axis names *max 3.68[0-9]*e-04' "$stdout"
  ok "ggml in memory order: 7.57e-1, mean 1.91e-1" \
    grep -q 'ggml-f16, torch-math-f32 *in memory order *max 7.56886[0-9]e-01 *mean 1.91e-01' "$stdout"
  contains "$stdout" "elements 0-31 (head 0, query 0) and 480-511 (head 7, query 1) agree" "and why"
else
  skip "no references"
  skip "no references"
  skip "no references"
fi

# ---- what was asked for, and only that ----

run_capture "$SEGATTN" report "$result" -o some --formats svg --only error-by-case
ok "--only and --formats are obeyed" test "$(ls -A some | tr '\n' ' ')" = \
  "small-error-by-case-1col.svg small-error-by-case-2col.svg small-error-by-case.caption.txt small-error-by-case.csv "
run_capture "$SEGATTN" report "$result" -o some --only error-by-moon
is_status 2 "an unknown figure is a usage error"
contains "$stderr" "error-by-moon" "that names it"
contains "$stderr" "error-by-element" "and lists those that are"
run_capture "$SEGATTN" report "$result" -o some --formats pdf,bmp
is_status 2 "an unknown format is a usage error"
contains "$stderr" "bmp" "that names it"

run_capture "$SEGATTN" report "$result" -o "a folder/in a folder" --formats svg --only error-by-case
is_status 0 "folders that are not there are made"
ok "and written to" test -n "$(ls "a folder/in a folder")"

# ---- bad days ----

before=$(cat "$figures"/* | cksum)
mkdir bin
run_capture env PATH="$work/bin" "$SEGATTN" report "$result" -o "$figures"
is_status 3 "no gnuplot in PATH: status 3"
contains "$stderr" gnuplot "the message names gnuplot"
ok "in one line" test "$(grep -c '^segattn: ' "$stderr")" -eq 1         # libtool's wrapper may miss its own tools
ok "earlier figures are as they were" test "$(cat "$figures"/* | cksum)" = "$before"
printf '#!/bin/sh\n[ -s job.gp ] || exit 0\necho boom >&2\nexit 1\n' >bin/gnuplot
chmod +x bin/gnuplot
run_capture env PATH="$work/bin:$PATH" "$SEGATTN" report "$result" -o "$figures"
is_status 3 "a gnuplot that fails: status 3"
contains "$stderr" boom "with what it said"
ok "earlier figures are as they were" test "$(cat "$figures"/* | cksum)" = "$before"
run_capture env SEGATTN_REPORTS="$work/none" "$SEGATTN" report "$result" -o "$figures"
is_status 3 "no scripts: status 3"
contains "$stderr" "none" "that names the folder"
run_capture "$SEGATTN" report small.yaml -o "$figures"
is_status 3 "a file that is no result: status 3"
contains "$stderr" small.yaml "that names it"
run_capture "$SEGATTN" report "$result" -o small.yaml
is_status 3 "an output folder that is a file: status 3"
ok "which is still there" grep -q 'experiment: small' small.yaml
head -c 3000 "$result" >cut.h5
run_capture "$SEGATTN" report cut.h5 -o "$figures"
is_status 3 "a truncated result: status 3"
ok "earlier figures are as they were" test "$(cat "$figures"/* | cksum)" = "$before"

unprivileged=
if [ "$(id -u)" -ne 0 ]; then
  unprivileged=env
elif command -v setpriv >/dev/null 2>&1; then
  unprivileged="setpriv --reuid=65534 --regid=65534 --clear-groups env TMPDIR=/tmp"
fi
mkdir locked
chmod 555 locked
chmod 755 . "$figures"
if [ -n "$unprivileged" ] && $unprivileged test -r "$result" -a -x "$SEGATTN" -a -r "$SEGATTN_REPORTS/style.gp"; then
  run_capture $unprivileged "$SEGATTN" report "$result" -o locked
  is_status 3 "a folder that cannot be written: status 3"
  contains "$stderr" locked "that names it"
  ok "in one line" test "$(wc -l <"$stderr")" -eq 1
  ok "and nothing in it" test -z "$(ls -A locked)"
else
  skip "no unprivileged user who can read the tree"
  skip "no unprivileged user who can read the tree"
  skip "no unprivileged user who can read the tree"
  skip "no unprivileged user who can read the tree"
fi
"$SEGATTN" report "$result" -o ended >ended.out 2>&1 &
ended=$! waited=0
while [ -z "$(ls -A "$TMPDIR" | grep '^segattn-report-')" ] && [ "$waited" -lt 3000 ] && kill -0 "$ended" 2>/dev/null; do
  sleep 0.01
  waited=$((waited + 1))
done
kill -TERM "$ended"
wait "$ended"
ok "ended by a signal: as by that signal" test $? -eq 143
ok "no scratch is left behind" test -z "$(ls -A "$TMPDIR" | grep '^segattn-report-')"
done_testing
