# SPDX-License-Identifier: GPL-3.0-or-later
# The bench: every contestant that is there runs and is right, what is not there is said to be missing.  No time is judged.

. "${srcdir:-.}/tests/tap.sh"
python=${SEGATTN_PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 || python=
TMPDIR=$work/scratch
export TMPDIR
mkdir "$TMPDIR" || exit 99
cd "$work" || exit 99

# field NAME PEER: the values of a member in all rows of a peer (a row is a line).
field() {
  sed -n '/"rows":\[/,/"skipped":\[/p' rows.json | grep -F "\"peer\":\"$2\"" | sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"
}

# ---- segattn alone ----

run_capture env OPENBLAS_CORETYPE=Prescott "$SEGATTN" bench --quick --peers none --json
is_status 0 "all suites, segattn alone"
cp "$stdout" rows.json
lacks "$stderr" segattn: "without a message"
if [ -n "$python" ]; then
  ok "the output is one JSON object" "$python" -c 'import json, sys; json.load(open(sys.argv[1]))' rows.json
else
  skip "no Python to read JSON with"
fi
for name in machine limits fma_gflops fma_gflops_f64 read_gbytes_per_s limit_seconds missing rows skipped; do
  contains rows.json "\"$name\":" "JSON has $name"
done
for name in suite case format q_format arithmetic threads seconds_min seconds_median gflops kv_gbytes_per_s relative_rms \
  share_fma share_read share_memory share_limit limit calls time_ratio isa version; do
  ok "each row has $name" test "$(field "$name" segattn | wc -l)" -eq "$(grep -c '"peer":"segattn"' rows.json)"
done
for suite in prefill-d32-160 prefill-d32-160-causal decode-300 small-2x4 segments-1x512-cut1 segments-1x512-cut8 \
  prefill-in-f32-d32-160 prefill-in-f32c-d32-160 \
  decode-mixed-300 decode-mixed-200 decode-mixed-100 state-absorb-256 state-merge-256 state-finalise-256 \
  real-normal real-layer18; do
  contains rows.json "\"suite\":\"$suite\""
done
# f32 arithmetic: 160 keys a block chain and a score of 64 products are a few hundred roundings of 6e-8, of either sign
ok "every segattn row is right to 1e-5" \
  sh -c 'awk "!(\$1 >= 0 && \$1 < 1e-5) { bad = 1 } END { exit bad || NR == 0 }"' <<END
$(field relative_rms segattn)
END
# arithmetic i8 rounds q to 8 bits, 1/127 of the largest of 32 elements: an error of the size of 1/256 of q's deviation, in a
# score of normal inputs (which has deviation 1) and so in its weight; half a percent before it averages over keys, not 1e-5
ok "q8_0, q5_0 and q4_0 are timed in i8 too, right to a percent and not as f32" awk '
  /"peer":"segattn-i8"/ {
    match($0, /"format":"[^"]*"/); seen[substr($0, RSTART + 10, RLENGTH - 11)]++; n++
    match($0, /"relative_rms":[^,}]*/); x = substr($0, RSTART + 15, RLENGTH - 15) + 0
    if (!(x > 1e-5 && x < 1e-2)) bad = 1
  }
  END { exit bad || n != 4 || seen["q8_0"] != 2 || !seen["q5_0"] || !seen["q4_0"] }' rows.json
