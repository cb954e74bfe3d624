#include "judge/runs_command.h"

#include <ostream>
#include <system_error>

#include "core/error.h"
#include "core/file.h"
#include "judge/runs/run_report.h"

namespace agon::judge {

void RunRunsCommand(const RunsCommand& command, std::ostream& stdout_stream) {
  const RunComparison comparison = CompareRuns(ReadRunGroups(command.runs));
  if (std::filesystem::exists(command.out / "recipe.toml")) {
    throw Error(ErrorKind::kUsage, "is a run with a report of its own", command.out.string(),
                "name another folder with --out");
  }
  std::error_code failure;
  std::filesystem::create_directories(command.out, failure);
  if (failure) throw Error(ErrorKind::kIo, failure.message(), command.out.string());
  const std::string json = RunsJson(comparison);
  WriteFileAtomic(command.out / "runs.json", json);
  WriteFileAtomic(command.out / "report.md", RunsMarkdown(comparison));
  WriteFileAtomic(command.out / "report.html", RunsHtml(comparison));
  if (command.json) {
    stdout_stream << json;
    return;
  }
  stdout_stream << RunsTable(comparison) << "\nreport: " << (command.out / "report.html").string()
                << "\n";
}

}  // namespace agon::judge
