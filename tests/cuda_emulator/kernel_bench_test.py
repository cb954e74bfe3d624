"""kernel_bench in the emulator: every kernel of docs/cuda.md is timed, and no time is given.

Usage: kernel_bench_test.py PROGRAM
"""

import json
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = sys.argv.pop(1)


def listed():
    """Names in the first column of the table of kernels."""
    table = (ROOT / "docs/cuda.md").read_text().split("| Kernel | Fuses |")[1].split("\n\n")[0]
    rows = [row.split(" | ")[0] for row in table.splitlines()[2:]]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


class KernelBench(unittest.TestCase):

    def test_every_kernel_at_a_tiny_shape(self):
        result = subprocess.run([PROGRAM, "--preset", "pico", "--vocab", "90", "--tokens", "48",
                                 "--length", "32", "--rows", "3", "--runs", "1"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        header, *kernels = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(header, {"bench": "kernels", "preset": "pico", "vocab": 90})
        self.assertGreaterEqual(len(listed()), 20)
        self.assertEqual(listed() - {k["name"].split(",")[0] for k in kernels}, set())
        for kernel in kernels:
            self.assertIsNone(kernel["us"], kernel)
            self.assertGreater(kernel["bytes"], 0, kernel)
            is_product = kernel["name"].startswith(("Linear", "logits", "Attention", "FewRows"))
            self.assertEqual(kernel["flop"] > 0, is_product, kernel)


if __name__ == "__main__":
    unittest.main()
