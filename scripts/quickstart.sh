#!/usr/bin/env bash
# From raw text to a model that reinforcement learning made better, in one command.
#
# Usage: scripts/quickstart.sh [RL-TRAIN ARGUMENT]...
#   e.g. scripts/quickstart.sh --set run.seed=2
#
# Installs what is missing, builds, and runs `rl-train quickstart` into runs/quickstart.
# Stopped half-way, it goes on from where it was.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

out=runs/quickstart
scripts/deps.sh
cmake --preset release > /dev/null
cmake --build --preset release --target rl-train rl-chat

resume=()
[ ! -d "$out" ] || resume=(--resume)
build/release/bin/rl-train quickstart --out "$out" "${resume[@]}" "$@"

model=$(find "$out/checkpoints" -maxdepth 1 -name 'rl-*' | sort -V | tail -n 1)
echo
echo "Report:     $PWD/$out/report.html"
echo "Talk to it: build/release/bin/rl-chat --model ${model:-$out/checkpoints/...}"
