"""The goals for a GPU in docs/benchmarks.md are what the tools say of the models as they are.

Usage: gpu_goals.py ENGINE_BENCH
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

printed = subprocess.run([sys.executable, ROOT / "scripts/gpu_report.py", "--bounds", "H100",
                          sys.argv[1]], capture_output=True, text=True, check=True).stdout
if printed not in (ROOT / "docs/benchmarks.md").read_text():
    sys.exit("docs/benchmarks.md has another table of goals than this, of scripts/gpu_report.py "
             "--bounds H100:\n" + printed)
