#include "judge/eval_command.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <ostream>

#include "core/error.h"
#include "core/utf8.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/significance.h"
#include "judge/text.h"
#include "serve/model_directory.h"

namespace agon::judge {
namespace {

namespace fs = std::filesystem;

std::vector<BenchmarkSpec> SuiteFor(const EvalCommand& command) {
  std::vector<BenchmarkSpec> suite = LoadSuite(command.suite);
  for (BenchmarkSpec& spec : suite) {
    spec.num_tasks = command.num_tasks.value_or(spec.num_tasks);
    spec.samples_per_task = command.samples_per_task.value_or(spec.samples_per_task);
    spec.max_new_tokens = command.max_new_tokens.value_or(spec.max_new_tokens);
    spec.temperature = command.temperature.value_or(spec.temperature);
    spec.seed = command.seed.value_or(spec.seed);
    spec.opponent = command.opponent.value_or(spec.opponent);
  }
  return suite;
}

std::string LastPart(const fs::path& path) {
  return (path.filename().empty() ? path.parent_path() : path).filename().string();
}

// Models by their folders' names, by whole paths where two are called alike.
std::vector<std::string> ModelNames(const std::vector<fs::path>& models) {
  std::vector<std::string> names;
  for (const fs::path& model : models) {
    const auto same = std::count_if(models.begin(), models.end(), [&](const fs::path& other) {
      return LastPart(other) == LastPart(model);
    });
    names.push_back(same > 1 ? model.string() : LastPart(model));
  }
  return names;
}

// A model directory, loaded when it is needed.
struct LoadedModel {
  LoadedModel(const fs::path& dir, const policy::Device& device, const policy::Workload& workload)
      : model(serve::LoadModelDirectory(dir, device, workload)) {}
  serve::ModelDirectory model;
  datasets::ChatTemplate chat{model.tokenizer};
};

EvalResult EvaluateDir(const fs::path& dir, const std::string& name,
                       const std::vector<BenchmarkSpec>& suite, const EvalOptions& options) {
  std::unique_ptr<LoadedModel> loaded;
  const Subject subject{name, serve::ModelIdentity(dir, options.device), [&] {
                          loaded = std::make_unique<LoadedModel>(dir, options.device,
                                                                 WorkloadOf(suite, options));
                          return Player{loaded->model.policy.get(), &loaded->chat};
                        }};
  return Evaluate(subject, suite, options);
}

// Pads by characters, not bytes: "−" has three bytes.
std::string Pad(const std::string& text, size_t width, bool left) {
  const auto columns = static_cast<size_t>(CountUtf8(text));
  const std::string space(columns < width ? width - columns : 0, ' ');
  return left ? text + space : space + text;
}

std::string Difference(const Comparison& comparison) {
  const std::string interval = IntervalText(comparison);
  const std::string text = DifferenceText(comparison.metric, comparison.diff) +
                           (interval.empty() ? "" : " " + interval) +
                           (TraitsOf(comparison.metric).is_share ? " points" : "");
  return text + (comparison.p_adjusted < kAlpha ? " *" : "");
}

std::string Row(const ReportInput& input, const std::string& label, const Metric& metric) {
  std::string text = "  " + Pad(CleanText(label), 34, true);
  for (const EvalResult& model : input.models) {
    const Metric* found = FindMetric(model, metric.benchmark, metric.metric);
    std::string cell = found ? MetricText(metric.metric, found->value) : "–";
    if (found && !IntervalText(*found).empty()) cell += " " + IntervalText(*found);
    text += Pad(cell, 28, false);
  }
  const Comparison* comparison =
      FindComparison(input, metric.benchmark, metric.metric, input.models.back().model);
  return text + (comparison ? "   " + Difference(*comparison) : "") + "\n";
}

}  // namespace

fs::path DefaultEvalCache() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value ? value : "";
  };
  if (const std::string own = variable("AGON_CACHE"); !own.empty()) {
    return fs::path(own) / "evaluations";
  }
  if (const std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) {
    return fs::path(xdg) / "agon/evaluations";
  }
  const std::string home = variable("HOME");
  return home.empty() ? fs::path() : fs::path(home) / ".cache/agon/evaluations";
}

std::string SummaryTable(const ReportInput& input) {
  if (input.models.empty()) return "";
  const EvalResult& last = input.models.back();
  const bool is_single = last.benchmarks.size() == 1;
  std::string text = Pad(is_single ? CleanText(last.benchmarks[0].name) : "", 36, true);
  for (const EvalResult& model : input.models) text += Pad(CleanText(model.model), 28, false);
  text += "\n";
  for (const BenchmarkRun& run : last.benchmarks) {
    for (const Metric& metric : last.metrics) {
      if (metric.benchmark != run.name) continue;
      text += Row(input, is_single ? metric.metric : run.name + " " + metric.metric, metric);
      if (!is_single) break;
    }
  }
  if (input.comparisons.empty()) return text;
  return text + "Differences are to " + CleanText(input.models.front().model) +
         ", paired by task; * at the 5 % level after Holm's correction.\n";
}

void RunEvalCommand(const EvalCommand& command, std::ostream& stdout_stream) {
  const std::vector<BenchmarkSpec> suite = SuiteFor(command);
  std::vector<fs::path> models = command.baselines;
  models.push_back(command.model);
  if (models.size() > kMaxModels) {
    throw Error(ErrorKind::kUsage, std::to_string(models.size()) + " models in one report",
                "--compare", "at most " + std::to_string(kMaxModels));
  }
  const std::vector<std::string> names = ModelNames(models);
  EvalOptions options = command.options;
  options.device = policy::ParseDevice(command.device);
  ReportInput input;
  input.title = names.back();
  if (models.size() > 1) input.title += " against " + names.front();
  if (models.size() > 2) input.title += " and " + std::to_string(models.size() - 2) + " more";
  input.facts["suite"] = command.suite;
  for (size_t i = 0; i < models.size(); ++i) {
    input.facts["model " + names[i]] = models[i].string();
    input.models.push_back(EvaluateDir(models[i], names[i], suite, options));
  }
  input.comparisons = CompareWithFirst(input.models);
  WriteReport(command.out, input);
  if (command.json) {
    stdout_stream << ResultsJson(input);
  } else {
    stdout_stream << SummaryTable(input) << "\nreport: " << (command.out / "report.html").string()
                  << "\n";
  }
}

}  // namespace agon::judge
