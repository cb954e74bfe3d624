// Answers to the lines of a file, looked for in several ways side by side: the way of finding an
// answer moves scores more than many a model does, so each has a score of its own. A judge is one
// of the ways, too; where it comes first its mean score is the headline.
#include <algorithm>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "envs/answer_match.h"
#include "judge/eval/benchmark.h"
#include "judge/eval/items.h"
#include "judge/judge.h"
#include "judge/parallel.h"

namespace agon::judge {
namespace {

constexpr int64_t kAnswersAtOnce = 1024;
// Judges that ask a model batch what is asked at the same time.
constexpr int kJudgingThreads = 16;
constexpr std::string_view kJudgePrefix = "judge:";

// A way to score an answer.
struct Scorer {
  std::string name;
  envs::AnswerMatch how = envs::AnswerMatch::kAuto;
  std::shared_ptr<const Judge> judge;  // null: `how`
};

Scorer MakeScorer(const std::string& name, const policy::Device& device) {
  if (!name.starts_with(kJudgePrefix)) return {name, envs::AnswerMatchFromName(name), nullptr};
  return {name, {}, MakeJudge(name.substr(kJudgePrefix.size()), device)};
}

class GenerationBenchmark final : public Benchmark {
 public:
  GenerationBenchmark(BenchmarkSpec spec, const policy::Device& device)
      : Benchmark(std::move(spec)),
        items_(ReadItems(this->spec().file, BenchmarkKind::kGeneration)),
        prompts_(this->spec(), items_) {
    for (const std::string& name : this->spec().extractors) {
      scorers_.push_back(MakeScorer(name, device));
    }
    if (scorers_.empty()) scorers_.push_back(MakeScorer("auto", device));
    for (int64_t i = 0; i < num_tasks(); ++i) CheckGold(static_cast<size_t>(i));
  }

  int64_t num_tasks() const override {
    return std::min<int64_t>(spec().num_tasks, static_cast<int64_t>(items_.size()));
  }
  int64_t num_tasks_at_once() const override {
    return std::max<int64_t>(1, kAnswersAtOnce / spec().samples_per_task);
  }
  uint64_t TaskHash(uint64_t index) const override { return prompts_.TaskHash(index); }

  bool IsJudged() const override { return scorers_.front().judge != nullptr; }

  std::string Context() const override {
    std::string context;
    for (const Scorer& scorer : scorers_) {
      if (scorer.judge) context += scorer.judge->info().fingerprint + " ";
    }
    return context;
  }

  std::vector<SampleRecord> Run(const Player& player, std::span<const uint64_t> indices,
                                int max_rows) override;

 private:
  void CheckGold(size_t index) const;
  void Score(SampleRecord& record) const;
  bool is_chat() const { return spec().prompting == Prompting::kChat; }
  bool asks_judge() const {
    return std::any_of(scorers_.begin(), scorers_.end(),
                       [](const Scorer& scorer) { return scorer.judge != nullptr; });
  }
  std::vector<int32_t> Prompt(const Player& player, uint64_t index) const;
  std::string UpToStop(std::string text, bool& is_cut) const;
  SampleRecord TaskRecord(uint64_t index, uint32_t sample) const;
  SampleRecord ToRecord(const Player& player, uint64_t index,
                        const policy::Completion& completion) const;

