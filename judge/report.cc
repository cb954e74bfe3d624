#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "core/error.h"
#include "core/file.h"
#include "judge/report_parts.h"

namespace agon::judge {

void WriteReport(const std::filesystem::path& dir, const ReportInput& input) {
  RunLogs logs;
  if (input.run_log) {
    logs.log = ReadRunLog(*input.run_log, &std::cerr);
    const std::filesystem::path run_dir = input.run_log->parent_path();
    logs.timing = ReadRunLog(run_dir / "timing.jsonl", &std::cerr);
    logs.exploits = ReadExploits(run_dir / "exploits.jsonl");
    logs.best_of_n = ReadBestOfN(run_dir / "best_of_n.json");
    logs.knowledge = ReadKnowledge(run_dir / "knowledge.json");
    logs.reward_models = ReadRewardQuality(run_dir / "reward_models.json");
  }
  std::error_code failure;
  std::filesystem::create_directories(dir, failure);
  if (failure) throw Error(ErrorKind::kIo, failure.message(), dir.string());
  WriteFileAtomic(dir / "samples.jsonl", SamplesJsonl(input.models));
  WriteFileAtomic(dir / "results.json", ResultsJson(input));
  WriteFileAtomic(dir / "report.md", ReportMarkdown(input, logs));
  WriteFileAtomic(dir / "report.html", ReportHtml(input, logs));
}

}  // namespace agon::judge
