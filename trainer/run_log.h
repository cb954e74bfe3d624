// The run's records: log.jsonl with deterministic numbers, timing.jsonl and exploits.jsonl beside
// it (docs/formats/run.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agon::trainer {

// Numbers of one step in the order they are written. Doubles are written as the shortest
// text that reads back as the same bits; NaN and infinities as null.
using Numbers = std::vector<std::pair<std::string_view, double>>;

class RunLog {
 public:
  // Of a rank that isn't the leader: writes nothing.
  RunLog() noexcept;
  // Opens (or creates) the logs of a run directory for appending.
  explicit RunLog(const std::filesystem::path& run_dir);
  ~RunLog();
  RunLog(RunLog&&) noexcept;
  RunLog& operator=(RunLog&&) noexcept;

  // Keeps the lines of finished stages and those of `stage` up to `step`: what follows will
  // be written again. A torn last line is dropped. A damaged line before it is, too; then the file
  // as it was stays beside it ("log.jsonl.damaged"), and a line for people is returned that names
  // both.
  std::vector<std::string> TruncateAfter(const std::vector<std::string>& finished_stages,
                                         std::string_view stage, int step);

  void Append(std::string_view stage, int step, const Numbers& numbers);
  void AppendTiming(std::string_view stage, int step, const Numbers& numbers);
  // exploits.jsonl, made when there is a first one: one JSON object with "stage" and "step".
  void AppendExploit(std::string_view line);
  // events.log: a line for people, with the time.
  void Event(std::string_view text);
  void Sync();

 private:
  struct Files;
  std::filesystem::path run_dir_;
  std::unique_ptr<Files> files_;  // null: nothing is written
};

}  // namespace agon::trainer
