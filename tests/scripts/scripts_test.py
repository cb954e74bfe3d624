"""Runs the shell scripts with stand-ins for apt-get, cmake, ctest and the like in PATH."""

import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# What the scripts use besides the commands that a test replaces.
TOOLS = ["bash", "env", "dirname", "grep", "sed", "cat", "rm", "nproc", "find", "sort", "tail",
         "mkdir", "true"]


class ScriptTest(unittest.TestCase):

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.project = self.folder / "project"
        shutil.copytree(ROOT / "scripts", self.project / "scripts")
        self.log = self.folder / "calls"
        self.log.touch()

    def command(self, name, body):
        """A stand-in that logs its arguments, then runs `body`."""
        file = self.bin / name
        file.unlink(missing_ok=True)  # it may be a link to the machine's own
        file.write_text(f'#!/usr/bin/env bash\necho "{name} $*" >> {self.log}\n{body}\n')
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def run_script(self, name, *args):
        result = subprocess.run(["bash", self.project / "scripts" / name, *args],
                                env={"PATH": str(self.bin), "HOME": os.environ.get("HOME", "/")},
                                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                check=False)
        return result.returncode, result.stdout, result.stderr

    def calls(self):
        return self.log.read_text().splitlines()


class DepsTest(ScriptTest):

    def setUp(self):
        super().setUp()
        self.command("apt-get", "exit 0")

    def installed_except(self, *missing):
        pattern = "|".join(missing) or "none"
        self.command("dpkg-query",
                     f'case "${{@: -1}}" in {pattern}) exit 1 ;; *) printf installed ;; esac')

    def apt_calls(self):
        return [call for call in self.calls() if call.startswith("apt-get")]

    def test_does_nothing_when_everything_is_there(self):
        self.installed_except()
        self.command("id", "echo 0")
        self.assertEqual(self.run_script("deps.sh"), (0, "", ""))
        self.assertEqual(self.apt_calls(), [])

    def test_installs_only_what_is_missing_as_root(self):
        self.installed_except("ninja-build", "libgumbo-dev")
        self.command("id", "echo 0")
        self.assertEqual(self.run_script("deps.sh")[0], 0)
        self.assertEqual(self.apt_calls(), [
            "apt-get update -q",
            "apt-get install -y --no-install-recommends ninja-build libgumbo-dev"])

    def test_a_removed_package_with_its_configuration_left_is_missing(self):
        self.command("dpkg-query", 'case "${@: -1}" in mold) printf config-files ;; '
                                   '*) printf installed ;; esac')
        self.command("id", "echo 0")
        self.assertEqual(self.run_script("deps.sh")[0], 0)
        self.assertTrue(self.apt_calls()[-1].endswith(" mold"))

    def test_goes_through_sudo_otherwise(self):
        self.installed_except("mold")
        self.command("id", "echo 1000")
        self.command("sudo", '[ "$1" != -n ] || shift; exec "$@"')
        self.assertEqual(self.run_script("deps.sh")[0], 0)
        self.assertTrue(self.apt_calls()[-1].endswith(" mold"))

    def test_says_what_to_install_without_rights(self):
        self.installed_except("mold", "cmake")
        self.command("id", "echo 1000")
        for sudo in [None, "exit 1"]:  # no sudo, and one that wants a password
            if sudo:
                self.command("sudo", sudo)
            status, _, err = self.run_script("deps.sh")
            self.assertEqual(status, 1)
            self.assertIn("apt-get install -y --no-install-recommends cmake mold", err)
            self.assertEqual(self.apt_calls(), [])

    def test_fails_when_installing_fails(self):
        self.installed_except("mold")
        self.command("id", "echo 0")
        self.command("apt-get", '[ "$1" = update ]')
        self.assertNotEqual(self.run_script("deps.sh")[0], 0)

    def test_lists_the_packages_on_another_system(self):
        status, _, err = self.run_script("deps.sh")
        self.assertEqual(status, 0)
        self.assertIn("libgtest-dev", err)

    def test_dev_adds_the_tools_of_the_checks(self):
        self.installed_except("clang-tidy")
        self.command("id", "echo 0")
        self.assertEqual(self.run_script("deps.sh"), (0, "", ""))
        self.assertEqual(self.run_script("deps.sh", "--dev")[0], 0)
        self.assertTrue(self.apt_calls()[-1].endswith(" clang-tidy"))

    def test_refuses_an_unknown_argument(self):
        self.assertEqual(self.run_script("deps.sh", "--def")[0], 2)
        status, out, _ = self.run_script("deps.sh", "--help")
        self.assertEqual(status, 0)
        self.assertIn("Usage: scripts/deps.sh", out)


