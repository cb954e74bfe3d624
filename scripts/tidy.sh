#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) over source files; any finding fails.
#
# Usage: scripts/tidy.sh [--all | FILE.cc...]
#   no argument  the .cc files that differ from the branch main
#   --all        every .cc file outside tests/ and benchmarks/
set -euo pipefail
cd "$(dirname "$0")/.."

folders=(core net datasets policy serve envs judge trainer arena apps examples)
case "${1:-}" in
  -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
  --all) mapfile -t files < <(find "${folders[@]}" -name '*.cc' 2> /dev/null | sort) ;;
  "") mapfile -t files < <(
    { git diff --name-only --diff-filter=d main -- "${folders[@]/%//*.cc}"
      git ls-files --others --exclude-standard -- "${folders[@]/%//*.cc}"; } | sort -u) ;;
  *) files=("$@") ;;
esac
[ ${#files[@]} -gt 0 ] || { echo "tidy.sh: no file to look at"; exit 0; }

# clang-tidy reads the compile commands. A launcher in front or GCC's own flags confuse it.
cmake --preset release > /dev/null
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/release \
  --extra-arg=-Wno-unknown-warning-option
echo "tidy.sh: ${#files[@]} files, nothing found"
