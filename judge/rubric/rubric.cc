#include "judge/rubric/rubric.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/toml.h"
#include "envs/answer_match.h"
#include "judge/rubric/rules.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxRules = 256;

Rule::Of ReadOf(const Json& rule, const std::string& where) {
  if (!rule.contains("of")) return Rule::Of::kReply;
  const Json& of = rule["of"];
  if (of == "reply") return Rule::Of::kReply;
  if (of == "answer") return Rule::Of::kAnswer;
  if (of == "thinking") return Rule::Of::kThinking;
  throw Error(ErrorKind::kUsage, "of = " + of.dump(), where,
              "it is \"reply\", \"answer\" (behind </think>) or \"thinking\"");
}

Rule ReadRule(const Json& json, const std::string& where, size_t number) {
  const std::string unnamed = where + " rule " + std::to_string(number);
  if (!json.is_object()) throw Error(ErrorKind::kUsage, "a rule is a table", unnamed);
  Rule rule;
  rule.name = JsonField<std::string>(json, "name", unnamed);
  const std::string named = where + " rule \"" + rule.name + "\"";
  if (json.contains("weight")) rule.weight = JsonField<double>(json, "weight", named);
  if (!std::isfinite(rule.weight) || rule.weight < 0) {
    throw Error(ErrorKind::kUsage, "weight = " + std::to_string(rule.weight), named,
                "a weight is a finite number, at least 0");
  }
  if (json.contains("required")) rule.required = JsonField<bool>(json, "required", named);
  rule.of = ReadOf(json, named);
  rule.check = MakeRuleCheck(json, named);
  return rule;
}

std::string_view PartOf(Rule::Of of, std::string_view reply) {
  if (of == Rule::Of::kReply) return reply;
  const std::string_view answer = envs::WithoutThinking(reply);
  if (of == Rule::Of::kAnswer) return answer;
  return reply.substr(0, static_cast<size_t>(answer.data() - reply.data()));
}

class RubricJudge final : public Judge {
 public:
  RubricJudge(Rubric rubric, JudgeInfo info) : rubric_(std::move(rubric)), info_(std::move(info)) {}
  const JudgeInfo& info() const override { return info_; }

 protected:
  Verdict DoScore(const Question& question, std::string_view reply) const override {
    Verdict verdict;
    double sum = 0, weights = 0;
    bool is_refused = false;
    for (const Rule& rule : rubric_.rules) {
      const RuleValue kept = rule.check(question, PartOf(rule.of, reply));
      verdict.parts.push_back({rule.name, kept.value, rule.weight});
      sum += rule.weight * kept.value;
      weights += rule.weight;
      is_refused |= rule.required && kept.value == 0;
      if (kept.value >= 1) continue;
      if (!verdict.reason.empty()) verdict.reason += "; ";
      verdict.reason += rule.name + (kept.note.empty() ? "" : ": " + kept.note);
    }
    // Rounding may leave a mean of ones above 1.
    verdict.score = is_refused ? 0.0 : std::clamp(sum / weights, 0.0, 1.0);
    if (verdict.reason.empty()) verdict.reason = "every rule is kept";
    return verdict;
  }

 private:
  const Rubric rubric_;
  const JudgeInfo info_;
};

}  // namespace

Rubric ParseRubric(std::string_view toml, const std::string& where) {
  const Json json = ParseToml(toml, where);
  CheckKeys(json, {"name", "rule"}, where);
  Rubric rubric;
  rubric.name = json.contains("name") ? JsonField<std::string>(json, "name", where) : where;
  const Json rules = json.value("rule", Json::array());
  if (!rules.is_array() || rules.empty() || rules.size() > kMaxRules) {
    throw Error(ErrorKind::kUsage, "a rubric has 1 to " + std::to_string(kMaxRules) + " rules",
                where, "each is a [[rule]] with a name and a kind");
  }
  double weights = 0;
  for (const Json& rule : rules) {
    rubric.rules.push_back(ReadRule(rule, where, rubric.rules.size() + 1));
    weights += rubric.rules.back().weight;
    const auto same = [&](const Rule& other) { return other.name == rubric.rules.back().name; };
    if (std::count_if(rubric.rules.begin(), rubric.rules.end(), same) > 1) {
      throw Error(ErrorKind::kUsage, "two rules are called \"" + rubric.rules.back().name + "\"",
                  where);
    }
  }
  if (!(weights > 0 && std::isfinite(weights))) {
    throw Error(ErrorKind::kUsage, "the weights add up to " + std::to_string(weights), where,
                "at least one rule needs a weight above 0");
  }
  return rubric;
}

std::unique_ptr<Judge> MakeRubricJudge(Rubric rubric, JudgeInfo info) {
  return std::make_unique<RubricJudge>(std::move(rubric), std::move(info));
}

}  // namespace agon::judge
