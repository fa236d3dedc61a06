#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Files that are damaged, foreign, missing or cannot be written: status 3 (2 where only the axes or types do not fit), one
# message that names the file, and what was there before is still there.

. "${srcdir:-.}/tests/tap.sh"
cd "$work" || exit 99

# ---- .npy from its definition ----

# npy FILE DESCR SHAPE BYTES: zeros.
npy() {
  header="{'descr': '$2', 'fortran_order': False, 'shape': $3, }"
  { printf '\223NUMPY\001\000\166\000%-117s\n' "$header"; head -c "$4" /dev/zero; } >"$1"
}
npy q.npy '<f4' '(2, 3, 4)' 96
npy k.npy '<f4' '(1, 5, 4)' 80
npy v.npy '<f4' '(1, 5, 4)' 80
attend() {
  run_capture "$SEGATTN" attend --q "$1" --k k.npy --v v.npy -o out.npy
}
attend q.npy
is_status 0 'whole files: status'
cp out.npy before.npy

# refused STATUS TEXT WORD...: of the last run_capture; out.npy is as it was.
refused() {
  expected=$1
  text=$2
  shift 2
  is_status "$expected" "$text: status"
  ok "$text: one line" test "$(wc -l <"$stderr")" -eq 1
  for word; do
    contains "$stderr" "$word" "$text: says $word"
  done
  ok "$text: the old output stays" cmp -s out.npy before.npy
}

attend none.npy
refused 3 'a missing .npy' 'none.npy: cannot be read: No such file'
mkdir folder.npy
attend folder.npy
refused 3 'a folder' 'folder.npy' 'it is a folder'
: >empty.npy
attend empty.npy
refused 3 'an empty file' 'empty.npy: is no .npy file'
for n in 5 9 40 127 128 150 223; do
  head -c "$n" q.npy >'cut q.npy'
  attend 'cut q.npy'
  refused 3 "a .npy cut after $n bytes" 'cut q.npy:'
done
contains "$stderr" 'truncated: 95 bytes of elements' 'a truncated .npy: what is there and what is needed'
printf 'more' | cat q.npy - >long.npy
attend long.npy
refused 3 'a .npy with bytes after its end' 'long.npy: damaged: 100 bytes'
npy object.npy '|O' '(2, 3, 4)' 96
attend object.npy
refused 2 'a .npy of objects' 'object.npy' "'|O'" 'expected f8, f4, f2'
npy integer.npy '<i4' '(2, 3, 4)' 96
attend integer.npy
refused 2 'a .npy of integers' 'integer.npy' "'<i4'"
npy raw.npy '<u2' '(2, 3, 4)' 48
attend raw.npy
refused 2 'raw elements of which nobody says what they are' 'raw.npy' '--store'
npy flat.npy '<f4' '(24,)' 96
attend flat.npy
refused 2 'one axis' 'flat.npy' 'expected 3'
npy huge.npy '<f4' '(4294967296, 4294967296, 4)' 96
attend huge.npy
refused 3 'a shape beyond memory' 'huge.npy' 'more elements than memory can hold'
npy broken.npy '<f4' '(2, 3, ' 96
attend broken.npy
refused 3 'a broken header' 'broken.npy: header' 'shape'
run_capture "$SEGATTN" attend --q q.npy --k k.npy --v v.npy --axes q=hp -o out.npy
refused 2 'axes that do not fit' 'q.npy' 'hp'

# ---- safetensors (tests/right-safetensors has every way to be damaged) ----

