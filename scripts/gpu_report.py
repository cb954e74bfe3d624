#!/usr/bin/env python3
"""Writes gpu_report.json and gpu_report.md from what scripts/gpu_check.sh measured.

Usage: scripts/gpu_report.py FOLDER
       scripts/gpu_report.py --bounds CARD [ENGINE_BENCH]

FOLDER holds machine.json ({"device", "gpu", "driver", "cuda", "date", "commit"}), checks.tsv (a line "name,
result, seconds" for each check), the JSON object of each benchmark in bench-NAME.json and, a line
each, those of kernel_bench in bench-kernels.jsonl. What is missing is "not measured" in the report. Exit status: 1 if a check failed or was stopped, if the build or the
tests didn't end in time, or if the sampler's log-probabilities were not the trainer's bit for bit
or, on a GPU, weren't compared; 0 otherwise. Time that ended another check is no failure.

--bounds prints what was asked for and what CARD (H100, "A100 80GB PCIe", ...) allows, before
anything is measured; the models' shapes come from ENGINE_BENCH (build/release/bin/engine_bench).

Bounds are rooflines of the card's data sheet: dense bf16 FLOP and HBM bytes, in series for
training, the larger of both for products in decoding; for a start the fp32 weights' way to the card
and one completion. No launch costs, no start of CUDA, no share of a peak.
"""

import json
import pathlib
import subprocess
import sys

PCIE4, PCIE5, NVLINK_C2C = 32e9, 64e9, 450e9  # bytes/s from the host, x16
# The card's name in nvidia-smi without the maker's -> HBM bytes/s, dense bf16 FLOP/s (NVIDIA's
# data sheets), and its way from the host. The first that begins with what --bounds asks for is
# meant.
CARDS = {
    "H100 80GB HBM3": (3.35e12, 989e12, PCIE5), "H100 PCIe": (2.0e12, 756e12, PCIE5),
    "H100 NVL": (3.9e12, 835e12, PCIE5), "H200": (4.8e12, 989e12, PCIE5),
    "H200 NVL": (4.8e12, 835e12, PCIE5), "GH200 480GB": (4.0e12, 989e12, NVLINK_C2C),
    "B200": (8.0e12, 2250e12, PCIE5),
    "A100-SXM4-80GB": (2.039e12, 312e12, PCIE4), "A100-SXM4-40GB": (1.555e12, 312e12, PCIE4),
    "A100-PCIE-40GB": (1.555e12, 312e12, PCIE4), "A100 80GB PCIe": (1.935e12, 312e12, PCIE4),
    "L40S": (0.864e12, 362e12, PCIE4), "L40": (0.864e12, 181e12, PCIE4),
    "L4": (0.3e12, 121e12, PCIE4), "A10": (0.6e12, 125e12, PCIE4),
    "RTX 4090": (1.008e12, 165e12, PCIE4),
}
MAKER = ("NVIDIA ", "GeForce ")
# Benchmark, figure, what it is, unit, what was asked for (more is better unless it begins "<=").
GOALS = [
    ("train-base", "train_tokens_per_s", "training, base 0.5 B", "tok/s", ">= 160000"),
    ("train-small", "train_tokens_per_s", "training, small 124 M", "tok/s", ">= 520000"),
    ("rollout-base", "rollout_tokens_per_s_1024_rows",
     "rollouts, base, 1,024 rows, 256 + 256 tokens", "tok/s", ">= 150000"),
    ("step-base", "rl_step_s", "GRPO step, base, 64 x 16, 256 + 256 tokens", "s", "<= 4"),
    ("step-base", "times_pytorch", "the same, times as fast as PyTorch on this card", "x", ">= 3"),
    ("step-base", "logprob_diff_max",
     "sampler's log-probabilities from the trainer's, at most", "nats", "<= 0"),
    ("decode-base", "decode_tokens_per_s", "decoding one row, base", "tok/s", ">= 60 % of bound"),
    ("decode-base", "start_to_first_rollout_s",
     "start to the first rollout, base, 256 + 256 tokens", "s", "<= 3"),
]
KV_BYTES, GROUP, TASKS, PROMPT, NEW = 2, 16, 64, 256, 256
# What the goals are about, and how scripts/gpu_check.sh measures it. With GPT-2's vocabulary small
# has as many parameters as that.
VOCAB = {"base": 32768, "small": 50304}
TRAINED = {"tokens_per_step": 32768, "sequence_tokens": 1024}
# A test that hangs is as bad as one that fails, and without the build there is nothing.
MUST_END = ("configure", "build", "gpu-tests", "gpu-ranks")
UNKNOWN = dict.fromkeys(("device", "gpu", "driver", "cuda", "date", "commit"), "unknown")


