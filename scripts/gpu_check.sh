#!/usr/bin/env bash
# Checks agon on this machine's GPU and measures it, within ten minutes and without a network.
#
# Usage: scripts/gpu_check.sh [--out DIR] [--minutes N] [--cpu-rehearsal]
#   --out DIR        where the report goes (gpu_report/)
#   --minutes N      time for all of it (10); what doesn't fit is marked "out of time"
#   --cpu-rehearsal  the same steps on the CPU with the smallest model, to see that they run
#
# It builds for this machine's GPU (in build/gpu_check), runs the GPU's tests, the quickstart for a
# few steps, the benchmarks of kernels and engine, beside PyTorch (and transformers) where python3
# has it, and compute-sanitizer on the kernels. A GPU test that is skipped counts as failed; those
# of several GPUs run where there are several. DIR gets gpu_report.json, gpu_report.md and the
# output of each step. Exit status: 1 if a check failed, or the sampler's log-probabilities weren't
# the trainer's bit for bit; 0 otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

out=gpu_report minutes=10 device=cuda
while [ $# -gt 0 ]; do
  case "$1" in
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --minutes) minutes=${2:?--minutes needs a number}; shift 2 ;;
    --cpu-rehearsal) device=cpu; shift ;;
    -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "gpu_check.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
  esac
done
[[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]] ||
  { echo "gpu_check.sh: --minutes needs a number, not '$minutes'" >&2; exit 2; }
deadline=$(awk "BEGIN { print int(60 * $minutes) }")

if [ "$device" = cuda ]; then
  nvidia-smi -L > /dev/null 2>&1 ||
    { echo "gpu_check.sh: no NVIDIA GPU to be seen here (nvidia-smi -L fails)" >&2; exit 1; }
  PATH="$PATH:${CUDA_HOME:-/usr/local/cuda}/bin"
  command -v nvcc > /dev/null ||
    { echo "gpu_check.sh: nvcc (CUDA 12.4 or later) isn't in the PATH" >&2; exit 1; }
fi
mkdir -p "$out"
rm -f "$out"/bench-*.json "$out"/bench-*.jsonl "$out/checks.tsv"
touch "$out/checks.tsv"
out=$(cd "$out" && pwd)

# check NAME COMMAND...: runs it in what is left of the time, or in $limit seconds if that is less;
# its output goes to DIR/NAME.log, what came of it to $result. A line of output like $forbidden is a
# failure. COMMAND is a program of its own, or timeout couldn't end it.
limit=$deadline forbidden='' result=
check() {
  local name=$1 begin=$SECONDS left=$((deadline - SECONDS)) status=0
  shift
  result="out of time"
  if [ "$left" -le 5 ]; then
    printf '%s\tout of time\t0\n' "$name" >> "$out/checks.tsv"
    return 0
  fi
  [ "$left" -le "$limit" ] || left=$limit
  echo "== $name ($left s left)"
  timeout --kill-after=5 "$left" "$@" > "$out/$name.log" 2>&1 || status=$?
  case $status in
    0) result=passed ;;
    124) ;;
    # Killed: by timeout, or by someone else (no memory left) before its time was up.
    137) [ $((SECONDS - begin)) -ge "$left" ] || result=failed ;;
    *) result=failed ;;
  esac
  [ -z "$forbidden" ] || ! grep -q -e "$forbidden" "$out/$name.log" || result=failed
  printf '%s\t%s\t%d\n' "$name" "$result" $((SECONDS - begin)) >> "$out/checks.tsv"
  [ "$result" != failed ] || tail -n 5 "$out/$name.log"
}
skip() { printf '%s\tnot run: %s\t0\n' "$1" "$2" >> "$out/checks.tsv"; }

# measure NAME COMMAND...: its JSON object to DIR/bench-NAME.json, or lines of them to .jsonl.
measure() { into json "$@"; }
into() {
  local file=$out/bench-$2.$1 name=$2
  shift 2
  check "bench-$name" sh -c 'file=$1; shift; exec "$@" > "$file"' sh "$file" "$@"
}
bench() {
  local name=$1
  shift
  measure "$name" "$build/bin/engine_bench" --device "$device" --models "$build/models" "$@"
}
# twin NAME ARGUMENT...: the model that bench NAME measured, in PyTorch.
twin() {
  local name=$1
  shift
  [ -s "$out/bench-$name.json" ] || { skip "bench-torch-$name" "bench-$name gave nothing"; return; }
  measure "torch-$name" python3 benchmarks/peers/torch_peer.py --device "$device" \
    --beside "$out/bench-$name.json" "$@"
}

