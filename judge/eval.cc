#include "judge/eval.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/progress.h"
#include "judge/eval/benchmark.h"
#include "judge/eval/eval_cache.h"
#include "judge/eval/loglikelihood.h"
#include "judge/metrics.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

using Clock = std::chrono::steady_clock;

std::string Settings(const Benchmark& benchmark) {
  const BenchmarkSpec& spec = benchmark.spec();
  const bool is_env = spec.kind == BenchmarkKind::kEnvironment;
  std::string text = is_env ? spec.env + ", " + envs::SplitName(spec.split) + " split"
                            : std::filesystem::path(spec.file).filename().string();
  text += ", " + std::to_string(benchmark.num_tasks()) + " tasks";
  const bool is_sampled = is_env || spec.kind == BenchmarkKind::kGeneration;
  if (is_sampled) {
    text += " × " + std::to_string(spec.samples_per_task) + " samples, temperature " +
            FormatShort(spec.temperature) + ", at most " + std::to_string(spec.max_new_tokens) +
            " tokens";
  }
  if (spec.num_few_shot > 0) text += ", " + std::to_string(spec.num_few_shot) + "-shot";
  if (spec.prompting == Prompting::kPlain) text += ", plain prompt";
  if (!spec.prefill.empty()) text += ", answers begin with \"" + spec.prefill + "\"";
  if (!spec.opponent.empty()) text += ", against " + spec.opponent;
  return text + ", seed " + std::to_string(spec.seed);
}

// Loads the model when it is first needed.
class LazyPlayer {
 public:
  explicit LazyPlayer(const Subject& subject) : subject_(subject) {}
  const Player& get() {
    if (!player_) player_ = subject_.load();
    return *player_;
  }

 private:
  const Subject& subject_;
  std::optional<Player> player_;
};

// The bar's detail: what has been seen so far, not the estimate.
class RunningAccuracy {
 public:
  // `is_graded`: answers are right or wrong, so that there is something to say.
  explicit RunningAccuracy(bool is_graded) : is_graded_(is_graded) {}
  void Add(const std::vector<SampleRecord>& samples) {
    for (const SampleRecord& sample : samples) {
      scored_ += sample.masked ? 0 : 1;
      correct_ += sample.correct ? 1 : 0;
    }
  }
  std::string Text() const {
    return scored_ == 0 || !is_graded_
               ? ""
               : "correct " + std::to_string(100 * correct_ / scored_) + " %";
  }

 private:
  bool is_graded_;
  int64_t scored_ = 0, correct_ = 0;
};

class BenchmarkRunner {
 public:
  BenchmarkRunner(const Subject& subject, LazyPlayer& player, Benchmark& benchmark,
                  const EvalOptions& options)
      : player_(player),
        benchmark_(benchmark),
        options_(options),
        cache_(subject.hash.empty() ? std::filesystem::path() : options.cache,
               CacheKey(subject.hash, benchmark)) {}

  void Run(EvalResult& result) {
    const auto num_tasks = static_cast<uint64_t>(benchmark_.num_tasks());
    std::vector<const CachedTask*> tasks(num_tasks);
    std::vector<uint64_t> hashes, missing;
    for (uint64_t i = 0; i < num_tasks; ++i) {
      hashes.push_back(benchmark_.TaskHash(i));
      tasks[i] = cache_.Find(i, hashes[i]);
      if (tasks[i] == nullptr) missing.push_back(i);
    }
    Compute(missing, hashes, tasks);
    const BenchmarkSpec& spec = benchmark_.spec();
    BenchmarkRun run{spec.name, spec.kind, Settings(benchmark_), 0, benchmark_.IsJudged()};
    std::vector<SampleRecord> samples;
    for (const CachedTask* task : tasks) {
      run.seconds += task->seconds;
      samples.insert(samples.end(), task->samples.begin(), task->samples.end());
    }
    std::vector<Metric> metrics = ComputeMetrics(run, samples);
    if (!spec.opponent.empty()) {
      const auto reward = std::find_if(metrics.begin(), metrics.end(),
                                       [](const Metric& m) { return m.metric == "reward"; });
      metrics.push_back(EloOf(*reward));
    }
    result.benchmarks.push_back(std::move(run));
    std::move(samples.begin(), samples.end(), std::back_inserter(result.samples));
    std::move(metrics.begin(), metrics.end(), std::back_inserter(result.metrics));
  }

