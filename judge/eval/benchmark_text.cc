// Bits per byte of documents: how well a model predicts text, whatever its tokenizer.
// The rolling log-likelihood of lm-evaluation-harness: -sum log2 p(token) / bytes of the text.
#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "judge/eval/benchmark.h"
#include "judge/eval/items.h"
#include "judge/eval/loglikelihood.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

constexpr size_t kShownBytes = 2000;  // of a document, in its record

class TextBenchmark final : public Benchmark {
 public:
  explicit TextBenchmark(BenchmarkSpec spec)
      : Benchmark(std::move(spec)), items_(ReadItems(this->spec().file, BenchmarkKind::kText)) {}

  int64_t num_tasks() const override {
    return std::min<int64_t>(spec().num_tasks, static_cast<int64_t>(items_.size()));
  }
  int64_t num_tasks_at_once() const override { return 64; }
  uint64_t TaskHash(uint64_t index) const override {
    const Item& item = items_[index];
    const std::string difficulty = std::to_string(item.difficulty);
    const std::vector<std::string_view> texts = {TextOf(index), item.family, difficulty};
    return HashTexts(texts);
  }

  std::vector<SampleRecord> Run(const Player& player, std::span<const uint64_t> indices,
                                int max_rows) override;

 private:
  const std::string& TextOf(uint64_t index) const { return items_[index].fields.at("text"); }

  std::vector<Item> items_;
};

std::vector<SampleRecord> TextBenchmark::Run(const Player& player,
                                             std::span<const uint64_t> indices, int /*max_rows*/) {
  const int window = player.policy->config().max_positions;
  if (spec().context_tokens > window) {
    throw Error(ErrorKind::kUsage,
                "context_tokens is " + std::to_string(spec().context_tokens) +
                    ", the model's context " + std::to_string(window),
                "benchmark " + spec().name, "lower it");
  }
  std::vector<SampleRecord> records;
  for (const uint64_t index : indices) {
    const std::string& text = TextOf(index);
    const std::vector<int32_t> tokens = player.chat->tokenizer().Encode(text);
    const auto windows =
        RollingWindows(tokens, player.chat->document_token_id(), window, spec().context_tokens);
    double nats = 0;
    for (const auto& sums : LogLikelihoods(*player.policy, windows)) nats -= sums[0];
    SampleRecord record;
    record.benchmark = spec().name;
    record.family = items_[index].family;
    record.difficulty = items_[index].difficulty;
    record.prompt = CleanText(text, kShownBytes);
    record.task_index = index;
    record.num_tokens = static_cast<int>(tokens.size());
    record.scores = {{"nats", nats}, {"bytes", static_cast<double>(text.size())}};
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace

std::unique_ptr<Benchmark> MakeTextBenchmark(BenchmarkSpec spec) {
  return std::make_unique<TextBenchmark>(std::move(spec));
}

}  // namespace agon::judge
