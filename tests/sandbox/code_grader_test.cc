// Programs and tests that mean no harm: each verdict, for each form of tests.
#include <chrono>
#include <thread>

#include "core/error.h"
#include "tests/sandbox/code_fixture.h"

namespace agon::envs {
namespace {

using CodeGraderTest = CodeTest;

TEST_F(CodeGraderTest, CallsGetOneVerdictEach) {
  CodeTests tests = CallsOf(
      "f", {Call("[1]", "2"), Call("[[1, 2]]", "[1, 2, 1, 2]"), Call("[\"ab\"]", "\"abab\""),
            Call("[null]", "null"), Call("[{\"$set\": [1]}]", "2")});
  const CodeGrade grade = Grade(tests, "def f(x):\n    return x * 2\n");
  EXPECT_EQ(Statuses(grade), "pass, pass, pass, error, error") << Tell(grade);
  EXPECT_EQ(grade.NumPassed(), 3);
  EXPECT_FALSE(grade.Passed());
  EXPECT_FALSE(grade.masked);
  EXPECT_TRUE(grade.tests[3].reason.starts_with("TypeError: unsupported operand")) << Tell(grade);

  CallTest keywords{{}, {{"a", PlainValue()}, {"b", ParsePlainValue("2", "")}}, PlainValue()};
  tests.calls = {keywords};
  EXPECT_TRUE(Grade(tests, "def f(*, a, b):\n    return a if b == 2 else b").Passed());
}

TEST_F(CodeGraderTest, EachKindOfValueCrossesBothWays) {
  const std::string values[] = {"null",
                                "true",
                                "-7",
                                "9223372036854775807",
                                R"({"$int": "-0x123456789abcdef0123"})",
                                "1.5",
                                "-0.0",
                                R"({"$float": "inf"})",
                                R"({"$float": "nan"})",
                                R"("\u00e9\u0000\"\\")",
                                R"({"$bytes": "00ff"})",
                                R"({"$complex": [1.0, {"$float": "-inf"}]})",
                                "[]",
                                "[[1], [2.5]]",
                                R"({"$tuple": [1, {"$tuple": []}]})",
                                R"({"$set": [1, "a", {"$tuple": [2]}]})",
                                R"({"$frozenset": [null]})",
                                R"({"a": 1, "b": {"c": []}})",
                                R"({"$dict": [[1, "x"], ["$y", 2], [{"$tuple": [1]}, {}]]})",
                                R"({"$type": "int"})"};
  CodeTests tests = CallsOf("f", {});
  for (const std::string& value : values) tests.calls.push_back(Call("[" + value + "]", value));
  const CodeGrade grade = Grade(tests, "def f(x): return x");
  EXPECT_TRUE(grade.Passed()) << Tell(grade);
}

TEST_F(CodeGraderTest, LibraryMappingsCrossAsDicts) {
  const CodeGrade grade = Grade(
      CallsOf("f", {Call("[\"aab\"]", R"([{"a": 2, "b": 1}, {"$dict": [[1, []]]}, {"k": 1}])")}),
      "from collections import *\n"
      "def f(s):\n"
      "    d = defaultdict(list); d[1]\n"
      "    return [Counter(s), d, OrderedDict(k=1)]\n");
  EXPECT_TRUE(grade.Passed()) << Tell(grade);
}

TEST_F(CodeGraderTest, WhatIsNoPlainValueFails) {
  const CodeTests tests = CallsOf("f", {Call("[]", "1")});
  for (const std::string code :
       {"def f(): return object()", "def f(): return (i for i in [1])", "f = lambda: f",
        "def f(): return '\\ud800'", "def f(): return b''.join", "class f: pass",
        "def f():\n  a = []\n  a.append(a)\n  return a"}) {
    const CodeGrade grade = Grade(tests, code);
    EXPECT_EQ(Statuses(grade), "fail") << code << Tell(grade);
    EXPECT_TRUE(grade.tests[0].reason.starts_with("the result is ")) << code << Tell(grade);
  }
}

TEST_F(CodeGraderTest, FloatsAreComparedWithToleranceOnlyIfAsked) {
  CodeTests tests = CallsOf("f", {Call("[]", "0.3")});
  const std::string code = "def f(): return 0.1 + 0.2";
  EXPECT_FALSE(Grade(tests, code).Passed());
  tests.float_tolerance = 1e-9;
  EXPECT_TRUE(Grade(tests, code).Passed());
  EXPECT_FALSE(Grade(tests, "def f(): return 0.3001").Passed());
}

TEST_F(CodeGraderTest, BrokenProgramsAreErrors) {
  const CodeTests tests = CallsOf("f", {Call("[1]", "1")});
  const std::pair<const char*, const char*> cases[] = {
      {"def f(x) return x", "SyntaxError: "},
      {"def g(x): return x", "NameError: name 'f' is not defined"},
      {"f = 3", "TypeError: 'int' object is not callable"},
      {"def f(x): return f(x)", "RecursionError: "},
      {"1 / 0", "ZeroDivisionError: division by zero"},
      {"def f(x): raise KeyError('k')", "KeyError: 'k'"},
      {"import nothing", "ModuleNotFoundError: "},
      {"import os\ndef f(x): os.abort()", "killed by signal 6"},
      {"", "NameError"},
      {"\xff", "the code is no UTF-8 text"}};
  for (const auto& [code, reason] : cases) {
    const CodeGrade grade = Grade(tests, code);
    EXPECT_EQ(Statuses(grade), "error") << code << Tell(grade);
    EXPECT_TRUE(grade.tests[0].reason.starts_with(reason)) << code << Tell(grade);
  }
}

TEST_F(CodeGraderTest, LimitsHaveVerdictsOfTheirOwn) {
  CodeTests tests = CallsOf("f", {Call("[1]", "1")});
  tests.limits.time_ms = 200;
  tests.limits.memory_bytes = int64_t{96} << 20;
  EXPECT_EQ(Statuses(Grade(tests, "def f(x):\n  while True: pass")), "time");
  EXPECT_EQ(Statuses(Grade(tests, "import time\ndef f(x): time.sleep(60)")), "time");
  tests.limits.time_ms = 4000;
  EXPECT_EQ(Statuses(Grade(tests, "def f(x): return len(bytearray(1 << 29))")), "memory");
  EXPECT_EQ(Statuses(Grade(tests, "def f(x):\n  while True: print('x' * 10000)")), "output");
}

TEST_F(CodeGraderTest, TimeOfAllTestsTogetherIsLimited) {
  CodeTests tests = CallsOf("f", {Call("[1]", "1"), Call("[1]", "1"), Call("[1]", "1")});
  tests.limits.total_ms = 400;
  const CodeGrade grade = Grade(tests, "import time\ndef f(x): time.sleep(0.5); return x");
  EXPECT_EQ(Statuses(grade), "pass, time, time") << Tell(grade);
}

TEST_F(CodeGraderTest, StopsAtTheFirstFailureIfAsked) {
  CodeTests tests = CallsOf("f", {Call("[1]", "1"), Call("[2]", "1"), Call("[1]", "1")});
  tests.stop_at_first_failure = true;
  EXPECT_EQ(Statuses(Grade(tests, "def f(x): return x")), "pass, fail, not run");
}

TEST_F(CodeGraderTest, NothingIsCarriedFromTestToTest) {
  const std::string code = "n = 0\ndef f():\n  global n\n  n += 1\n  return n";
  EXPECT_TRUE(Grade(CallsOf("f", {Call("[]", "1"), Call("[]", "1")}), code).Passed());
  EXPECT_TRUE(
      Grade(UnitsOf({"assert f() == 1", "assert f() == 1; assert f() == 2"}), code).Passed());
}

TEST_F(CodeGraderTest, StdoutIsComparedByLines) {
  CodeTests tests;
  tests.stdio = {{"3 4\n", "7\n\nend\n"}};
  const std::string sum = "a, b = map(int, input().split())\n";
  EXPECT_TRUE(Grade(tests, sum + "print(a + b)\nprint()\nprint('end')").Passed());
  EXPECT_TRUE(Grade(tests, sum + "print(a + b, ' ')\nprint()\nprint('end\\r\\n\\n')").Passed());
  const std::pair<const char*, const char*> wrong[] = {
      {"print(8)", "line 1 differs: 8"},
      {"print(a + b)", "line 2 is missing"},
      {"print(a + b)\nprint()\nprint('end\\nmore')", "line 4 is one too many"},
      {"print('', a + b)\nprint()\nprint('end')", "line 1 differs:  7"}};
  for (const auto& [code, reason] : wrong) {
    const CodeGrade grade = Grade(tests, sum + code);
    EXPECT_EQ(Statuses(grade), "fail") << code;
    EXPECT_EQ(grade.tests[0].reason, reason);
  }
  const CodeGrade died =
      Grade(tests, sum + "print(7)\nprint()\nprint('end')\nraise ValueError('x')");
  EXPECT_EQ(Statuses(died), "error");
  EXPECT_EQ(died.tests[0].reason, "ValueError: x");
}

TEST_F(CodeGraderTest, StdoutNumbersMayDifferWithinTolerance) {
  CodeTests tests;
  tests.stdio = {{"", "x 0.333333 1\n"}};
  EXPECT_FALSE(Grade(tests, "print('x', 1 / 3, 1)").Passed());
  tests.float_tolerance = 1e-5;
  EXPECT_TRUE(Grade(tests, "print('x', 1 / 3, 1)").Passed());
  EXPECT_FALSE(Grade(tests, "print('x', 1 / 3, 2)").Passed());
  EXPECT_FALSE(Grade(tests, "print('x', float('nan'), 1)").Passed());
  EXPECT_FALSE(Grade(tests, "print('y', 1 / 3, 1)").Passed());
}

TEST_F(CodeGraderTest, AssertsReachTheCandidateThroughCalls) {
  const std::string code =
      "def f(x): return x * 2\n"
      "def g(x, *, y=1): return (x, y)\n"
      "def boom(kind):\n"
      "  if kind: raise ValueError('no')\n"
      "  raise LookupError\n";
  const std::string units[] = {
      "assert f(2) == 4",
      "assert g(1) == (1, 1) and g([2], y={3}) == ([2], {3})",
      "import math\nfor i in range(5):\n    assert math.isclose(f(i), 2 * i)",
      "assert list(map(f, [1, 2])) == [2, 4]",
      "try:\n    boom(1)\n    assert False\nexcept ValueError as error:\n    assert str(error) == "
      "'no'",
      "try:\n    f(1)\n    assert False\nexcept ValueError:\n    pass",
      "assert f(2) == 5, 'five'",
      "assert boom(0) == 1",
      "for i in range(3):\n    assert f(i) < 4",
      "if f(1) == 3:\n    assert True",
      "assert missing() == 1",
      "assert f(f) == 1",
      "assert f(lambda: 0) == 1",
      "class P: pass\nassert f(P()) == 1",
      "assert f(math.pi) == math.tau"};
  const CodeGrade grade = Grade(UnitsOf({std::begin(units), std::end(units)}), code);
  EXPECT_EQ(Statuses(grade),
            "pass, pass, pass, pass, pass, pass, fail, fail, error, fail, fail, error, "
            "unsupported, unsupported, unsupported, pass")
      << Tell(grade);
  EXPECT_EQ(grade.tests[7].reason, "five");
  EXPECT_EQ(grade.tests[11].reason, "NameError: name 'missing' is not defined");
}

TEST_F(CodeGraderTest, CheckFunctionsGiveEachAssertItsVerdict) {
  const std::string check =
      "METADATA = {'author': 'x'}\n"
      "def check(candidate):\n"
      "    expected = candidate(0) + 1\n"
      "    assert candidate(1) == 2, 'one'\n"
      "    assert candidate(2) == 5\n"
      "    for i in range(3):\n"
      "        assert candidate(i) == 2 * i\n"
      "    assert expected == 1\n";
  const std::string right = "def f(x): return 2 * x";
  const CodeGrade grade = Grade(UnitsOf({check}, "f"), right);
  EXPECT_EQ(Statuses(grade), "pass, fail, pass, pass") << Tell(grade);
  // A candidate that dies takes its own assert along; the next ones get another box.
  const CodeGrade dies = Grade(UnitsOf({check}, "f"),
                               "import os\ndef f(x): os._exit(0) if x == 1 else 0; return 2 * x");
  EXPECT_EQ(Statuses(dies), "error, fail, error, pass") << Tell(dies);
  // One that dies before the first assert fails them all.
  const CodeGrade dead = Grade(UnitsOf({check}, "f"), "raise SystemExit(0)");
  EXPECT_EQ(Statuses(dead), "error, error, error, error") << Tell(dead);
}

TEST_F(CodeGraderTest, SetupRunsInTheTestersBox) {
  CodeTests tests = UnitsOf({"assert f(start) == goal"});
  tests.setup = "import math\nstart = 3\ngoal = math.factorial(3)";
  EXPECT_TRUE(Grade(tests, "def f(n): return 6 if n == 3 else 0").Passed());
  EXPECT_FALSE(Grade(tests, "def f(n): return goal").Passed());
}

// Objects of the candidate's classes stay in its box; the tests hold on to them from outside.
TEST_F(CodeGraderTest, TestsMayUseTheCandidatesObjects) {
  const std::string tree = R"py(
class Node:
    def __init__(self, data):
        self.data, self.left, self.right = data, None, None
    def twice(self, more=0):
        return 2 * self.data + more
def size(node):
    return 0 if node is None else 1 + size(node.left) + size(node.right)
def total(nodes):
    return sum(node.data for node in nodes)
def grow(node):
    node.left = Node(9)
    return node
def fail(node):
    raise KeyError(node.data)
def hang(node):
    while True: pass
)py";
  CodeTests tests = UnitsOf({R"py(
assert size(root) == 3
assert root.data == 1 and root.left.left is None
assert root.left is root.left and root.left != root.right
assert root.twice() == 2 and root.left.twice(more=1) == 5
assert total([root, root.left, {"x": root}["x"]]) == 4
assert grow(root.right) is root.right and size(root) == 4
assert root.right.left.data == 9
)py"});
  tests.setup = "root = Node(1)\nroot.left = Node(2)\nroot.right = Node(data=3)";
  EXPECT_TRUE(Grade(tests, tree).Passed()) << Tell(Grade(tests, tree));
  // Each says why, and a program that ended takes its objects along.
  tests.units = {
      "assert size(root) == 2\nassert root.missing == 1\nassert root.data.left\n"
      "assert fail(root)\nassert hang(root)\nassert size(root) == 3"};
  tests.limits.time_ms = 300;
  EXPECT_EQ(Statuses(Grade(tests, tree)), "fail, error, error, error, time, time");
}

// Equal to itself only, whatever it says of itself.
TEST_F(CodeGraderTest, TheCandidatesObjectsAgreeWithNothing) {
  const std::string yes = R"py(
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return True
    def __gt__(self, other): return True
    def __contains__(self, other): return True
    def __len__(self): return 3
    def __getattr__(self, name): return Yes()
    __hash__ = object.__hash__
def f(x): return Yes()
)py";
  const CodeTests tests = UnitsOf({"assert f(1) == 6", "assert 6 == f(1)", "assert f(1) == f(1)",
                                   "assert f(1) in [6, Yes()]", "assert f(1).value == 6",
                                   "assert f(1) > 3", "assert 6 in f(1)", "assert len(f(1)) == 3",
                                   "assert f(1)() == 6", "assert isinstance(f(1), int)"});
  EXPECT_EQ(Statuses(Grade(tests, yes)),
            "fail, fail, fail, fail, fail, error, error, error, error, fail");
}

