// tool/python: questions that a short program answers, and Python to run it.
//
//   What is the sum of the digits of 7**21?
//   <tool_call>print(sum(map(int, str(7**21))))</tool_call>  84  Answer: 84
//
// Each call runs in a fresh box (envs/sandbox/sandbox.h); what it prints comes back, cut at
// 1,000 bytes, or the last line of its error. Answers are whole numbers. Difficulty is the
// size of the numbers and words.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "core/error.h"
#include "envs/choice.h"
#include "envs/code/shared_sandbox.h"
#include "envs/math/big_integer.h"
#include "envs/tool/tool_env.h"

namespace agon::envs {
namespace {

constexpr int kNumDifficulties = 3;
constexpr int kMaxTurns = 6;
constexpr std::array<std::string_view, 1> kOwnKeys = {kUnsafeKey};

std::string Text(int64_t number) { return std::to_string(number); }

// The immediate labeler prints the answer, the other one first what it is made of.
Problem Finish(std::string question, const std::string& answer, std::string identity,
               const std::string& parts, const std::string& whole) {
  return {std::move(question),
          answer,
          {"print(" + parts + ")", "print(" + whole + ")"},
          {},
          std::move(identity),
          {"print(" + whole + ")"}};
}

// Digits of a power that no head holds.
Problem Digits(Rng& rng, int difficulty) {
  const int64_t base = rng.Between(2, 29);
  const int64_t exponent = rng.Between(8, 16) * (difficulty + 1);
  const std::string power = Text(base) + "**" + Text(exponent);
  const std::string digits = BigInteger(base).Power(static_cast<unsigned>(exponent)).ToString();
  if (rng.Below(2) == 0) {
    int64_t sum = 0;
    for (const char digit : digits) sum += digit - '0';
    return Finish("What is the sum of the digits of " + power + "?", Text(sum), "sum " + power,
                  power, "sum(map(int, str(" + power + ")))");
  }
  return Finish("How many digits does " + power + " have?",
                Text(static_cast<int64_t>(digits.size())), "length " + power, power,
                "len(str(" + power + "))");
}

// Multiples in a range: how many, or their sum.
Problem Multiples(Rng& rng, int difficulty) {
  const int64_t low = rng.Between(1, 50), step = rng.Between(3, 9 + 10 * difficulty);
  const int64_t high = low + rng.Between(10, 40) * (difficulty == 0 ? 2 : difficulty == 1 ? 9 : 90);
  int64_t count = 0, sum = 0;
  for (int64_t n = low; n <= high; ++n) {
    if (n % step != 0) continue;
    ++count;
    sum += n;
  }
  const std::string range = " from " + Text(low) + " to " + Text(high);
  const std::string all = "[n for n in range(" + Text(low) + ", " + Text(high + 1) + ") if n % " +
                          Text(step) + " == 0]";
  const bool counts = rng.Below(2) == 0;
  const std::string kind = "the numbers" + range + " that " + Text(step) + " divides";
  return Finish(counts ? "How many are " + kind + "?" : "What is the sum of " + kind + "?",
                Text(counts ? count : sum), (counts ? "count " : "sum ") + kind, all,
                (counts ? "len(" : "sum(") + all + ")");
}

// A letter in a row of letters.
Problem Letters(Rng& rng, int difficulty) {
  const int64_t size = rng.Between(10, 16) * (difficulty + 1);
  std::string row;
  for (int64_t i = 0; i < size; ++i) row += static_cast<char>('a' + rng.Below(5));
  const char letter = static_cast<char>('a' + rng.Below(5));
  const int64_t count = std::count(row.begin(), row.end(), letter);
  const std::string quoted = std::string("'") + letter + "'";
  return Finish(std::string("How often does ") + letter + " occur in " + row + "?", Text(count),
                letter + (" " + row), "sorted('" + row + "')",
                "'" + row + "'.count(" + quoted + ")");
}

// Powers modulo a number.
Problem Remainder(Rng& rng, int difficulty) {
  const int64_t base = rng.Between(2, 99), exponent = rng.Between(10, 40) * (difficulty + 1);
  const int64_t modulus = rng.Between(11, difficulty == 0 ? 99 : 999);
  int64_t rest = 1;
  for (int64_t i = 0; i < exponent; ++i) rest = rest * base % modulus;
  const std::string power = Text(base) + "**" + Text(exponent);
  return Finish("What is the rest of dividing " + power + " by " + Text(modulus) + "?", Text(rest),
                power + " % " + Text(modulus), power, power + " % " + Text(modulus));
}

// Printable ASCII and line ends: what a policy reads must be text.
std::string Plain(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](unsigned char c) { return c != '\n' && c != '\t' && (c < 32 || c > 126); }, '?');
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string RunPython(Sandbox& sandbox, const std::string& source) {
  BoxLimits limits;
  limits.cpu_ms = 2000;
  limits.wall_ms = 5000;
  limits.output_bytes = 65536;
  const BoxResult result = sandbox.Run(Program::Python(source), limits);
  switch (result.verdict) {
    case BoxVerdict::kSandboxFailure:
      throw Error(ErrorKind::kFailed, "the sandbox failed: " + result.reason);
    case BoxVerdict::kTimeLimit:
    case BoxVerdict::kMemoryLimit:
    case BoxVerdict::kOutputLimit:
      return std::string("error: ") + BoxVerdictName(result.verdict);
    case BoxVerdict::kRuntimeError: {
      const std::string text = Plain(result.stderr_bytes);
      return "error: " + text.substr(text.rfind('\n') + 1);
    }
    case BoxVerdict::kOk:
      break;
  }
  const std::string text = Plain(result.stdout_bytes);
  return text.empty() ? "error: nothing was printed" : text;
}

std::unique_ptr<Env> MakePythonTool(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "tool/python-v1";
  spec.info.summary = "Questions that a short program answers, with Python to run it";
  spec.info.num_difficulties = kNumDifficulties;
  spec.info.max_turns = kMaxTurns;
  spec.info.tools = {{"python", "Runs a Python program and returns what it prints.",
                      R"({"type":"object","properties":{"code":{"type":"string"}},)"
                      R"("required":["code"]})"}};
  spec.families = {{"digits", Digits, 0.1},
                   {"multiples", Multiples, 0.05},
                   {"letters", Letters, 0.25},
                   {"remainder", Remainder, 0.05}};
  spec.verify = VerifyNumber;
  spec.own_keys = {kUnsafeKey};
  EnvInfo choosing = spec.info;
  for (const ProblemFamily& family : spec.families) choosing.families.push_back(family.name);
  const bool unsafe = IsUnsafe(ParseTaskChoice(params, choosing, kOwnKeys), choosing);
  const auto run = [unsafe](const ToolCall& call) {
    return RunPython(SharedSandbox(unsafe), call.arguments.at("code"));
  };
  return MakeToolEnv(std::move(spec), run, params);
}

REGISTER_ENV("tool/python-v1", MakePythonTool);

}  // namespace
}  // namespace agon::envs
