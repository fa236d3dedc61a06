#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Bad input and bad days of the program: one message that names file, argument, value and expectation; status 2 for usage and
# shapes, 3 for files; nothing that was there before is lost, nothing half written is left.  Experiment files have their own
# test, robust-config.sh.

. "${srcdir:-.}/tests/tap.sh"
unset SEGATTN_ISA
SEGATTN_REPORTS=$(cd "${srcdir:-.}/reports" && pwd)
export SEGATTN_REPORTS
cd "$work" || exit 99

# ---- inputs ----

# npy FILE BYTES SHAPE...: zeros in f4.  BYTES counts what is really written after the header.
npy() {
  npy_file=$1 npy_bytes=$2
  shift 2
  npy_shape=$(printf '%s, ' "$@")
  printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($npy_shape), }" >"$npy_file"
  head -c "$npy_bytes" /dev/zero >>"$npy_file"
}

npy q.npy 256 4 2 8
npy k.npy 192 2 3 8
npy v.npy 192 2 3 8
npy 'five heads.npy' 320 5 2 8
npy narrow.npy 96 2 3 4
npy long.npy 256 2 4 8
npy 'cut off.npy' 100 2 3 8
npy huge.npy 16 4611686018427387904 4611686018427387904 8
npy mask.npy 24 2 3
printf 'no numbers' >words.npy
: >empty.npy
printf 'earlier' >out.npy
cat >'an experiment.yaml' <<'YAML'
experiment: bad-day
seed: 5
problem:    {q_heads: 4, kv_heads: 2, dim: 64, queries: 24, keys: 500, causal: true}
inputs:     [{family: normal}, {family: sink}]
storage:    [{q: f32, k: f16, v: f16}, {q: f32, k: bf16, v: f32}]
segments:   [[200, 300], {each: 100}]
arithmetic: [f32, f64]
YAML

attend() {
  run_capture "$SEGATTN" attend --q=q.npy --k=k.npy --v=v.npy -o out.npy "$@"
}

# refused STATUS TEXT WORD...: the last command failed so, with one message that holds the words; out.npy is as it was.
refused() {
  refused_text=$2
  is_status "$1" "$2" || {
    printf 'earlier' >out.npy
    return
  }
  shift 2
  refused_missing=
  for word; do
    grep -qF -e "$word" "$stderr" || refused_missing="$refused_missing '$word'"
  done
  [ -z "$refused_missing" ] && [ "$(grep -c '^segattn' "$stderr")" -eq 1 ]
  result $? "$refused_text: one message" || {
    diag "missing:$refused_missing"
    tap_show
  }
  if [ "$(cat out.npy)" != earlier ] || [ -n "$(find . -name '*tmp-*' -o -name 'out.npy?*')" ]; then
    result 1 "$refused_text: what was there is left alone"
    printf 'earlier' >out.npy
  fi
}

# ---- the command line ----

run_capture "$SEGATTN"
is_status 2 "no command"
run_capture "$SEGATTN" atend
refused 2 "an unknown command" atend
for command in attend run reference judge report info; do
  run_capture "$SEGATTN" "$command" --no-such-option
  is_status 2 "$command: an unknown option"
  contains "$stderr" no-such-option "$command: which one"
  run_capture "$SEGATTN" "$command" --help
  is_status 0 "$command --help"
done
run_capture "$SEGATTN" attend --k=k.npy --v=v.npy -o out.npy
refused 2 "attend without q" --q
cp q.npy given.npy
ln -s given.npy 'another name.npy'
for output in -o --lse; do
  run_capture "$SEGATTN" attend --q=given.npy --k=k.npy --v=v.npy "$output" 'another name.npy'
  refused 2 "attend: $output over an input" "$output 'another name.npy'" '--q given.npy'
  ok "attend: $output leaves the input alone" cmp q.npy given.npy
done
run_capture "$SEGATTN" run
is_status 2 "run without a file"
run_capture "$SEGATTN" judge
is_status 2 "judge without anything"

# TEXT|OPTION|WORDS...: what attend says of an option
while IFS='|' read -r text option one two; do
  attend "$option"
  refused 2 "attend: $text" "$one" "$two"
