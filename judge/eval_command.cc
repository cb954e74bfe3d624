#include "judge/eval_command.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "core/error.h"
#include "judge/metrics.h"
#include "judge/report_parts.h"
#include "judge/text.h"
#include "serve/model_directory.h"

namespace agon::judge {
namespace {

std::vector<SuiteSpec> SuitesFor(const EvalCommand& command) {
  std::vector<SuiteSpec> suites = LoadSuites(command.suite);
  for (SuiteSpec& suite : suites) {
    suite.num_tasks = command.num_tasks.value_or(suite.num_tasks);
    suite.max_new_tokens = command.max_new_tokens.value_or(suite.max_new_tokens);
    suite.temperature = command.temperature.value_or(suite.temperature);
    suite.seed = command.seed.value_or(suite.seed);
    suite.opponent = command.opponent.value_or(suite.opponent);
    if (!command.samples_per_task) continue;
    suite.samples_per_task = *command.samples_per_task;
    suite.pass_at.clear();
    for (int k = 1; k <= suite.samples_per_task; k *= 2) suite.pass_at.push_back(k);
  }
  return suites;
}

// A model by its folder's name, by its whole path where two are called alike.
std::string ModelName(const std::filesystem::path& model, const std::filesystem::path& other) {
  const auto last = [](const std::filesystem::path& path) {
    return (path.filename().empty() ? path.parent_path() : path).filename().string();
  };
  return last(model) == last(other) ? model.string() : last(model);
}

EvalResult EvaluateDir(const std::filesystem::path& dir, const std::vector<SuiteSpec>& suites,
                       const std::string& name, const policy::Device& device) {
  const serve::ModelDirectory model = serve::LoadModelDirectory(dir, device);
  const datasets::ChatTemplate chat(model.tokenizer);
  return Evaluate(*model.policy, chat, suites, name);
}

std::string Facts(const std::vector<SuiteSpec>& suites) {
  std::string text;
  for (const SuiteSpec& suite : suites) {
    if (!text.empty()) text += "; ";
    text +=
        suite.env + " " + envs::SplitName(suite.split) + ", " + std::to_string(suite.num_tasks) +
        " tasks × " + std::to_string(suite.temperature == 0 ? 1 : suite.samples_per_task) +
        " samples, temperature " + FormatShort(suite.temperature) + ", seed " +
        std::to_string(suite.seed) + (suite.opponent.empty() ? "" : ", against " + suite.opponent);
  }
  return text;
}

std::string Value(const Metric& metric, double value) {
  const bool share = metric.metric.starts_with("pass@") || metric.metric == "truncated";
  return share ? FormatPercent(value) : FormatShort(value);
}

// Pads by characters, not bytes: "−" has three bytes.
std::string Pad(const std::string& text, size_t width, bool left) {
  const auto columns = static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  const std::string space(columns < width ? width - columns : 0, ' ');
  return left ? text + space : space + text;
}

std::string Difference(const Comparison& comparison) {
  const bool share = comparison.metric.starts_with("pass@") || comparison.metric == "truncated";
  const auto format = [&](double value) {
    return share ? FormatPoints(value) : (value > 0 ? "+" : "") + FormatShort(value);
  };
  return format(comparison.diff) + " [" + format(comparison.ci_low) + ", " +
         format(comparison.ci_high) + "]" + (share ? " points" : "");
}

}  // namespace

std::string SummaryTable(const ReportInput& input) {
  if (input.models.empty()) return "";
  std::string text;
  for (const std::string& suite : SuitesOf(input.models.back())) {
    text += CleanText(suite) + "\n" + Pad("", 36, true);
    for (const EvalResult& model : input.models) text += Pad(CleanText(model.model), 28, false);
    text += "\n";
    for (const Metric& metric : input.models.back().metrics) {
      if (metric.suite != suite) continue;
      text += "  " + Pad(CleanText(metric.metric), 34, true);
      for (const EvalResult& model : input.models) {
        const Metric* found = FindMetric(model, suite, metric.metric);
        std::string cell = found ? Value(metric, found->value) : "–";
        if (found && found->ci_high > found->ci_low) {
          cell += " [" + Value(metric, found->ci_low) + ", " + Value(metric, found->ci_high) + "]";
        }
        text += Pad(cell, 28, false);
      }
      const Comparison* comparison = FindComparison(input, suite, metric.metric);
      text += (comparison ? "   " + Difference(*comparison) : "") + "\n";
    }
  }
  return text;
}

void RunEvalCommand(const EvalCommand& command, std::ostream& stdout_stream) {
  const std::vector<SuiteSpec> suites = SuitesFor(command);
  const policy::Device device = policy::ParseDevice(command.device);
  ReportInput input;
  input.title = "Evaluation of " + ModelName(command.model, command.baseline.value_or(""));
  input.facts["suites"] = Facts(suites);
  input.facts["model"] = command.model.string();
  if (command.baseline) {
    input.facts["compared with"] = command.baseline->string();
    input.models.push_back(EvaluateDir(*command.baseline, suites,
                                       ModelName(*command.baseline, command.model), device));
  }
  input.models.push_back(EvaluateDir(
      command.model, suites, ModelName(command.model, command.baseline.value_or("")), device));
  if (command.baseline) input.comparisons = Compare(input.models[0], input.models[1]);
  WriteReport(command.out, input);
  if (command.json) {
    stdout_stream << ResultsJson(input);
  } else {
    stdout_stream << SummaryTable(input) << "\nreport: " << (command.out / "report.html").string()
                  << "\n";
  }
}

}  // namespace agon::judge
