#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Edges as the program shows them (tests/SEMANTICS): rows 1, 8 and 9 counted, 19 bases, 24 and 26 shapes, 30 and 31 storage,
# 34 and 35 verdicts.

. "${srcdir:-.}/tests/tap.sh"
unset SEGATTN_ISA
cd "$work" || exit 99

# Tensors as little-endian f4, written by printf alone.
word() {
  case $1 in
  nan) printf '\000\000\300\177' ;;
  inf) printf '\000\000\200\177' ;;
  -inf) printf '\000\000\200\377' ;;
  0) printf '\000\000\000\000' ;;
  1) printf '\000\000\200\077' ;;
  2) printf '\000\000\000\100' ;;
  0.5) printf '\000\000\000\077' ;;
  -0.25) printf '\000\000\200\276' ;;
  0.75) printf '\000\000\100\077' ;;
  448) printf '\000\000\340\103' ;;
  1e7) printf '\200\226\030\113' ;;
  1000) printf '\000\000\172\104' ;;
  esac
}

# npy FILE "SHAPE" COUNT WORD...: the words in turn, COUNT of them.
npy() {
  npy_file=$1 npy_shape=$2 npy_count=$3
  shift 3
  printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($npy_shape), }" >"$npy_file"
  npy_done=0
  while [ "$npy_done" -lt "$npy_count" ]; do
    for npy_word; do
      [ "$npy_done" -lt "$npy_count" ] && word "$npy_word" && npy_done=$((npy_done + 1))
    done
  done >>"$npy_file"
}

# poke FROM TO INDEX WORD: a copy with one element changed.
poke() {
  [ "$1" = "$2" ] || cp "$1" "$2"
  word "$4" | dd of="$2" bs=4 seek=$((32 + $3)) conv=notrunc 2>/dev/null
}

npy q.npy '2, 2, 32' 128 1 0.5 -0.25 2 0.75
npy k.npy '1, 3, 32' 96 0.5 -0.25 1 0.75 2 -0.25 1
npy v.npy '1, 3, 32' 96 2 0.75 -0.25 0.5 1 0.5 0.75
poke k.npy k-nan.npy 39 nan             # key 1, element 7
poke k-nan.npy k-nan.npy 70 inf         # key 2, element 6
poke v.npy v-inf.npy 95 -inf
poke k.npy k-inf.npy 32 inf             # key 1, element 0

attend() {
  run_capture "$SEGATTN" attend --q q.npy --k k.npy --v v.npy -o out.npy "$@"
}

# says TEXT STRING...: the last command ended with 2, and one line of its messages holds all of the strings
says() {
  says_text=$1
  shift
  says_expected=$*
  cp "$stderr" lines.txt
  for says_word; do
    grep -F -e "$says_word" lines.txt >fewer.txt
    mv fewer.txt lines.txt
  done
  [ "$status" = 2 ] && [ "$(grep -c . lines.txt)" = 1 ]
  result $? "$says_text" || {
    diag "expected: $says_expected"
    tap_show
  }
}

# ---- counted ----

npy mask.npy '2, 3' 6 0 0 0 -inf -inf -inf
attend --mask mask.npy --json
contains "$stdout" '"masked_rows":2' 'row 1: rows that see no key are counted'
attend --k k-inf.npy --json
contains "$stdout" '"inf":3' 'row 8: scores of +inf are counted'
attend --k k-inf.npy
contains "$stderr" 'inf 3 (heads 0, 1); the first at key position 1' \
  'row 8: and said, with heads and position'
attend --k k-nan.npy --json
contains "$stdout" '"nan":4' 'row 9: scores that are NaN are counted'
attend --k k-nan.npy
contains "$stderr" 'nan 4 (heads 0, 1), inf' 'row 9: and said, with heads'

# ---- bases ----

attend --scale 0 --lse lse.npy
ok 'row 19: --lse is a natural logarithm' test "$(od -An -v -t f4 -j 128 -w4 lse.npy | sort -u | tr -d ' ')" = 1.0986123
cat >base.yaml <<'YAML'
experiment: base
problem: {q_heads: 1, dim: 4, queries: 1, keys: 3}
inputs: [{family: normal}]
YAML
run_capture "$SEGATTN" run --no-references base.yaml
attend --lse lse.h5:/lse
if command -v h5dump >/dev/null; then
  h5dump -A base.h5 >dump.txt
  h5dump -A lse.h5 >>dump.txt
  ok 'row 19: lse and M in a file say their base' awk '
    /DATASET "/ { name = $2 } /ATTRIBUTE "base"/ { n[name]++ } END { exit !(n["\"lse\""] == 4 && n["\"M\""] == 2) }' dump.txt
else
  skip 'row 19: no h5dump'
fi

# ---- shapes ----

npy k3.npy '3, 3, 32' 288 1 0.5
attend --k k3.npy --v k3.npy
says 'row 24: heads that are no multiple of the KV heads are an error' q.npy k3.npy ' 2 heads' ' 3 KV heads'
npy narrow.npy '1, 3, 20' 60 1 0.5
attend --v narrow.npy --store v=q8_0
says 'row 26: a dimension that is no whole blocks is an error that names the multiple' narrow.npy 20 'multiple of 32' q8_0

# ---- quantisers ----

for format in q8_0 q4_0 q4_1 q5_0 q5_1 iq4_nl; do
  rm -f out.npy
  attend --k k-nan.npy --store "k=$format"
  says "row 30: $format: what is not finite is an error with their number and the first" k-nan.npy '2 of 96' \
    'head 0, position 1, dim 7' nan "$format"
