// What a test sees of the host while programs run in boxes.
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace agon::envs::host {

inline std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::vector<pid_t> Processes() {
  std::vector<pid_t> pids;
  DIR* folder = opendir("/proc");
  while (const dirent* entry = folder ? readdir(folder) : nullptr) {
    const int pid = std::atoi(entry->d_name);
    if (pid > 0) pids.push_back(pid);
  }
  if (folder) closedir(folder);
  return pids;
}

// Processes of this name (PR_SET_NAME), zombies left out.
inline std::vector<pid_t> ProcessesNamed(const std::string& name) {
  std::vector<pid_t> found;
  for (const pid_t pid : Processes()) {
    const std::string stat = ReadText("/proc/" + std::to_string(pid) + "/stat");
    const size_t open = stat.find('('), close = stat.rfind(") ");
    if (close == std::string::npos || stat[close + 2] == 'Z') continue;
    if (stat.substr(open + 1, close - open - 1) == name) found.push_back(pid);
  }
  return found;
}

inline pid_t ParentOf(pid_t pid) {
  const std::string stat = ReadText("/proc/" + std::to_string(pid) + "/stat");
  const size_t close = stat.rfind(") ");
  return close == std::string::npos ? -1 : std::atoi(stat.c_str() + close + 4);
}

inline std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> children;
  for (const pid_t pid : Processes()) {
    if (ParentOf(pid) == parent) children.push_back(pid);
  }
  return children;
}

}  // namespace agon::envs::host