field_of_format() { grep -F "\"format\":\"$1\"" rows.json | sed -n 's/.*"relative_rms":\([^,}]*\).*/\1/p'; }
# f64 arithmetic: the same few hundred roundings of 1.1e-16; a result that passed through f32 would be at 3e-8
ok "every row in f64 is right to 1e-14" awk '!($1 >= 0 && $1 < 1e-14) { bad = 1 } END { exit bad || NR == 0 }' <<END
$(field_of_format f64)
END
# q8_0, q5_0 and q4_0 store 32 elements in 34, 22 and 18 bytes; K and V of 2 heads, dim 64
stored='
  /"suite":"decode-/ && /"seconds_min":/ {
    bytes["f64"] = 8; bytes["f32"] = 4; bytes["f16"] = bytes["bf16"] = 2; bytes["f8e4m3"] = bytes["f8e5m2"] = 1
    bytes["q8_0"] = 34 / 32; bytes["q5_0"] = 22 / 32; bytes["q4_0"] = 18 / 32
    match($0, /"format":"[^"]*"/); format = substr($0, RSTART + 10, RLENGTH - 11)
    match($0, /"keys":[0-9]*/); keys = substr($0, RSTART + 7, RLENGTH - 7)
    expected = 2 * 2 * 64 * (format == "q4_0+f16" ? 200 * bytes["q4_0"] + 100 * bytes["f16"] : keys * bytes[format])
    got = number("kv_gbytes_per_s") * number("seconds_min") * 1e9
    seen[format]++
    if (!(got > expected * (1 - 1e-9) && got < expected * (1 + 1e-9))) bad = 1
  }
  END { exit bad || !seen["q8_0"] || !seen["q5_0"] || !seen["q4_0"] || !seen["q4_0+f16"] || !seen["f8e4m3"] ||
        !seen["f8e5m2"] }'
# number NAME: a member of a line, or NaN
number='
  function number(name,  at) {
    if (!match($0, "\"" name "\":[-+0-9.e]+")) return "nan"
    return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0
  }'
# the same inputs in both arithmetics: compensated sums are no worse, and never the same as others by chance in every row
ok "f32c stands beside f32, and is the more exact" awk "$number"'
  /"suite":"prefill-in-f32-/ && /"seconds_min":/ { plain = number("relative_rms") }
  /"suite":"prefill-in-f32c-/ && /"seconds_min":/ { pairs = number("relative_rms") }
  END { exit !(pairs > 0 && pairs < plain) }' rows.json
ok "KV GB/s counts what is stored" awk "$number$stored" rows.json
ok "q is f32 where K and V are in blocks or fp8" awk '
  /"format":"(q|f8)/ && !/"q_format":"f32"/ { exit 1 }
  /"format":"f16"/ && !/"suite":"decode-mixed/ && !/"q_format":"f16"/ { exit 1 }
  ' rows.json
# a whole of two parts, and the parts after it
mixed='
  /"suite":"decode-mixed-/ && /"seconds_min":/ {
    time[++n] = number("seconds_min"); keys[n] = number("keys"); segments[n] = number("segments")
    over[n] = number("over_parts")
  }
  END {
    ratio = time[1] / (time[2] + time[3])
    exit n != 3 || keys[1] != 300 || keys[2] != 200 || keys[3] != 100 || segments[1] != 2 || segments[2] != 1 ||
      over[2] != "nan" || !(over[1] > ratio * (1 - 1e-9) && over[1] < ratio * (1 + 1e-9))
  }'
ok "the mixed cache stands beside its parts, and their sum" awk "$number$mixed" rows.json
limits_agree='
  /"work":"attend"/ && /"seconds_min":/ {
    n++
    most = number("share_fma") > number("share_read") ? number("share_fma") : number("share_read")
    said = $0 ~ /"limit":"FMA"/ ? number("share_fma") : number("share_read")
    if (number("share_limit") != most || said != most) bad = 1
  }
  END { exit bad || n == 0 }'
ok "the limit that a row names is the one that it is nearer to" awk "$number$limits_agree" rows.json
ok "every time is above 0, and no median below its minimum" awk -F, '
  /"seconds_min":/ { match($0, /"seconds_min":[^,]*/); a = substr($0, RSTART + 14, RLENGTH - 14) + 0
                     match($0, /"seconds_median":[^,]*/); b = substr($0, RSTART + 17, RLENGTH - 17) + 0
                     if (!(a > 0 && b >= a)) exit 1 }' rows.json
contains rows.json "OPENBLAS_CORETYPE=Prescott" "a variable that would cripple a peer is named as withheld"
ok "the scratch folder is gone" test -z "$(ls -A "$TMPDIR")"

# ---- some cases only ----

for quick in "" --quick; do
  # shellcheck disable=SC2086 # none or one word
  run_capture "$SEGATTN" bench --list $quick
  is_status 0 "the list of cases${quick:+, quick}"
  ok "no two have the same name" test -z "$(sort "$stdout" | uniq -d)"
