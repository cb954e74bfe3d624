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

MACHINE = {"gpu": "NVIDIA H100 80GB HBM3", "driver": "580.1", "cuda": "release 13.0",
           "date": "2026-01-02", "commit": "abc"}
NANO = {"preset": "nano", "parameters": 1_000_000, "vocab": 1000}
H100 = (3.35e12, 989e12)


def report(benches, checks="build\tpassed\t12\n", machine=MACHINE):
    """(exit status, gpu_report.json, gpu_report.md) of these files."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "machine.json").write_text(json.dumps(machine))
        (folder / "checks.tsv").write_text(checks)
        for bench, text in benches.items():
            (folder / f"bench-{bench}.json").write_text(text)
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
        best = gpu_report.bound("decode-base", "decode_tokens_per_s", NANO, H100)
        self.assertAlmostEqual(best, 3.35e12 / 2_393_216, delta=1)

    def test_training_is_products_and_the_rest_in_series(self):
        bench = NANO | {"tokens_per_step": 4096, "sequence_tokens": 128}
        # 6 N + 6 L H d 64 = 6,000,000 + 196,608 FLOP; 192 c L + 12 V = 98,304 + 12,000 bytes.
        best = gpu_report.bound("train-base", "train_tokens_per_s", bench, H100)
        self.assertAlmostEqual(best, 1 / (6_196_608 / 989e12 + 110_304 / 3.35e12), delta=1)

    def test_many_rows_are_bound_by_products(self):
        one = gpu_report.rollout_seconds(NANO, 1, H100)
        self.assertLess(gpu_report.rollout_seconds(NANO, 64, H100), 64 * one)
        self.assertGreater(gpu_report.rollout_seconds(NANO, 1024, H100), one)

    def test_an_unknown_card_has_none(self):
        self.assertIsNone(gpu_report.peaks("NVIDIA T4"))
        self.assertEqual(gpu_report.peaks("NVIDIA H100 PCIe")[0], 2.0e12)
        self.assertIsNone(gpu_report.bound("x", "decode_tokens_per_s", NANO, None))


class Report(unittest.TestCase):

    def test_says_what_was_measured_and_what_was_not(self):
        bench = NANO | {"decode_tokens_per_s": 700_000, "start_to_first_token_s": 3.5}
        status, data, text = report({"decode-base": json.dumps(bench)})
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
                                "torch-step-base": json.dumps({"rl_step_s": 8.0})})
        self.assertTrue(figure(data, "GRPO step")["meets_goal"])
        self.assertEqual(figure(data, "GRPO step")["pytorch"], 8.0)
        self.assertIn("<= 4 (met)", text)
        self.assertIn("| 0 | nats | <= 0 (met) |", text)

    def test_a_benchmark_that_was_stopped_is_not_measured(self):
        status, data, _ = report({"train-base": '{"bench": '}, "bench-train-base\tout of time\t9\n")
        self.assertEqual(status, 0)
        self.assertIsNone(figure(data, "training, base")["value"])

    def test_a_failed_check_fails(self):
        self.assertEqual(report({}, "gpu-tests\tfailed\t3\n")[0], 1)


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
