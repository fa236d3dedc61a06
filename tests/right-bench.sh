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
for name in suite format threads seconds_min seconds_median gflops kv_gbytes_per_s relative_rms share_fma share_read \
  share_memory share_limit limit calls time_ratio isa version; do
  ok "each row has $name" test "$(field "$name" segattn | wc -l)" -eq "$(grep -c '"peer":"segattn"' rows.json)"
done
for suite in prefill-d32-160 prefill-d32-160-causal decode-300 small-2x4 segments-1x512-cut1 segments-1x512-cut8 \
  state-absorb-256 state-merge-256 state-finalise-256 real-normal real-layer18; do
  contains rows.json "\"suite\":\"$suite\""
done
# f32 arithmetic: 160 keys a block chain and a score of 64 products are a few hundred roundings of 6e-8, of either sign
ok "every segattn row is right to 1e-5" \
  sh -c 'awk "!(\$1 >= 0 && \$1 < 1e-5) { bad = 1 } END { exit bad || NR == 0 }"' <<END
$(field relative_rms segattn)
END
field_of_format() { grep -F "\"format\":\"$1\"" rows.json | sed -n 's/.*"relative_rms":\([^,}]*\).*/\1/p'; }
# f64 arithmetic: the same few hundred roundings of 1.1e-16; a result that passed through f32 would be at 3e-8
ok "every row in f64 is right to 1e-14" awk '!($1 >= 0 && $1 < 1e-14) { bad = 1 } END { exit bad || NR == 0 }' <<END
$(field_of_format f64)
END
# number NAME: a member of a line, or NaN
limits_agree='
  function number(name,  at) {
    if (!match($0, "\"" name "\":[-+0-9.e]+")) return "nan"
    return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0
  }
  /"work":"attend"/ && /"seconds_min":/ {
    n++
    most = number("share_fma") > number("share_read") ? number("share_fma") : number("share_read")
    said = $0 ~ /"limit":"FMA"/ ? number("share_fma") : number("share_read")
    if (number("share_limit") != most || said != most) bad = 1
  }
  END { exit bad || n == 0 }'
ok "the limit that a row names is the one that it is nearer to" awk "$limits_agree" rows.json
ok "every time is above 0, and no median below its minimum" awk -F, '
  /"seconds_min":/ { match($0, /"seconds_min":[^,]*/); a = substr($0, RSTART + 14, RLENGTH - 14) + 0
                     match($0, /"seconds_median":[^,]*/); b = substr($0, RSTART + 17, RLENGTH - 17) + 0
                     if (!(a > 0 && b >= a)) exit 1 }' rows.json
contains rows.json "OPENBLAS_CORETYPE=Prescott" "a variable that would cripple a peer is named as withheld"
ok "the scratch folder is gone" test -z "$(ls -A "$TMPDIR")"

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

if [ "$(getconf _NPROCESSORS_ONLN)" -gt 1 ]; then
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
contains "$stdout" "prefill-d32-160-causal" "and has a block for each case"

# ---- the figure ----

if command -v gnuplot >/dev/null 2>&1; then
  run_capture "$SEGATTN" bench --quick --suite prefill --peers none --output "a figure's folder" --formats pdf,png
  is_status 0 "a figure"
  for ending in -1col.pdf -2col.pdf -1col.png -2col.png .csv .caption.txt; do
    ok "bench-1thread$ending is there" test -s "a figure's folder/bench-1thread$ending"
  done
else
  skip "no gnuplot"
fi

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
refused "an unknown instruction set" "--isa: 'sse2' is none that this machine" --isa sse2
refused "a figure of nothing" "there is nothing to draw" --suite state --output figures
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
