// A benchmark that can be run: its tasks, and the records of their samples. Private to judge.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/eval.h"

namespace agon::judge {

// Used by one thread.
class Benchmark {
 public:
  explicit Benchmark(BenchmarkSpec spec) : spec_(std::move(spec)) {}
  virtual ~Benchmark() = default;
  const BenchmarkSpec& spec() const { return spec_; }

  virtual int64_t num_tasks() const = 0;
  // Of all that the model is told and graded by, and of what its records say of the task: what the
  // cache knows a task by. See HashTexts.
  virtual uint64_t TaskHash(uint64_t task) const = 0;
  // Whether a judge's score is the headline, so that no answer is right or wrong.
  virtual bool IsJudged() const { return false; }
  // Everything else that a result depends on besides the spec: versions, other models.
  virtual std::string Context() const { return ""; }
  // Tasks that are worth one call of Run: enough to keep the rows busy, few enough that an
  // interruption costs little.
  virtual int64_t num_tasks_at_once() const = 0;
  // Records of the tasks' samples in order, spec().samples_per_task of each.
  virtual std::vector<SampleRecord> Run(const Player& player, std::span<const uint64_t> tasks,
                                        int max_rows) = 0;

 private:
  BenchmarkSpec spec_;
};

// Checks the spec, opens the environment or file; judges that score compute on `device`. Throws
// Error(kUsage) naming the benchmark, and what reading the file and MakeJudge throw.
std::unique_ptr<Benchmark> MakeBenchmark(const BenchmarkSpec& spec,
                                         const policy::Device& device = {});

// What MakeBenchmark chooses from.
std::unique_ptr<Benchmark> MakeEnvironmentBenchmark(BenchmarkSpec spec);
std::unique_ptr<Benchmark> MakeGenerationBenchmark(BenchmarkSpec spec,
                                                   const policy::Device& device);
std::unique_ptr<Benchmark> MakeChoiceBenchmark(BenchmarkSpec spec);
std::unique_ptr<Benchmark> MakeTextBenchmark(BenchmarkSpec spec);

// What decides the grades of a benchmark's tasks for the model of that hash, apart from what
// TaskHash tells: the key of judge/eval/eval_cache.h.
std::string CacheKey(const std::string& model, const Benchmark& benchmark);

// Of the texts in their order, and of where one ends and the next begins.
uint64_t HashTexts(std::span<const std::string_view> texts);

// A task of `record`'s benchmark that couldn't be put to the model: masked, with the reason.
SampleRecord MaskedRecord(SampleRecord record, const std::string& kind, const std::string& reason);
// "the prompt has 412 tokens and leaves no room in the model's context of 256".
std::string DoesNotFit(size_t num_tokens, int context);

}  // namespace agon::judge
