#!/usr/bin/env bash
# Checks agon on this machine's GPU and measures it, within ten minutes and without a network.
#
# Usage: scripts/gpu_check.sh [--out DIR] [--minutes N] [--cpu-rehearsal]
#   --out DIR        where the report goes (gpu_report/)
#   --minutes N      time for all of it (10), the last 15 seconds for the report; what doesn't fit
#                    is marked "out of time"
#   --cpu-rehearsal  the same steps on the CPU with the smallest model, to see that they run
#
# Needed: what scripts/deps.sh installs, so run that first (it wants a network), and nvcc.
#
# It builds for this machine's GPU (in build/gpu_check), runs the GPU's tests, the quickstart for a
# few steps, the benchmarks of kernels and engine, beside PyTorch (and transformers) where python3
# has it, and compute-sanitizer on the kernels. Each has a limit of its own, so that one that hangs
# leaves time for the rest. A GPU test that is skipped counts as failed; those of several GPUs run
# where there are several. DIR gets gpu_report.json, gpu_report.md and the output of each step,
# also where this is ended early. Exit status: 1 if a check failed, if the GPU's tests didn't end,
# or if the sampler's log-probabilities weren't the trainer's bit for bit or weren't compared;
# 0 otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

out=gpu_report minutes=10 device=cuda
while [ $# -gt 0 ]; do
  case "$1" in
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --minutes) minutes=${2:?--minutes needs a number}; shift 2 ;;
    --cpu-rehearsal) device=cpu; shift ;;
    -h | --help) sed -n '2,20s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "gpu_check.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
  esac
done
[[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]] ||
  { echo "gpu_check.sh: --minutes needs a number, not '$minutes'" >&2; exit 2; }

# A report of an earlier run must not be taken for this one's.
rm -f "$out"/gpu_report.json "$out"/gpu_report.md "$out"/machine.json "$out"/checks.tsv \
  "$out"/bench-*.json "$out"/bench-*.jsonl
missing=
for tool in python3 cmake ninja "${CXX:-g++}" timeout awk; do
  command -v "$tool" > /dev/null || missing+=" $tool"
done
if [ -n "$missing" ]; then
  echo "gpu_check.sh: missing:$missing. scripts/deps.sh installs what agon needs" >&2
  exit 1
fi
if [ "$device" = cuda ]; then
  # A driver that hangs must not hold all of this up.
  gpus=$(timeout --kill-after=5 30 nvidia-smi -L 2> /dev/null) ||
    { echo "gpu_check.sh: no NVIDIA GPU to be seen here (nvidia-smi -L fails)" >&2; exit 1; }
  PATH="$PATH:${CUDA_HOME:-/usr/local/cuda}/bin"
  command -v nvcc > /dev/null ||
    { echo "gpu_check.sh: nvcc (CUDA 12.4 or later) isn't in the PATH" >&2; exit 1; }
fi
# Before the minutes are over, so that who ends this after as many never comes first.
deadline=$(awk "BEGIN { print int(60 * $minutes) - 15 }")
mkdir -p "$out"
out=$(cd "$out" && pwd)
touch "$out/checks.tsv"

