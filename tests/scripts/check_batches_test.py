"""Runs scripts/check_batches over small trees."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(files):
    """(exit status, output) of check_batches over a tree of {path: what its anonymous namespace
    holds}."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        for path, text in files.items():
            file = pathlib.Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"namespace agon {{\nnamespace {{\n\n{text}\n\n}}  // namespace\n}}\n",
                            encoding="utf-8")
        result = subprocess.run([sys.executable, ROOT / "scripts/check_batches", folder],
                                capture_output=True, text=True, check=False)
        return result.returncode, result.stdout


class CheckBatchesTest(unittest.TestCase):

    def assert_clash(self, name, first, second):
        status, output = run({"judge/a.cc": first, "judge/b/c.cc": second})
        self.assertEqual(status, 1, output)
        self.assertIn(f"{name}: judge/a.cc, judge/b/c.cc", output)

    def assert_clean(self, files):
        status, output = run(files)
        self.assertEqual(status, 0, output)

    def test_finds_constants_types_and_functions(self):
        self.assert_clash("kMax", "constexpr int kMax = 3;", "constexpr size_t kMax = 4, kMin = 1;")
        self.assert_clash("kFew", "constexpr int kFew[] = {1, 2};", "const char* const kFew = R\"(x)\";")
        self.assert_clash("Row", "struct Row {\n  int a;\n};", "class Row final : public Base {\n};")
        self.assert_clash("Sum(int, double)", "int Sum(int a, double b = 2) { return a; }",
                          "double Sum(int x,\n           double y) {\n  return x;\n}")

    def test_lets_overloads_and_what_is_inside_others_be(self):
        self.assert_clean({"judge/a.cc": "int Sum(int a) {\n  const int left = a;\n  return left;\n}",
                           "judge/b.cc": "int Sum(double a) {\n  const int left = 1;\n  return 1;\n}"})
        self.assert_clean({"judge/a.cc": "using Ids = int;", "judge/b.cc": "using Ids = int;"})
        self.assert_clash("Ids", "using Ids = int;", "using Ids = long;")
        self.assert_clash("Ids", "using Ids = int;", "struct Ids {\n  int a;\n};")
        self.assert_clash("Ids", "using Ids = int;", "int Ids(int a) {\n  return a;\n}")
        self.assert_clash("Ids", "struct Ids {\n  int a;\n};", "int Ids(int a) {\n  return a;\n}")
        text = "const char* const {} = R\"(\nint same = 1;\n)\";"
        self.assert_clean({"judge/a.cc": text.format("kA"), "judge/b.cc": text.format("kB")})

    def test_sees_inline_functions_of_headers(self):
        function = "int Sum(int a) { return a; }"
        status, output = run({"judge/a.h": f"inline {function}", "judge/b.cc": function})
        self.assertEqual(status, 1, output)
        self.assert_clean({"judge/a.h": "int Sum(int a);", "judge/b.cc": function})

    def test_compares_only_what_is_compiled_together(self):
        same = "constexpr int kMax = 3;"
        self.assert_clean({"judge/a.cc": same, "arena/a.cc": same})
        self.assert_clean({"envs/math/a.cc": same, "envs/code/a.cc": same})
        self.assert_clean({"tests/judge/a.cc": same, "tests/arena/a.cc": same})
        self.assert_clean({"core/a.cc": same, "core/b.cc": same})
        self.assert_clean({"envs/math/a.cc": same + "\n}\nREGISTER_ENV(a)", "envs/math/b.cc": same})


if __name__ == "__main__":
    unittest.main()