TEST_F(CodeGraderTest, EntryPointMayHideABuiltin) {
  const std::string code = "def sum(a, b): return a - b";
  EXPECT_TRUE(Grade(UnitsOf({"assert sum(3, 2) == 1"}, "sum"), code).Passed());
  EXPECT_FALSE(Grade(UnitsOf({"assert sum(3, 2) == 1"}), code).Passed());
}

TEST_F(CodeGraderTest, TestsThatCanJudgeNobodyAreRefused) {
  const auto problem = [](const CodeTests& tests) -> std::string {
    try {
      Grade(tests, "def f(x): return x");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "";
  };
  EXPECT_NE(problem(CodeTests()).find("no test"), std::string::npos);
  EXPECT_NE(problem(CallsOf("", {Call("[]", "1")})).find("entry_point"), std::string::npos);
  EXPECT_NE(problem(UnitsOf({"f(1)"})).find("no assert"), std::string::npos);
  EXPECT_NE(problem(UnitsOf({"assert f(1) =="})).find("SyntaxError"), std::string::npos);
  EXPECT_NE(problem(UnitsOf({"def check(c):\n  assert c(1)"})).find("entry point"),
            std::string::npos);
  CodeTests blank;
  blank.stdio = {{"", " \n"}};
  EXPECT_NE(problem(blank).find("blank"), std::string::npos);
  CodeTests limit = CallsOf("f", {Call("[]", "1")});
  limit.limits.time_ms = 0;
  EXPECT_NE(problem(limit).find("time_ms is 0"), std::string::npos);
}

TEST_F(CodeGraderTest, ReferenceScalesTheTimeLimit) {
  CodeTests tests = CallsOf("f", {Call("[3]", "3")});
  tests.reference = "def f(x): return x";
  tests.limits.time_ms = 60000;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Statuses(Grade(tests, "def f(x):\n  while True: pass")), "time");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  tests.reference = "def f(x): return 4";
  const CodeGrade grade = Grade(tests, "def f(x): return x");
  ASSERT_TRUE(grade.masked) << Tell(grade);
  EXPECT_EQ(grade.masked->kind, "grader");
  EXPECT_FALSE(grade.Passed());
  EXPECT_EQ(Statuses(grade), "not run");
}

TEST_F(CodeGraderTest, SandboxFailureMasksTheGrade) {
  Sandbox own;
  CodeTests tests = CallsOf("f", {Call("[1]", "1"), Call("[2]", "2")});
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    kill(own.supervisor_pid(), SIGKILL);
  });
  const CodeGrade grade = GradeCode(own, tests, "import time\ndef f(x): time.sleep(3); return x");
  killer.join();
  ASSERT_TRUE(grade.masked) << Tell(grade);
  EXPECT_EQ(grade.masked->kind, "sandbox");
  EXPECT_EQ(grade.tests.size(), 2u);
  EXPECT_FALSE(grade.Passed());
}

TEST_F(CodeGraderTest, ManyThreadsGradeAtOnce) {
  std::vector<CodeGrade> grades(8);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < grades.size(); i += 4) {
        const CodeTests tests = CallsOf("f", {Call("[" + std::to_string(i) + "]", "3")});
        grades[i] = Grade(tests, "def f(x): return x");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < grades.size(); ++i) EXPECT_EQ(grades[i].Passed(), i == 3) << i;
}

}  // namespace
}  // namespace agon::envs