# The report is written however this ends, and says then which check was going on.
child='' running='' began=0
finish() {
  local status=$? report=0
  trap '' HUP INT TERM
  if [ -n "$child" ]; then
    kill "$child" 2> /dev/null || true # timeout passes it on
    wait "$child" || true
    record "$running" stopped $((SECONDS - began))
  fi
  python3 scripts/gpu_report.py "$out" || report=$?
  [ "$status" -ne 0 ] || status=$report
  exit "$status"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

record() { printf '%s\t%s\t%d\n' "$1" "$2" "$3" >> "$out/checks.tsv"; }
skip() { record "$1" "not run: $2" 0; }

# check NAME COMMAND...: runs it for $limit seconds at most, or in what is left of the time if that
# is less; its output goes to DIR/NAME.log, what came of it to $result. A line of output like
# $forbidden is a failure; where $excused isn't empty a failure is "not run", with the last line of
# output. COMMAND is a program of its own, or timeout couldn't end it.
limit=$deadline forbidden='' excused='' result=
check() {
  local name=$1 left=$((deadline - SECONDS)) status=0
  shift
  result="out of time"
  if [ "$left" -le 5 ]; then
    record "$name" "$result" 0
    return 0
  fi
  echo "== $name ($left s left)"
  [ "$left" -le "$limit" ] || left=$limit
  # In the background: a shell hears no signal before a command in the foreground has ended.
  running=$name began=$SECONDS
  timeout --kill-after=5 "$left" "$@" > "$out/$name.log" 2>&1 &
  child=$!
  wait "$child" || status=$?
  child=
  case $status in
    0) result=passed ;;
    124) ;;
    # Killed: by timeout, or by someone else (no memory left) before its time was up.
    137) [ $((SECONDS - began)) -ge "$left" ] || result=failed ;;
    *) result=failed ;;
  esac
  [ -z "$forbidden" ] || ! grep -q -e "$forbidden" "$out/$name.log" || result=failed
  if [ "$result" = failed ] && [ -n "$excused" ]; then
    result=$(tail -n 1 "$out/$name.log" | tr '\t\r' '  ')
    result="not run: ${result:-exit status $status}"
  elif [ "$result" = failed ]; then
    tail -n 5 "$out/$name.log"
  fi
  record "$name" "$result" $((SECONDS - began))
}

# into FILE NAME COMMAND...: check bench-NAME, whose output goes to FILE.
into() {
  local file=$1 name=$2
  shift 2
  check "bench-$name" sh -c 'file=$1; shift; exec "$@" > "$file"' sh "$file" "$@"
}
bench() {
  local name=$1
  shift
  into "$out/bench-$name.json" "$name" "$build/bin/engine_bench" --device "$device" \
    --models "$build/models" "$@"
}
# twin NAME ARGUMENT...: the model that bench NAME measured, in PyTorch.
twin() {
  local name=$1
  shift
  [ -s "$out/bench-$name.json" ] || { skip "bench-torch-$name" "bench-$name gave nothing"; return; }
  # That another project's code fails says nothing of agon.
  excused=1 limit=60 into "$out/bench-torch-$name.json" "torch-$name" python3 \
    benchmarks/peers/torch_peer.py --device "$device" --beside "$out/bench-$name.json" "$@"
}

python3 - "$out/machine.json" "$device" << 'PYTHON'
import datetime, json, subprocess, sys