done <<'ROWS'
scale NaN|--scale=nan|scale|nan
scale inf|--scale=inf|scale|inf
scale with letters|--scale=4x2|scale|4x2
a negative softcap|--softcap=-2|segattn: --softcap is -2|expected 0
a negative window|--window=-1|window|-1
a window with letters|--window=3k|window|3k
a negative position|--q-start=-4|q-start|-4
segments of another sum|--segments=1,1|segments|3
an empty list of segments|--segments=|segments|
segments of an unknown format|--segments=3:f12|f12|
an unknown storage|--store=k=f12|f12|iq4_nl
bool as storage|--store=bool|bool|f8e4m3
blocks that do not fit|--store=k=q4_0|k.npy has 8|a multiple of 32: q4_0
a segment of blocks that do not fit|--segments=1,2:v=q5_1|v.npy has 8|a multiple of 32: q5_1
an unknown arithmetic|--arithmetic=f31|segattn: --arithmetic is 'f31'|i8
an unknown instruction set|--isa=pdp11|segattn: --isa is 'pdp11'|portable
-2 threads|--threads=-2|threads|-2
axes of another alphabet|--axes=q=hpx|axes|hpx
axes of an unknown tensor|--axes=w=hpd|axes|w
ROWS
SEGATTN_ISA=vax780 run_capture "$SEGATTN" attend --q=q.npy --k=k.npy --v=v.npy -o out.npy
refused 2 "attend: unknown SEGATTN_ISA" SEGATTN_ISA vax780

# ---- tensors that do not fit or cannot be read ----

# TEXT|STATUS|OPTION|WORDS...
while IFS='|' read -r text status_wanted option one two; do
  attend "$option"
  refused "$status_wanted" "attend: $text" "$one" "$two"
done <<'ROWS'
a missing file|3|--k=not there.npy|not there.npy|
a folder|3|--k=.|.|
5 query heads of 2 KV heads|2|--q=five heads.npy|5|2
k narrower than q|2|--k=narrow.npy|4|8
v longer than k|2|--v=long.npy|4|3
a mask of other axes|2|--mask=k.npy|mask|
a file cut off|3|--v=cut off.npy|cut off.npy|
a file of words|3|--k=words.npy|words.npy|
an empty file|3|--k=empty.npy|empty.npy|
a shape that no machine holds|3|--k=huge.npy|huge.npy|
a missing dataset|3|--k=none.h5:/k|none.h5|
an output of no known kind|2|--output=out.txt|out.txt|
an output in no folder|3|--output=nowhere/o.npy|nowhere/o.npy|
lse in the place of out|2|--lse=out.npy|out.npy|
ROWS

printf 'earlier' >earlier.npy
for lse in 'no such folder/lse.npy' 'no such folder/lse.h5:/lse' .; do
  run_capture "$SEGATTN" attend --q=q.npy --k=k.npy --v=v.npy -o earlier.npy --lse="$lse"
  refused 3 "attend: an lse that cannot be written" 'cannot be written'
  ok "attend: then out is not written either" test "$(cat earlier.npy)" = earlier
done
run_capture "$SEGATTN" attend --q=q.npy --k=k.npy --v=v.npy --mask=mask.npy -o 'a file.h5:/out' --lse='the lse.npy'
is_status 0 "attend: names with blanks"
ok "attend: both outputs are there" test -s 'a file.h5' -a -s 'the lse.npy'
head -c 700 'a file.h5' >'half.h5'
attend '--k=half.h5:/out'
refused 3 "attend: an HDF5 file cut off" half.h5
attend '--k=a file.h5:/in'
refused 3 "attend: no such dataset" 'a file.h5' /in
run_capture sh -c '"$0" attend --q=q.npy --k=k.npy --v=v.npy --json -o other.npy >/dev/full' "$SEGATTN"
if [ -e /dev/full ]; then
  is_status 3 "attend: standard output is full"
fi

# ---- judge ----

run_capture "$SEGATTN" attend --q=q.npy --k=k.npy --v=v.npy -o right.npy
run_capture "$SEGATTN" judge --q=q.npy --k=k.npy --v=v.npy --out=right.npy
is_status 0 "judge: a right output"
{ head -c 128 right.npy; printf '\000\000\200\077'; tail -c +133 right.npy; } >wrong.npy
run_capture "$SEGATTN" judge --q=q.npy --k=k.npy --v=v.npy --out=wrong.npy
is_status 1 "judge: an output with one wrong element"
run_capture "$SEGATTN" judge --q=q.npy --k=k.npy --v=v.npy --out=k.npy
refused 2 "judge: an output of another shape" k.npy
run_capture "$SEGATTN" judge 'not there.h5'
refused 3 "judge: a missing result" 'not there.h5'
run_capture "$SEGATTN" judge half.h5
refused 3 "judge: a result cut off" half.h5
run_capture "$SEGATTN" judge 'a file.h5'
refused 3 "judge: HDF5, but no result" 'a file.h5'

# ---- run: killed, and going on ----

digest_of() {
  grep -o '[0-9a-f]\{64\}' "$1" | head -n 1
}

run_capture "$SEGATTN" run --no-references -o 'whole result.h5' 'an experiment.yaml'
is_status 0 "run: a whole experiment"
whole=$(digest_of "$stdout")
ok "run: prints a digest" test -n "$whole"
ok "run: leaves no folder of cases" test ! -e 'whole result.h5.cases'

