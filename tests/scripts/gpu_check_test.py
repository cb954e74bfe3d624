"""Runs gpu_check.sh, and what chooses nvcc's architectures, with stand-ins for a machine's tools."""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from scripts_test import ROOT, ScriptTest  # pylint: disable=wrong-import-position

PROGRAMS = ("bin/rl-train", "bin/engine_bench", "bin/kernel_bench", "tests/cuda_gpu_test")
PASSED = "echo '[==========] 1 test from 1 test suite ran.'; echo '[  PASSED  ] 1 test.'"
EXACT = "echo '{\"logprob_diff_max\": 0}'"
# What a stand-in of python3 does with "import torch"; the rest is the real one's.
NO_TORCH = "ModuleNotFoundError: No module named 'torch'"
WITHOUT_TORCH = f'case "$*" in *"import torch"*) echo "{NO_TORCH}" >&2; exit 1 ;; esac'


class GpuCheckTest(ScriptTest):

    def setUp(self):
        super().setUp()
        for tool in ["timeout", "tee", "sh", "touch", "git", "sleep", "cp", "awk", "tr", "ninja",
                     "g++"]:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.gpus(1)
        self.command("nvcc", "echo 'release 13.0'")
        for program in PROGRAMS:
            self.program(program, PASSED if "test" in program else EXACT)
        made = "; ".join(f"mkdir -p $(dirname build/gpu_check/{p}); cp {self.bin}/{self.stem(p)} "
                         f"build/gpu_check/{p}" for p in PROGRAMS)
        self.command("cmake", f'[ "$1" != --build ] || {{ {made}; }}')
        self.python(WITHOUT_TORCH)

    def gpus(self, count):
        lines = "; ".join(f"echo 'GPU {i}: NVIDIA H100 80GB HBM3 (UUID: GPU-{i})'"
                          for i in range(count))
        self.command("nvidia-smi", f'[ "$*" = -L ] && {{ {lines}; }} || echo "NVIDIA H100 80GB HBM3"')

    @staticmethod
    def stem(program):
        return program.replace("/", "-")

    def program(self, name, body):
        """What the build makes of it."""
        self.command(self.stem(name), body)

    def python(self, first):
        self.command("python3", f'{first}\ncase "$*" in *torch_peer.py*) echo "{{}}"; exit ;; esac\n'
                                f'exec {sys.executable} "$@"')

    def check(self, *args):
        """(exit status, what came of each check, stderr)."""
        status, _, err = self.run_script("gpu_check.sh", "--out", str(self.folder / "out"), *args)
        report = json.loads((self.folder / "out/gpu_report.json").read_text())
        return status, {c["name"]: c["result"] for c in report["checks"]}, err

    def test_all_is_well(self):
        status, results, err = self.check()
        self.assertEqual(status, 0, err)
        self.assertEqual({n: r for n, r in results.items() if r != "passed"},
                         {"gpu-ranks": "not run: one GPU",
                          "pytorch": "not run: " + NO_TORCH,
                          "compute-sanitizer": "not run: it isn't installed"})
        # Built apart, for the card that is there.
        configure = next(c for c in self.calls() if c.startswith("cmake --preset"))
        self.assertIn("-B build/gpu_check", configure)
        self.assertIn("-DCMAKE_CUDA_ARCHITECTURES=native", configure)

    def test_skipped_gpu_tests_have_failed(self):
        self.program("tests/cuda_gpu_test", "echo '[  SKIPPED ] Kernel.Follows (0 ms)'; " + PASSED)
        status, results, _ = self.check()
        self.assertEqual((status, results["gpu-tests"]), (1, "failed"))

    def test_ranks_need_several_gpus(self):
        # As the tests themselves do, which is no failure of a machine with one.
        skipped = "echo '[  SKIPPED ] GpuRanks.Exchange (0 ms)'; " + PASSED
        self.program("tests/cuda_gpu_test",
                     f'case "$*" in *=-GpuRanks*) {PASSED} ;; *) {skipped} ;; esac')
        status, results, _ = self.check()
        self.assertEqual((status, results["gpu-ranks"]), (0, "not run: one GPU"))
        self.gpus(2)
        status, results, _ = self.check()
        self.assertEqual((status, results["gpu-tests"], results["gpu-ranks"]),
                         (1, "passed", "failed"))

    def test_the_sampler_must_give_the_trainers_bits(self):
        self.program("bin/engine_bench", "echo '{\"logprob_diff_max\": 1e-6}'")
        self.assertEqual(self.check()[0], 1)

    def test_no_gpu_test_at_all_and_failed_ones_have_failed(self):
        for body in ("echo '[==========] 0 tests from 0 test suites ran.'", PASSED + "; exit 1"):
            self.program("tests/cuda_gpu_test", body)
            self.assertEqual(self.check()[1]["gpu-tests"], "failed")

    def test_nothing_runs_after_a_failed_build(self):
        self.command("cmake", '[ "$1" != --build ]')
        status, results, err = self.check()
        self.assertEqual((status, list(results)), (1, ["configure", "build"]))
        self.assertIn("wasn't built", err)

    def test_what_is_killed_when_its_time_is_up_has_not_failed(self):
        # It doesn't hear SIGTERM, so that timeout has to kill it (after 5 s more).
        self.program("bin/engine_bench", "trap '' TERM; echo $$ > pid; for i in {1..30}; do sleep 1; done")
        _, results, _ = self.check("--minutes", "0.45")
        self.assertEqual(results["model-base"], "out of time")
        self.assert_gone()

    def assert_gone(self):
        """What wrote its number to the file pid."""
        stat = pathlib.Path("/proc", (self.project / "pid").read_text().strip(), "stat")
        state = stat.read_text().rsplit(")", 1)[1].split()[0] if stat.exists() else "gone"
        self.assertIn(state, ("gone", "Z"), "it still runs")

    def test_a_signal_leaves_a_report(self):
        self.program("bin/engine_bench", "echo $$ > pid; sleep 30")
        for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)):
            (self.project / "pid").unlink(missing_ok=True)
            script = subprocess.Popen(
                ["bash", self.project / "scripts/gpu_check.sh", "--out", self.folder / "out"],
                env={"PATH": str(self.bin)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 30
            while not (self.project / "pid").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            script.send_signal(number)
            self.assertEqual(script.wait(20), status)
            report = json.loads((self.folder / "out/gpu_report.json").read_text())
            last = report["checks"][-1]
            self.assertEqual((last["name"], last["result"]), ("model-base", "stopped"))
            self.assertIn("gpu-tests", [c["name"] for c in report["checks"]])
            self.assert_gone()

    def test_a_report_of_before_is_gone(self):
        out = self.folder / "out"
        out.mkdir()
        for name in ("gpu_report.json", "gpu_report.md", "bench-step-base.json"):
            (out / name).write_text("{}")
        self.command("nvidia-smi", "exit 1")
        status, _, err = self.run_script("gpu_check.sh", "--out", str(out))
        self.assertEqual((status, list(out.iterdir())), (1, []))
        self.assertIn("no NVIDIA GPU", err)

    def test_a_bare_machine_is_told_what_it_lacks(self):
        for tool in ("python3", "cmake", "ninja", "g++"):
            (self.bin / tool).unlink()
        status, _, err = self.run_script("gpu_check.sh", "--out", str(self.folder / "out"))
        self.assertEqual(status, 1)
        self.assertIn("missing: python3 cmake ninja g++. scripts/deps.sh installs", err)

    def test_tests_that_hang_leave_time_for_the_figures(self):
        self.command("timeout", 'shift; shift; case "$*" in *tests/cuda_gpu_test*) exit 124 ;; '
                                'esac; exec "$@"')
        status, results, _ = self.check()
        self.assertEqual((status, results["gpu-tests"], results["bench-step-base"]),
                         (1, "out of time", "passed"))
        # Every program but the build has a limit well below the whole time.
        limits = {call: int(call.split()[2]) for call in self.calls() if call.startswith("timeout")}
        long = [call for call, limit in limits.items() if limit > 150 and " cmake " not in call]
        self.assertEqual(long, [])
        self.assertLessEqual(max(limits.values()), 585)

    def test_what_others_kill_has_failed(self):
        self.program("bin/engine_bench", "kill -9 $$")
        self.assertEqual(self.check()[1]["bench-decode-base"], "failed")

    def test_a_peer_that_fails_is_no_failure(self):
        self.python('case "$*" in *"import torch"*) exit 0 ;; *torch_peer.py*) '
                    'echo "OutOfMemoryError: CUDA out of memory" >&2; exit 1 ;; esac')
        status, results, _ = self.check()
        self.assertEqual((status, results["bench-torch-step-base"]),
                         (0, "not run: OutOfMemoryError: CUDA out of memory"))

    def test_pytorch_without_the_gpu_is_no_peer(self):
        self.python('case "$*" in *is_available*) echo "this PyTorch sees no GPU" >&2; exit 1 ;; esac')
        results = self.check()[1]
        self.assertEqual(results["pytorch"], "not run: this PyTorch sees no GPU")
        self.assertNotIn("bench-torch-train-base", results)

    def test_the_twin_runs_as_often(self):
        self.python('case "$*" in *"import torch"*) exit 0 ;; esac')
        self.assertEqual(self.check()[1]["bench-torch-train-base"], "passed")
        for bench in ("train", "rollout", "step"):
            runs = {call.split("--runs ")[1].split()[0] for call in self.calls()
                    if call.startswith(("python3", "bin-engine_bench")) and
                    (f"--parts {bench}" in call or (bench == "train" and "--parts" not in call))
                    and "--runs" in call}
            self.assertEqual(runs, {"3" if bench == "train" else "1"}, bench)

    def test_the_sanitizer_comes_last_and_is_capped(self):
        self.command("compute-sanitizer", "echo '========= ERROR SUMMARY: 0 errors'")
        self.command("timeout", 'shift; shift; exec "$@"')
        status, results, _ = self.check()
        tools = ["sanitizer-memcheck", "sanitizer-synccheck", "sanitizer-racecheck"]
        self.assertEqual((status, list(results)[-3:]), (0, tools))
        limits = [int(c.split()[2]) for c in self.calls()
                  if c.startswith("timeout") and "compute-sanitizer" in c]
        self.assertEqual([n <= 120 for n in limits], [True] * 3)

    def test_what_the_sanitizer_found_before_its_time_was_up_counts(self):
        self.command("timeout", 'shift; shift; exec "$@"')
        for found in ("=========     at agon::Kernel(float*)+0x40 in rows.cu:12",
                      "========= ERROR: Race reported between Read access at 0x6360",
                      "========= Error: Race reported between Write access at 0x1fe0"):
            self.command("compute-sanitizer", f"echo '========= COMPUTE-SANITIZER'; echo '{found}'; "
                                              "exit 124")
            status, results, _ = self.check()
            self.assertEqual((status, results["sanitizer-memcheck"]), (1, "failed"), found)
        self.command("compute-sanitizer", "echo '========= COMPUTE-SANITIZER'; exit 124")
        status, results, _ = self.check()
        self.assertEqual((status, results["sanitizer-memcheck"]), (0, "out of time"))


class Architectures(unittest.TestCase):

    def chosen(self, *known):
        with tempfile.TemporaryDirectory() as name:
            nvcc = pathlib.Path(name) / "nvcc"
            listed = "\\n".join(f"compute_{k}" for k in known)
            nvcc.write_text(f"#!/bin/sh\nprintf '{listed}\\n'\n")
            nvcc.chmod(0o755)
            script = pathlib.Path(name) / "query.cmake"
            script.write_text(f"include({ROOT}/cmake/cuda_architectures.cmake)\n"
                              f"agon_cuda_architectures({nvcc} chosen)\nmessage(\"${{chosen}}\")\n")
            return subprocess.run(["cmake", "-P", script], capture_output=True, text=True,
                                  check=True).stderr.strip()

    def test_blackwell_where_nvcc_knows_it(self):
        self.assertEqual(self.chosen(80, 90, 100, 120), "80-real;90-real;100-real")

    def test_an_older_nvcc_leaves_it_to_the_driver(self):
        self.assertEqual(self.chosen(80, 86, 90), "80-real;90")


if __name__ == "__main__":
    unittest.main()
