#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Mixed caches from experiment to figure: bits a value by hand, what is left out of quantisation, which figures there are.

. "${srcdir:-.}/tests/tap.sh"
command -v gnuplot >/dev/null 2>&1 || skip_all "no gnuplot"
cd "$work" || exit 99

# Lengths 20 and 40; a window of 4; a first key of its own; a constant that f16 holds.
cat >mixed.yaml <<'EOF'
experiment: mixed
seed: 5
blocks:
  - problem:  {q_heads: 4, kv_heads: 2, dim_k: 64, dim_v: 32, queries: 3, keys: 20, causal: true}
    inputs:   &inputs [{family: normal}]
    storage:  &storage [{k: q8_0, v: q8_0}, {k: q8_0, v: q4_0}, {k: q4_0, v: q8_0}]
    segments: [whole, [16, {len: 4, k: f16, v: f16}], [{len: 1, k: bf16, v: bf16}, 15, {len: 4, k: f16, v: f16}]]
  - problem:  {q_heads: 4, kv_heads: 2, dim_k: 64, dim_v: 32, queries: 3, keys: 40, causal: true}
    inputs:   *inputs
    storage:  *storage
    segments: [whole, [36, {len: 4, k: f16, v: f16}]]
  - problem:  {q_heads: 4, kv_heads: 2, dim_k: 64, dim_v: 32, queries: 3, keys: 40, causal: true}
    inputs:   [{family: normal, mean: 1.5, sigma: 0}]
    storage:  [f16, f32]
report: [mixed-cache, mixed-cache-by-head, mixed-cache-by-length]
EOF
run_capture "$SEGATTN" run mixed.yaml --no-references
is_status 0 "an experiment of mixed caches"
contains "$stdout" "storage: exact, before and after" "the verdicts say what storage costs"
run_capture "$SEGATTN" run mixed.yaml --no-references
contains "$stderr" "17 of 17 cases were there already" "its cases are complete when they are read back"
run_capture "$SEGATTN" report mixed.h5 -o figures --formats pdf,svg,tex
is_status 0 "its figures"
missing=
for figure in mixed-cache mixed-cache-by-head mixed-cache-by-length; do
  for ending in -1col.pdf -2col.pdf -1col.svg -2col.svg .csv .caption.txt; do
    [ -s "figures/$figure$ending" ] || missing="$missing $figure$ending"
  done
done
ok "each in two widths, with its numbers and caption, named once; missing:${missing:- none}" test -z "$missing"
ok "and a table for LaTeX, and nothing else" test "$(ls -A figures | wc -l)" -eq 19

# ---- numbers ----

# number COLUMN STORED RECENT KEYS: of the one line that has them
number() {
  awk -v column="$1" -v stored="$2" -v recent="$3" -v keys="$4" '
    # Names in quotes hold commas: every second piece between quotes is a name.
    function fields(line, to,   piece, part, n, i, j, k) {
      n = 1
      k = split(line, piece, "\"")
      to[1] = ""
      for (i = 1; i <= k; i++)
        if (i % 2 == 0) to[n] = to[n] piece[i]
        else {
          m = split(piece[i], part, ",")
          for (j = 1; j <= m; j++) { if (j > 1) to[++n] = ""; to[n] = to[n] part[j] }
        }
    }
    NR == 1 { fields($0, name); for (i in name) at[name[i]] = i; next }
    { fields($0, x) }
    x[at["stored"]] == stored && x[at["recent"]] == recent && x[at["keys"]] == keys { print x[at[column]] }
  ' figures/mixed-cache.csv
}

# is NUMBER VALUE TEXT
is() {
  ok "$3: $2 (it is ${1:-missing})" awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a - b < 1e-8 && b - a < 1e-8) }'
}

is "$(number bits_per_value q8_0 0 20)" 8.5 "q8_0: 32 bytes and a scale of 2"
is "$(number bits_per_value "K q8_0, V q4_0" 0 20)" 7.16666667 "K of 64 elements in 8.5, V of 32 in 4.5 bits"
is "$(number bits_per_value "K q4_0, V q8_0" 0 20)" 5.83333333 "and the other way round"
is "$(number bits_per_value q8_0 4 20)" 10 "4 of 20 keys in 16 bits"
is "$(number bits_per_value q8_0 4 40)" 9.25 "4 of 40 keys"
is "$(number bits_per_value "q8_0, key 0 bf16" 4 20)" 10.375 "5 of 20, one of them the first"
is "$(number quantisation_max f16 0 40)" 0 "f16 that holds every value: quantisation"
is "$(number quantisation_relative_rms f32 0 40)" 0 "f32 too"
total=$(number total_rms q8_0 0 20) quantisation=$(number quantisation_rms q8_0 0 20)
arithmetic=$(number arithmetic_rms q8_0 0 20)
ok "the total is at most quantisation and arithmetic, at least their difference" \
  awk -v t="$total" -v q="$quantisation" -v a="$arithmetic" \
  'BEGIN { exit !(q > 0 && a > 0 && t <= (q + a) * (1 + 1e-8) && t >= (q - a) * (1 - 1e-8)) }'
ok "a window helps" awk -v without="$quantisation" -v with="$(number quantisation_rms q8_0 4 20)" \
  'BEGIN { exit !(with != "" && with < without) }'
ok "by head: 4 heads of 17 cases" test "$(wc -l <figures/mixed-cache-by-head.csv)" -eq 69
contains figures/mixed-cache.caption.txt "K q8_0, V q4_0 " "the caption has a table"
contains figures/mixed-cache.tex 'K q4\_0, V q8\_0 & 4 & 6.85 &' "and there is one for LaTeX"
run_capture "$SEGATTN" judge mixed.h5 --json
contains "$stdout" '"quantisation":{"max_error":0,' "judge --json says what storage costs"

# ---- which files have such a figure ----

cat >plain.yaml <<'EOF'
experiment: plain
problem: {q_heads: 2, dim: 8, queries: 2, keys: 20}
inputs: normal
storage: f16
segments: [whole, [10, 10]]
EOF
run_capture "$SEGATTN" run plain.yaml --no-references
run_capture "$SEGATTN" report plain.h5 -o plain --formats svg
is_status 0 "caches of one number of bits"
ok "have no such figure" test -z "$(ls plain | grep mixed)"
run_capture "$SEGATTN" report plain.h5 -o plain --formats svg --only mixed-cache
is_status 3 "unless it is asked for: status 3"
contains "$stderr" "plain.h5: figure mixed-cache needs caches of different bits" "that says why"
ok "in one line" test "$(grep -c '^segattn: ' "$stderr")" -eq 1
run_capture "$SEGATTN" report mixed.h5 -o all --formats svg --only error-by-case,mixed-cache
is_status 0 "among other figures"
ok "those are named by the experiment" test -s all/mixed-error-by-case-1col.svg -a -s all/mixed-cache-1col.svg
done_testing
