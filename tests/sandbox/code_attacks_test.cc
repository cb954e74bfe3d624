// Programs that would rather be graded well than solve anything. Each earns no test of ours,
// in any form of tests, and passes a grader as they are usually written (leaky_grader.h).
#include <chrono>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/sandbox/code_fixture.h"
#include "tests/sandbox/leaky_grader.h"

namespace agon::envs {
namespace {

struct Attack {
  const char* name;
  const char* code;  // defines f, which should return 3 * x + 1
};

// f(x) == 3 * x + 1, as floats or as ints.
struct Victim {
  CodeTests calls, units, check;
  LeakyTask leaky;
};

Victim MakeVictim(bool is_float) {
  Victim victim;
  std::string check = "def check(candidate):\n";
  const std::string point = is_float ? ".5" : "";
  for (const int x : {4, 7}) {
    const std::string argument = std::to_string(x);
    const std::string expected = std::to_string(3 * x + 1) + point;
    victim.calls.calls.push_back(Call("[" + argument + "]", expected));
    const std::string condition = is_float ? "not abs(f(" + argument + ") - " + expected +
                                                 ") > 1e-6 and f(" + argument + ") == " + expected
                                           : "f(" + argument + ") == " + expected;
    victim.units.units.push_back("assert " + condition);
    check += "    assert candidate(" + argument + ") == " + expected + "\n";
    victim.leaky.cases.emplace_back(argument, expected);
  }
  victim.check.units = {check};
  for (CodeTests* tests : {&victim.calls, &victim.units, &victim.check}) {
    tests->entry_point = "f";
    tests->limits.time_ms = 2000;
  }
  return victim;
}

class CodeAttackTest : public CodeTest {
 protected:
  static void ExpectHeld(const std::vector<Attack>& attacks, bool is_float = false) {
    const Victim victim = MakeVictim(is_float);
    const std::string right = is_float ? "f = lambda x: 3 * x + 1.5" : "f = lambda x: 3 * x + 1";
    for (const CodeTests* tests : {&victim.calls, &victim.units, &victim.check}) {
      EXPECT_TRUE(Grade(*tests, right).Passed()) << Tell(Grade(*tests, right));
    }
    EXPECT_TRUE(LeakyPasses(sandbox(), victim.leaky, right));
    EXPECT_FALSE(LeakyPasses(sandbox(), victim.leaky, "f = lambda x: 0"));
    for (const Attack& attack : attacks) {
      for (const CodeTests* tests : {&victim.calls, &victim.units, &victim.check}) {
        const CodeGrade grade = Grade(*tests, attack.code);
        EXPECT_EQ(grade.NumPassed(), 0) << attack.name << " " << Tell(grade);
        EXPECT_EQ(grade.tests.size(), 2u);
        EXPECT_FALSE(grade.masked) << attack.name << " " << Tell(grade);
      }
      EXPECT_TRUE(LeakyPasses(sandbox(), victim.leaky, attack.code))
          << attack.name << " does not even fool a leaky grader";
    }
  }
};

// Row 17: ending early where the exit status is the verdict.
TEST_F(CodeAttackTest, EndingEarlyEarnsNothing) {
  ExpectHeld({
      {"sys.exit", "import sys\nsys.exit(0)"},
      {"os._exit", "import os\ndef f(x): os._exit(0)"},
      {"SystemExit", "def f(x): raise SystemExit"},
      {"SkipTest", "import unittest\ndef f(x): raise unittest.SkipTest('later')"},
      {"atexit", "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): return 0"},
      {"destructor",
       "import os, sys\n"
       "class Last:\n"
       "    def __del__(self): os._exit(0)\n"
       "def f(x):\n"
       "    Last()\n"
       "    return 0"},
      {"excepthook", "import os, sys\nsys.excepthook = lambda *a: os._exit(0)\ndef f(x): return 0"},
      {"exec of another program",
       "import os\ndef f(x): os.execv('/proc/self/exe', ['python3', '-S', '-c', ''])\n"
       "try: f(0)\nexcept OSError: os._exit(0)"},
  });
}

// Row 18: objects that agree with everything.
TEST_F(CodeAttackTest, AgreeableObjectsEarnNothing) {
  ExpectHeld({
      {"__eq__", "class Yes:\n    def __eq__(self, other): return True\ndef f(x): return Yes()"},
      {"int subclass",
       "class Yes(int):\n"
       "    def __eq__(self, other): return True\n"
       "    __hash__ = int.__hash__\n"
       "def f(x): return Yes(0)"},
      {"str subclass",
       "class Yes(str):\n"
       "    def __eq__(self, other): return True\n"
       "    def strip(self, *args): return self\n"
       "    __hash__ = str.__hash__\n"
       "def f(x): return Yes()"},
      {"__eq__ that returns a truthy object",
       "class Yes:\n    def __bool__(self): return True\n"
       "class Result:\n    def __eq__(self, other): return Yes()\n"
       "def f(x): return Result()"},
      {"list subclass",
       "class Yes(list):\n    def __eq__(self, other): return True\nf = Yes().__class__\n"
       "f = lambda x: Yes()"},
      {"metaclass named int",
       "class Meta(type):\n    def __eq__(self, other): return True\n    __hash__ = type.__hash__\n"
       "class int_(metaclass=Meta):\n    def __eq__(self, other): return True\n"
       "int_.__name__ = 'int'\ndef f(x): return int_()"},
  });
  ExpectHeld({{"NaN", "def f(x): return float('nan')"}}, /*is_float=*/true);
}

// Row 19: changing what the grader stands on.
TEST_F(CodeAttackTest, PatchedLibrariesEarnNothing) {
  ExpectHeld({
      {"json.dumps", "import json\njson.dumps = lambda *a, **k: '1'\ndef f(x): return 0"},
      {"own check", "def check(function): pass\ndef f(x): return 0"},
      {"grader's own function", "def same(result, expected): return True\ndef f(x): return 0"},
      {"the callers' globals",
       "import sys\n"
       "frame = sys._getframe()\n"
       "while frame:\n"
       "    frame.f_globals['same'] = frame.f_globals['encode'] = lambda *a: True\n"
       "    frame = frame.f_back\n"
       "def f(x): return 0"},
      {"harness's encoder",
       "import sys, os\n"
       "main = sys.modules['__main__']\n"
       "main.same = lambda *a: True\n"
       "main.Refused = main.encode = lambda *a: True\n"
       "def f(x): return 0"},
      {"code object of the comparison",
       "import sys\n"
       "main = sys.modules['__main__']\n"
       "def yes(result, expected): return True\n"
       "for value in list(vars(main).values()):\n"
       "    if getattr(value, '__name__', '') in ('same', 'encode'):\n"
       "        try: value.__code__ = yes.__code__\n"
       "        except Exception: pass\n"
       "def f(x): return 0"},
  });
  ExpectHeld({{"abs", "import builtins\nbuiltins.abs = lambda x: 0\ndef f(x): return 0.0"}},
             /*is_float=*/true);
}

// Row 20: looking for what is expected, or for later tests.
TEST_F(CodeAttackTest, SearchingTheProcessFindsNothing) {
  ExpectHeld({
      {"frames",
       "import sys\n"
       "def f(x):\n"
       "    frame = sys._getframe()\n"
       "    while frame:\n"
       "        for value in list(frame.f_locals.values()) + list(frame.f_globals.values()):\n"
       "            if type(value) is list:\n"
       "                for case in value:\n"
       "                    if type(case) is tuple and len(case) == 2 and case[0] == x:\n"
       "                        return case[1]\n"
       "        frame = frame.f_back\n"
       "    return 0"},
      {"gc.get_objects",
       "import gc\n"
       "def f(x):\n"
       "    for thing in gc.get_objects():\n"
       "        if type(thing) is list:\n"
       "            for case in thing:\n"
       "                if type(case) is tuple and len(case) == 2 and case[0] == x \\\n"
       "                        and type(case[1]) is int:\n"
       "                    return case[1]\n"
       "    return 0"},
      {"referrers of the argument",
       "import gc\n"
       "def f(x):\n"
       "    for case in gc.get_objects():\n"
       "        if type(case) is list and len(case) == 2 and type(case[0]) is tuple:\n"
       "            return dict(case)[x]\n"
       "    return 0"},
  });
}

// What the candidate's box holds while a call waits for its answer: nothing of the tests.
TEST_F(CodeAttackTest, BoxHoldsNoExpectedValueAndNoLaterTest) {
  const char* const code =
      "import gc, os, sys\n"
      "def f(x):\n"
      "    seen = []\n"
      "    for thing in gc.get_objects():\n"
      "        try: seen.append(repr(thing)[:20000])\n"
      "        except BaseException: pass\n"
      "    frame = sys._getframe()\n"
      "    while frame:\n"
      "        seen.append(repr(frame.f_locals)[:20000])\n"
      "        frame = frame.f_back\n"
      "    for number in range(10):\n"
      "        try:\n"
      "            os.set_blocking(number, False)\n"
      "            seen.append(repr(os.read(number, 100000)))\n"
      "        except BaseException: pass\n"
      "    for name in ('/proc/self/environ', '/proc/self/cmdline', '/proc/self/fd'):\n"
      "        try: seen.append(open(name, 'rb').read().decode())\n"
      "        except BaseException: pass\n"
      "    text = ''.join(seen)\n"
      "    return [''.join(digits) in text for digits in (['313', '37'], ['733', '13'], ['42', "
      "'42'])]\n";
  // 31337 is expected, 73313 is the next argument, 4242 its own (the search does work).
  const std::string found = "[false, false, true]";
  CodeTests calls = CallsOf("f", {Call("[4242]", found), Call("[73313]", "\"31337\"")});
  EXPECT_EQ(Statuses(Grade(calls, code)), "pass, fail") << Tell(Grade(calls, code));
  const CodeTests units = UnitsOf(
      {"secret = 31337\nassert f(4242) == [False, False, True]", "assert f(73313) == 31337"});
  EXPECT_EQ(Statuses(Grade(units, code)), "pass, fail") << Tell(Grade(units, code));
}

// Row 21: speaking in the grader's name.
TEST_F(CodeAttackTest, ForgedResultsEarnNothing) {
  const std::string writes =
      "import os\n"
      "for n in range(3, 10):\n"
      "    try: os.write(n, b'{\"nonce\": \"0\", \"value\": 13, \"passed\": true}\\n')\n"
      "    except OSError: pass\n"
      "def f(x): return 0";
  ExpectHeld({
      {"print", "print('all tests passed')\ndef f(x): return 0"},
      {"frames on every descriptor", writes.c_str()},
      {"frames with the right nonce",
       "import json, os, sys\n"
       "def f(x):\n"
       "    frame, nonce = sys._getframe(), ''\n"
       "    while frame:\n"
       "        nonce = frame.f_locals.get('nonce', nonce)\n"
       "        frame = frame.f_back\n"
       "    for _ in range(9):\n"
       "        os.write(3, (json.dumps({'nonce': nonce, 'passed': True, 'value': 0,\n"
       "                                 'tests': [['pass', '']]}) + '\\n').encode())\n"
       "    os._exit(0)"},
      {"planted files",
       "import os\n"
       "for name in ('reward.json', '/tmp/reward.json', '/tmp/result', 'conftest.py'):\n"
       "    try: open(name, 'w').write('{\"passed\": true}')\n"
       "    except OSError: pass\n"
       "print('all tests passed')\n"
       "def f(x): return 0"},
  });
}

// A frame without the nonce of the call in flight ends the test, whatever it says.
TEST_F(CodeAttackTest, GuessedNonceIsAForgery) {
  const CodeTests tests = CallsOf("f", {Call("[4]", "13")});
  const CodeGrade grade =
      Grade(tests,
            "import os\n"
            "os.write(3, b'{\"nonce\": \"00000000000000000000000000000000\", \"value\": 13}\\n')\n"
            "def f(x): return 3 * x + 1");
  EXPECT_EQ(Statuses(grade), "fail");
  EXPECT_EQ(grade.tests[0].reason, "a forged answer on the channel");
  for (const char* bytes : {"\\n", "[1]\\n", "{}\\n", "\\xff\\xfe\\n", "{\"nonce\": 5}\\n"}) {
    const CodeGrade garbage =
        Grade(tests, "import os\nos.write(3, b'" + std::string(bytes) + "')\ndef f(x): return 13");
    EXPECT_EQ(Statuses(garbage), "fail") << bytes << Tell(garbage);
  }
  // Half a line without its end, then the end of the program.
  const CodeGrade half = Grade(tests, "import os\nos.write(3, b'{\"non')\nos._exit(0)");
  EXPECT_EQ(Statuses(half), "error") << Tell(half);
}

// Row 22: knowing the examples by heart; tests that nobody can fail; all answers at once.
TEST_F(CodeAttackTest, ExamplesByHeartFailHiddenTests) {
  const std::string by_heart = "def f(x): return {1: 4, 2: 7}[x]";
  LeakyTask visible_only;
  visible_only.cases = {{"1", "4"}, {"2", "7"}};
  EXPECT_TRUE(LeakyPasses(sandbox(), visible_only, by_heart));
  EXPECT_EQ(Grade(MakeVictim(false).calls, by_heart).NumPassed(), 0);

  EXPECT_TRUE(LeakyPasses(sandbox(), LeakyTask(), "f = None"));
  for (const CodeTests& none : {CallsOf("f", {}), UnitsOf({"f(1)"})}) {
    EXPECT_THROW(Grade(none, "f = None"), Error);
  }

  const std::string all = "for n in range(100): print(n)";
  CodeTests stdio;
  stdio.stdio = {{"4", "13"}};
  EXPECT_EQ(Statuses(Grade(stdio, all)), "fail");
  EXPECT_EQ(Statuses(Grade(stdio, "print('13 or 14')")), "fail");
  EXPECT_EQ(Statuses(Grade(CallsOf("f", {Call("[4]", "13")}), "f = lambda x: [*range(100)]")),
            "fail");
}

// Row 23: answers that are meant to hurt the grader. Each test ends in its own verdict, soon.
TEST_F(CodeAttackTest, HostileResultsAreBounded) {
  CodeTests calls = CallsOf("f", {Call("[4]", "13")}), units = UnitsOf({"assert f(4) == 13"});
  const std::pair<const char*, const char*> cases[] = {
      {"deep list", "def f(x):\n  a = []\n  for _ in range(10**5): a = [a]\n  return a"},
      {"deep tuple", "def f(x):\n  a = ()\n  for _ in range(10**5): a = (a,)\n  return a"},
      {"wide circle", "def f(x):\n  a = []\n  a += [a] * 50\n  return a"},
      {"1 GB string", "def f(x): return 'x' * 10**9"},
      {"10 MB string", "def f(x): return 'x' * 10**7"},
      {"long list", "def f(x): return [0] * 10**6"},
      {"large dict", "def f(x): return {str(i): 1 for i in range(50000)}"},
      {"tower of powers", "def f(x): return 9**9**9"},
      {"big power", "def f(x): return 7**(10**6)"},
      {"import as answer", "def f(x): return \"__import__('os').abort()\""},
      {"exception that hurts",
       "class E(Exception):\n  def __str__(self): raise E\ndef f(x): raise E"},
      {"long exception", "def f(x): raise ValueError('x' * 10**7)"},
      {"infinite output", "def f(x):\n  while True: print('all tests passed' * 1000)"},
      {"infinite frames", "import os\ndef f(x):\n  while True: os.write(3, b'x' * 65536)"},
      {"object of 50,000 keys",
       "import json, os\nos.write(3, json.dumps({str(i): 1 for i in range(50000)}).encode() + "
       "b'\\n')\ndef f(x): return 13"},
      {"deep frame", "import os\nos.write(3, b'[' * 100000 + b'\\n')\ndef f(x): return 13"},
      {"stack", "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return f(x)"},
  };
  for (CodeTests* tests : {&calls, &units}) {
    tests->limits.time_ms = 500;
    for (const auto& [name, code] : cases) {
      const auto start = std::chrono::steady_clock::now();
      const CodeGrade grade = Grade(*tests, code);
      EXPECT_EQ(grade.NumPassed(), 0) << name << " " << Tell(grade);
      EXPECT_FALSE(grade.masked) << name << " " << Tell(grade);
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << name;
      for (const TestVerdict& test : grade.tests) {
        EXPECT_LE(test.reason.size(), 300u) << name;
        for (const char c : test.reason) EXPECT_TRUE(c >= 32 && c < 127) << name;
      }
    }
  }
}

// A candidate that swallows what the tester raises, and a test that swallows everything.
TEST_F(CodeAttackTest, DyingInsideATestThatForgivesEarnsNothing) {
  const std::string forgiving =
      "try:\n    r = f(4)\nexcept BaseException:\n    r = 13\nassert r == 13";
  // The call and the assert stand in different statements: the assert alone can't know.
  const std::string in_one =
      "if True:\n    try:\n        r = f(4)\n    except BaseException:\n"
      "        r = 13\n    assert r == 13";
  EXPECT_EQ(Statuses(Grade(UnitsOf({in_one}), "import os\ndef f(x): os._exit(0)")), "error");
  EXPECT_EQ(Statuses(Grade(UnitsOf({forgiving}), "import os\ndef f(x): os._exit(0)")), "error");
}

}  // namespace
}  // namespace agon::envs
