"""Runs scripts/gpu_report.py over measurements made up for it, and gpu_check.sh without a GPU."""

import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "scripts/gpu_report.py"

spec = importlib.util.spec_from_file_location("gpu_report", SCRIPT)
gpu_report = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(gpu_report)

MACHINE = {"device": "cuda", "gpu": "NVIDIA H100 80GB HBM3", "driver": "580.1", "cuda": "release 13.0",
           "date": "2026-01-02", "commit": "abc"}
NANO = {"parameters": 1_000_000, "vocab": 1000,
        "shape": {"hidden": 128, "layers": 4, "heads": 4, "kv_heads": 2, "head_dim": 32,
                  "intermediate": 384}}
EXACT = {"step-base": json.dumps({"logprob_diff_max": 0})}
H100 = (3.35e12, 989e12, 64e9)


def report(benches, checks="build\tpassed\t12\n", machine=MACHINE):
    """(exit status, gpu_report.json, gpu_report.md) of these files."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "machine.json").write_text(json.dumps(machine))
        (folder / "checks.tsv").write_text(checks)
        for bench, text in benches.items():
            suffix = "jsonl" if bench == "kernels" else "json"
            (folder / f"bench-{bench}.{suffix}").write_text(text)
        result = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True,
                                check=False)
        return (result.returncode, json.loads((folder / "gpu_report.json").read_text()),
                (folder / "gpu_report.md").read_text())


def figure(data, what):
    return next(f for f in data["figures"] if f["what"].startswith(what))


class Bounds(unittest.TestCase):

    def test_decoding_reads_the_weights_and_the_cache(self):
        # 4 layers x 2 heads of 32 keys and values in bf16 are 1,024 bytes a token; a row of 256
        # tokens that gets 256 more has 384 on average: 2e6 + 393,216 bytes for each new token.
        best = gpu_report.bound("decode_tokens_per_s", NANO, H100)
        self.assertAlmostEqual(best, 3.35e12 / 2_393_216, delta=1)

    def test_training_is_products_and_the_rest_in_series(self):
        bench = NANO | {"tokens_per_step": 4096, "sequence_tokens": 128}
        # 6 N + 6 L H d 64 = 6,000,000 + 196,608 FLOP; 192 c L + 12 V = 98,304 + 12,000 bytes.
        best = gpu_report.bound("train_tokens_per_s", bench, H100)
        self.assertAlmostEqual(best, 1 / (6_196_608 / 989e12 + 110_304 / 3.35e12), delta=1)

    def test_a_start_takes_the_weights_to_the_card_and_a_completion(self):
        best = gpu_report.bound("start_to_first_rollout_s", NANO, H100)
        # 4,000,000 bytes through PCIe; 256 tokens as above.
        self.assertAlmostEqual(best, 4e6 / 64e9 + 256 * 2_393_216 / 3.35e12)

    def test_many_rows_are_bound_by_products(self):
        one = gpu_report.rollout_seconds(NANO, 1, H100)
        self.assertLess(gpu_report.rollout_seconds(NANO, 64, H100), 64 * one)
        self.assertGreater(gpu_report.rollout_seconds(NANO, 1024, H100), one)

    def test_an_unknown_card_has_none(self):
        self.assertIsNone(gpu_report.bound("decode_tokens_per_s", NANO, None))
        text = report({}, machine=MACHINE | {"gpu": "NVIDIA T4"})[2]
        self.assertIn("Unknown card: no bound.", text)
        self.assertNotIn("Unknown card", report({})[2])

    def test_a_card_is_known_by_its_whole_name(self):
        self.assertEqual(gpu_report.peaks("NVIDIA H100 80GB HBM3"), H100)
        bytes_per_s = {"NVIDIA H100 PCIe": 2.0e12, "NVIDIA H100 NVL": 3.9e12,
                       "NVIDIA GH200 480GB": 4.0e12, "NVIDIA H200": 4.8e12, "NVIDIA L4": 0.3e12,
                       "NVIDIA L40": 0.864e12, "NVIDIA A100-SXM4-80GB": 2.039e12,
                       "NVIDIA A100 80GB PCIe": 1.935e12, "NVIDIA A100-PCIE-40GB": 1.555e12,
                       "NVIDIA GeForce RTX 4090": 1.008e12}
        self.assertEqual({name: gpu_report.peaks(name)[0] for name in bytes_per_s}, bytes_per_s)
        for name in ("NVIDIA T4", "NVIDIA A10G", "NVIDIA RTX 6000 Ada Generation",
                     "NVIDIA H100 80GB HBM3 MIG 1g.10gb"):
            self.assertIsNone(gpu_report.peaks(name), name)

    def test_the_goals_before_anything_is_measured(self):
        with tempfile.TemporaryDirectory() as name:
            bench = pathlib.Path(name) / "engine_bench"
            bench.write_text(f"#!/bin/sh\necho '{json.dumps(NANO)}'\n")
            bench.chmod(0o755)
            run = lambda card: subprocess.run([sys.executable, SCRIPT, "--bounds", card, bench],
                                              capture_output=True, text=True, check=False)
            lines = run("H100").stdout.splitlines()
            self.assertIn("On H100 80GB HBM3 (3.35 TB/s, 989 TFLOP/s)", lines[0])
            self.assertEqual(len(lines), 2 + len(gpu_report.GOALS))
            self.assertTrue(all(line.endswith("| not yet measured |") for line in lines[2:]))
            # 3.35e12 / 2,393,216 as above.
            self.assertIn("| decoding one row, base | >= 60 % of bound | 1,399,790 tok/s | 60 % |",
                          "\n".join(lines))
            unknown = run("T4")
            self.assertEqual(unknown.returncode, 1)
            self.assertIn("no figures of \"T4\"", unknown.stderr)


class Report(unittest.TestCase):

    def test_says_what_was_measured_and_what_was_not(self):
        bench = NANO | {"decode_tokens_per_s": 700_000, "start_to_first_rollout_s": 3.5}
        status, data, text = report(EXACT | {"decode-base": json.dumps(bench)})
        self.assertEqual(status, 0)
        decode = figure(data, "decoding one row")
        self.assertAlmostEqual(decode["share_of_bound_percent"], 50.0, delta=0.1)
        self.assertFalse(decode["meets_goal"])  # 60 % were asked for
        self.assertFalse(figure(data, "start")["meets_goal"])
        self.assertIsNone(figure(data, "training, base")["value"])
        self.assertIn("| training, base 0.5 B | not measured |", text)
        self.assertIn("NVIDIA H100", text)
        self.assertIn("| build | passed | 12 |", text)

    def test_puts_pytorch_beside_it(self):
        ours = NANO | {"rl_step_s": 2.0, "logprob_diff_max": 0}
        _, data, text = report({"step-base": json.dumps(ours),
                                "torch-step-base": json.dumps(
                                    {"rl_step_s": 8.0, "torch": "2.6",
                                     "rolled_out_by": "transformers 4.53 generate"})})
        self.assertIn("PyTorch 2.6, rollouts by transformers 4.53 generate.", text)
        self.assertTrue(figure(data, "GRPO step")["meets_goal"])
        self.assertEqual(figure(data, "GRPO step")["pytorch"], 8.0)
        self.assertEqual(figure(data, "the same, times")["value"], 4.0)
        self.assertIn(">= 3 (met)", text)
        self.assertIn("<= 4 (met)", text)
        self.assertIn("| 0 | nats | <= 0 (met) |", text)

    def test_a_step_that_pytorch_nearly_matches_misses_its_goal(self):
        benches = {"step-base": json.dumps(NANO | {"rl_step_s": 2.0}),
                   "torch-step-base": json.dumps({"rl_step_s": 5.0})}
        self.assertFalse(figure(report(benches)[1], "the same, times")["meets_goal"])
        del benches["torch-step-base"]
        self.assertIsNone(figure(report(benches)[1], "the same, times")["meets_goal"])

    def test_log_probabilities_that_differ_fail(self):
        for name in ("step-base", "step-small"):
            status, _, text = report({name: json.dumps(NANO | {"logprob_diff_max": 1e-7})})
            self.assertEqual(status, 1)
            self.assertIn(f"**Not exact**: in {name} ", text)
        self.assertEqual(report(EXACT)[0], 0)

    def test_log_probabilities_that_a_gpu_did_not_compare_fail(self):
        status, data, text = report({"step-base": json.dumps(NANO)})
        self.assertEqual((status, len(data["failures"])), (1, 1))
        self.assertIn("- The sampler's log-probabilities were not compared", text)
        self.assertEqual(report({}, machine=MACHINE | {"device": "cpu"})[0], 0)

    def test_kernels_stand_beside_their_bounds(self):
        # 3.35e9 bytes take 1 ms, 989e6 FLOP 1 us.
        kernels = [{"name": "RmsNorm", "shape": "8192 x 1280", "us": 2000.0, "bytes": 3.35e9,
                    "flop": 0},
                   {"name": "Linear", "shape": "x", "us": None, "bytes": 1, "flop": 989e6}]
        lines = [json.dumps(line) for line in [{"bench": "kernels", "preset": "base"}] + kernels]
        _, data, text = report({"kernels": "\n".join(lines) + "\n"})
        self.assertEqual(data["benchmarks"]["kernels"]["preset"], "base")
        self.assertAlmostEqual(data["kernels"][0]["share_of_bound_percent"], 50.0)
        self.assertAlmostEqual(data["kernels"][1]["bound_us"], 1.0)
        self.assertIn("| `RmsNorm` | 8192 x 1280 | 2,000 |", text)
        self.assertIn("| 1,000 | 50 % |", text)
        self.assertIn("| `Linear` | x | not measured |", text)

    def test_kernels_that_were_timed_before_the_end_stay(self):
        kernel = {"name": "RmsNorm", "shape": "8 x 8", "us": 1.0, "bytes": 1, "flop": 0}
        text = '{"bench": "kernels"}\n' + json.dumps(kernel) + '\n{"name": "Rou'
        self.assertEqual([k["name"] for k in report({"kernels": text})[1]["kernels"]], ["RmsNorm"])
        self.assertEqual(report({"kernels": ""})[1]["kernels"], [])

    def test_a_benchmark_that_was_stopped_is_not_measured(self):
        status, data, _ = report(EXACT | {"train-base": '{"bench": '},
                                 "bench-train-base\tout of time\t9\n")
        self.assertEqual(status, 0)
        self.assertIsNone(figure(data, "training, base")["value"])

    def test_a_failed_check_fails(self):
        status, _, text = report(EXACT, "quickstart\tfailed\t3\n")
        self.assertEqual(status, 1)
        self.assertIn("- quickstart: failed.", text)
        self.assertEqual(report(EXACT, "quickstart\tstopped\t3\n")[0], 1)

    def test_the_gpus_tests_must_end_in_time(self):
        for name, expected in (("gpu-tests", 1), ("gpu-ranks", 1), ("build", 1), ("quickstart", 0),
                               ("sanitizer-memcheck", 0)):
            self.assertEqual(report(EXACT, f"{name}\tout of time\t150\n")[0], expected, name)
        self.assertEqual(report(EXACT, "gpu-ranks\tnot run: one GPU\t0\n")[0], 0)

    def test_a_peer_that_fails_is_not_run(self):
        status, _, text = report(EXACT, "bench-torch-x\tnot run: a | b\t3\n")
        self.assertEqual(status, 0)
        self.assertIn("| bench-torch-x | not run: a \\| b | 3 |", text)

    def test_nothing_at_all_is_a_report_too(self):
        with tempfile.TemporaryDirectory() as name:
            result = subprocess.run([sys.executable, SCRIPT, name], capture_output=True, text=True,
                                    check=False)
            self.assertEqual(result.returncode, 1, result.stderr)
            text = pathlib.Path(name, "gpu_report.md").read_text()
            self.assertIn("# GPU check: unknown", text)


class Check(unittest.TestCase):

    def run_check(self, *arguments):
        return subprocess.run([ROOT / "scripts/gpu_check.sh", *arguments], capture_output=True,
                              text=True, check=False)

    def test_says_that_there_is_no_gpu(self):
        if shutil.which("nvidia-smi"):
            self.skipTest("there may be one")
        result = self.run_check()
        self.assertEqual(result.returncode, 1)
        self.assertIn("no NVIDIA GPU", result.stderr)

    def test_refuses_unknown_arguments(self):
        self.assertEqual(self.run_check("--fast").returncode, 2)
        self.assertEqual(self.run_check("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
