// Multiple choice by log-likelihood, as lm-evaluation-harness scores it (process_results of
// multiple_choice in lm_eval/api/task.py):
//   acc       the choice with the largest sum of log-probabilities is right
//   acc_norm  the same after division by the choice's length in characters
//   acc_bytes the same after division by its length in UTF-8 bytes
// The first of equals counts. A choice follows a plain prompt after one space, which is scored
// with it and isn't part of its length; in a chat it is all that the assistant says.
#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/utf8.h"
#include "judge/eval/benchmark.h"
#include "judge/eval/items.h"
#include "judge/eval/loglikelihood.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

size_t Largest(const std::vector<double>& values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

class ChoiceBenchmark final : public Benchmark {
 public:
  explicit ChoiceBenchmark(BenchmarkSpec spec)
      : Benchmark(std::move(spec)),
        items_(ReadItems(this->spec().file, BenchmarkKind::kChoice)),
        prompts_(this->spec(), items_) {}

  int64_t num_tasks() const override {
    return std::min<int64_t>(spec().num_tasks, static_cast<int64_t>(items_.size()));
  }
  int64_t num_tasks_at_once() const override { return 256; }

  uint64_t TaskHash(uint64_t index) const override { return prompts_.TaskHash(index); }

  std::vector<SampleRecord> Run(const Player& player, std::span<const uint64_t> indices,
                                int max_rows) override;

 private:
  // What is scored of a choice.
  std::string Scored(const Item& item, size_t choice) const {
    return spec().letters ? ChoiceLetter(choice) : item.choices[choice];
  }
  ContinuationRequest Request(const Player& player, uint64_t index) const;
  SampleRecord ToRecord(uint64_t index, const ContinuationRequest& request,
                        const std::vector<double>& sums) const;

  std::vector<Item> items_;
  ItemPrompts prompts_;
};

ContinuationRequest ChoiceBenchmark::Request(const Player& player, uint64_t index) const {
  const datasets::Tokenizer& tokenizer = player.chat->tokenizer();
  const Item& item = items_[index];
  ContinuationRequest request;
  for (size_t choice = 0; choice < item.choices.size(); ++choice) {
    if (spec().prompting == Prompting::kChat) {
      request.continuations.push_back(tokenizer.Encode(Scored(item, choice)));
      continue;
    }
    EncodedPair pair = EncodePair(tokenizer, prompts_.Plain(index), " " + Scored(item, choice));
    request.context = std::move(pair.context);
    request.continuations.push_back(std::move(pair.continuation));
  }
  if (spec().prompting == Prompting::kChat) {
    request.context = player.chat->EncodePrompt(prompts_.Chat(index));
  }
  // A model's first prediction needs something to follow.
  if (request.context.empty()) request.context.push_back(player.chat->document_token_id());
  return request;
}

SampleRecord ChoiceBenchmark::ToRecord(uint64_t index, const ContinuationRequest& request,
                                       const std::vector<double>& sums) const {
  const Item& item = items_[index];
  std::vector<double> by_character, by_byte;
  SampleRecord record;
  for (size_t choice = 0; choice < sums.size(); ++choice) {
    const std::string scored = Scored(item, choice);
    by_character.push_back(sums[choice] / static_cast<double>(CountUtf8(scored)));
    by_byte.push_back(sums[choice] / static_cast<double>(scored.size()));
    record.completion += (choice == 0 ? "" : "\n") + FormatNumber(sums[choice], 3) + "  " + scored;
    record.num_tokens += static_cast<int>(request.continuations[choice].size());
  }
  record.benchmark = spec().name;
  record.family = item.family;
  record.difficulty = item.difficulty;
  record.prompt = prompts_.Task(index);
  record.answer = item.answer;
  record.task_index = index;
  const size_t chosen = Largest(sums);
  record.extracted = item.choices[chosen];
  record.correct = chosen == item.gold;
  record.reward = record.correct ? 1 : 0;
  record.scores = {{"acc", record.reward},
                   {"acc_norm", Largest(by_character) == item.gold ? 1.0 : 0.0},
                   {"acc_bytes", Largest(by_byte) == item.gold ? 1.0 : 0.0}};
  return record;
}

std::vector<SampleRecord> ChoiceBenchmark::Run(const Player& player,
                                               std::span<const uint64_t> indices,
                                               int /*max_rows*/) {
  const int context = player.policy->config().max_positions;
  std::vector<ContinuationRequest> requests;
  std::vector<size_t> too_long(indices.size(), 0);  // tokens
  for (size_t i = 0; i < indices.size(); ++i) {
    ContinuationRequest request = Request(player, indices[i]);
    size_t longest = 0;
    for (const auto& continuation : request.continuations) {
      longest = std::max(longest, request.context.size() + continuation.size() - 1);
    }
    if (longest > static_cast<size_t>(context)) {
      too_long[i] = longest;
    } else {
      requests.push_back(std::move(request));
    }
  }
  const auto sums = LogLikelihoods(*player.policy, requests);
  std::vector<SampleRecord> records;
  for (size_t i = 0, scored = 0; i < indices.size(); ++i) {
    if (too_long[i] == 0) {
      records.push_back(ToRecord(indices[i], requests[scored], sums[scored]));
      ++scored;
      continue;
    }
    SampleRecord record;
    record.benchmark = spec().name;
    record.prompt = prompts_.Task(indices[i]);
    record.task_index = indices[i];
    records.push_back(MaskedRecord(std::move(record), "context", DoesNotFit(too_long[i], context)));
  }
  return records;
}

}  // namespace

std::unique_ptr<Benchmark> MakeChoiceBenchmark(BenchmarkSpec spec) {
  return std::make_unique<ChoiceBenchmark>(std::move(spec));
}

}  // namespace agon::judge
