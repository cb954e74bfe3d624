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
cmake --build --preset release --target rl-train rl-chat rl-arena

resume=()
[ ! -d "$out" ] || resume=(--resume)
build/release/bin/rl-train quickstart --out "$out" "${resume[@]}" "$@"

model=$(find "$out/checkpoints" -maxdepth 1 -name 'rl-*' | sort -V | tail -n 1)
echo
echo "Report:     $PWD/$out/report.html"
echo "Talk to it: build/release/bin/rl-chat --model ${model:-$out/checkpoints/...}"
echo "Vote blind between its checkpoints, before and after RL, on a page in the browser:"
echo "            build/release/bin/rl-arena serve --db $out/arena.db"

# With somebody at the terminal, open the arena right away if he likes.
if [ -t 0 ] && [ -t 1 ]; then
  read -r -p "Open the arena now? [y/N] " answer
  case "$answer" in [yY]*) exec build/release/bin/rl-arena serve --db "$out/arena.db" ;; esac
fi
