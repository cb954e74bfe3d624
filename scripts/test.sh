#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests. Works alone on a fresh Debian 12.
#
# Usage: scripts/test.sh [--slow] [--preset NAME] [CTEST ARGUMENT]...
#   --slow         also the tests labelled slow (minutes instead of seconds)
#   --preset NAME  release (default), debug, asan or tsan
#
# The last line is "N passed, N failed", counted from ctest's own results.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
labels=(-LE slow)
while [ $# -gt 0 ]; do
  case "$1" in
    --slow) labels=(); shift ;;
    --preset) preset=${2:?--preset needs a name}; shift 2 ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) break ;;
  esac
done

dev=()
case "$preset" in asan | tsan) dev=(--dev) ;; esac  # they are built with clang
scripts/deps.sh "${dev[@]}"
cmake --preset "$preset" > "/tmp/agon-configure-$$.log" ||
  { cat "/tmp/agon-configure-$$.log"; exit 1; }
rm -f "/tmp/agon-configure-$$.log"
cmake --build --preset "$preset"

results="$PWD/build/$preset/ctest.xml"
rm -f "$results"
status=0
ctest --preset "$preset" "${labels[@]}" -j "$(nproc)" --output-junit "$results" "$@" || status=$?
[ -f "$results" ] || { echo "ctest wrote no results"; exit 1; }

count() { grep -m1 -A6 '<testsuite ' "$results" | grep -oP "\b$1=\"\K[0-9]+"; }
not_run=$(($(count skipped) + $(count disabled)))
failed=$(count failures)
passed=$(($(count tests) - failed - not_run))
[ "$not_run" -eq 0 ] || echo "$not_run skipped: this machine can't run them"
echo "$passed passed, $failed failed"
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