for pattern in 'no such case' '['; do
  run_capture "$SEGATTN" run --no-references -o 'whole result.h5' 'an experiment.yaml' --only "$pattern"
  refused 2 "run: a pattern that no case has" "--only '$pattern'" 'an experiment.yaml'
done

run_capture "$SEGATTN" run --json --fresh --no-references -o 'some.h5' 'an experiment.yaml' --only "$(
  "$SEGATTN" run --dry-run 'an experiment.yaml' | awk 'NR == 1 { print $1 }')"
is_status 0 "run --json --only: a part of the cases"
ok "run --json --only: their verdicts, and no digest of all" \
  awk '/^{"cases":\[{"id":/ && /"verdict":"pass","digest":null}$/ && !/},{"id":/ { found = 1 } END { exit !found }' "$stdout"
rm -rf some.h5.cases

# Killed as soon as the first, third ... case is there; each time it goes on.
killed=0 tries=0
while [ "$tries" -lt 4 ]; do
  tries=$((tries + 1))
  "$SEGATTN" run --no-references -o killed.h5 'an experiment.yaml' >/dev/null 2>&1 &
  victim=$!
  waits=0
  while kill -0 "$victim" 2>/dev/null && [ "$waits" -lt 600 ] &&
    [ "$(ls killed.h5.cases 2>/dev/null | grep -c '^[0-9a-f]*\.h5$')" -lt $((2 * tries - 1)) ]; do
    waits=$((waits + 1))
    sleep 0.02
  done
  kill -9 "$victim" 2>/dev/null
  wait "$victim" 2>/dev/null
  [ -e killed.h5 ] && break
  killed=$((killed + 1))
done
ok "run: was killed in the middle ($killed times)" test "$killed" -gt 0
run_capture "$SEGATTN" run --no-references -o killed.h5 'an experiment.yaml'
is_status 0 "run: goes on where it was killed"
ok "run: the same digest" test "$(digest_of "$stdout")" = "$whole"
ok "run: nothing is left over" test -z "$(find . -name 'killed.h5.*')"

# The same kill, then a case file that somebody cut off.
"$SEGATTN" run --no-references -o cut.h5 'an experiment.yaml' >/dev/null 2>&1 &
victim=$!
waits=0
while kill -0 "$victim" 2>/dev/null && [ "$waits" -lt 600 ] &&
      [ -z "$(ls cut.h5.cases 2>/dev/null | grep '^[0-9a-f]*\.h5$')" ]; do
  waits=$((waits + 1))
  sleep 0.02