  std::vector<Item> items_;
  ItemPrompts prompts_;
  std::vector<Scorer> scorers_;
};

// Only judges do without an answer, and each way of looking has a kind that it can compare with.
void GenerationBenchmark::CheckGold(size_t index) const {
  for (const Scorer& scorer : scorers_) {
    if (scorer.judge) continue;
    if (items_[index].answer.empty()) {
      throw Error(ErrorKind::kCorrupt, "task " + std::to_string(index) + " has no answer",
                  spec().file, "give each line an \"answer\", or let a judge score");
    }
    envs::MatchAnswer(scorer.how, items_[index].answer, "");
  }
}

void GenerationBenchmark::Score(SampleRecord& record) const {
  for (size_t i = 0; i < scorers_.size(); ++i) {
    const Scorer& scorer = scorers_[i];
    if (!scorer.judge) {
      envs::MatchedAnswer match = envs::MatchAnswer(scorer.how, record.answer, record.completion);
      record.scores["match:" + scorer.name] = match.correct ? 1 : 0;
      if (i > 0) continue;
      record.correct = match.correct;
      record.reward = match.correct ? 1 : 0;
      record.extracted = std::move(match.extracted);
      record.reason = std::move(match.reason);
      continue;
    }
    const Question question{prompts_.Chat(record.task_index), record.answer, {}, 0};
    const Verdict verdict = scorer.judge->Score(question, record.completion);
    if (verdict.score) record.scores[i == 0 ? "score" : scorer.name] = *verdict.score;
    if (i > 0) continue;
    record.reason = verdict.reason;
    record.reward = verdict.score.value_or(0);
    if (verdict.masked) {
      record = MaskedRecord(std::move(record), verdict.masked->kind, verdict.masked->reason);
    }
  }
}

std::vector<int32_t> GenerationBenchmark::Prompt(const Player& player, uint64_t index) const {
  const datasets::Tokenizer& tokenizer = player.chat->tokenizer();
  if (is_chat()) {
    std::vector<int32_t> ids = player.chat->EncodePrompt(prompts_.Chat(index));
    tokenizer.EncodeAppend(spec().prefill, ids);
    return ids;
  }
  const std::string& prefill = spec().prefill;
  return tokenizer.Encode(prompts_.Plain(index) + (prefill.empty() ? "" : " " + prefill));
}

// A plain answer ends where the next example would begin.
std::string GenerationBenchmark::UpToStop(std::string text, bool& is_cut) const {
  size_t end = is_chat() ? std::string::npos : text.find("\n\n");
  for (const std::string& stop : spec().until) {
    if (!stop.empty()) end = std::min(end, text.find(stop));
  }
  is_cut = end != std::string::npos;
  if (is_cut) text.resize(end);
  return text;
}

SampleRecord GenerationBenchmark::TaskRecord(uint64_t index, uint32_t sample) const {
  SampleRecord record;
  record.benchmark = spec().name;
  record.family = items_[index].family;
  record.difficulty = items_[index].difficulty;
  record.prompt = prompts_.Task(index);
  record.answer = items_[index].answer;
  record.task_index = index;
  record.sample = sample;
  return record;
}

SampleRecord GenerationBenchmark::ToRecord(const Player& player, uint64_t index,
                                           const policy::Completion& completion) const {
  SampleRecord record = TaskRecord(index, completion.sample);
  std::span<const int32_t> said = completion.tokens;
  const bool stopped = completion.finish_reason == policy::FinishReason::kStop;
  if (stopped) said = said.first(said.size() - 1);
  bool is_cut = false;
  record.completion = spec().prefill + UpToStop(player.chat->tokenizer().Decode(said), is_cut);
  record.truncated = !stopped && !is_cut;
  record.num_tokens = static_cast<int>(completion.tokens.size());
  return record;
}

std::vector<SampleRecord> GenerationBenchmark::Run(const Player& player,
                                                   std::span<const uint64_t> indices,
                                                   int max_rows) {
  const int context = player.policy->config().max_positions;
  policy::Sampling sampling;
  sampling.temperature = spec().temperature;
  sampling.max_rows = max_rows;
  sampling.stop_token_ids = {is_chat() ? player.chat->stop_token_id()
                                       : player.chat->document_token_id()};
  std::vector<SampleRecord> records;
  std::vector<policy::Prompt> prompts;
  std::vector<uint64_t> asked;  // by prompt
  for (const uint64_t index : indices) {
    policy::Prompt prompt;
    prompt.tokens = Prompt(player, index);
    const int room = context - static_cast<int>(prompt.tokens.size());
    if (room < 1) {
      for (int sample = 0; sample < spec().samples_per_task; ++sample) {
        records.push_back(MaskedRecord(TaskRecord(index, static_cast<uint32_t>(sample)), "context",
                                       DoesNotFit(prompt.tokens.size(), context)));
      }
      continue;
    }
    prompt.max_new_tokens = std::min(spec().max_new_tokens, room);
    prompt.task = Hash64("line " + std::to_string(index));
    prompt.num_samples = spec().samples_per_task;
    prompts.push_back(std::move(prompt));
    asked.push_back(index);
  }
  const RngKey key{spec().seed, RngStream::kSample};
  const size_t num_masked = records.size();
  for (const policy::Completion& completion : player.policy->Generate(prompts, sampling, key)) {
    const uint64_t index = asked[static_cast<size_t>(completion.prompt_idx)];
    records.push_back(ToRecord(player, index, completion));
  }
  ParallelFor(records.size() - num_masked, asks_judge() ? kJudgingThreads : 1,
              [&](size_t i) { Score(records[num_masked + i]); });
  std::stable_sort(records.begin(), records.end(),
                   [](const auto& a, const auto& b) { return a.task_index < b.task_index; });
  return records;
}

}  // namespace

std::unique_ptr<Benchmark> MakeGenerationBenchmark(BenchmarkSpec spec,
                                                   const policy::Device& device) {
  return std::make_unique<GenerationBenchmark>(std::move(spec), device);
}

}  // namespace agon::judge