def card_name(gpu):
    for maker in MAKER:
        gpu = gpu.removeprefix(maker)
    return gpu


def peaks(gpu):
    """(bytes/s, FLOP/s, bytes/s from the host) of the card of that name in nvidia-smi, or None."""
    return CARDS.get(card_name(gpu))


def train_seconds(bench, tokens, context, peak):
    """Least time to train `tokens` tokens that see `context` tokens on average."""
    s = bench["shape"]
    flop = 6 * bench["parameters"] + 6 * s["layers"] * s["heads"] * s["head_dim"] * context
    moved = 192 * s["hidden"] * s["layers"] + 12 * bench["vocab"]
    return tokens * (flop / peak[1] + moved / peak[0])


def rollout_seconds(bench, rows, peak, prompt=PROMPT, new=NEW):
    """Least time to decode `new` tokens in each of `rows` rows, a prompt read once a group."""
    s = bench["shape"]
    kv = 2 * s["layers"] * s["kv_heads"] * s["head_dim"] * KV_BYTES
    groups = max(1, rows // GROUP)
    weights = 2 * bench["parameters"]
    products = max(weights / peak[0], weights * rows / peak[1])
    return new * (products + kv * (groups * prompt + rows * new / 2) / peak[0])


def bound(figure, bench, peak):
    """The best that the card allows for a figure, or None."""
    if peak is None or "shape" not in bench:
        return None
    if figure == "train_tokens_per_s":
        tokens = bench["tokens_per_step"]
        return tokens / train_seconds(bench, tokens, bench["sequence_tokens"] / 2, peak)
    if figure.startswith("rollout_tokens_per_s"):
        rows = int(figure.split("_")[4])
        return rows * NEW / rollout_seconds(bench, rows, peak)
    if figure == "decode_tokens_per_s":
        return NEW / rollout_seconds(bench, 1, peak)
    if figure == "start_to_first_rollout_s":
        return 4 * bench["parameters"] / peak[2] + rollout_seconds(bench, 1, peak)
    if figure == "rl_step_s":
        rows = TASKS * GROUP
        tokens = TASKS * (PROMPT + GROUP * NEW)
        return rollout_seconds(bench, rows, peak) + train_seconds(
            bench, tokens, PROMPT + NEW / 2, peak)
    return None


def share_of_bound(unit, value, best):
    """Percent of what the card allows."""
    return 100 * (best / value if unit == "s" else value / best)


def meets(goal, value, share):
    """Whether a value is what was asked for; None if that can't be said."""
    sign, number, *of_bound = goal.split()
    if of_bound:
        return None if share is None else share >= float(number)
    return value >= float(number) if sign == ">=" else value <= float(number)


def read_benches(folder):
    benches = {}
    for file in sorted(folder.glob("bench-*.json")):
        try:
            benches[file.stem.removeprefix("bench-")] = json.loads(file.read_text())
        except ValueError:
            continue  # stopped before it printed
    kernels = folder / "bench-kernels.jsonl"
    if kernels.exists():
        benches["kernels"] = read_kernels(kernels.read_text())
    return benches


def read_kernels(text):
    """What kernel_bench printed until it ended or was stopped, perhaps within a line."""
    objects = []
    for line in text.splitlines():
        try:
            objects.append(json.loads(line))
        except ValueError:
            break
    return (objects[0] if objects else {}) | {"kernels": objects[1:]}


def figure_row(goal, bench, twin, peak):
    name, figure, what, unit, asked = goal
    if figure == "times_pytorch" and bench.get("rl_step_s") and twin.get("rl_step_s"):
        bench = bench | {figure: twin["rl_step_s"] / bench["rl_step_s"]}
    row = {"benchmark": name, "what": what, "unit": unit, "goal": asked,
           "value": bench.get(figure), "bound": bound(figure, bench, peak),
           "share_of_bound_percent": None, "meets_goal": None, "pytorch": twin.get(figure)}
    if row["value"] is not None:
        if row["bound"]:
            row["share_of_bound_percent"] = share_of_bound(unit, row["value"], row["bound"])
        row["meets_goal"] = meets(asked, row["value"], row["share_of_bound_percent"])
    return row


def kernel_rows(bench, peak):
    """kernel_bench's kernels, each with the least time that the card allows."""
    rows = []
    for kernel in bench.get("kernels", []):
        row = dict(kernel, bound_us=None, share_of_bound_percent=None)
        if peak:
            row["bound_us"] = 1e6 * max(kernel["bytes"] / peak[0], kernel["flop"] / peak[1])
            if kernel.get("us"):
                row["share_of_bound_percent"] = share_of_bound("s", kernel["us"], row["bound_us"])
        rows.append(row)
    return rows


def build(folder):
    # Who was ended early may have left nothing.
    machine = UNKNOWN | json.loads(text_of(folder / "machine.json") or "{}")
    checks = [dict(zip(("name", "result", "seconds"), line.split("\t")))
              for line in text_of(folder / "checks.tsv").splitlines() if line]
    benches = read_benches(folder)
    peak = peaks(machine["gpu"])
    report = {"machine": machine, "card": dict(zip(("bytes_per_s", "flop_per_s", "host_bytes_per_s"), peak or ())),
            "checks": checks,
            "figures": [figure_row(goal, benches.get(goal[0], {}),
                                   benches.get("torch-" + goal[0], {}), peak) for goal in GOALS],
            "kernels": kernel_rows(benches.get("kernels", {}), peak), "benchmarks": benches}
    return report | {"failures": failures(report)}


def text_of(file):
    return file.read_text() if file.exists() else ""


def failures(report):
    """Why it is no good, a sentence each."""
    found = [f"{c['name']}: {c['result']}." for c in report["checks"]
             if c["result"] in ("failed", "stopped") or
             (c["result"] == "out of time" and c["name"] in MUST_END)]
    differences = {name: bench["logprob_diff_max"] for name, bench in report["benchmarks"].items()
                   if bench.get("logprob_diff_max") is not None}
    found += [f"**Not exact**: in {name} the sampler's log-probabilities are {difference} from the "
              "trainer's. They must be the same bits."
              for name, difference in differences.items() if difference != 0]
    if not differences and report["machine"]["device"] != "cpu":
        found.append("The sampler's log-probabilities were not compared with the trainer's.")
    return found


def number(value):
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if 100 <= abs(value) < 1e15 else f"{value:.3g}"


def percent(share):
    return "–" if share is None else f"{share:.0f} %"


def known(value):
    return "–" if value is None else number(value)


def figure_lines(figures):
    lines = ["| | Measured | Unit | Goal | Bound | % of bound | PyTorch, same card |",
             "|---|---|---|---|---|---|---|"]
    for row in figures:
        verdict = {True: " (met)", False: " (missed)", None: ""}[row["meets_goal"]]
        lines.append(f"| {row['what']} | {number(row['value'])} | {row['unit']} | {row['goal']}"
                     f"{verdict} | {known(row['bound'])} | {percent(row['share_of_bound_percent'])}"
                     f" | {number(row['pytorch'])} |")
    return lines


def kernel_lines(kernels):
    lines = ["| Kernel | Shape | µs | Bytes | FLOP | Bound, µs | % of bound |",
             "|---|---|---|---|---|---|---|"]
    lines += [f"| `{k['name']}` | {k['shape']} | {number(k.get('us'))} | {number(k['bytes'])} | "
              f"{number(k['flop'])} | {known(k['bound_us'])} | "
              f"{percent(k['share_of_bound_percent'])} |" for k in kernels]
    return lines


def twin_lines(benches):
    """Which PyTorch stands beside it, and what its rollouts are."""
    twins = {f"PyTorch {twin['torch']}, rollouts by {twin['rolled_out_by']}."
             for name, twin in benches.items()
             if name.startswith("torch-") and "rolled_out_by" in twin}
    return ["", " ".join(sorted(twins))] if twins else []


def markdown(report):
    machine = report["machine"]
    lines = [f"# GPU check: {machine['gpu']}", "",
             f"{machine['date']}, driver {machine['driver']}, CUDA {machine['cuda']}, "
             f"commit {machine['commit']}."]
    if not report["card"]:
        lines += ["", "Unknown card: no bound."]
    if report["failures"]:
        lines += ["", "Failed:", ""] + [f"- {failure}" for failure in report["failures"]]
    lines += ["", "| Check | Result | Seconds |", "|---|---|---|"]
    for check in report["checks"]:
        result = check["result"].replace("|", "\\|")
        lines.append(f"| {check['name']} | {result} | {check['seconds']} |")
    lines += [""] + figure_lines(report["figures"])
    lines += ["", "A start lasts from that of the process to the end of its first completion; the "
                  "host has the model's file in memory."]
    lines += twin_lines(report["benchmarks"])
    if report["kernels"]:
        lines += ["", "Kernels, each alone, with nothing of it in caches; bound by the card's bytes or FLOP, whichever "
                      "takes longer:", ""] + kernel_lines(report["kernels"])
    return "\n".join(lines) + "\n"


def planned(engine_bench, preset):
    """What engine_bench would say of a preset, before it measured anything."""
    try:
        result = subprocess.run(
            [engine_bench, "--shape", "--preset", preset, "--vocab", str(VOCAB[preset])],
            capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"gpu_report.py: {error}; build engine_bench, or name it behind the card")
    return json.loads(result.stdout) | TRAINED


def bounds(asked, engine_bench):
    """The goals as a table, with what a card allows."""
    card = asked if asked in CARDS else next((c for c in CARDS if c.startswith(asked)), None)
    if card is None:
        sys.exit(f"gpu_report.py: no figures of \"{asked}\" here; known are {', '.join(CARDS)}")
    models = {preset: planned(engine_bench, preset) for preset in VOCAB}
    peak = CARDS[card]
    lines = [f"| On {card} ({peak[0] / 1e12:g} TB/s, {peak[1] / 1e12:g} TFLOP/s) | Goal | Bound | "
             "Goal, % of bound | Measured |", "|---|---|---|---|---|"]
    for name, figure, what, unit, goal in GOALS:
        best = bound(figure, models[name.split("-")[1]], peak)
        sign, value, *of_bound = goal.split()
        share = (float(value) if of_bound else
                 None if best is None else share_of_bound(unit, float(value), best))
        asked_for = goal if of_bound else f"{sign} {float(value):,.0f} {unit}"
        lines.append(f"| {what} | {asked_for} | {'–' if best is None else number(best) + ' ' + unit} | "
                     f"{percent(share)} | not yet measured |")
    return "\n".join(lines)


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--bounds"] and len(arguments) in (2, 3):
        print(bounds(arguments[1], (arguments[2:] or ["build/release/bin/engine_bench"])[0]))
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__.strip())
        return 0 if arguments in (["-h"], ["--help"]) else 2
    folder = pathlib.Path(arguments[0])
    if not folder.is_dir():
        sys.exit(f"gpu_report.py: no folder {folder}; scripts/gpu_check.sh makes one")
    report = build(folder)
    (folder / "gpu_report.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / "gpu_report.md").write_text(markdown(report))
    print(markdown(report))
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
