#include "trainer/run_log.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <optional>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "judge/run_log.h"

namespace agon::trainer {
namespace {

std::string Line(std::string_view stage, int step, const Numbers& numbers) {
  std::string line = "{\"stage\":\"" + std::string(stage) + "\",\"step\":" + std::to_string(step);
  for (const auto& [name, value] : numbers) {
    line += ",\"" + std::string(name) + "\":";
    if (!std::isfinite(value)) {
      line += "null";
      continue;
    }
    char text[32];
    char* const end = std::to_chars(text, text + sizeof text, value).ptr;
    line.append(text, end);
  }
  return line + "}";
}

struct KeptLines {
  std::string text;
  std::vector<int> damaged;  // their numbers, from 1
};

// The lines of a log that stay when `stage` continues after `step`.
KeptLines LinesUpTo(const std::string& text, const std::vector<std::string>& finished,
                    std::string_view stage, int step) {
  KeptLines kept;
  size_t begin = 0;
  for (int number = 1; begin < text.size(); ++number) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // torn by a kill
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    try {
      const Json record = ParseJson(line, "log line");
      const auto of = JsonField<std::string>(record, "stage", "log line");
      const bool done = std::find(finished.begin(), finished.end(), of) != finished.end();
      if (done || (of == stage && JsonField<int>(record, "step", "log line") <= step)) {
        kept.text.append(line);
        kept.text.push_back('\n');
      }
    } catch (const Error&) {
      // A damaged line can't be trusted to belong to a finished step: it is written again
      // if its step is, and lost otherwise; the weights don't depend on it.
      kept.damaged.push_back(number);
    }
  }
  return kept;
}

// A name that nothing has.
std::filesystem::path DamagedCopyOf(const std::filesystem::path& file) {
  std::filesystem::path copy = file.string() + ".damaged";
  for (int i = 2; std::filesystem::exists(copy); ++i) {
    copy = file.string() + ".damaged-" + std::to_string(i);
  }
  return copy;
}

}  // namespace

struct RunLog::Files {
  explicit Files(const std::filesystem::path& dir)
      : log(dir / "log.jsonl"), timing(dir / "timing.jsonl"), events(dir / "events.log") {}
  AppendFile log, timing, events;
  std::optional<AppendFile> exploits;
};

RunLog::RunLog() noexcept = default;

RunLog::RunLog(const std::filesystem::path& run_dir) : run_dir_(run_dir) {
  std::filesystem::create_directories(run_dir);
  files_ = std::make_unique<Files>(run_dir);
}

RunLog::~RunLog() = default;
RunLog::RunLog(RunLog&&) noexcept = default;
RunLog& RunLog::operator=(RunLog&&) noexcept = default;

std::vector<std::string> RunLog::TruncateAfter(const std::vector<std::string>& finished_stages,
                                               std::string_view stage, int step) {
  std::vector<std::string> complaints;
  if (!files_) return complaints;
  files_.reset();
  for (const char* name : {"log.jsonl", "timing.jsonl", "exploits.jsonl"}) {
    const auto path = run_dir_ / name;
    if (!std::filesystem::exists(path)) continue;
    const std::string text = ReadFile(path);
    const KeptLines kept = LinesUpTo(text, finished_stages, stage, step);
    if (!kept.damaged.empty()) {
      const auto copy = DamagedCopyOf(path);
      WriteFileAtomic(copy, text);
      complaints.push_back(judge::DescribeBadLines(path, kept.damaged) +
                           "; the file as it was is " + copy.filename().string());
    }
    WriteFileAtomic(path, kept.text);
  }
  files_ = std::make_unique<Files>(run_dir_);
  return complaints;
}

void RunLog::Append(std::string_view stage, int step, const Numbers& numbers) {
  if (files_) files_->log.Append(Line(stage, step, numbers));
}

void RunLog::AppendTiming(std::string_view stage, int step, const Numbers& numbers) {
  if (files_) files_->timing.Append(Line(stage, step, numbers));
}

void RunLog::AppendExploit(std::string_view line) {
  if (!files_) return;
  if (!files_->exploits) files_->exploits.emplace(run_dir_ / "exploits.jsonl");
  files_->exploits->Append(line);
}

void RunLog::Event(std::string_view text) {
  if (!files_) return;
  char time[32];
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ ", gmtime_r(&now, &parts));
  files_->events.Append(std::string(time) + std::string(text));
}

void RunLog::Sync() {
  if (!files_) return;
  files_->log.Sync();
  files_->timing.Sync();
  if (files_->exploits) files_->exploits->Sync();
}

}  // namespace agon::trainer
