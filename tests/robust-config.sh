#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Experiments with mistakes: each gives status 2 and one message with file, line, column, key and what was expected; what is
# legal is read as it is meant.

. "${srcdir:-.}/tests/tap.sh"
cd "$work" || exit 99

# config LINE...: the experiment's file.
config() {
  printf '%s\n' "$@" >'e x.yaml'
}

# refused TEXT WORDS...: status 2, one line of message, each of the words in it.
refused() {
  text=$1
  shift
  run_capture "$SEGATTN" run --dry-run 'e x.yaml'
  is_status 2 "$text: status" || return
  ok "$text: one line" test "$(wc -l <"$stderr")" -eq 1
  for word; do
    contains "$stderr" "$word" "$text: says $word"
  done
}

# accepted TEXT WORDS...: status 0, each of the words in what it prints.
accepted() {
  text=$1
  shift
  run_capture "$SEGATTN" run --dry-run 'e x.yaml'
  is_status 0 "$text" || return
  for word; do
    contains "$stdout" "$word" "$text: $word"
  done
}

P='problem: {q_heads: 4, kv_heads: 2, dim: 8, queries: 2, keys: 6}'
I='inputs: [{family: normal}]'

# ---- the file ----
run_capture "$SEGATTN" run --dry-run 'not there.yaml'
is_status 3 'a missing file: status'
contains "$stderr" 'not there.yaml: cannot be read' 'a missing file: message'
mkdir folder
run_capture "$SEGATTN" run --dry-run folder
is_status 3 'a folder: status'
: >'e x.yaml'
refused 'an empty file' 'e x.yaml:1:1' 'empty'
config 'experiment: t' 'seed: [1' "$I"
refused 'broken YAML' 'e x.yaml:3:'
config 'experiment: t' "$P" "$I" '---' 'experiment: u'
refused 'two documents' 'e x.yaml:5:' 'second document'
printf 'experiment: t\ninputs: \377\n' >'e x.yaml'
refused 'not UTF-8' 'e x.yaml' 'UTF-8'
printf 'experiment: t\n\tinputs: normal\n' >'e x.yaml'
refused 'a tab' 'e x.yaml:2:'
config '- 1' '- 2'
refused 'a list' 'e x.yaml:1:1' 'expected keys and values'
config 'just words'
refused 'a word' 'e x.yaml:1:1' 'expected keys and values'

# ---- keys ----
config "$P" "$I"
refused 'no name' 'e x.yaml:1:1' "'experiment' is missing"
config 'experiment: t' "$P"
refused 'no inputs' 'e x.yaml:1:1' "'inputs' is missing"
config 'experiment: t' 'segmnts: whole' "$P" "$I"
refused 'an unknown key' 'e x.yaml:2:1' "unknown key 'segmnts'" "did you mean 'segments'?"
config 'experiment: t' 'zzz: whole' "$P" "$I"
refused 'a key like none' 'e x.yaml:2:1' "unknown key 'zzz'" 'expected one of: experiment seed report'
config 'experiment: t' "$P" "$I" 'seed: 1' 'seed: 2'
refused 'a key twice' 'e x.yaml:5:1' "'seed' is given twice" 'line 4'
config 'experiment: t' 'problem: {q_heads: 4, kv_haeds: 2, dim: 8, queries: 2, keys: 6}' "$I"
refused 'an unknown key of problem' 'e x.yaml:2:23' "unknown key 'kv_haeds'" "did you mean 'kv_heads'?"
config 'experiment: t' 'problem: {q_heads: 4, q_heads: 4, dim: 8, queries: 2, keys: 6}' "$I"
refused 'a key of problem twice' 'e x.yaml:2:23' "'q_heads' is given twice"
config 'experiment: t' 'problem: {q_heads: 4, dim: 8, queries: 2}' "$I"
refused 'no keys' 'e x.yaml:2:10' "'keys' is missing"
config 'experiment: t' "$I"
refused 'no problem' 'e x.yaml:1:1' "'q_heads' is missing"
config 'experiment: t' 'problem: 4' "$I"
refused 'a problem that is a number' 'e x.yaml:2:10' 'problem: expected keys and values'
config 'experiment: t' 'blocks:' "  - {$P, $I, unknown: 1}"
refused 'an unknown key of a block' 'e x.yaml:3:' "unknown key 'unknown'"
config 'experiment: t' 'blocks: [{}]'
refused 'an empty block' 'e x.yaml:2:10' "'inputs' is missing"
config 'experiment: t' 'blocks: []'
refused 'no block' 'e x.yaml:2:9' 'expected a list of blocks'
config 'experiment: t' "$P" 'blocks:' "  - {$P, $I}"
refused 'a key beside blocks' 'e x.yaml:2:10' 'belongs into a block'
config 'experiment: ../t' "$P" "$I"
refused 'a name that is no file name' 'e x.yaml:1:13' "experiment: '../t'"

