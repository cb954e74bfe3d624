#!/usr/bin/env bash
# Checks that every source file is as clang-format (.clang-format) writes it.
#
# Usage: scripts/format.sh [--fix]
#   --fix  rewrites the files instead of complaining
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  "") mode=(--dry-run --Werror) ;;
  --fix) mode=(-i) ;;
  -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "format.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
esac

folders=()
for folder in core net datasets policy serve envs judge trainer arena apps examples tests \
  benchmarks; do
  [ ! -d "$folder" ] || folders+=("$folder")
done
find "${folders[@]}" -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' |
  sort | xargs clang-format --style=file "${mode[@]}" ||
  { echo "format.sh: run scripts/format.sh --fix"; exit 1; }
