#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# attend --state: keys that come a few at a time, each step on another instruction set and number of threads, give the bits of
# one call; what does not belong to the state is refused, and it is then as it was.

. "${srcdir:-.}/tests/tap.sh"
unset SEGATTN_ISA
cd "$work" || exit 99

# ---- inputs: f8e4m3 codes in u1, positions slowest, so that some keys are some bytes ----

# codes BYTES SEED: numbers between 1/32 and 3.75, of either sign
codes() {
  printf '%b' "$(awk -v n="$1" -v x="$2" 'BEGIN {
    for (i = 0; i < n; i++) { x = (x * 1103515245 + 12345) % 2147483648; c = 24 + int(x / 65536) % 55
      printf "\\0%03o", int(x / 4194304) % 2 ? c : c + 128 } }')"
}

# npy FILE CODES FROM POSITIONS HEADS: of dimension 8
npy() {
  printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': ($4, $5, 8), }" >"$1"
  tail -c +$(($3 * $5 * 8 + 1)) "$2" | head -c $(($4 * $5 * 8)) >>"$1"
}

codes 384 1 >q.codes
codes 384 4 >other.codes
codes 4800 2 >k.codes
codes 4800 3 >v.codes
printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 1, 1), }" >sinks.npy
printf '%b' '\0000\0000\0200\0077\0000\0000\0000\0300\0000\0000\0000\0100\0000\0000\0200\0277' >>sinks.npy
npy few.npy q.codes 0 1 4
npy many.npy q.codes 0 12 4
npy other.npy other.codes 0 12 4
npy k.npy k.codes 0 300 2
npy v.npy v.codes 0 300 2

# attend Q FROM KEYS OPTION...: keys [FROM, FROM + KEYS)
attend() {
  attend_q=$1 attend_from=$2 attend_keys=$3
  shift 3
  npy k.part k.codes "$attend_from" "$attend_keys" 2
  npy v.part v.codes "$attend_from" "$attend_keys" 2
  run_capture "$SEGATTN" attend --q="$attend_q" --k=k.part --v=v.part --axes=q=phd --axes=k=phd --axes=v=phd --store=f8e4m3 "$@"
}

isas=
for isa in portable avx2 avx512 neon; do
  attend few.npy 0 3 --isa=$isa -o isa.npy
  [ "$status" -eq 0 ] && isas="$isas $isa"
done
diag "instruction sets:$isas"

# ---- the same bits ----

# steps Q "LENGTHS" OPTION...: the keys in steps; then out.npy, lse.npy and state
steps() {
  steps_q=$1 steps_lengths=$2 steps_from=0 steps_good=0
  shift 2
  rm -f state out.npy lse.npy
  for length in $steps_lengths; do
    steps_isa=$(printf '%s\n' $isas | sed -n "$((steps_from % $(printf '%s\n' $isas | wc -l) + 1))p")
    # shellcheck disable=SC2086
    attend "$steps_q" "$steps_from" "$length" --state=state --isa="$steps_isa" --threads=$((steps_from % 3 + 1)) \
      --segments=each:$((steps_from % 90 + 9)) -o out.npy --lse=lse.npy $steps_options
    [ "$status" -eq 0 ] || {
      tap_show
      steps_good=1
    }
    steps_from=$((steps_from + length))
  done
  return $steps_good
}

while IFS='|' read -r q steps_options; do
  text="$q $steps_options"
  # shellcheck disable=SC2086
  attend $q 0 300 -o whole.npy --lse=whole_lse.npy --isa=portable --threads=1 $steps_options
  is_status 0 "$text: in one call"
  rm -f first
  for lengths in '300' '128 128 44' '1 299' '100 100 100' '7 0 121 100 72' '255 1 1 43'; do
    steps "$q" "$lengths"
    result $? "$text: $lengths"
    ok "$text: $lengths: the same out" cmp whole.npy out.npy
    ok "$text: $lengths: the same lse" cmp whole_lse.npy lse.npy
    [ -e first ] || cp state first
    ok "$text: $lengths: the same state" cmp first state
  done
done <<'ROWS'
few.npy|
many.npy|
few.npy|--arithmetic=f64 --causal --q-start=290 --alibi
many.npy|--causal --q-start=280 --window=200 --softcap=20 --sinks=sinks.npy
many.npy|--arithmetic=f64 --scale=0.7
ROWS