done
kill -9 "$victim" 2>/dev/null
wait "$victim" 2>/dev/null
for file in cut.h5.cases/*.h5; do
  [ -e "$file" ] && head -c 3000 "$file" >part && cat part >"$file" && break
done
run_capture "$SEGATTN" run --no-references -o cut.h5 'an experiment.yaml'
if [ "$status" -eq 3 ]; then
  contains "$stderr" cut.h5.cases "run: names a damaged case file"
else
  is_status 0 "run: a damaged case file is computed anew"
  ok "run: and the digest is the same" test "$(digest_of "$stdout")" = "$whole"
fi

# ---- a disk that is full, folders that cannot be written ----

cp 'whole result.h5' kept.h5
run_capture sh -c 'trap "" XFSZ; ulimit -f 40; exec "$0" run --fresh --no-references -o kept.h5 "an experiment.yaml"' "$SEGATTN"
refused 3 "run: no room for a case" kept.h5
ok "run: the earlier result is as it was" cmp 'whole result.h5' kept.h5
mkdir small
if mount -t tmpfs -o size=64k segattn-test small 2>/dev/null; then
  run_capture "$SEGATTN" run --no-references -o small/o.h5 'an experiment.yaml'
  refused 3 "run: a full disk" small/o.h5
  run_capture "$SEGATTN" attend --q=q.npy --k=k.npy --v=v.npy -o small/o.npy
  head -c 100000 /dev/zero >small/fill 2>/dev/null
  run_capture "$SEGATTN" attend --q=q.npy --k=k.npy --v=v.npy -o small/p.npy
  refused 3 "attend: a full disk" small/p.npy
  ok "attend: nothing half written" test ! -e small/p.npy
  umount small
else
  skip "a full disk: no tmpfs can be mounted here"
fi

# without COMMAND...: as a user without rights, whoever runs the test.
without_rights() {
  if [ "$(id -u)" -eq 0 ]; then
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
  else
    "$@"
  fi
}
chmod 755 "$work"
mkdir locked
cp q.npy k.npy v.npy 'an experiment.yaml' locked
printf 'earlier' >locked/o.npy
chmod 555 locked
if without_rights "$SEGATTN" --version >/dev/null 2>&1; then
  run_capture without_rights "$SEGATTN" attend --q=q.npy --k=k.npy --v=v.npy -o locked/o.npy
  refused 3 "attend: a folder that cannot be written" locked/o.npy
  ok "attend: the earlier output is as it was" grep -qx earlier locked/o.npy
  run_capture without_rights "$SEGATTN" run --no-references -o locked/r.h5 'an experiment.yaml'
  refused 3 "run: a folder that cannot be written" locked/r.h5
  run_capture without_rights "$SEGATTN" report 'whole result.h5' -o locked/figures
  is_status 3 "report: a folder that cannot be written"
  contains "$stderr" locked/figures "report: which one"
  chmod 0 locked/q.npy
  run_capture without_rights "$SEGATTN" attend --q=locked/q.npy --k=k.npy --v=v.npy -o o2.npy
  refused 3 "attend: a file that cannot be read" locked/q.npy
else
  skip "folders without rights: the program cannot be run by another user here"
fi

# ---- programs that are missing ----

mkdir bin
for tool in sh ls cat; do
  ln -s "$(command -v "$tool")" bin/
done
run_capture env PATH="$work/bin" "$SEGATTN" report 'whole result.h5' -o figures
is_status 3 "report: no gnuplot"
contains "$stderr" gnuplot "report: says that gnuplot is missing"
ok "report: leaves no figures behind" test -z "$(ls figures 2>/dev/null)"
run_capture "$SEGATTN" report 'not there.h5'
refused 3 "report: a missing result" 'not there.h5'
run_capture "$SEGATTN" report half.h5
refused 3 "report: a result cut off" half.h5
run_capture "$SEGATTN" report 'whole result.h5' --formats=bmp
refused 2 "report: an unknown format" bmp
run_capture "$SEGATTN" report 'whole result.h5' --only=no-such-figure
refused 2 "report: an unknown figure" no-such-figure
run_capture "$SEGATTN" report 'whole result.h5' --only=
refused 2 "report: no figure" '--only: empty'

cp 'whole result.h5' asked.h5
run_capture env SEGATTN_PYTHON="$work/no python" "$SEGATTN" reference asked.h5 --provider=torch-math-f32
contains "$stderr" 'no python' "reference: says which python is missing"
run_capture "$SEGATTN" judge asked.h5
is_status 0 "reference: the result is whole without it"
run_capture "$SEGATTN" reference asked.h5 --provider=torch-mth-f32
refused 2 "reference: an unknown provider" torch-mth-f32
run_capture "$SEGATTN" reference half.h5
refused 3 "reference: a result cut off" half.h5

# A provider that hangs: what it could not answer is left out, as where there is none.
mkdir hanging
echo 'exec sleep 60' >hanging/torch_provider.py
cp 'whole result.h5' late.h5
began=$(date +%s)
run_capture env SEGATTN_PYTHON=/bin/sh SEGATTN_PROVIDERS="$work/hanging" \
  "$SEGATTN" reference late.h5 --provider=torch-math-f32 --provider-timeout=1
is_status 0 "reference: a provider that hangs"
contains "$stderr" 'no answer within 1 s (--provider-timeout)' "reference: says that it hangs"
ok "reference: does not wait for it" test $(($(date +%s) - began)) -lt 30
for limit in 0 -1 1.5 x 1000001; do
  run_capture "$SEGATTN" reference late.h5 --provider-timeout=$limit
  refused 2 "reference: --provider-timeout=$limit" "'$limit'"
done
run_capture "$SEGATTN" run 'an experiment.yaml' --provider-timeout=soon
refused 2 "run: --provider-timeout=soon" "'soon'"
run_capture "$SEGATTN" attend --threads=65536 --q=q.npy --k=k.npy --v=v.npy -o o.npy
refused 2 "attend: --threads=65536" "'65536'"

# ---- threads do not spin when there is nothing to do (seen where OpenMP is gcc's) ----

# spins COMMAND...: how often a thread of the last program that it started looks for work before it sleeps
spins() {
  OMP_DISPLAY_ENV=verbose "$@" 2>&1 | sed -n "s/.*GOMP_SPINCOUNT = '\([0-9]*\)'.*/\1/p" | tail -n 1
}
if [ -n "$(spins "$SEGATTN" info)" ]; then
  ok "the program asks OpenMP for a passive wait policy" test "$(unset OMP_WAIT_POLICY; spins "$SEGATTN" info)" = 0
  ok "and leaves alone one that is set" test "$(OMP_WAIT_POLICY=active; export OMP_WAIT_POLICY; spins "$SEGATTN" info)" -gt 0
else
  skip "OpenMP is not gcc's"
fi
done_testing
