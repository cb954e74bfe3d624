// Rubrics: weighted, named rules that anyone can read and argue about (docs/formats/rubric.md).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "judge/judge.h"

namespace agon::judge {

// How far one rule is kept: 0 not at all, 1 fully.
struct RuleValue {
  double value = 0;
  std::string note;  // for a person, "" if the value says it all
};

struct Rule {
  enum class Of { kReply, kAnswer, kThinking };  // all of the reply, or one part of it

  std::string name;
  double weight = 1;
  // A reply that doesn't keep it at all (value 0) scores 0.
  bool required = false;
  Of of = Of::kReply;
  // Throws Error(kUsage) if the question lacks what the rule needs.
  std::function<RuleValue(const Question&, std::string_view text)> check;
};

struct Rubric {
  std::string name;
  std::vector<Rule> rules;  // not empty, their weights' sum is positive
};

// Reads a rubric. Throws Error naming `where`, the rule, the key and what is allowed: kCorrupt
// for what isn't TOML, kUsage for the rest.
Rubric ParseRubric(std::string_view toml, const std::string& where);

// Scores by the weighted mean of the rules, in [0, 1]; each rule is a part of the verdict.
std::unique_ptr<Judge> MakeRubricJudge(Rubric rubric, JudgeInfo info);

}  // namespace agon::judge