python3 - "$out/machine.json" "$device" << 'PYTHON'
import datetime, json, subprocess, sys

def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

on_gpu = sys.argv[2] == "cuda"
query = lambda what: first_line("nvidia-smi", "--query-gpu=" + what, "--format=csv,noheader")
json.dump({"gpu": query("name") if on_gpu else "none (rehearsal on the CPU)",
           "driver": query("driver_version") if on_gpu else "none",
           "cuda": first_line("sh", "-c", "nvcc --version | grep -o 'release [0-9.]*'"),
           "date": datetime.date.today().isoformat(),
           "commit": first_line("git", "rev-parse", "--short", "HEAD")}, open(sys.argv[1], "w"))
PYTHON

# GPUs that the tests can see.
visible_gpus() {
  if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then
    tr , '\n' <<< "$CUDA_VISIBLE_DEVICES" | grep -c .
  else
    nvidia-smi -L | grep -c '^GPU '
  fi
}

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
  python3 scripts/gpu_report.py "$out" || true
  echo "gpu_check.sh: agon wasn't built ($result): see $out/*.log" >&2
  exit 1
fi

preset=base small=small vocab=32768 small_vocab=50304 rows=1024 tasks=64 prompt=256
tokens=32768 micro=8192 length=1024 runs=3
if [ "$device" = cpu ]; then
  preset=nano small=nano vocab=512 small_vocab=512 rows=16 tasks=1 prompt=16
  tokens=512 micro=256 length=64 runs=1
  skip gpu-tests "no GPU"
  skip gpu-ranks "no GPU"
  skip bench-kernels "no GPU"
else
  forbidden='\[  SKIPPED \]\|^\[==========\] 0 tests'
  check gpu-tests "$build/tests/cuda_gpu_test" '--gtest_filter=-GpuRanks.*'
  if [ "$(visible_gpus)" -lt 2 ]; then
    skip gpu-ranks "one GPU"
  else
    check gpu-ranks "$build/tests/cuda_gpu_test" '--gtest_filter=GpuRanks.*'
  fi
  forbidden=
  into jsonl kernels "$build/bin/kernel_bench" --preset "$preset" --vocab "$vocab"
fi
new=$prompt
# Drawn by itself: what loads it then says how long a start takes.
check model-base "$build/bin/engine_bench" --shape --models "$build/models" --preset "$preset" \
  --vocab "$vocab"
bench decode-base --preset "$preset" --vocab "$vocab" --parts decode --prompt "$prompt" --new "$new" --runs 1
bench train-base --preset "$preset" --vocab "$vocab" --tokens "$tokens" --micro-batch "$micro" --length "$length" --runs "$runs"
bench rollout-base --preset "$preset" --vocab "$vocab" --parts rollout --rows "$rows" --prompt "$prompt" \
  --new "$new" --runs 1
bench step-base --preset "$preset" --vocab "$vocab" --parts step --rows "$rows" --tasks "$tasks" \
  --tokens "$tokens" --micro-batch "$micro" --prompt "$prompt" --new "$new" --runs 1
bench train-small --preset "$small" --vocab "$small_vocab" --tokens "$tokens" --micro-batch "$micro" --length "$length" \
  --runs "$runs"
torch="import torch; raise SystemExit('$device' == 'cuda' and not torch.cuda.is_available())"
if ! python3 -c 'import torch' 2> /dev/null; then
  skip bench-torch "python3 has no PyTorch"
elif ! python3 -c "$torch" 2> /dev/null; then
  skip bench-torch "this PyTorch sees no GPU"
else
  twin train-base --parts train --tokens "$tokens" --micro-batch "$micro" --length "$length" --runs "$runs"
  twin train-small --parts train --tokens "$tokens" --micro-batch "$micro" --length "$length" --runs "$runs"
  twin rollout-base --parts rollout --rows "$rows" --prompt "$prompt" --new "$new" --runs 1
  twin step-base --parts step --rows $((tasks * 16)) --tokens "$tokens" --micro-batch "$micro" --prompt "$prompt" \
    --new "$new" --runs 1
fi
rm -rf "$out/quickstart"
check quickstart "$build/bin/rl-train" quickstart --quiet --device "$device" \
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
python3 scripts/gpu_report.py "$out"
