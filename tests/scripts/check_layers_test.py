"""Runs scripts/check_layers over small trees that break one rule each."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(files):
    """(exit status, output) of check_layers over a tree of {path: text}."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = pathlib.Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        result = subprocess.run([sys.executable, ROOT / "scripts/check_layers", folder],
                                capture_output=True, text=True, check=False)
        return result.returncode, result.stdout


class CheckLayersTest(unittest.TestCase):

    def assert_clean(self, path, include):
        status, output = run({path: f"#include {include}\n"})
        self.assertEqual(status, 0, output)
        self.assertIn("1 files, 0 violations", output)

    def assert_violation(self, path, include, reason):
        status, output = run({path: f"// a comment\n#include {include}\n"})
        self.assertEqual(status, 1, f"{path} may include {include}: {output}")
        self.assertIn(f"{path}:2: ", output)
        self.assertIn(reason, output)

    def test_allows_the_edges_of_the_table(self):
        for path, include in [("datasets/corpus.cc", '"core/error.h"'),
                              ("envs/env.cc", '"net/http_client.h"'),
                              ("judge/eval.cc", '"policy/policy.h"'),
                              ("trainer/rl_loop.cc", '"judge/rollout.h"'),
                              ("arena/arena.cc", '"net/http_server.h"'),
                              ("apps/rl_train.cc", '"trainer/trainer.h"'),
                              ("policy/cpu/matmul.cc", '"policy/cpu/matmul.h"'),
                              ("tests/policy/matmul_test.cc", '"policy/cpu/matmul.h"')]:
            self.assert_clean(path, include)

    def test_refuses_upward_and_sideways_edges(self):
        for path, include in [("core/error.cc", '"policy/policy.h"'),
                              ("policy/model.cc", '"datasets/tokenizer.h"'),
                              ("datasets/chat.cc", '"envs/env.h"'),
                              ("envs/env.cc", '"policy/policy.h"'),
                              ("judge/eval.cc", '"trainer/trainer.h"'),
                              ("trainer/rl_loop.cc", '"net/http_client.h"'),
                              ("arena/arena.cc", '"judge/judge.h"'),
                              ("net/http.cc", '"apps/flags.h"')]:
            self.assert_violation(path, include, "may include")

    def test_refuses_private_parts_of_another_folder(self):
        for path in ["judge/eval.cc", "trainer/rl_loop.cc", "apps/rl_eval.cc"]:
            self.assert_violation(path, '"policy/cpu/matmul.h"', "private to policy")

    def test_refuses_a_private_header_in_a_public_one(self):
        self.assert_violation("policy/policy.h", '"policy/cpu/matmul.h"', "private")

    def test_refuses_paths_not_rooted_at_the_repository(self):
        for include in ['"error.h"', '"../core/error.h"', '"src/error.h"']:
            self.assert_violation("core/error.cc", include, "not rooted")

    def test_keeps_libraries_in_their_places(self):
        for include, home, outside in [
                ("<cuda_runtime.h>", "policy/cuda/gemm.cu", "policy/cpu/gemm.cc"),
                ("<cublasLt.h>", "policy/cuda/gemm.cu", "trainer/step.cc"),
                ("<nccl.h>", "policy/cuda/ranks.cc", "policy/ranks.cc"),
                ("<dnnl.hpp>", "policy/cpu/gemm.cc", "policy/cuda/gemm.cu"),
                ("<oneapi/dnnl/dnnl.hpp>", "benchmarks/gemm_bench.cc", "trainer/step.cc"),
                ("<boost/asio.hpp>", "net/http.cc", "envs/env.cc"),
                ("<boost/beast/core.hpp>", "net/http.cc", "arena/page.cc"),
                ("<sqlite3.h>", "core/database.cc", "arena/votes.cc"),
                ("<openssl/evp.h>", "core/digest.cc", "arena/log.cc"),
                ("<toml++/toml.h>", "core/config.cc", "trainer/recipe.cc"),
                ("<CLI/CLI.hpp>", "apps/rl_env.cc", "envs/play.cc"),
                ("<utf8proc.h>", "datasets/split.cc", "envs/answer.cc"),
                ("<gumbo.h>", "datasets/html.cc", "judge/report.cc"),
                ("<gtest/gtest.h>", "tests/core/rng_test.cc", "core/rng.cc")]:
            self.assert_clean(home, include)
            self.assert_violation(outside, include, "belongs to")

    def test_lets_json_enter_through_its_wrapper_only(self):
        self.assert_clean("core/json.h", "<nlohmann/json.hpp>")
        self.assert_violation("datasets/tokenizer.cc", "<nlohmann/json.hpp>", "belongs to")
        self.assert_violation("core/config.cc", "<nlohmann/json.hpp>", "belongs to")
        self.assert_clean("datasets/tokenizer.cc", '"core/json.h"')
        self.assert_violation("datasets/tokenizer.h", '"core/json.h"', "public header")

    def test_keeps_public_headers_to_the_standard_library(self):
        self.assert_clean("policy/policy.h", "<vector>")
        self.assert_violation("policy/policy.h", "<sys/mman.h>", "public header")
        self.assert_violation("core/config.h", "<toml++/toml.h>", "public header")
        self.assert_clean("policy/cpu/map.h", "<sys/mman.h>")

    def test_warns_of_long_files_and_functions(self):
        call = "  Call(1);\n"
        status, output = run({
            "core/long.cc": "void Short() {\n  Call(1);\n}\n\n" * 101,
            "core/deep.cc": "namespace agon {\n\nvoid Deep(\n    int x) {\n" + 60 * call + "}\n\n}\n",
            "apps/main.cc": "int main() {\n" + 39 * call + "}\n",
        })
        self.assertEqual(status, 0, output)
        self.assertIn("core/long.cc: 404 lines", output)
        self.assertIn("core/deep.cc:3: function of 63 lines", output)
        self.assertIn("apps/main.cc:1: function of 41 lines", output)
        self.assertIn("3 files, 0 violations, 3 warnings", output)

    def test_reports_every_violation(self):
        status, output = run({"core/a.cc": '#include "envs/env.h"\n#include <gumbo.h>\n'})
        self.assertEqual(status, 1)
        self.assertIn("2 violations", output)


if __name__ == "__main__":
    unittest.main()