attend few.npy 0 100 --k-start=1000 --state=apart
attend few.npy 100 200 --state=apart -o apart.npy --json
contains "$stdout" '"k_start":1100' "keys begin where the state ends"
attend few.npy 0 100 --state=gap --alibi --q-start=700
cp gap 'gap too'
attend few.npy 100 200 --state=gap --alibi --q-start=700 --k-start=500 -o gap.npy
is_status 0 "keys further on: --k-start"
attend few.npy 100 33 --state='gap too' --alibi --q-start=700 --k-start=500
attend few.npy 133 167 --state='gap too' --alibi --q-start=700 -o 'gap too.npy'
ok "keys further on: the same out in two steps" cmp gap.npy 'gap too.npy'
ok "keys further on: the same state in two steps" cmp gap 'gap too'
attend few.npy 0 300 --alibi --q-start=700 -o whole.npy
ok "keys further on: are further on" sh -c '! cmp -s gap.npy whole.npy'
attend few.npy 0 3 --causal --k-start=40 --json -o out.npy
contains "$stdout" '"k_start":40' "--k-start without a state"

printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }" >'one axis.npy'
tail -c 16 sinks.npy >>'one axis.npy'
attend few.npy 0 300 --sinks=sinks.npy -o sinks.out.npy
attend few.npy 0 300 --sinks='one axis.npy' -o 'one axis.out.npy'
ok "sinks of one axis are those of heads" cmp sinks.out.npy 'one axis.out.npy'

# ---- refused, and as it was ----

printf 'earlier' >out.npy
attend many.npy 0 100 --state=kept
cp kept was

# refused STATUS TEXT WORD...: one message with the words; the state and out.npy are as they were
refused() {
  refused_text=$2
  is_status "$1" "$2"
  shift 2
  for word; do
    contains "$stderr" "$word" "$refused_text: it says '$word'"
  done
  ok "$refused_text: one message" test "$(grep -c '^segattn' "$stderr")" -eq 1
  ok "$refused_text: nothing is changed" \
    sh -c 'cmp -s kept was && [ "$(cat out.npy)" = earlier ] && [ -z "$(find . -name "*tmp-*")" ]'
}

# TEXT|STATUS|Q|OPTION|WORDS...
while IFS='|' read -r text wanted q option one two; do
  attend "$q" 100 100 --state=kept -o out.npy "$option"
  refused "$wanted" "$text" "$one" "$two"
done <<'ROWS'
other queries|2|other.npy|--threads=1|kept is of other queries|other.npy
fewer queries|2|few.npy|--threads=1|queries 12|expected 1
another scale|2|many.npy|--scale=0.5|scale 0.35|0.5
another arithmetic|2|many.npy|--arithmetic=f64|arithmetic f32|f64
a softcap|2|many.npy|--softcap=30|softcap 0|30
sinks|2|many.npy|--sinks=sinks.npy|other sinks|kept
causality without --q-start|2|many.npy|--causal|--q-start|--state
a step that was done|2|many.npy|--k-start=0|--k-start is 0|position 100
no number|2|many.npy|--k-start=-3|--k-start|-3
an output that cannot be written|3|many.npy|--output=nowhere/o.npy|nowhere/o.npy|
the state in the place of an output|2|many.npy|--lse=kept|kept|--state
ROWS
attend many.npy 0 100 --state=kept -o out.npy --causal --q-start=290
refused 2 "causality that was not there" "causal 0" "expected 1"
attend many.npy 0 100 --state=other --causal --q-start=290
attend many.npy 100 100 --state=other --causal --q-start=291 -o out.npy
refused 2 "queries at another place" "other is of other queries" "--q-start"

size=$(wc -c <kept)
head -c $((size - 1)) was >kept
cp kept cut
attend many.npy 100 100 --state=kept -o out.npy
is_status 3 "a state cut off"
contains "$stderr" "kept has $((size - 1)) bytes, expected $size" "a state cut off: it says so"
ok "a state cut off is left as it is" cmp kept cut
{ head -c 500 was; printf 'x'; tail -c +502 was; } >kept
attend many.npy 100 100 --state=kept -o out.npy
is_status 3 "a state changed"
contains "$stderr" "kept was changed" "a state changed: it says so"
for file in q.codes k.npy .; do
  attend many.npy 100 100 --state=$file -o out.npy
  is_status 3 "no state: $file"
done
: >empty
attend many.npy 0 100 --state=empty -o out.npy
is_status 3 "an empty file is no state"
ok "out.npy is as it was" grep -qx earlier out.npy
attend many.npy 0 100 --state=nowhere/state
is_status 3 "a state that cannot be written"
contains "$stderr" nowhere/state "a state that cannot be written: which"
cp was kept
run_capture sh -c 'trap "" XFSZ; ulimit -f 2; exec "$0" "$@"' "$SEGATTN" attend --q=many.npy --k=k.part --v=v.part \
  --axes=q=phd --axes=k=phd --axes=v=phd --store=f8e4m3 --state=kept
refused 3 "no room for the state" kept 'cannot be written'
attend many.npy 100 100 --state=kept
is_status 0 "a state alone is output enough"
done_testing