done
run_capture "$SEGATTN" bench --list --suite decode --only 'decode-32768-f16-32x8*' --only '*mixed*f16*'
printf '%s\n' decode-32768-f16-32x8 decode-32768-f16-32x8-token decode-mixed-32768-q4_0+f16-32x8 \
  decode-mixed-4096-f16-32x8 >list
ok "patterns choose" cmp list "$stdout"
run_capture "$SEGATTN" bench --quick --peers none --json --only '*-300-q8_0-*'
is_status 0 "one case"
cp "$stdout" rows.json
ok "and no other" test "$(field case segattn)" = decode-300-q8_0-8x2
run_capture "$SEGATTN" bench --quick --peers none --json --only '*mixed-300*'
cp "$stdout" rows.json
ok "a whole without its parts is not compared with them" test "$(field case segattn) $(field over_parts segattn)" = \
  "decode-mixed-300-q4_0+f16-8x2 "

# ---- another instruction set, one call, more threads ----

run_capture "$SEGATTN" bench --quick --suite decode --peers none --isa portable --json
is_status 0 "an instruction set that is chosen"
cp "$stdout" rows.json
ok "all rows have it" test "$(field isa segattn | sort -u)" = portable
peak=$(sed -n 's/.*"fma_gflops":{"portable":\([^,}]*\).*/\1/p' rows.json)
ok "and their share is that of its peak, $peak GFLOP/s" awk -v peak="$peak" '
  /"format":"f32"/ { match($0, /"gflops":[^,]*/); g = substr($0, RSTART + 9, RLENGTH - 9)
                     match($0, /"share_fma":[^,]*/); s = substr($0, RSTART + 12, RLENGTH - 12)
                     n++; if (!(g / peak / s < 1 + 1e-9 && g / peak / s > 1 - 1e-9)) bad = 1 }
  END { exit bad || n == 0 }' rows.json

run_capture "$SEGATTN" bench --quick --suite prefill --limit 1e-9 --json
is_status 0 "a limit that every first call exceeds"
cp "$stdout" rows.json
ok "and so each contestant makes one call" awk '/"seconds_min":/ && !/"calls":1,/ { exit 1 }' rows.json

if [ "$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)" -gt 1 ]; then       # nproc knows how many this process may use
  run_capture "$SEGATTN" bench --quick --suite small --peers none --threads 2 --json
  is_status 0 "two threads"
  cp "$stdout" rows.json
  ok "segattn has two" test "$(field threads segattn)" = 2
  ok "and one beside them" test "$(field threads segattn-1thread)" = 1
  contains rows.json '"limits_1thread":' "and the limits of both are there"
else
  skip "one CPU only"
fi

# ---- peers ----

run_capture env SEGATTN_PYTHON="$work/no such python" "$SEGATTN" bench --quick --suite small --json
is_status 0 "missing peers are no failure"
for peer in torch-flash torch-math ort-mha ort-gqa ort-attention ggml; do
  contains "$stdout" "{\"peer\":\"$peer\",\"reason\":\"" "$peer is missing, and the JSON says so"
  contains "$stderr" "$peer is missing: $work/no such python" "and so does a note"
done

for suite in prefill decode; do
  run_capture "$SEGATTN" bench --quick --suite $suite --json
  is_status 0 "$suite with the peers that are there"
  cp "$stdout" rows.json
  # (a peer is missing where a module that it is made of is)
  grep -oE '"reason":"[A-Za-z]+Error[^"]*"' rows.json |
    grep -vE "ModuleNotFoundError: No module named '(numpy|h5py|torch|onnx|onnxruntime)'" >failures
  ok "$suite: no peer is missing because its program failed" test ! -s failures
  for peer in torch-flash torch-math ort-mha ort-gqa ort-attention ggml blas; do
    if grep -q "{\"peer\":\"$peer\",\"reason\"" rows.json; then
      skip "$peer is missing"
      continue
    fi
    # coarser than any honest 16-bit attention (bf16 weights: 2^-8 each), finer than a wrong head, order, scale or mask
    ok "$suite: $peer computes the same thing" awk 'NF && !($1 >= 0 && $1 < 0.02) { exit 1 }' <<END
