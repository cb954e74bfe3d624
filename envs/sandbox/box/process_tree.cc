#include "envs/sandbox/box/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace agon::envs::box {
namespace {

constexpr int kMaxProcesses = 4096;

// A small file of /proc; "" if the process is gone.
std::string ReadProc(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(fd, buffer, sizeof(buffer))) > 0;) text.append(buffer, got);
  close(fd);
  return text;
}

void AddProcess(const std::string& proc, TreeUsage* usage) {
  static const int64_t tick_us = 1000000 / sysconf(_SC_CLK_TCK);
  static const int64_t page_bytes = sysconf(_SC_PAGESIZE);
  const std::string stat = ReadProc(proc + "/stat");
  // The name before it may hold anything. Fields 14 to 17: utime stime cutime cstime.
  const size_t end_of_name = stat.rfind(") ");
  if (end_of_name == std::string::npos) return;
  ++usage->num_processes;
  const char* at = stat.c_str() + end_of_name + 2;
  for (int field = 3; field < 14 && at; ++field) {
    at = std::strchr(at, ' ');
    if (at) ++at;
  }
  for (int i = 0; i < 4 && at; ++i) {
    char* next = nullptr;
    usage->cpu_us += std::strtoll(at, &next, 10) * tick_us;
    at = next;
  }
  const std::string statm = ReadProc(proc + "/statm");
  char* next = nullptr;
  std::strtoll(statm.c_str(), &next, 10);
  const int64_t resident = std::strtoll(next, &next, 10);
  const int64_t shared = std::strtoll(next, &next, 10);
  usage->anonymous_bytes += (resident - shared) * page_bytes;
}

}  // namespace

pid_t PidOf(int pidfd) {
  const std::string info = ReadProc("/proc/self/fdinfo/" + std::to_string(pidfd));
  const size_t at = info.find("Pid:");
  return at == std::string::npos ? -1 : std::atoi(info.c_str() + at + 4);
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  // Each thread lists the children that it made.
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task/";
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(tasks.c_str()), closedir);
  std::vector<pid_t> children;
  while (const dirent* entry = folder ? readdir(folder.get()) : nullptr) {
    if (entry->d_name[0] == '.') continue;
    const std::string list = ReadProc(tasks + entry->d_name + "/children");
    char* next = nullptr;
    for (const char* at = list.c_str(); *at; at = next) {
      const long child = std::strtol(at, &next, 10);
      if (next == at) break;
      children.push_back(static_cast<pid_t>(child));
    }
  }
  return children;
}

TreeUsage MeasureTree(pid_t root) {
  TreeUsage usage;
  std::vector<pid_t> pending = {root};
  for (int visited = 0; !pending.empty() && visited < kMaxProcesses; ++visited) {
    const pid_t pid = pending.back();
    pending.pop_back();
    AddProcess("/proc/" + std::to_string(pid), &usage);
    for (const pid_t child : ChildrenOf(pid)) pending.push_back(child);
  }
  return usage;
}

}  // namespace agon::envs::box