# safetensors FILE HEADER BYTES: zeros after a header of fewer than 256 bytes.
safetensors() {
  { printf "\\$(printf %o "${#2}")\\0\\0\\0\\0\\0\\0\\0"; printf '%s' "$2"; head -c "$3" /dev/zero; } >"$1"
}
q='"q":{"dtype":"F32","shape":[2,3,4],"data_offsets":[0,96]}'
k='"a k":{"dtype":"F32","shape":[1,5,4],"data_offsets":[96,176]}'
safetensors 'one file.safetensors' "{$q,$k}" 176
run_capture "$SEGATTN" attend --q 'one file.safetensors:q' --k 'one file.safetensors:a k' \
  --v 'one file.safetensors:a k' -o out.npy
is_status 0 'tensors of a safetensors file'
ok 'give what .npy files give' cmp out.npy before.npy
run_capture "$SEGATTN" judge --q q.npy --k 'one file.safetensors:a k' --v v.npy --out 'one file.safetensors:q'
is_status 0 'and can be judged'
attend 'one file.safetensors:p'
refused 3 'a tensor that is not there' "one file.safetensors: tensor 'p' is missing; its tensors: q, a k"
attend 'one file.safetensors'
refused 2 'a safetensors file without a name' 'one file.safetensors: which tensor?' \
  'FILE.safetensors:NAME' 'its tensors: q, a k'
attend none.safetensors:q
refused 3 'a missing safetensors file' 'none.safetensors: cannot be read: No such file'
mkdir folder.safetensors
attend folder.safetensors:q
refused 3 'a folder' 'folder.safetensors: cannot be read: it is a folder'
head -c 200 'one file.safetensors' >cut.safetensors
attend cut.safetensors:q
refused 3 'a truncated one' 'cut.safetensors: truncated: ' 'bytes of elements, its header needs 176'
cp q.npy npy.safetensors
attend npy.safetensors:q
refused 3 'what is none' 'npy.safetensors: is no safetensors file'
safetensors control.safetensors "{\"line\\n\\u001b[1m\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}" 4
attend control.safetensors:q
refused 3 'names with control characters' 'its tensors: line??[1m'
run_capture "$SEGATTN" attend --q q.npy --k k.npy --v v.npy -o new.safetensors:out
refused 2 'an output in safetensors' 'new.safetensors:out: expected a name that ends in .npy'

# ---- outputs ----

run_capture "$SEGATTN" attend --q q.npy --k k.npy --v v.npy -o 'no such/out.npy'
refused 3 'an output folder that is not there' 'no such/out.npy: cannot be written'
run_capture "$SEGATTN" attend --q q.npy --k k.npy --v v.npy -o folder.npy
refused 3 'an output that is a folder' 'folder.npy: cannot be written: Is a directory'
# As root a device of our own: a program that replaced it would replace the machine's.
if [ "$(id -u)" -eq 0 ]; then
  mknod full.npy c 1 7
else
  ln -s /dev/full full.npy
fi 2>/dev/null
if [ -c full.npy ] && (: >full.npy) 2>/dev/null; then
  run_capture "$SEGATTN" attend --q q.npy --k k.npy --v v.npy -o full.npy
  refused 3 'a full device' 'full.npy: cannot be written: No space left on device'
else
  skip 'no full device'
fi
run_capture "$SEGATTN" attend --q q.npy --k k.npy --v v.npy -o 'o o.h5:/a/one'
is_status 0 'an output in HDF5'
run_capture "$SEGATTN" attend --q q.npy --k k.npy --v v.npy -o 'o o.h5:/a/two'
is_status 0 'another one in the same file'
run_capture "$SEGATTN" attend --q 'o o.h5:/a/one' --k k.npy --v v.npy -o back.npy
is_status 0 'the first one is still there'

# ---- HDF5 ----

cat >small.yaml <<'EOF'
experiment: small
problem: {q_heads: 2, kv_heads: 1, dim: 4, queries: 3, keys: 5}
inputs: [{family: normal}]
storage: [f32, bf16]
segments: [[2, 3]]
EOF
run_capture "$SEGATTN" run --no-references small.yaml
is_status 0 'a small experiment'
run_capture "$SEGATTN" judge small.h5
is_status 0 'its result can be judged'
judge() {
  run_capture "$SEGATTN" judge "$1"
}
judge none.h5
refused 3 'a missing result' 'none.h5: cannot be read: No such file'
judge q.npy
refused 3 'a result that is .npy' 'q.npy: is no HDF5 file'
judge 'o o.h5'
refused 3 'HDF5 of something else' 'o o.h5: is no result file'
size=$(wc -c <small.h5)
for percent in 0 1 10 50 90 99; do
  head -c $((size * percent / 100)) small.h5 >'cut s.h5'
  judge 'cut s.h5'
  refused 3 "a result cut at $percent %" 'cut s.h5:'
done

# One byte changed, at 100 places: noticed, or without effect; never a crash.
judge small.h5
cp "$stdout" judged
noticed=0 wrong=0 at=1000
while [ "$at" -lt "$size" ]; do
  byte=$(od -An -tu1 -j "$at" -N 1 small.h5)
  { head -c "$at" small.h5; printf "\\$(printf %o $(((byte + 128) % 256)))"; tail -c +$((at + 2)) small.h5; } >flip.h5
  judge flip.h5
  case $status in
  0) cmp -s "$stdout" judged || wrong=$((wrong + 1)) ;;
  3) noticed=$((noticed + 1)) ;;
  *) wrong=$((wrong + 1)); diag "byte $at: status $status" ;;
  esac
  at=$((at + size / 100))
done
ok "a changed byte is never a crash ($noticed noticed)" test "$noticed" -gt 0 -a "$wrong" -eq 0

# HDF5 keeps text of variable length in heaps without a checksum, and HDF5 1.10 trusts the lengths there: ours must not be.
cp small.h5 heap.h5
heaps=0
for at in $(LC_ALL=C grep -abo 'GCOL' small.h5 | sed 's/:.*//'); do
  head -c 4080 /dev/zero | tr '\0' '\377' | dd of=heap.h5 bs=1 seek=$((at + 16)) conv=notrunc 2>/dev/null
  heaps=$((heaps + 1))
done
judge heap.h5
is_status 0 "no heap of strings is needed ($heaps destroyed)"
ok 'and the verdicts are the same' cmp -s "$stdout" judged

id=$("$SEGATTN" run --dry-run small.yaml | sed -n 's/ .*//; 1p')
run_capture "$SEGATTN" attend --q "small.h5:/cases/$id/inputs/q" --k "small.h5:/cases/$id/inputs/k" \
  --v "small.h5:/cases/$id/inputs/v" -o back.npy
is_status 0 'inputs of a result can be taken'
run_capture "$SEGATTN" attend --q small.h5:/cases/none/q --k k.npy --v v.npy -o out.npy
refused 3 'a dataset that is not there' 'small.h5: /cases/none/q: dataset is missing'
run_capture "$SEGATTN" attend --q small.h5:/cases --k k.npy --v v.npy -o out.npy
refused 3 'a group for a dataset' 'small.h5: /cases: is no dataset'

# ---- a disk that is full while a result is written ----

cp small.h5 kept.h5
sed 's/bf16/f16/' small.yaml >other.yaml
(trap '' XFSZ && ulimit -f 16 && "$SEGATTN" run --no-references other.yaml -o small.h5) >"$stdout" 2>"$stderr"
status=$?
is_status 3 'no room for the result: status'
contains "$stderr" 'cannot be written' 'no room for the result: message'
ok 'no room for the result: the old one stays' cmp -s small.h5 kept.h5
ok 'no temporary file is left' test -z "$(find . -name '*.tmp-*')"
done_testing
