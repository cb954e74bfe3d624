// results.json and samples.jsonl: what programs read.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "judge/eval/sample_json.h"
#include "judge/report_parts.h"

namespace agon::judge {
namespace {

double NumberOr(const Json& value, double otherwise) {
  return value.is_number() ? value.get<double>() : otherwise;
}

Json MetricJson(const std::string& model, const Metric& metric) {
  return {{"model", model},
          {"benchmark", metric.benchmark},
          {"metric", metric.metric},
          {"value", NumberOrNull(metric.value)},
          {"stderr", NumberOrNull(metric.stderr_)},
          {"ci95", Json::array({NumberOrNull(metric.ci_low), NumberOrNull(metric.ci_high)})},
          {"n", metric.n}};
}

Metric ReadMetric(const Json& json, const std::string& where) {
  const double nan = std::nan("");
  Metric metric;
  metric.benchmark = JsonField<std::string>(json, "benchmark", where);
  metric.metric = JsonField<std::string>(json, "metric", where);
  metric.value = NumberOr(json.value("value", Json()), nan);
  metric.stderr_ = NumberOr(json.value("stderr", Json()), nan);
  const Json ci = json.value("ci95", Json::array());
  metric.ci_low = ci.size() == 2 ? NumberOr(ci[0], nan) : nan;
  metric.ci_high = ci.size() == 2 ? NumberOr(ci[1], nan) : nan;
  metric.n = JsonField<int64_t>(json, "n", where);
  return metric;
}

Json ModelJson(const EvalResult& model) {
  Json benchmarks = Json::array();
  for (const BenchmarkRun& run : model.benchmarks) {
    benchmarks.push_back({{"name", run.name},
                          {"kind", BenchmarkKindNames()[static_cast<size_t>(run.kind)]},
                          {"settings", run.settings},
                          {"seconds", NumberOrNull(run.seconds)}});
  }
  return {{"name", model.model}, {"hash", model.hash}, {"benchmarks", std::move(benchmarks)}};
}

BenchmarkRun ReadRun(const Json& json, const std::string& where) {
  BenchmarkRun run;
  run.name = JsonField<std::string>(json, "name", where);
  run.settings = JsonField<std::string>(json, "settings", where);
  run.seconds = NumberOr(json.value("seconds", Json()), std::nan(""));
  const auto kind = JsonField<std::string>(json, "kind", where);
  const auto names = BenchmarkKindNames();
  const auto found = std::find(names.begin(), names.end(), kind);
  if (found == names.end())
    throw Error(ErrorKind::kCorrupt, "unknown kind \"" + kind + "\"", where);
  run.kind = static_cast<BenchmarkKind>(found - names.begin());
  return run;
}

}  // namespace

std::string ResultsJson(const ReportInput& input) {
  Json models = Json::array(), metrics = Json::array(), comparisons = Json::array();
  Json facts = Json::object();
  for (const EvalResult& model : input.models) {
    models.push_back(ModelJson(model));
    for (const Metric& metric : model.metrics) metrics.push_back(MetricJson(model.model, metric));
  }
  for (const Comparison& comparison : input.comparisons) {
    comparisons.push_back(
        {{"benchmark", comparison.benchmark},
         {"metric", comparison.metric},
         {"a", comparison.a},
         {"b", comparison.b},
         {"diff", NumberOrNull(comparison.diff)},
         {"stderr", NumberOrNull(comparison.stderr_)},
         {"ci95", Json::array({NumberOrNull(comparison.ci_low), NumberOrNull(comparison.ci_high)})},
         {"p", NumberOrNull(comparison.p_value)},
         {"p_adjusted", NumberOrNull(comparison.p_adjusted)},
         {"min_effect", NumberOrNull(comparison.min_effect)},
         {"n", comparison.n},
         {"tasks_needed", comparison.tasks_needed}});
  }
  for (const auto& [name, value] : input.facts) facts[name] = value;
  const Json results = {{"title", input.title},
                        {"models", models},
                        {"metrics", metrics},
                        {"comparisons", comparisons},
                        {"facts", facts}};
  return DumpJson(results, 2) + "\n";
}

std::string SamplesJsonl(const std::vector<EvalResult>& models) {
  std::string lines;
  for (const EvalResult& model : models) {
    for (const SampleRecord& sample : model.samples) {
      Json json = {{"model", model.model}};
      json.update(SampleJson(sample));
      lines += DumpJson(json) + "\n";
    }
  }
  return lines;
}

void WriteEval(const std::filesystem::path& dir, const EvalResult& result) {
  ReportInput input;
  input.title = result.model;
  input.models = {result};
  for (BenchmarkRun& run : input.models[0].benchmarks) run.seconds = std::nan("");
  std::filesystem::create_directories(dir);
  WriteFileAtomic(dir / "samples.jsonl", SamplesJsonl(input.models));
  WriteFileAtomic(dir / "results.json", ResultsJson(input));
}

EvalResult ReadEval(const std::filesystem::path& dir) {
  const std::string where = (dir / "results.json").string();
  const Json results = ReadJson(where);
  EvalResult result;
  const Json models = JsonField<Json>(results, "models", where);
  if (!models.is_array() || models.size() != 1) {
    throw Error(ErrorKind::kCorrupt, "not the results of one model", where);
  }
  result.model = JsonField<std::string>(models[0], "name", where);
  result.hash = JsonField<std::string>(models[0], "hash", where);
  for (const Json& run : JsonField<Json>(models[0], "benchmarks", where)) {
    result.benchmarks.push_back(ReadRun(run, where));
  }
  for (const Json& metric : JsonField<Json>(results, "metrics", where)) {
    result.metrics.push_back(ReadMetric(metric, where));
  }
  const std::filesystem::path samples = dir / "samples.jsonl";
  const std::string text = ReadFile(samples);
  int64_t line_number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string place = samples.string() + " line " + std::to_string(++line_number);
    result.samples.push_back(
        ReadSample(ParseJson(std::string_view(text).substr(begin, end - begin), place), place));
    begin = end + 1;
  }
  return result;
}

}  // namespace agon::judge
