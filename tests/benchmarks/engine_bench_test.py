"""engine_bench on a tiny model: one folder for all benchmarks, and when the first rollout is there.

Usage: engine_bench_test.py PROGRAM
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv.pop(1)


class EngineBench(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.models = pathlib.Path(folder.name)

    def bench(self, *arguments, before=""):
        """Its JSON object; the shell command `before` runs in the process that becomes it."""
        result = subprocess.run(
            ["sh", "-c", before + 'exec "$@"', "sh", PROGRAM, "--preset", "pico", "--vocab", "90",
             "--models", self.models, "--runs", "1", *arguments],
            capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_one_model_serves_every_length(self):
        model = self.bench("--shape")["model"]
        weights = pathlib.Path(model, "model.safetensors")
        written = weights.stat().st_mtime_ns
        for shape in (["--parts", "decode", "--prompt", "8", "--new", "8"],
                      ["--parts", "train", "--tokens", "600", "--length", "600"]):
            self.assertEqual(self.bench(*shape)["model"], model)
        self.assertEqual([f.name for f in self.models.iterdir()], ["pico-90"])
        self.assertEqual(weights.stat().st_mtime_ns, written)

    def test_the_first_rollout_counts_from_the_processs_start(self):
        decode = ["--parts", "decode", "--prompt", "8", "--new", "8"]
        # Drawing the model isn't starting it.
        self.assertNotIn("start_to_first_rollout_s", self.bench(*decode))
        begin = time.monotonic()
        seconds = self.bench(*decode, before="sleep 0.3; ")["start_to_first_rollout_s"]
        # Of the kernel's clock, in steps of 10 ms.
        self.assertGreater(seconds, 0.28)
        self.assertLess(seconds, time.monotonic() - begin + 0.02)

    def test_micro_batches_make_a_step(self):
        step = ["--parts", "train,step", "--tokens", "2048", "--length", "64", "--tasks", "2",
                "--prompt", "8", "--new", "8"]
        whole, parts = self.bench(*step), self.bench(*step, "--micro-batch", "512")
        self.assertEqual((whole["micro_batch_tokens"], parts["micro_batch_tokens"]), (2048, 512))
        self.assertLess(parts["activations_mib"], whole["activations_mib"])
        self.assertEqual((whole["logprob_diff_max"], parts["logprob_diff_max"]), (0, 0))


if __name__ == "__main__":
    unittest.main()