def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True,
                              timeout=20).stdout.split("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return "unknown"

on_gpu = sys.argv[2] == "cuda"
query = lambda what: first_line("nvidia-smi", "--query-gpu=" + what, "--format=csv,noheader")
json.dump({"device": sys.argv[2],
           "gpu": query("name") if on_gpu else "none (rehearsal on the CPU)",
           "driver": query("driver_version") if on_gpu else "none",
           "cuda": first_line("sh", "-c", "nvcc --version | grep -o 'release [0-9.]*'"),
           "date": datetime.date.today().isoformat(),
           "commit": first_line("git", "rev-parse", "--short", "HEAD")}, open(sys.argv[1], "w"))
PYTHON

targets=(rl-train engine_bench)
cuda=(-DAGON_CUDA=OFF)
if [ "$device" = cuda ]; then
  targets+=(agon_cuda cuda_gpu_test kernel_bench)
  cuda=(-DAGON_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=native)
fi
build=build/gpu_check
check configure cmake --preset release -B "$build" "${cuda[@]}"
[ "$result" != passed ] || check build cmake --build "$build" --target "${targets[@]}"
if [ "$result" != passed ]; then
  echo "gpu_check.sh: agon wasn't built ($result): see $out/*.log. scripts/deps.sh installs what" \
    "the build needs" >&2
  exit 1
fi

preset=base small=small vocab=32768 small_vocab=50304 rows=1024 tasks=64 prompt=256
tokens=32768 micro=16384 length=1024 runs=3
if [ "$device" = cpu ]; then
  preset=nano small=nano vocab=512 small_vocab=512 rows=16 tasks=1 prompt=16
  tokens=512 micro=256 length=64 runs=1
  skip gpu-tests "no GPU"
  skip gpu-ranks "no GPU"
  skip bench-kernels "no GPU"
else
  # GPUs that the tests can see.
  visible=$(tr , '\n' <<< "${CUDA_VISIBLE_DEVICES:-$(grep '^GPU ' <<< "$gpus")}" | grep -c .)
  forbidden='\[  SKIPPED \]\|^\[==========\] 0 tests'
  limit=150 check gpu-tests "$build/tests/cuda_gpu_test" '--gtest_filter=-GpuRanks.*'
  if [ "$visible" -lt 2 ]; then
    skip gpu-ranks "one GPU"
  else
    limit=60 check gpu-ranks "$build/tests/cuda_gpu_test" '--gtest_filter=GpuRanks.*'
  fi
  forbidden=
  limit=45 into "$out/bench-kernels.jsonl" kernels "$build/bin/kernel_bench" --preset "$preset" \
    --vocab "$vocab"
fi

model=(--preset "$preset" --vocab "$vocab")
small_model=(--preset "$small" --vocab "$small_vocab")
train=(--tokens "$tokens" --micro-batch "$micro" --length "$length" --runs "$runs")
rollout=(--prompt "$prompt" --new "$prompt" --runs 1)
# Micro-batches of two whole groups: 16 completions after a prompt that is stored once.
step=(--tokens "$tokens" --micro-batch $((2 * 17 * prompt)) "${rollout[@]}")
# Drawn by itself: what loads it then says how long a start takes.
limit=90 check model-base "$build/bin/engine_bench" --shape --models "$build/models" "${model[@]}"
# First the step, which compares sampler and trainer.
limit=90 bench step-base "${model[@]}" --parts step --rows "$rows" --tasks "$tasks" "${step[@]}"
limit=60 bench decode-base "${model[@]}" --parts decode "${rollout[@]}"
limit=60 bench train-base "${model[@]}" "${train[@]}"
limit=60 bench rollout-base "${model[@]}" --parts rollout --rows "$rows" "${rollout[@]}"
limit=60 bench train-small "${small_model[@]}" "${train[@]}"

torch="import torch
if '$device' == 'cuda' and not torch.cuda.is_available():
    raise SystemExit('this PyTorch sees no GPU')"
excused=1 limit=60 check pytorch python3 -c "$torch"
if [ "$result" = passed ]; then
  twin step-base --parts step --rows $((tasks * 16)) "${step[@]}"
  twin train-base --parts train "${train[@]}"
  twin train-small --parts train "${train[@]}"
  twin rollout-base --parts rollout --rows "$rows" "${rollout[@]}"
fi
rm -rf "$out/quickstart"
limit=60 check quickstart "$build/bin/rl-train" quickstart --quiet --device "$device" \
  --out "$out/quickstart" --set pretrain.num_steps=2 --set sft.num_steps=2 --set rl.num_steps=1 \
  --set eval.num_tasks=4
if [ "$device" = cpu ]; then
  skip compute-sanitizer "no GPU"
elif ! command -v compute-sanitizer > /dev/null; then
  skip compute-sanitizer "it isn't installed"
else
  # Last, and never for long: it slows kernels down by a hundred, and figures matter more. What it
  # found counts, also when its time was up before it said how much. What CUDA refuses is left to
  # the tests, some of which ask for too much on purpose.
  forbidden='^========= \(    at \|    by thread\|E[Rr][Rr][Oo][Rr]: Race\|ERROR SUMMARY: [1-9]\)'
  limit=120
  for tool in memcheck synccheck racecheck; do
    check "sanitizer-$tool" compute-sanitizer --tool "$tool" --report-api-errors no \
      --error-exitcode 9 "$build/tests/cuda_gpu_test" \
      '--gtest_filter=-*ARowAlone*:BaseRows*:GpuRanks*:CudaTraining*:CudaPolicy/0*'
    limit=60
  done
fi
[ "$device" = cpu ] ||
  echo "== a report that others should see goes to docs/benchmarks/: see the README.md there"
