#!/usr/bin/env python3
"""Writes gpu_report.json and gpu_report.md from what scripts/gpu_check.sh measured.

Usage: scripts/gpu_report.py FOLDER

FOLDER holds machine.json ({"gpu", "driver", "cuda", "date", "commit"}), checks.tsv (a line "name,
result, seconds" for each check) and the JSON object of each benchmark in bench-NAME.json. What is
missing is "not measured" in the report. Exit status: 0 unless a check failed.

Bounds are rooflines of the card's data sheet: dense bf16 FLOP and HBM bytes, in series for
training, the larger of both for products in decoding. No launch costs, no share of a peak.
"""

import json
import pathlib
import sys

# Part of the card's name -> HBM bytes/s, dense bf16 FLOP/s (NVIDIA's data sheets).
CARDS = {
    "H200": (4.8e12, 989e12), "H100 PCIe": (2.0e12, 756e12), "H100": (3.35e12, 989e12),
    "B200": (8.0e12, 2250e12), "A100-SXM4-80GB": (2.04e12, 312e12), "A100": (1.56e12, 312e12),
    "L40S": (0.864e12, 362e12), "L4": (0.3e12, 121e12), "RTX 4090": (1.008e12, 165e12),
    "A10": (0.6e12, 125e12),
}
# As in policy/model_config.cc: hidden, layers, heads, kv heads, head size, SwiGLU width.
PRESETS = {
    "nano": (128, 4, 4, 2, 32, 384), "micro": (256, 6, 4, 2, 64, 768),
    "mini": (512, 8, 8, 4, 64, 1536), "small": (768, 12, 12, 4, 64, 2304),
    "base": (1280, 24, 20, 4, 64, 3840),
}
# Benchmark, figure, what it is, unit, what was asked for (more is better unless it begins "<=").
GOALS = [
    ("train-base", "train_tokens_per_s", "training, base 0.5 B", "tok/s", ">= 160000"),
    ("train-small", "train_tokens_per_s", "training, small 124 M", "tok/s", ">= 520000"),
    ("rollout-base", "rollout_tokens_per_s_1024_rows",
     "rollouts, base, 1,024 rows, 256 + 256 tokens", "tok/s", ">= 150000"),
    ("step-base", "rl_step_s", "GRPO step, base, 64 x 16, 256 + 256 tokens", "s", "<= 4"),
    ("step-base", "logprob_diff_max",
     "sampler's log-probabilities from the trainer's, at most", "nats", "<= 0"),
    ("decode-base", "decode_tokens_per_s", "decoding one row, base", "tok/s", ">= 60 % of bound"),
    ("decode-base", "start_to_first_token_s", "start to the first token, base", "s", "<= 3"),
]
KV_BYTES, GROUP, TASKS, PROMPT, NEW = 2, 16, 64, 256, 256


def peaks(gpu):
    """(bytes/s, FLOP/s) of a card, or None."""
    for name, peak in CARDS.items():  # the longer names come before what they contain
        if name in gpu:
            return peak
    return None


def train_seconds(bench, tokens, context, peak):
    """Least time to train `tokens` tokens that see `context` tokens on average."""
    c, layers, heads, _, d, _ = PRESETS[bench["preset"]]
    flop = 6 * bench["parameters"] + 6 * layers * heads * d * context
    moved = 192 * c * layers + 12 * bench["vocab"]
    return tokens * (flop / peak[1] + moved / peak[0])


def rollout_seconds(bench, rows, peak, prompt=PROMPT, new=NEW):
    """Least time to decode `new` tokens in each of `rows` rows, a prompt read once a group."""
    _, layers, _, kv_heads, d, _ = PRESETS[bench["preset"]]
    kv = 2 * layers * kv_heads * d * KV_BYTES
    groups = max(1, rows // GROUP)
    weights = 2 * bench["parameters"]
    products = max(weights / peak[0], weights * rows / peak[1])
    return new * (products + kv * (groups * prompt + rows * new / 2) / peak[0])


def bound(name, figure, bench, peak):
    """The best that the card allows for a figure, or None."""
    if peak is None or bench.get("preset") not in PRESETS:
        return None
    if figure == "train_tokens_per_s":
        tokens = bench["tokens_per_step"]
        return tokens / train_seconds(bench, tokens, bench["sequence_tokens"] / 2, peak)
    if figure.startswith("rollout_tokens_per_s"):
        rows = int(figure.split("_")[4])
        return rows * NEW / rollout_seconds(bench, rows, peak)
    if figure == "decode_tokens_per_s":
        return NEW / rollout_seconds(bench, 1, peak)
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
    return benches


def build(folder):
    machine = json.loads((folder / "machine.json").read_text())
    checks = [dict(zip(("name", "result", "seconds"), line.split("\t")))
              for line in (folder / "checks.tsv").read_text().splitlines() if line]
    benches = read_benches(folder)
    peak = peaks(machine["gpu"])
    figures = []
    for name, figure, what, unit, goal in GOALS:
        bench, twin = benches.get(name, {}), benches.get("torch-" + name, {})
        row = {"what": what, "unit": unit, "goal": goal, "value": bench.get(figure),
               "bound": bound(name, figure, bench, peak), "share_of_bound_percent": None,
               "meets_goal": None, "pytorch": twin.get(figure)}
        if row["value"] is not None:
            if row["bound"]:
                row["share_of_bound_percent"] = share_of_bound(unit, row["value"], row["bound"])
            row["meets_goal"] = meets(goal, row["value"], row["share_of_bound_percent"])
        figures.append(row)
    return {"machine": machine, "checks": checks, "figures": figures, "benchmarks": benches}


def number(value, unit=""):
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" + (f" {unit}" if unit else "")


def markdown(report):
    machine = report["machine"]
    lines = [f"# GPU check: {machine['gpu']}", "",
             f"{machine['date']}, driver {machine['driver']}, CUDA {machine['cuda']}, "
             f"commit {machine['commit']}.", "",
             "| Check | Result | Seconds |", "|---|---|---|"]
    lines += [f"| {c['name']} | {c['result']} | {c['seconds']} |" for c in report["checks"]]
    lines += ["", "| | Measured | Unit | Goal | Bound | % of bound | PyTorch, same card |",
              "|---|---|---|---|---|---|---|"]
    for row in report["figures"]:
        verdict = {True: " (met)", False: " (missed)", None: ""}[row["meets_goal"]]
        share = row["share_of_bound_percent"]
        lines.append(f"| {row['what']} | {number(row['value'])} | {row['unit']} | {row['goal']}"
                     f"{verdict} | {number(row['bound'])} | "
                     f"{'–' if share is None else f'{share:.0f} %'} | {number(row['pytorch'])} |")
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    folder = pathlib.Path(sys.argv[1])
    report = build(folder)
    (folder / "gpu_report.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / "gpu_report.md").write_text(markdown(report))
    print(markdown(report))
    return 1 if any(c["result"] == "failed" for c in report["checks"]) else 0


if __name__ == "__main__":
    sys.exit(main())