done
poke k.npy k-1e7.npy 40 1e7             # key 1, element 8
for format in q8_0 q4_0 q4_1 q5_0 q5_1 iq4_nl; do
  attend --k k-1e7.npy --store "k=$format"
  says "row 30: $format: a block whose scale would be infinite is an error, with their number and the first" k-1e7.npy \
    '1 of 3 blocks' 'head 0, position 1, dim 0' 65504 "$format"
done
attend --k k-nan.npy --segments 2:f16,1:k=q4_0/v=f16
says 'row 30: in a segment too, at its position' k-nan.npy '1 of 32' 'head 0, position 2, dim 6' inf q4_0
attend --v v-inf.npy --store v=q5_1
says 'row 30: in v' v-inf.npy '1 of 96' 'position 2, dim 31' -inf q5_1
ok 'row 30: nothing is written' test ! -e out.npy
run_capture "$SEGATTN" judge --q q.npy --k k-nan.npy --v v.npy --store k=q4_0 --out q.npy
says 'row 30: judge refuses it too' k-nan.npy '2 of 96' q4_0
attend --k k-nan.npy --store k=f16
is_status 0 'row 30: a float format takes it'
head='experiment: large
problem: {q_heads: 1, dim: 32, queries: 1, keys: 3}
inputs: [{family: uniform, low: 1e39, high: 2e39}]'
for storage in '{v: q4_0}' '{k: q8_0, v: f16}'; do
  printf '%s\n' "$head" "storage: [$storage]" >large.yaml
  run_capture "$SEGATTN" run --no-references large.yaml
  says "row 30: in an experiment, $storage" '96 of 96' 'position 0, dim 0' 'f32'
done
printf '%s\n' "$head" 'segments: [[{len: 1, k: f64, v: f64}, {len: 2, k: q4_0, v: f64}]]' 'storage: [f64]' >large.yaml
run_capture "$SEGATTN" run --no-references large.yaml
says 'row 30: in a segment of one' '64 of 64' 'position 1, dim 0' q4_0

# ---- saturation ----

poke k.npy k-large.npy 5 1000
poke k.npy k-448.npy 5 448
attend --k k-large.npy --store k=f8e4m3 --json
contains "$stdout" '"nan":4' 'row 31: f8e4m3 overflows to NaN'
contains "$stdout" '"head":1,"rescales":0,"underflow":0,"overflow":0,"saturations":1' \
  'row 31: which is counted, in each head that reads it'
attend --k k-448.npy --store k=f8e4m3 --json
contains "$stdout" '"saturations":0' 'row 31: its largest number is not'
mv out.npy expected.npy
attend --k k-large.npy --store k=f8e4m3 --saturate --json
contains "$stdout" '"saturations":2' 'row 31: --saturate: counted too'
ok 'row 31: --saturate: to its largest number' cmp out.npy expected.npy
attend --k k-large.npy --segments 2:k=f8e4m3,1 --saturate
mv out.npy segments.npy
attend --k k-448.npy --segments 2:k=f8e4m3,1
ok 'row 31: --saturate: in segments' cmp out.npy segments.npy
for saturate in true false; do
  printf '%s\n' "experiment: saturate-$saturate" 'problem: {q_heads: 1, dim: 32, queries: 1, keys: 3}' \
    'inputs: [{family: uniform, low: 500, high: 600}]' 'segments: [whole, [{len: 1}, {len: 2, k: f16}]]' \
    "storage: [{k: f8e4m3, v: f8e4m3, saturate: $saturate}]" >saturate.yaml
  run_capture "$SEGATTN" run --no-references saturate.yaml
  is_status 0 "row 31: storage: {saturate: $saturate}"
  run_capture "$SEGATTN" judge --json "saturate-$saturate.h5"
  mv "$stdout" "$saturate.json"
done
ok 'row 31: in an experiment, saturating is finite' grep -q '"nan":0' true.json
ok 'row 31: and without it is not' grep -q '"nan":32' false.json
for saturate in true false; do
  ok "row 31: saturate: $saturate: what was beyond the format is counted" \
    awk '/"saturations":192/ && /"saturations":128/ { found = 1 } END { exit !found }' "$saturate.json"
done
attend --k k-large.npy --store k=f8e4m3s
says 'row 31: it is no format of its own' f8e4m3s

# ---- verdicts ----

judge() {
  run_capture "$SEGATTN" judge --q q.npy --k k.npy --v v.npy "$@"
}
attend
judge --out out.npy
is_status 0 'row 34: an output within its bound passes'
poke out.npy one.npy 77 nan             # head 1, query 0, element 13
judge --out one.npy --json
is_status 1 'row 34: one NaN in it is a failure'
contains "$stdout" '"max_error":"inf"' 'row 34: of infinite error'
contains "$stdout" '"head":1,"query":0,"element":13' 'row 34: which is named'
npy nothing.npy '2, 2, 32' 128 nan
judge --out nothing.npy --json
is_status 1 'row 34: an output of nothing but NaN fails'
contains "$stdout" '"verdict":"fail"' 'row 34: and says so'
for value in 0 1; do
  npy same.npy '1, 3, 32' 96 "$value"
  npy zeros.npy '2, 2, 32' 128 "$value"
  judge --v same.npy --out zeros.npy --json
  contains "$stdout" '"verdict":"undefined"' "row 35: V of nothing but $value: undefined"
  contains "$stdout" 'the comparison is vacuous' "row 35: V of nothing but $value: a warning"
done
done_testing
