// knowledge.json and probe/*.jsonl of a run directory.
#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "judge/knowledge.h"

namespace agon::judge {
namespace {

constexpr std::array<const char*, 3> kClassNames = {"known", "unsure", "never right"};

std::string ReadSaid(const Json& json, const char* key, const std::string& where) {
  auto said = JsonField<std::string>(json, key, where);
  if (said.find_first_not_of("rdw") != std::string::npos) {
    throw Error(ErrorKind::kCorrupt, "\"" + said + "\" is not made of r, d and w", where);
  }
  return said;
}

FactClass ReadClass(const Json& json, const std::string& where) {
  const auto name = JsonField<std::string>(json, "class", where);
  const auto found = std::find(kClassNames.begin(), kClassNames.end(), name);
  if (found == kClassNames.end()) {
    throw Error(ErrorKind::kCorrupt, "no class \"" + name + "\"", where);
  }
  return static_cast<FactClass>(found - kClassNames.begin());
}

Json ReplyEstimateJson(const Estimate& estimate) {
  return {{"value", NumberOrNull(estimate.value)},
          {"low", NumberOrNull(estimate.ci_low)},
          {"high", NumberOrNull(estimate.ci_high)}};
}

Json SharesJson(const ReplyShares& shares) {
  return {{"right", ReplyEstimateJson(shares.right)},
          {"dont_know", ReplyEstimateJson(shares.dont_know)},
          {"wrong", ReplyEstimateJson(shares.wrong)}};
}

Json GroupJson(const KnowledgeGroup& group) {
  return {{"group", group.name},
          {"questions", group.num_questions},
          {"before", SharesJson(group.before)},
          {"after", SharesJson(group.after)},
          {"right_change", ReplyEstimateJson(group.right_change)}};
}

}  // namespace

void WriteAsked(const std::filesystem::path& file, std::span<const AskedFact> facts) {
  std::string lines;
  for (const AskedFact& fact : facts) {
    lines += DumpJson({{"index", fact.index},
                       {"question", fact.question},
                       {"answer", fact.answer},
                       {"family", fact.family},
                       {"said", fact.said},
                       {"example", fact.example},
                       {"right_replies", fact.right_replies}}) +
             "\n";
  }
  WriteFileAtomic(file, lines);
}

std::vector<AskedFact> ReadAsked(const std::filesystem::path& file) {
  const std::string text = ReadFile(file);
  std::vector<AskedFact> facts;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string where = file.string() + " line " + std::to_string(facts.size() + 1);
    const Json json = ParseJson(std::string_view(text).substr(begin, end - begin), where);
    AskedFact fact;
    fact.index = JsonField<uint64_t>(json, "index", where);
    fact.question = JsonField<std::string>(json, "question", where);
    fact.answer = JsonField<std::string>(json, "answer", where);
    fact.family = JsonField<std::string>(json, "family", where);
    fact.said = ReadSaid(json, "said", where);
    fact.example = JsonField<std::string>(json, "example", where);
    fact.right_replies = JsonField<std::vector<std::string>>(json, "right_replies", where);
    facts.push_back(std::move(fact));
    begin = end + 1;
  }
  return facts;
}

void WriteKnowledge(const std::filesystem::path& file, const Knowledge& knowledge) {
  Json groups = Json::array(), held_out = Json::array();
  for (const KnowledgeGroup& group : KnowledgeGroups(knowledge.held_out)) {
    groups.push_back(GroupJson(group));
  }
  for (const HeldOutFact& fact : knowledge.held_out) {
    held_out.push_back({{"question", fact.question},
                        {"answer", fact.answer},
                        {"family", fact.family},
                        {"class", kClassNames[static_cast<size_t>(fact.known)]},
                        {"before", fact.before},
                        {"after", fact.after},
                        {"example_before", fact.example_before},
                        {"example_after", fact.example_after}});
  }
  const Json json = {{"known", knowledge.num_known},
                     {"unsure", knowledge.num_unsure},
                     {"never_right", knowledge.num_never_right},
                     {"groups", groups},
                     {"held_out", held_out}};
  WriteFileAtomic(file, DumpJson(json, 1) + "\n");
}

Knowledge ReadKnowledge(const std::filesystem::path& file) {
  Knowledge knowledge;
  if (!std::filesystem::exists(file)) return knowledge;
  const std::string where = file.string();
  const Json json = ReadJson(where);
  knowledge.num_known = JsonField<int64_t>(json, "known", where);
  knowledge.num_unsure = JsonField<int64_t>(json, "unsure", where);
  knowledge.num_never_right = JsonField<int64_t>(json, "never_right", where);
  for (const Json& line : JsonField<Json>(json, "held_out", where)) {
    HeldOutFact fact;
    fact.question = JsonField<std::string>(line, "question", where);
    fact.answer = JsonField<std::string>(line, "answer", where);
    fact.family = JsonField<std::string>(line, "family", where);
    fact.known = ReadClass(line, where);
    fact.before = ReadSaid(line, "before", where);
    fact.after = ReadSaid(line, "after", where);
    fact.example_before = JsonField<std::string>(line, "example_before", where);
    fact.example_after = JsonField<std::string>(line, "example_after", where);
    knowledge.held_out.push_back(std::move(fact));
  }
  return knowledge;
}

}  // namespace agon::judge
