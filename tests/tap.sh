# SPDX-License-Identifier: GPL-3.0-or-later
# The Test Anything Protocol for the shell tests (POSIX sh).  Use:
#
#     . "${srcdir:-.}/tests/tap.sh"             # srcdir: the top of the source tree
#     run_capture "$SEGATTN" info               # -> $status, $stdout, $stderr (files)
#     is_status 0 "info ends with 0"
#     contains "$stdout" threads "it names the threads"
#     ok "it made the file" test -s "$work/file"
#     done_testing
#
# $work is a fresh folder with a space in its name; it goes away at the end (not with TAP_KEEP set).

tap_run=0 tap_failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/segattn test.XXXXXX") || exit 99
stdout=$work/.stdout stderr=$work/.stderr status=
tap_clean() {
  [ -n "$TAP_KEEP" ] && echo "# kept: $work" && return
  chmod -R u+w "$work" 2>/dev/null
  rm -rf "$work"
}
trap tap_clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

diag() {
  printf '%s\n' "$*" | sed 's/^/# /'
}

# result STATUS TEXT: one test, passed when STATUS is 0.
result() {
  tap_run=$((tap_run + 1))
  if [ "$1" -eq 0 ]; then
    printf 'ok %d - %s\n' "$tap_run" "$2"
  else
    tap_failed=$((tap_failed + 1))
    printf 'not ok %d - %s\n' "$tap_run" "$2"
    return 1
  fi
}

# ok TEXT COMMAND...: one test, passed when the command succeeds; what it says is shown when it does not.
ok() {
  tap_text=$1
  shift
  if "$@" >"$work/.ok" 2>&1; then
    result 0 "$tap_text"
  else
    tap_rest=$?
    result 1 "$tap_text"
    diag "status $tap_rest: $*"
    head -n 20 "$work/.ok" | sed 's/^/#   /'
    return 1
  fi
}

skip() {
  tap_run=$((tap_run + 1))
  printf 'ok %d # SKIP %s\n' "$tap_run" "$*"
}

# The whole script cannot run here.  Before any test.
skip_all() {
  printf '1..0 # SKIP %s\n' "$*"
  exit 0
}

# run_capture COMMAND...: sets $status, and the files $stdout and $stderr.
run_capture() {
  tap_command=$*
  "$@" >"$stdout" 2>"$stderr"
  status=$?
}

tap_show() {
  diag "status $status: $tap_command"
  head -n 20 "$stdout" | sed 's/^/#   out: /'
  head -n 20 "$stderr" | sed 's/^/#   err: /'
}

# is_status N TEXT: the last run_capture ended with N.
is_status() {
  if [ "$status" = "$1" ]; then
    result 0 "$2"
  else
    result 1 "$2 (status $status, expected $1)"
    tap_show
    return 1
  fi
}

# contains FILE STRING [TEXT]: the file holds the string (taken literally).
contains() {
  if grep -qF -e "$2" "$1"; then
    result 0 "${3:-it says: $2}"
  else
    result 1 "${3:-it says: $2}"
    diag "not found: $2"
    tap_show
    return 1
  fi
}

# lacks FILE STRING [TEXT]: the file does not hold the string.
lacks() {
  if grep -qF -e "$2" "$1"; then
    result 1 "${3:-it does not say: $2}"
    tap_show
    return 1
  else
    result 0 "${3:-it does not say: $2}"
  fi
}

# done_testing: prints the plan and ends the script.
done_testing() {
  printf '1..%d\n' "$tap_run"
  [ "$tap_failed" -eq 0 ] || diag "$tap_failed of $tap_run tests failed"
  [ "$tap_failed" -eq 0 ] && [ "$tap_run" -gt 0 ]
  exit
}
