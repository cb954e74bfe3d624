// code/python, code/jsonl and tool/python beyond what the suites over all environments ask,
// and `rl-env grade code`'s lines.
#include <sstream>

#include "core/error.h"
#include "core/json.h"
#include "envs/code/python_tasks.h"
#include "envs/code/shared_sandbox.h"
#include "envs/code/task_line.h"
#include "envs/code/verdict_cache.h"
#include "envs/demonstration.h"
#include "envs/env.h"
#include "envs/grade_lines.h"
#include "tests/paths.h"
#include "tests/sandbox/code_fixture.h"

namespace agon::envs {
namespace {

class CodeEnvTest : public CodeTest {
 protected:
  static Outcome Answer(const Env& env, const Task& task, const std::string& text,
                        bool truncated = false) {
    return std::get<Outcome>(env.Start(task)->Step(text, truncated));
  }
};

// A task of code/python whose answer is known: f(x) is 2 * x, shown at 1 and hidden elsewhere.
Task Doubling(const Env& env) {
  Task task = env.Get(Split::kTrain, 1, 0);
  task.state = R"({"parameter":"x","steps":[],"hidden":[[3,6],[-5,-10],[0,0]]})";
  task.answer = "return x * 2";
  return task;
}

TEST_F(CodeEnvTest, PythonTakesAnyProgramThatIsRight) {
  const auto env = MakeEnv("code/python");
  const Task task = Doubling(*env);
  for (const char* right : {"Answer: return x * 2", "Answer: return x + x",
                            "x + x\nAnswer: return (x << 1)", "<think>hm</think>Answer: return 2*x",
                            "```python\ndef f(x):\n    y = x\n    return x + y\n```",
                            "```\nf = lambda x: 0\ndef f(x): return x * 2\n```"}) {
    const Outcome outcome = Answer(*env, task, right);
    EXPECT_EQ(outcome.Reward(), 1) << right << ": " << outcome.reason;
    EXPECT_EQ(outcome.reason, "right");
    EXPECT_TRUE(outcome.terminated);
  }
}

TEST_F(CodeEnvTest, PythonRefusesTheRest) {
  const auto env = MakeEnv("code/python");
  const Task task = Doubling(*env);
  const std::pair<const char*, const char*> wrong[] = {
      {"Answer: return x * 3", "test 1 of 3: fail, another result: 9"},
      {"Answer: return x and 6", "test 2 of 3: fail, another result: 6"},
      {"Answer: return {1: 2}[x]", "test 1 of 3: error, KeyError: 3"},
      {"Answer: return x +", "test 1 of 3: error, SyntaxError"},
      {"Answer: x * 2", "does not begin with return"},
      {"Answer: return x * 2 or return x", "two answers"},
      {"return x * 2", "no answer"},
      {"```python\ndef g(x): return x * 2\n```", "no f in the code"},
      {"", "no answer"}};
  for (const auto& [text, reason] : wrong) {
    const Outcome outcome = Answer(*env, task, text);
    EXPECT_EQ(outcome.Reward(), 0) << text;
    EXPECT_TRUE(outcome.reason.starts_with(reason)) << text << ": " << outcome.reason;
    EXPECT_FALSE(outcome.masked);
  }
  const Outcome cut = Answer(*env, task, "Answer: return x * 2", /*truncated=*/true);
  EXPECT_EQ(cut.Reward(), 0);
  EXPECT_TRUE(cut.truncated);
}

// The hidden tests are computed here, in C++; the solution runs in Python.
TEST_F(CodeEnvTest, HiddenTestsAgreeWithPython) {
  for (auto draw : {DrawExpression, DrawListFunction, DrawStringFunction}) {
    for (int difficulty = 0; difficulty < kNumPythonDifficulties; ++difficulty) {
      for (uint32_t i = 0; i < 5; ++i) {
        Rng rng({7, RngStream::kTest, static_cast<uint64_t>(difficulty), i, 0});
        const PythonTask task = draw(rng, difficulty);
        ASSERT_EQ(task.hidden.size(), 4u);
        ASSERT_EQ(task.examples.size(), difficulty < 2 ? 1u : 2u);
        // All in one call: f is written into a comprehension.
        CallTest all;
        PlainValue arguments, results;
        arguments.kind = results.kind = PlainValue::Kind::kList;
        for (const auto* tests : {&task.examples, &task.hidden}) {
          for (const auto& [argument, result] : *tests) {
            arguments.items.push_back(argument);
            results.items.push_back(result);
          }
        }
        const std::string code = "def f(" + task.parameter + "): return " + task.solution +
                                 "\ndef g(all): return [f(each) for each in all]";
        const CodeGrade grade = Grade(CallsOf("g", {{{arguments}, {}, results}}), code);
        EXPECT_TRUE(grade.Passed()) << code << Tell(grade);
        EXPECT_LT(task.description.size(), 120u) << task.description;
      }
    }
  }
}

TEST_F(CodeEnvTest, FileTasksAreHeldAgainstHiddenAsserts) {
  const auto env = MakeEnv("code/jsonl(file=" + kSourceDir + "/tests/data/functions.jsonl)");
  const Task task = env->Get(Split::kTrain, 1, 0);
  const std::string gold = *env->Demonstrate(task, Labeler::kImmediate, 0);
  EXPECT_EQ(Answer(*env, task, gold).Reward(), 1);
  EXPECT_EQ(Answer(*env, task, task.answer).Reward(), 1);  // bare code
  EXPECT_EQ(Answer(*env, task, "```python\nimport os\nos._exit(0)\n```").Reward(), 0);
  EXPECT_EQ(Answer(*env, task, gold + "\n\\boxed{1}").reason, "two answers");
  EXPECT_EQ(Answer(*env, task, gold, /*truncated=*/true).reason, "cut by the token limit");
  EXPECT_NE(task.messages[0].content.find("It must pass: "), std::string::npos);
}

TEST_F(CodeEnvTest, BrokenFilesAreNamedByLine) {
  const auto problem = [](const std::string& line) -> std::string {
    try {
      ReadCodeFileTask(line, "a.jsonl line 3");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  for (const char* line :
       {"{", "[]", R"({"text":"a","code":"b"})", R"({"text":"a","code":"b","test_list":[]})",
        R"({"text":"","code":"b","test_list":["assert 1"]})",
        R"({"text":"a","code":1,"test_list":["assert 1"]})"}) {
    EXPECT_NE(problem(line).find("a.jsonl line 3"), std::string::npos) << line;
  }
  EXPECT_THROW(MakeEnv("code/jsonl(file=/nowhere.jsonl)"), Error);
  EXPECT_THROW(MakeEnv("code/jsonl")->Get(Split::kTrain, 0, 0), Error);
}

TEST_F(CodeEnvTest, EntryPointIsFoundInTheTests) {
  const std::string code = "def helper(x): pass\ndef sum(a, b): return a";
  EXPECT_EQ(FindEntryPoint("assert sum(1, 2) == 3", code), "sum");
  EXPECT_EQ(FindEntryPoint("assert set(sum(1, 2)) == 3", code), "sum");
  EXPECT_EQ(FindEntryPoint("assert (max_height(root)) == 3", code), "");
  EXPECT_EQ(FindEntryPoint("", code), "");
}

TEST_F(CodeEnvTest, ToolRunsPythonAndAnswersInText) {
  const auto env = MakeEnv("tool/python");
  const Task task = env->Get(Split::kTrain, 1, 0);
  const auto says = [&](const std::string& code) {
    const auto episode = env->Start(task);
    return std::get<Turn>(episode->Step("<tool_call>" + code + "</tool_call>", false))
        .messages[0]
        .content;
  };
  EXPECT_EQ(says("print(6 * 7)"), "42");
  EXPECT_EQ(says("for i in range(3): print(i)"), "0\n1\n2");
  EXPECT_EQ(says("1 + 1"), "error: nothing was printed");
  EXPECT_EQ(says("1 / 0"), "error: ZeroDivisionError: division by zero");
  EXPECT_EQ(says("print('\\x1b\\xe9')"), "???");
  EXPECT_EQ(says("while True: pass"), "error: time limit");
  EXPECT_EQ(says("while True: print('x' * 1000)"), "error: output limit");
  EXPECT_LE(says("print('x' * 5000)").size(), 1000u);
  EXPECT_TRUE(says("open('/etc/passwd')").starts_with("error: "));
  // Boxes remember nothing.
  EXPECT_TRUE(says("open('/tmp/note', 'w').write('x'); print(1)") == "1");
  EXPECT_TRUE(says("print(open('/tmp/note').read())").starts_with("error: FileNotFoundError"));
}

TEST_F(CodeEnvTest, UnsafeParameterIsNamedForItsDanger) {
  EXPECT_THROW(MakeEnv("code/python(unsafe_run_model_code_unsandboxed=yes)"), Error);
  EXPECT_THROW(MakeEnv("tool/python(unsafe_run_model_code_unsandboxed=yes)"), Error);
  EXPECT_NO_THROW(MakeEnv("code/python(unsafe_run_model_code_unsandboxed=0)"));
}

TEST_F(CodeEnvTest, VerdictsAreRememberedByTaskAndCode) {
  VerdictCache cache;
  const CodeTests one = CallsOf("f", {Call("[]", "1")}), two = CallsOf("f", {Call("[]", "2")});
  const std::string code = "def f(): return 1";
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(cache.Grade(sandbox(), one, "one", code).Passed());
    EXPECT_FALSE(cache.Grade(sandbox(), two, "two", code).Passed());
    EXPECT_FALSE(cache.Grade(sandbox(), one, "one", "def f(): return 2").Passed());
  }
  // Remembered: the tests of this name are not looked at again.
  EXPECT_TRUE(cache.Grade(sandbox(), two, "one", code).Passed());
  // Time is the machine's, so it is not remembered.
  CodeTests slow = CallsOf("f", {Call("[]", "1")});
  slow.limits.time_ms = 100;
  const std::string sleeper = "import time\ndef f(): time.sleep(3); return 1";
  EXPECT_EQ(Statuses(cache.Grade(sandbox(), slow, "slow", sleeper)), "time");
  slow.limits.time_ms = 20000;
  EXPECT_TRUE(cache.Grade(sandbox(), slow, "slow", sleeper).Passed());
}

TEST_F(CodeEnvTest, GradesLinesInOrderOnSeveralThreads) {
  std::string description;
  const LineGrader grader = MakeCodeLineGrader(false, &description);
  EXPECT_FALSE(description.empty());
  std::string in;
  for (int i = 0; i < 12; ++i) {
    in += R"({"id": )" + std::to_string(i) +
          R"(, "response": "```python\ndef f(x): return x\n```", "entry_point": "f", "calls": )" +
          R"([{"args": [)" + std::to_string(i % 3) + R"(], "expected": 1}]})" + "\n";
    if (i == 5) in += "\nnot json\n{\"id\": 99, \"response\": \"x\"}\n";
  }
  std::istringstream stream(in);
  std::ostringstream out, errors;
  const GradedLines counts = GradeLines(stream, "in", grader, out, errors, /*num_threads=*/3);
  EXPECT_EQ(counts.num_lines, 14);
  EXPECT_EQ(counts.num_broken, 2);
  EXPECT_NE(errors.str().find("in line 8: "), std::string::npos) << errors.str();
  EXPECT_NE(errors.str().find("in line 9: "), std::string::npos) << errors.str();
  std::istringstream lines(out.str());
  std::string line;
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(std::getline(lines, line));
    const Json graded = ParseJson(line, "out");
    EXPECT_EQ(graded["id"], i);
    EXPECT_EQ(graded["reward"], i % 3 == 1 ? 1 : 0) << line;
    EXPECT_EQ(graded["total"], 1);
    EXPECT_EQ(graded["tests"][0]["verdict"], i % 3 == 1 ? "pass" : "fail");
    EXPECT_FALSE(graded.contains("response"));
    if (i != 5) continue;
    for (int broken = 0; broken < 2; ++broken) {
      ASSERT_TRUE(std::getline(lines, line));
      EXPECT_TRUE(ParseJson(line, "out")["reward"].is_null()) << line;
    }
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(CodeEnvTest, LinesHaveEachFormOfTests) {
  std::string description;
  const LineGrader grader = MakeCodeLineGrader(false, &description);
  const auto reward = [&](const std::string& fields) {
    const Json graded = ParseJson(grader("{" + fields + "}", "line 1"), "out");
    return graded["reward"].dump() + " " + graded["passed"].dump() + "/" + graded["total"].dump();
  };
  const std::string f = R"j("response": "def f(x): return x * 2", )j";
  EXPECT_EQ(reward(f + R"j("tests": ["assert f(1) == 2", "assert f(2) == 5"])j"), "0 1/2");
  EXPECT_EQ(reward(f + R"j("check": "def check(c):\n    assert c(1) == 2", "entry_point": "f")j"),
            "1 1/1");
  EXPECT_EQ(reward(f + R"j("entry_point": "f", "calls": [{"args": [{"$tuple": [1]}], )j" +
                   R"j("expected": {"$tuple": [1, 1]}}, {"kwargs": {"x": 2}, "expected": 4}])j"),
            "1 2/2");
  EXPECT_EQ(reward(R"j("response": "print(int(input()) + 1)", "stdio": )j"
                   R"j([{"input": "1", "output": "2"}, {"input": "5", "output": "7"}])j"),
            "0 1/2");
  EXPECT_EQ(reward(R"j("response": "def f(x):\n  while 1: pass", "tests": ["assert f(1)"], )j"
                   R"j("time_limit_s": 0.2, "memory_limit_mb": 64)j"),
            "0 0/1");
  EXPECT_EQ(reward(f + R"j("tests": ["assert f(1) == 2"], "reference": "def f(x): return 0")j"),
            "null 0/1");
  for (const std::string& broken :
       {f + R"j("tests": [])j", f + R"j("tests": "assert f(1)")j", f + R"j("tests": ["f(1)"])j",
        f + R"j("calls": [{"args": []}], "entry_point": "f")j",
        std::string(R"j("tests": ["assert 1"])j"),
        f + R"j("tests": ["assert f(1)"], "time_limit_s": -1)j"}) {
    EXPECT_THROW(reward(broken), Error) << broken;
  }
}

}  // namespace
}  // namespace agon::envs
