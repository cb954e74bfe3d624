#include "judge/run_log.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <ostream>
#include <string_view>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace agon::judge {
namespace {

// A step written again after a resume replaces the first one, so steps are kept by number
// until all lines are read.
struct StageSteps {
  std::string stage;
  std::map<int64_t, std::map<std::string, double>> steps;
};

std::optional<Json> ParseLine(std::string_view line) {
  try {
    return ParseJson(line, "log");
  } catch (const Error&) {
    return std::nullopt;
  }
}

// False if it is no record of a step.
bool AddLine(std::string_view line, std::vector<StageSteps>& stages) {
  const std::optional<Json> json = ParseLine(line);
  if (!json || !json->is_object() || !json->contains("stage") || !json->contains("step")) {
    return false;
  }
  const Json& name = json->at("stage");
  const Json& step = json->at("step");
  if (!name.is_string() || !step.is_number_integer()) return false;
  const auto stage = name.get<std::string>();
  auto found = std::find_if(stages.begin(), stages.end(),
                            [&](const StageSteps& s) { return s.stage == stage; });
  if (found == stages.end()) found = stages.insert(stages.end(), StageSteps{stage, {}});
  auto& numbers = found->steps[step.get<int64_t>()];
  numbers.clear();
  for (const auto& [key, value] : json->items()) {
    if (key == "step" || !value.is_number()) continue;
    const auto number = value.get<double>();
    if (std::isfinite(number)) numbers[key] = number;
  }
  return true;
}

}  // namespace

const std::vector<std::pair<double, double>>& StageLog::Get(const std::string& field) const {
  static const std::vector<std::pair<double, double>> kNone;
  const auto found = series.find(field);
  return found == series.end() ? kNone : found->second;
}

std::vector<std::pair<double, double>> StageLog::Over(const std::string& x,
                                                      const std::string& y) const {
  std::vector<std::pair<double, double>> points;
  const auto &xs = Get(x), &ys = Get(y);
  size_t next = 0;
  for (const auto& [step, value] : ys) {
    while (next < xs.size() && xs[next].first < step) ++next;
    if (next == xs.size() || xs[next].first != step) continue;
    points.emplace_back(xs[next].second, value);
  }
  return points;
}

std::string DescribeBadLines(const std::filesystem::path& file, const std::vector<int>& numbers) {
  std::string text =
      file.string() + ":" + std::to_string(numbers.front()) + ": no record of a step, left out";
  const size_t more = numbers.size() - 1;
  if (more > 0) {
    text += " (and " + std::to_string(more) + (more > 1 ? " lines" : " line") + " more)";
  }
  return text;
}

std::vector<StageLog> ReadRunLog(const std::filesystem::path& file, std::ostream* warnings) {
  if (!std::filesystem::exists(file)) return {};
  const std::string text = ReadFile(file);
  std::vector<StageSteps> stages;
  std::vector<int> bad;
  int number = 1;
  for (size_t begin = 0; begin < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const bool is_read =
        end == begin || AddLine(std::string_view(text).substr(begin, end - begin), stages);
    if (!is_read && end < text.size()) bad.push_back(number);
    begin = end + 1;
  }
  if (warnings && !bad.empty()) *warnings << "warning: " << DescribeBadLines(file, bad) << "\n";
  std::vector<StageLog> logs;
  for (const StageSteps& stage : stages) {
    StageLog log;
    log.stage = stage.stage;
    for (const auto& [step, numbers] : stage.steps) {
      log.last_step = step;
      for (const auto& [field, value] : numbers) {
        log.series[field].emplace_back(static_cast<double>(step), value);
      }
    }
    logs.push_back(std::move(log));
  }
  return logs;
}

const StageLog* FindStage(const std::vector<StageLog>& stages, const std::string& name) {
  const auto found = std::find_if(stages.begin(), stages.end(),
                                  [&](const StageLog& log) { return log.stage == name; });
  return found == stages.end() ? nullptr : &*found;
}

}  // namespace agon::judge
