#include "envs/programs.h"

#include <memory>
#include <mutex>

#include "envs/plugin/process_host.h"

namespace agon::envs {
namespace {

struct Programs {
  std::mutex mutex;
  std::vector<std::weak_ptr<const ProcessHost>> hosts;
};

Programs& GlobalPrograms() {
  static Programs programs;
  return programs;
}

}  // namespace

void AddProgram(const std::shared_ptr<const ProcessHost>& host) {
  Programs& programs = GlobalPrograms();
  const std::lock_guard lock(programs.mutex);
  programs.hosts.push_back(host);
}

std::vector<ProgramHealth> ProgramsHealth() {
  Programs& programs = GlobalPrograms();
  const std::lock_guard lock(programs.mutex);
  std::vector<ProgramHealth> healths;
  for (const auto& weak : programs.hosts) {
    if (const auto host = weak.lock()) healths.push_back(host->Health());
  }
  return healths;
}

std::string Describe(const ProgramHealth& health) {
  const auto count = [](int64_t number, const char* what) {
    return std::to_string(number) + " " + what;
  };
  if (health.last_problem.empty() && health.num_bad_lines == 0) return "";
  std::string text = health.file + ": " + count(health.num_crashes, "crashes, ") +
                     count(health.num_timeouts, "timeouts, ") +
                     count(health.num_bad_lines, "bad lines, ") +
                     count(health.num_masked, "episodes masked");
  if (!health.last_problem.empty()) text += " (" + health.last_problem + ")";
  return text;
}

}  // namespace agon::envs