 private:
  void Compute(std::span<const uint64_t> missing, std::span<const uint64_t> hashes,
               std::vector<const CachedTask*>& tasks) {
    if (missing.empty()) return;
    const Player& player =
        player_.get();  // what is wrong with the model is said before a bar is drawn
    Progress progress("eval " + benchmark_.spec().name, static_cast<int64_t>(missing.size()),
                      "task");
    RunningAccuracy accuracy(benchmark_.spec().kind != BenchmarkKind::kText &&
                             !benchmark_.IsJudged());
    const auto at_once = static_cast<size_t>(benchmark_.num_tasks_at_once());
    for (size_t begin = 0; begin < missing.size(); begin += at_once) {
      const auto chunk = missing.subspan(begin, std::min(at_once, missing.size() - begin));
      const auto start = Clock::now();
      std::vector<SampleRecord> records = benchmark_.Run(player, chunk, options_.max_rows);
      const std::chrono::duration<double> seconds = Clock::now() - start;
      accuracy.Add(records);
      AGON_CHECK(records.size() % chunk.size() == 0);
      const size_t per_task = records.size() / chunk.size();
      for (size_t i = 0; i < chunk.size(); ++i) {
        const auto first =
            std::make_move_iterator(records.begin() + static_cast<ptrdiff_t>(i * per_task));
        const CachedTask computed{hashes[chunk[i]],
                                  seconds.count() / static_cast<double>(chunk.size()),
                                  {first, first + static_cast<ptrdiff_t>(per_task)}};
        tasks[chunk[i]] = &cache_.Add(chunk[i], computed);
      }
      cache_.Sync();
      progress.Update(static_cast<int64_t>(begin + chunk.size()), accuracy.Text());
    }
    progress.Finish(accuracy.Text());
  }

  LazyPlayer& player_;
  Benchmark& benchmark_;
  const EvalOptions& options_;
  EvalCache cache_;
};

}  // namespace

int RowsOf(const BenchmarkSpec& benchmark, int max_rows) {
  return static_cast<int>(
      std::min<int64_t>(max_rows, int64_t{benchmark.num_tasks} * benchmark.samples_per_task));
}

policy::Workload WorkloadOf(std::span<const BenchmarkSpec> benchmarks, const EvalOptions& options) {
  policy::Workload workload;
  for (const BenchmarkSpec& benchmark : benchmarks) {
    const bool decodes = benchmark.kind == BenchmarkKind::kEnvironment ||
                         benchmark.kind == BenchmarkKind::kGeneration;
    workload.Include(decodes ? policy::Workload{.decoded_rows = RowsOf(benchmark, options.max_rows)}
                             : policy::Workload{.batch_tokens = kScoredAtOnce});
  }
  return workload;
}

EvalResult Evaluate(const Subject& subject, std::span<const BenchmarkSpec> benchmarks,
                    const EvalOptions& options) {
  std::vector<std::unique_ptr<Benchmark>> made;
  std::set<std::string> names;
  for (const BenchmarkSpec& spec : benchmarks) {
    made.push_back(MakeBenchmark(spec, options.device));
    if (!names.insert(made.back()->spec().name).second) {
      throw Error(ErrorKind::kUsage, "two benchmarks are called " + made.back()->spec().name,
                  "suite", "give each its own name");
    }
  }
  EvalResult result;
  result.model = subject.name;
  result.hash = subject.hash;
  LazyPlayer player(subject);
  for (const auto& benchmark : made) {
    BenchmarkRunner(subject, player, *benchmark, options).Run(result);
  }
  return result;
}

EvalResult Evaluate(policy::Policy& policy, const datasets::ChatTemplate& chat,
                    std::span<const BenchmarkSpec> benchmarks, const std::string& model_name) {
  const Subject subject{model_name, "", [&] { return Player{&policy, &chat}; }};
  EvalOptions options;
  options.device = policy.device();
  options.device.arena = nullptr;  // has no room for judges
  return Evaluate(subject, benchmarks, options);
}

}  // namespace agon::judge