# ---- values ----
for bad in 4x2 1e3 -4 0 4.0 .inf '"4"' true 010 99999999999999999999 '' ; do
  config 'experiment: t' "problem: {q_heads: $bad, dim: 8, queries: 2, keys: 6}" "$I"
  refused "q_heads: $bad" 'e x.yaml:2:' 'q_heads:' 'expected'
done
for bad in .nan nan .inf -.inf 1e999 0x1p3 1.5.2 '"1"' half; do
  config 'experiment: t' "problem: {q_heads: 4, dim: 8, queries: 2, keys: 6, scale: $bad}" "$I"
  refused "scale: $bad" 'e x.yaml:2:59' 'scale:' 'finite number'
done
config 'experiment: t' 'problem: {q_heads: {a: 1}, dim: 8, queries: 2, keys: 6}' "$I"
refused 'a mapping for a number' 'e x.yaml:2:20' 'q_heads: is a mapping'
config 'experiment: t' 'problem: {q_heads: [], dim: 8, queries: 2, keys: 6}' "$I"
refused 'an empty list' 'e x.yaml:2:20' 'empty list'
config 'experiment: t' 'problem: {q_heads: 4, dim: 8, queries: 2, keys: 6, causal: yes}' "$I"
refused 'causal: yes' 'e x.yaml:2:60' "causal: 'yes'" 'true or false'
config 'experiment: t' 'problem: {q_heads: 4, dim: 8, queries: 2, keys: 6, softcap: -1}' "$I"
refused 'negative softcap' 'e x.yaml:2:61' "softcap: '-1' is negative"
config 'experiment: t' 'problem: {q_heads: 4, dim: 8, queries: 2, keys: 6, mask: pad}' "$I"
refused 'unknown mask' 'e x.yaml:2:58' "mask: 'pad'" 'none, zero, padded'
config 'experiment: t' 'problem: {q_heads: 4, kv_heads: 3, dim: 8, queries: 2, keys: 6}' "$I"
refused 'heads no multiple' 'e x.yaml:2:33' 'q_heads is 4' 'no multiple of 3'
config 'experiment: t' 'problem: {q_heads: 4, dim: 1025, queries: 2, keys: 6}' "$I"
refused 'too large a dim' 'e x.yaml:2:28' "'1025'" 'from 1 to 1024'
config 'experiment: t' 'problem: {q_heads: 4, dim: 8, dim_k: 8, queries: 2, keys: 6}' "$I"
refused 'dim and dim_k' 'e x.yaml:2:28' 'dim stands for dim_k and dim_v'
config 'experiment: t' 'problem: {q_heads: 4, dim: 8, queries: 7, keys: 6, causal: true}' "$I"
refused 'negative positions' 'e x.yaml:2:40' 'q_start' '6 - 7'
config 'experiment: t' 'problem: {q_heads: 4, dim: 8, queries: 7, keys: 6, q_start: -1}' "$I"
refused 'negative q_start' 'e x.yaml:2:61' "q_start: '-1'"
config 'experiment: t' 'seed: -1' "$P" "$I"
refused 'negative seed' 'e x.yaml:2:7' "seed: '-1'"
config 'experiment: t' "$P" "$I" 'replicates: 0'
refused 'no replicate' 'e x.yaml:4:13' "replicates: '0'"

# ---- inputs ----
config 'experiment: t' "$P" 'inputs: [{family: noraml}]'
refused 'an unknown family' 'e x.yaml:3:19' "family: 'noraml'" 'first-report' "did you mean 'normal'?"
config 'experiment: t' "$P" 'inputs: [{family: normal, sigmaa: 1}]'
refused 'an unknown parameter' 'e x.yaml:3:27' "unknown key 'sigmaa'" "did you mean 'sigma'?"
config 'experiment: t' "$P" 'inputs: [{family: normal, sigma: x}]'
refused 'a parameter that is no number' 'e x.yaml:3:34' "sigma: 'x'" 'finite number'
config 'experiment: t' "$P" 'inputs: [{sigma: 1}]'
refused 'neither family nor import' 'e x.yaml:3:10' 'expected a family or an import'
config 'experiment: t' "$P" 'inputs: []'
refused 'no input' 'e x.yaml:3:9' 'inputs: is an empty list'
config 'experiment: t' "$P" 'inputs: [{import: x.h5, family: normal}]'
refused 'family and import' 'e x.yaml:3:25' "unknown key 'family'"
config 'experiment: t' 'inputs: [{import: x.h5}]'
run_capture "$SEGATTN" run --dry-run 'e x.yaml'
is_status 3 'an import that is not there: status'
contains "$stderr" 'x.h5: cannot be read' 'an import that is not there: message'
printf 'not HDF5' >x.h5
run_capture "$SEGATTN" run --dry-run 'e x.yaml'
is_status 3 'an import that is no HDF5: status'
contains "$stderr" 'x.h5: is no HDF5 file' 'an import that is no HDF5: message'
config 'experiment: t' 'seed: 42' 'blocks:' "  - {$P, inputs: first-report}" \
  '  - {problem: {q_heads: 4, dim: 8, queries: 3, keys: 6}, inputs: first-report}'
