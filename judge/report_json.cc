// results.json and samples.jsonl: what programs read.
#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "judge/report_parts.h"

namespace agon::judge {
namespace {

// JSON has no NaN.
Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double NumberOr(const Json& value, double otherwise) {
  return value.is_number() ? value.get<double>() : otherwise;
}

// Bytes that are not UTF-8 become U+FFFD: a JSON text can't hold them.
std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json MetricJson(const std::string& model, const Metric& metric) {
  return {{"model", model},
          {"suite", metric.suite},
          {"metric", metric.metric},
          {"value", Number(metric.value)},
          {"stderr", Number(metric.stderr_)},
          {"ci95", Json::array({Number(metric.ci_low), Number(metric.ci_high)})},
          {"n", metric.n}};
}

Json SampleJson(const std::string& model, const SampleRecord& sample) {
  return {{"model", model},
          {"suite", sample.suite},
          {"task", sample.task_index},
          {"sample", sample.sample},
          {"family", sample.family},
          {"difficulty", sample.difficulty},
          {"prompt", sample.prompt},
          {"answer", sample.answer},
          {"completion", sample.completion},
          {"extracted", sample.extracted},
          {"reason", sample.reason},
          {"reward", sample.reward},
          {"correct", sample.correct},
          {"truncated", sample.truncated},
          {"masked", sample.masked},
          {"num_tokens", sample.num_tokens}};
}

Metric ReadMetric(const Json& json, const std::string& where) {
  const double nan = std::nan("");
  Metric metric;
  metric.suite = JsonField<std::string>(json, "suite", where);
  metric.metric = JsonField<std::string>(json, "metric", where);
  metric.value = NumberOr(json.value("value", Json()), nan);
  metric.stderr_ = NumberOr(json.value("stderr", Json()), nan);
  const Json ci = json.value("ci95", Json::array());
  metric.ci_low = ci.size() == 2 ? NumberOr(ci[0], nan) : nan;
  metric.ci_high = ci.size() == 2 ? NumberOr(ci[1], nan) : nan;
  metric.n = JsonField<int64_t>(json, "n", where);
  return metric;
}

SampleRecord ReadSample(const Json& json, const std::string& where) {
  SampleRecord sample;
  sample.suite = JsonField<std::string>(json, "suite", where);
  sample.task_index = JsonField<uint64_t>(json, "task", where);
  sample.sample = JsonField<uint32_t>(json, "sample", where);
  sample.family = JsonField<std::string>(json, "family", where);
  sample.difficulty = JsonField<int>(json, "difficulty", where);
  sample.prompt = JsonField<std::string>(json, "prompt", where);
  sample.answer = JsonField<std::string>(json, "answer", where);
  sample.completion = JsonField<std::string>(json, "completion", where);
  sample.extracted = JsonField<std::string>(json, "extracted", where);
  sample.reason = JsonField<std::string>(json, "reason", where);
  sample.reward = JsonField<double>(json, "reward", where);
  sample.correct = JsonField<bool>(json, "correct", where);
  sample.truncated = JsonField<bool>(json, "truncated", where);
  sample.masked = JsonField<bool>(json, "masked", where);
  sample.num_tokens = JsonField<int>(json, "num_tokens", where);
  return sample;
}

}  // namespace

std::string ResultsJson(const ReportInput& input) {
  Json metrics = Json::array(), comparisons = Json::array(), facts = Json::object();
  for (const EvalResult& model : input.models) {
    for (const Metric& metric : model.metrics) metrics.push_back(MetricJson(model.model, metric));
  }
  for (const Comparison& comparison : input.comparisons) {
    comparisons.push_back(
        {{"suite", comparison.suite},
         {"metric", comparison.metric},
         {"a", comparison.a},
         {"b", comparison.b},
         {"diff", Number(comparison.diff)},
         {"ci95", Json::array({Number(comparison.ci_low), Number(comparison.ci_high)})}});
  }
  for (const auto& [name, value] : input.facts) facts[name] = value;
  const Json results = {
      {"title", input.title}, {"metrics", metrics}, {"comparisons", comparisons}, {"facts", facts}};
  return Dump(results, 2) + "\n";
}

std::string SamplesJsonl(const std::vector<EvalResult>& models) {
  std::string lines;
  for (const EvalResult& model : models) {
    for (const SampleRecord& sample : model.samples) {
      lines += Dump(SampleJson(model.model, sample), -1) + "\n";
    }
  }
  return lines;
}

void WriteEval(const std::filesystem::path& dir, const EvalResult& result) {
  ReportInput input;
  input.title = result.model;
  input.models = {result};
  std::filesystem::create_directories(dir);
  WriteFileAtomic(dir / "samples.jsonl", SamplesJsonl(input.models));
  WriteFileAtomic(dir / "results.json", ResultsJson(input));
}

EvalResult ReadEval(const std::filesystem::path& dir) {
  const std::string where = (dir / "results.json").string();
  const Json results = ReadJson(where);
  EvalResult result;
  result.model = JsonField<std::string>(results, "title", where);
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
