// An environment that is a table of problem families: one question, one completion, one
// verdict.
//
// A single-turn environment needs only functions that draw a problem and one that verifies
// a completion; task names, splits, parameters, demonstrations and episodes are here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "envs/env.h"

namespace agon::envs {

struct Problem {
  std::string question;
  std::string answer;              // what follows "Answer: " in a demonstration
  std::vector<std::string> steps;  // worked computation, one small step a line
  std::vector<int64_t> given;      // numbers the verifier needs besides the answer
  // What is asked, whatever the wording: it decides the split, so that a test task is not
  // a train task in other words. Must follow from the question.
  std::string identity;
  // What to call, in an environment with a tool (envs/tool/tool_env.h).
  std::vector<std::string> calls = {};
};

// Two families never ask the same question.
struct ProblemFamily {
  std::string name;
  std::function<Problem(Rng& rng, int difficulty)> draw;  // pure but for `rng`
  double chance = 0.1;  // EnvInfo::chance is the mean over the chosen families
};

// `given` is Problem::given. An answer that is right earns 1, any other 0.
struct Verdict {
  bool correct = false;
  std::string extracted;
  std::string reason;
};
using Verifier = Verdict (*)(std::string_view answer, const std::vector<int64_t>& given,
                             std::string_view completion);

struct ProblemEnvSpec {
  EnvInfo info;  // `families` and `chance` are filled in from the table below
  std::vector<ProblemFamily> families;
  Verifier verify = nullptr;
  std::vector<std::string_view> own_keys = {};  // parameters that the maker has read itself
};

// Family and difficulty are uniform over what `params` choose (envs/choice.h). Draws are
// repeated until the hash of family and identity falls into the wanted split (train 8 of
// 10, val 1, test 1), which makes the splits disjoint.
std::unique_ptr<Env> MakeProblemEnv(ProblemEnvSpec spec, std::string_view params);

// The split that a problem belongs to.
Split SplitOf(std::string_view family, std::string_view identity);

// Verifies a number: exact comparison with the gold (envs/math/extract.h for markers).
Verdict VerifyNumber(std::string_view answer, const std::vector<int64_t>& given,
                     std::string_view completion);

// Verifies a text: the gold in any case, with any spaces and maybe a full stop.
Verdict VerifyText(std::string_view answer, const std::vector<int64_t>& given,
                   std::string_view completion);

}  // namespace agon::envs