refused 'two inputs of one stream' 'e x.yaml' 'same random stream 42' 'queries 2' 'queries 3'

# ---- storage, segments, arithmetic, references ----
config 'experiment: t' "$P" "$I" 'storage: [f16, f17]'
refused 'an unknown storage' 'e x.yaml:4:16' "'f17'" 'f64 f32 f16 bf16' "did you mean 'f16'?"
config 'experiment: t' "$P" "$I" 'storage: [{q: bool}]'
refused 'bool as storage' 'e x.yaml:4:15' "'bool'"
config 'experiment: t' "$P" "$I" 'storage: [f16, {k: q4_0}]'
refused 'blocks that do not fit' 'e x.yaml:4:10' 'dim_k is 8' 'multiple of 32: q4_0'
config 'experiment: t' "$P" "$I" 'segments: [[2, {len: 4, v: iq4_nl}]]'
refused 'a segment of blocks that do not fit' 'e x.yaml:4:12' 'dim_v is 8' 'multiple of 32: iq4_nl'
config 'experiment: t' "$P" "$I" 'storage: [{k: f8e4m3, saturate: maybe}]'
refused 'saturate that is no switch' 'e x.yaml:4:33' "'maybe'" 'true or false'
config 'experiment: t' "$P" "$I" 'storage: [{x: f16}]'
refused 'an unknown tensor' 'e x.yaml:4:12' "unknown key 'x'"
config 'experiment: t' "$P" "$I" 'segments: [[2, 3]]'
refused 'lengths that do not sum' 'e x.yaml:4:12' 'sum to 5' 'the 6 keys'
config 'experiment: t' "$P" "$I" 'segments: [2, 4]'
refused 'lengths that are no list of lists' 'e x.yaml:4:12' "'2' is no entry" '[2, 2]'
config 'experiment: t' "$P" "$I" 'segments: [halves]'
refused 'a word for segments' 'e x.yaml:4:12' "'halves' is no entry"
config 'experiment: t' "$P" "$I" 'segments: [{each: 0}]'
refused 'each: 0' 'e x.yaml:4:19' "each: '0'"
config 'experiment: t' "$P" "$I" 'segments: [{eech: 2}]'
refused 'eech' 'e x.yaml:4:13' "did you mean 'each'?"
config 'experiment: t' "$P" "$I" 'segments: [[{len: 2, k: f16}, {k: f16}]]'
refused 'a segment without length' 'e x.yaml:4:31' "'len' is missing"
config 'experiment: t' "$P" "$I" 'segments: [[{len: 2, k: f61}, 4]]'
refused 'a segment of unknown storage' 'e x.yaml:4:25' "'f61'" "did you mean 'f64'?"
config 'experiment: t' "$P" "$I" 'arithmetic: [f32, f63]'
refused 'unknown arithmetic' 'e x.yaml:4:19' "arithmetic: 'f63'"
config 'experiment: t' "$P" "$I" 'references: [torch-math-f99]'
refused 'an unknown reference' 'e x.yaml:4:14' "references: 'torch-math-f99'"
config 'experiment: t' "$P" "$I" 'references: [torch-math-f32, torch-math-f32]'
refused 'a reference twice' 'e x.yaml:4:30' 'given twice'

# ---- what is legal ----
config 'experiment: t' 'problem: {q_heads: [2, 4], kv_heads: 2, dim: 8, queries: 2, keys: 6, causal: [true, false]}' \
  'inputs: [{family: normal, sigma: [1, 2]}, uniform]' 'storage: [f32, {k: bf16}]' \
  'segments: [whole, {each: 1}, [2, 4], [{len: 2, k: f16}, 4]]' 'arithmetic: [f32, f64]' 'replicates: 2'
accepted 'lists multiply' 'q_heads 4' 'causal' 'sigma 2' 'uniform' 'each 1' '2,4' '2:k=f16' 'arithmetic f64' 'replicate 1'
# heads 2, causal 2, inputs 3, replicates 2, storage 2, segments 4, arithmetic 2
ok 'lists multiply: 384 cases' test "$(grep -cE '(^|[^0-9a-f])[0-9a-f]{12}([^0-9a-f]|$)' "$stdout")" -eq 384
config 'experiment: t' "$P" "$I" 'segments: [[6], whole, {each: 6}]'
accepted 'cases that are the same'
contains "$stderr" '2 of 3 cases' 'cases that are the same are run once'
ids() {
  grep -oE '(^|[^0-9a-f])[0-9a-f]{12}([^0-9a-f]|$)' "$stdout" | tr -cd '0-9a-f\n'
}
ids >one
config 'experiment: u' 'seed: 7' 'blocks:' "  - {$P, inputs: uniform, storage: f16}" "  - {$P, $I}"
accepted 'a case among others'
ids >more
ok 'an identity does not depend on other cases' grep -qxFf one more
done_testing
