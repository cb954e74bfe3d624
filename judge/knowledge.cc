#include "judge/knowledge.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "core/error.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

double ShareOf(std::string_view said, ReplyKind kind) {
  const auto count = std::count(said.begin(), said.end(), static_cast<char>(kind));
  return static_cast<double>(count) / static_cast<double>(said.size());
}

// `values` of questions, clustered by their answers.
template <typename Value>
Estimate Clustered(std::span<const HeldOutFact* const> facts, const Value& value) {
  std::map<std::string, std::vector<double>> by_answer;
  for (const HeldOutFact* fact : facts) by_answer[fact->answer].push_back(value(*fact));
  std::vector<std::vector<double>> clusters;
  for (auto& [answer, values] : by_answer) clusters.push_back(std::move(values));
  return ClusteredMean(clusters);
}

template <typename Value>
Estimate Share(std::span<const HeldOutFact* const> facts, const Value& value) {
  Estimate share = Clustered(facts, value);
  share.ci_low = std::clamp(share.ci_low, 0.0, 1.0);
  share.ci_high = std::clamp(share.ci_high, 0.0, 1.0);
  // Where all agree, the exact binomial interval (Clopper and Pearson 1934).
  const double bound = std::pow(0.025, 1 / static_cast<double>(share.num_clusters));
  if (share.value == 1) share.ci_low = bound, share.ci_high = 1;
  if (share.value == 0) share.ci_low = 0, share.ci_high = 1 - bound;
  return share;
}

ReplyShares SharesOf(std::span<const HeldOutFact* const> facts,
                     std::string HeldOutFact::*const said) {
  const auto share = [&](ReplyKind kind) {
    return Share(facts, [&](const HeldOutFact& fact) { return ShareOf(fact.*said, kind); });
  };
  return {share(ReplyKind::kRight), share(ReplyKind::kDontKnow), share(ReplyKind::kWrong)};
}

template <typename Belongs>
void AddGroup(const std::string& name, std::span<const HeldOutFact> held_out,
              const Belongs& belongs, std::vector<KnowledgeGroup>& groups) {
  std::vector<const HeldOutFact*> facts;
  for (const HeldOutFact& fact : held_out) {
    if (!fact.before.empty() && !fact.after.empty() && belongs(fact)) facts.push_back(&fact);
  }
  if (facts.empty()) return;
  KnowledgeGroup group{name, static_cast<int64_t>(facts.size()), {}, {}, {}};
  group.before = SharesOf(facts, &HeldOutFact::before);
  group.after = SharesOf(facts, &HeldOutFact::after);
  group.right_change = Clustered(facts, [](const HeldOutFact& fact) {
    return ShareOf(fact.after, ReplyKind::kRight) - ShareOf(fact.before, ReplyKind::kRight);
  });
  groups.push_back(std::move(group));
}

const KnowledgeGroup* Find(const std::vector<KnowledgeGroup>& groups, std::string_view name) {
  const auto found = std::find_if(groups.begin(), groups.end(),
                                  [&](const KnowledgeGroup& group) { return group.name == name; });
  return found == groups.end() ? nullptr : &*found;
}

std::string Change(const Estimate& before, const Estimate& after) {
  return FormatPercent(before.value) + " → " + FormatPercent(after.value);
}

}  // namespace

FactClass ClassOf(std::string_view said, double known_share) {
  if (said.empty()) return FactClass::kUnsure;
  const double right = ShareOf(said, ReplyKind::kRight);
  if (right == 0) return FactClass::kNeverRight;
  // A share such as 0.8 that went through a float is a little more than four of five.
  return right >= known_share - 1e-6 ? FactClass::kKnown : FactClass::kUnsure;
}

std::vector<KnowledgeGroup> KnowledgeGroups(std::span<const HeldOutFact> held_out) {
  std::vector<KnowledgeGroup> groups;
  AddGroup(
      "known before", held_out,
      [](const HeldOutFact& fact) { return fact.known == FactClass::kKnown; }, groups);
  AddGroup(
      "never right before", held_out,
      [](const HeldOutFact& fact) { return fact.known == FactClass::kNeverRight; }, groups);
  std::set<std::string> families;
  for (const HeldOutFact& fact : held_out) families.insert(fact.family);
  if (families.size() < 2) return groups;
  for (const std::string& family : families) {
    AddGroup(
        "family " + family, held_out,
        [&](const HeldOutFact& fact) { return fact.family == family; }, groups);
  }
  return groups;
}

std::string DescribeKnowledge(const Knowledge& knowledge) {
  const auto groups = KnowledgeGroups(knowledge.held_out);
  std::string text;
  if (const auto* wrong = Find(groups, "never right before")) {
    text =
        "made up " + Change(wrong->before.wrong, wrong->after.wrong) + " where it was never right";
  }
  if (const auto* known = Find(groups, "known before")) {
    text += (text.empty() ? "right " : "; right ") +
            Change(known->before.right, known->after.right) + " where it knew";
  }
  return text.empty() ? "no held-out question was known or never right" : text;
}

}  // namespace agon::judge