$(field relative_rms "$peer")
END
    lacks rows.json "\"peer\":\"$peer\",\"reason\":\"it ended" "and does not die"
  done
done

run_capture "$SEGATTN" bench --quick --suite prefill --peers none
is_status 0 "the table"
contains "$stdout" "limits of this machine, 1 thread" "it begins with the limits"
contains "$stdout" "prefill-d32-160-causal-f32-4x4" "and has a block for each case"

# ---- the figure ----

if command -v gnuplot >/dev/null 2>&1; then
  run_capture "$SEGATTN" bench --quick --suite prefill --peers none --output "a figure's folder" --formats pdf,png
  is_status 0 "a figure"
  for ending in -1col.pdf -2col.pdf -1col.png -2col.png .csv .caption.txt; do
    ok "bench-1thread$ending is there" test -s "a figure's folder/bench-1thread$ending"
  done
  ok "nothing else is" test "$(ls "a figure's folder" | wc -l)" -eq 6
  run_capture "$SEGATTN" bench --quick --peers none --only 'small*' --only 'seg*' --only 'state*' -o times --formats pdf
  is_status 0 "a figure of suites that are no roofline"
  for ending in -1col.pdf -2col.pdf .caption.txt; do
    ok "bench-time-1thread$ending is there" test -s "times/bench-time-1thread$ending"
  done
  ok "and no roofline" test ! -e times/bench-1thread-1col.pdf
  ok "their numbers: a line for each case" test "$(wc -l <times/bench-1thread.csv)" -eq 7
  if command -v pdftotext >/dev/null 2>&1; then
    pdftotext times/bench-time-1thread-1col.pdf text
    for word in 'small: queries' 'segments: 1 query' 'state: absorb' '8 segments' 'merge, 256 keys' 'time of a call' segattn; do
      contains text "$word" "the figure shows $word"
    done
  else
    skip "no pdftotext"
  fi
else
  skip "no gnuplot"
fi

# ---- stopped while a peer starts: what ended the peer is no news ----

cat >'slow python' <<'END'
#!/bin/sh
: >started
exec sleep 600
END
chmod +x 'slow python'
SEGATTN_PYTHON="$work/slow python" "$SEGATTN" bench --quick --only 'small-2x4-f32*' --peers torch >"$stdout" 2>"$stderr" &
bench=$!
waits=0
while kill -0 "$bench" 2>/dev/null && [ ! -e started ] && [ "$waits" -lt 6000 ]; do
  waits=$((waits + 1))
  sleep 0.02
done
kill -TERM "$bench" 2>/dev/null
wait "$bench"
status=$?
is_status 143 "ended by the signal"
ok "without a message" test ! -s "$stderr"
ok "and without a table" test ! -s "$stdout"
ok "no inputs are left" test -z "$(ls "$TMPDIR" | grep segattn)"

# ---- what cannot be ----

refused() {                     # TEXT MESSAGE ARGUMENT...
  text=$1 message=$2
  shift 2
  run_capture "$SEGATTN" bench "$@"
  is_status 2 "$text"
  contains "$stderr" "$message"
}
refused "an unknown suite" "--suite: unknown suite 'prefil'" --suite prefil
refused "an unknown peer" "--peers: unknown peer 'tensorflow'" --peers torch,tensorflow
refused "an empty list of peers" "--peers: empty" --peers ''
refused "an unknown instruction set" "--isa: 'sse2' is none that this machine" --isa sse2
refused "a pattern that no case has" "--only 'decode-9*': no case of suite decode has such a name" \
  --suite decode --only 'decode-9*'
refused "no threads" "--threads: '0'" --threads 0
refused "threads that are no number" "--threads: '2x'" --threads 2x
refused "more threads than CPUs" "--threads 4096: expected at most" --threads 4096
refused "a limit of nothing" "--limit: '0'" --limit 0
refused "an unknown format" "--formats: unknown format 'gif'" --output figures --formats gif
refused "an argument too many" "'more' is more than expected" more
: >file
run_capture "$SEGATTN" bench --quick --output file
is_status 3 "a file in place of the folder, said before anything is timed"
done_testing
