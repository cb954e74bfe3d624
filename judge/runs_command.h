// What `rl-eval runs` does, apart from reading its flags.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

namespace agon::judge {

struct RunsCommand {
  std::vector<std::string> runs;  // see ReadRunGroups
  std::filesystem::path out;      // folder for report.html, report.md, runs.json
  bool json = false;              // runs.json on `stdout` instead of a table
};

// Throws Error.
void RunRunsCommand(const RunsCommand& command, std::ostream& stdout_stream);

}  // namespace agon::judge
