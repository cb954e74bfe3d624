// tool/search: questions whose answers stand in documents that only a search finds.
//
//   In which land is the birthplace of Velda?
//   <tool_call>Velda</tool_call>
//   Velda is a baker. Velda was born in Tarn and lives in Osko. A friend is Kimo.
//   <tool_call>Tarn</tool_call>
//   Tarn is a town in Quelia. The river at Tarn is the Ost.
//   Answer: Quelia
//
// The documents tell of an invented world, the same in all splits: a test task asks what
// no train task asks. Difficulty is the number of documents needed less one. Parameters:
//   world=N         another world, 0 to 999999
//   corpus=FILE     a corpus of one's own, a document a line, with
//   questions=FILE  a line each: the question, a tab, the answer
// The tool answers with the best document (BM25).
#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "envs/choice.h"
#include "envs/math/rational.h"
#include "envs/tool/bm25.h"
#include "envs/tool/invented_world.h"
#include "envs/tool/tool_env.h"

namespace agon::envs {
namespace {

constexpr int kMaxTurns = 6;
constexpr size_t kMaxPassageBytes = 400;

std::vector<std::string> LinesOf(const std::string& path) {
  std::vector<std::string> lines;
  const std::string text = ReadFile(path);
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = TrimSpace(std::string_view(text).substr(start, end - start));
    lines.emplace_back(line);  // empty ones, too, for line numbers
    start = end + 1;
  }
  return lines;
}

ProblemFamily WorldFamily(std::shared_ptr<const InventedWorld> world) {
  const auto draw = [world = std::move(world)](Rng& rng, int difficulty) {
    InventedWorld::Question question = world->Draw(rng, difficulty + 1);
    return Problem{std::move(question.text),     std::move(question.answer), question.hops, {},
                   std::move(question.identity), std::move(question.hops)};
  };
  return {"world", draw, 0.1};
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Questions and answers, tab-separated lines.
Pairs ReadQuestions(const std::string& path) {
  Pairs pairs;
  const auto lines = LinesOf(path);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const size_t tab = std::min(lines[i].find('\t'), lines[i].size() - 1);
    const std::string_view line = lines[i];
    const auto question = TrimSpace(line.substr(0, tab)), answer = TrimSpace(line.substr(tab + 1));
    if (question.empty() || answer.empty()) {
      throw Error(ErrorKind::kCorrupt, "no question, tab and answer in this line",
                  path + ":" + std::to_string(i + 1));
    }
    pairs.emplace_back(question, answer);
  }
  if (pairs.empty()) throw Error(ErrorKind::kCorrupt, "no questions", path);
  return pairs;
}

// Questions of one's own: a demonstration searches for the whole question.
ProblemFamily FileFamily(Pairs pairs) {
  const auto shared = std::make_shared<const Pairs>(std::move(pairs));
  const auto draw = [shared](Rng& rng, int /*difficulty*/) {
    const auto& [question, answer] = (*shared)[rng.Below(shared->size())];
    return Problem{question, answer, {question}, {}, question, {question}};
  };
  return {"file", draw, 0.1};
}

uint64_t ParseWorld(const std::string& value, const EnvInfo& info) {
  uint64_t world = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), world);
  if (error != std::errc() || end != value.data() + value.size() || world > 999999) {
    ThrowBadValue("world", value, info, "0 to 999999");
  }
  return world;
}

std::unique_ptr<Env> MakeSearch(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "tool/search-v1";
  spec.info.summary = "Questions on documents that a search finds, over one to three hops";
  spec.info.num_difficulties = InventedWorld::kMaxHops;
  spec.info.max_turns = kMaxTurns;
  spec.info.families = {"world"};
  spec.info.tools = {{"search", "The document that fits the query best.",
                      R"({"type":"object","properties":{"query":{"type":"string"}},)"
                      R"("required":["query"]})"}};
  spec.own_keys = {"world", "corpus", "questions"};
  spec.verify = VerifyText;
  auto own = ParseTaskChoice(params, spec.info, spec.own_keys).own;
  if (own.count("corpus") != own.count("questions")) {
    throw Error(ErrorKind::kUsage, "corpus and questions go together", spec.info.id,
                "corpus=FILE with a document a line, questions=FILE with tab-separated lines");
  }
  std::shared_ptr<const Bm25Index> index;
  if (own.count("corpus")) {
    spec.info.num_difficulties = 1;
    auto documents = LinesOf(own["corpus"]);
    std::erase(documents, "");
    if (documents.empty()) throw Error(ErrorKind::kCorrupt, "no documents", own["corpus"]);
    index = std::make_shared<Bm25Index>(std::move(documents));
    Pairs pairs = ReadQuestions(own["questions"]);
    spec.info.num_tasks = static_cast<int64_t>(pairs.size());
    spec.families = {FileFamily(std::move(pairs))};
  } else {
    const uint64_t seed = own.count("world") ? ParseWorld(own["world"], spec.info) : 0;
    auto world = std::make_shared<InventedWorld>(seed);
    index = std::make_shared<Bm25Index>(world->Documents());
    spec.families = {WorldFamily(std::move(world))};
    spec.info.num_tasks = static_cast<int64_t>(2 * InventedWorld::NumQuestions());
  }
  const auto search = [index](const ToolCall& call) -> std::string {
    const auto hits = index->Search(call.arguments.at("query"), 1);
    if (hits.empty()) return "nothing found";
    return index->documents()[hits[0].document].substr(0, kMaxPassageBytes);
  };
  return MakeToolEnv(std::move(spec), search, params);
}

REGISTER_ENV("tool/search-v1", MakeSearch);

}  // namespace
}  // namespace agon::envs