class TestShTest(ScriptTest):

    def setUp(self):
        super().setUp()
        self.command("dpkg-query", "printf installed")
        self.command("cmake", "mkdir -p build/release build/asan")

    def ctest(self, tests, failures, skipped=0, disabled=0, status=0):
        counts = (f'tests="{tests}"\n\tfailures="{failures}"\n\t'
                  f'disabled="{disabled}"\n\tskipped="{skipped}"')
        (self.folder / "xml").write_text(f'<?xml version="1.0"?>\n<testsuite name="x"\n\t{counts}'
                                         '>\n<testcase name="tests"/>\n</testsuite>\n')
        self.command("ctest", 'while [ "$1" != --output-junit ]; do shift; done; '
                              f'cat {self.folder}/xml > "$2"; exit {status}')

    def last_line(self, out):
        return out.splitlines()[-1]

    def test_closes_with_the_counts(self):
        self.ctest(tests=12, failures=0)
        status, out, err = self.run_script("test.sh")
        self.assertEqual((status, self.last_line(out)), (0, "12 passed, 0 failed"), out + err)

    def test_a_failed_test_fails(self):
        self.ctest(tests=12, failures=3, status=8)
        status, out, _ = self.run_script("test.sh")
        self.assertEqual((status, self.last_line(out)), (1, "9 passed, 3 failed"))

    def test_skipped_tests_did_not_pass(self):
        self.ctest(tests=12, failures=1, skipped=2, disabled=1, status=8)
        _, out, _ = self.run_script("test.sh")
        self.assertEqual(self.last_line(out), "8 passed, 1 failed")
        self.assertIn("3 skipped", out)

    def test_no_test_at_all_fails(self):
        self.ctest(tests=0, failures=0)
        self.assertEqual(self.run_script("test.sh")[0], 1)

    def test_a_status_without_a_failed_test_fails(self):
        self.ctest(tests=5, failures=0, status=8)
        self.assertEqual(self.run_script("test.sh")[0], 1)

    def test_results_of_an_earlier_run_do_not_count(self):
        self.ctest(tests=5, failures=0)
        self.assertEqual(self.run_script("test.sh")[0], 0)
        self.command("ctest", "exit 1")
        status, out, _ = self.run_script("test.sh")
        self.assertNotEqual(status, 0)
        self.assertNotIn("5 passed", out)

    def test_stops_where_the_build_fails(self):
        self.ctest(tests=5, failures=0)
        self.command("cmake", '[ "$1" != --build ]')
        status, out, _ = self.run_script("test.sh")
        self.assertNotEqual(status, 0)
        self.assertNotIn("passed", out)

    def test_slow_tests_run_on_demand(self):
        self.ctest(tests=5, failures=0)
        self.run_script("test.sh")
        self.assertIn("-LE slow", self.calls()[-1])
        self.run_script("test.sh", "--slow", "-R", "core")
        self.assertNotIn("-LE slow", self.calls()[-1])
        self.assertTrue(self.calls()[-1].endswith("-R core"))

    def test_takes_a_preset(self):
        self.ctest(tests=5, failures=0)
        self.assertEqual(self.run_script("test.sh", "--preset", "asan")[0], 0)
        self.assertIn("cmake --build --preset asan", self.calls())
        self.assertIn("ctest --preset asan", self.calls()[-1])


class QuickstartTest(ScriptTest):

    def setUp(self):
        super().setUp()
        self.command("dpkg-query", "printf installed")
        self.command("cmake", "exit 0")
        programs = self.project / "build/release/bin"
        programs.mkdir(parents=True)
        self.trainer = programs / "rl-train"
        self.train("mkdir -p runs/quickstart/checkpoints/rl-9 runs/quickstart/checkpoints/rl-60")

    def train(self, body):
        self.command("rl-train", body)
        shutil.copy(self.bin / "rl-train", self.trainer)

    def test_shows_the_report_and_the_last_checkpoint(self):
        status, out, err = self.run_script("quickstart.sh", "--set", "run.seed=2")
        self.assertEqual(status, 0, err)
        self.assertIn("runs/quickstart/report.html", out)
        self.assertIn("rl-chat --model runs/quickstart/checkpoints/rl-60", out)
        self.assertIn("rl-arena serve --db runs/quickstart/arena.db", out)
        self.assertNotIn("Open the arena now?", out + err)  # nobody is there to ask
        self.assertEqual(self.calls()[-1],
                         "rl-train quickstart --out runs/quickstart --set run.seed=2")

    def test_goes_on_with_a_run_that_was_stopped(self):
        run = self.project / "runs/quickstart"
        run.mkdir(parents=True)
        self.run_script("quickstart.sh")
        self.assertIn("--resume", self.calls()[-1])

    def test_fails_when_training_fails(self):
        self.train("exit 1")
        status, out, _ = self.run_script("quickstart.sh")
        self.assertEqual(status, 1)
        self.assertNotIn("Report", out)


if __name__ == "__main__":
    unittest.main()
