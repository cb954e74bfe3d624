#include "envs/sandbox/box/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

namespace agon::envs::box {
namespace {

namespace fs = std::filesystem;

bool Write(const fs::path& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  close(fd);
  errno = error;
  return ok;
}

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool HasWord(const std::string& text, const std::string& word) {
  std::istringstream words(text);
  for (std::string each; words >> each;) {
    if (each == word) return true;
  }
  return false;
}

bool HasOption(const std::string& options, const std::string& option) {
  return ("," + options + ",").find("," + option + ",") != std::string::npos;
}

// "oom_kill 3" -> 3.
int64_t Counter(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  std::string key;
  for (int64_t value; lines >> key >> value;) {
    if (key == name) return value;
  }
  return 0;
}

// The process's own group in a hierarchy, as a folder. A container may see only a part of
// the hierarchy, mounted at its own group.
std::optional<fs::path> OwnFolder(const fs::path& proc_self, const std::string& type,
                                  const std::string& controller) {
  std::string own;
  std::istringstream groups(Read(proc_self / "cgroup"));
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool match =
        controller.empty() ? controllers.empty() : HasOption(controllers, controller);
    if (match) own = line.substr(second + 1);
  }
  if (own.empty()) return std::nullopt;
  std::istringstream mounts(Read(proc_self / "mountinfo"));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point, word, fstype, source, options;
    fields >> id >> parent >> device >> root >> point;
    while (fields >> word && word != "-") {
    }
    fields >> fstype >> source >> options;
    if (fstype != type || (!controller.empty() && !HasOption(options, controller))) continue;
    if (root == "/") return fs::path(point + (own == "/" ? "" : own));
    if (own.rfind(root, 0) == 0) return fs::path(point + own.substr(root.size()));
    return fs::path(point);
  }
  return std::nullopt;
}

// A predecessor with the same process id may have left one.
bool MakeFolder(const fs::path& path) { return mkdir(path.c_str(), 0755) == 0 || errno == EEXIST; }

std::string FolderName() { return "agon-" + std::to_string(getpid()); }

// Folders that supervisors left behind when they were killed: named after processes that
// are no more. One in use can't be removed, so a reused process id does no harm.
void RemoveStale(const fs::path& own) {
  std::error_code error;
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(own, error)) {
    const std::string name = entry.path().filename();
    if (name.rfind("agon-", 0) == 0 && !fs::exists("/proc/" + name.substr(5), error)) {
      stale.push_back(entry.path());
    }
  }
  for (const fs::path& folder : stale) {
    std::vector<fs::path> groups;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.is_directory(error)) groups.push_back(entry.path());
    }
    for (const fs::path& group : groups) rmdir(group.c_str());
    rmdir(folder.c_str());
  }
}

}  // namespace

Cgroup::~Cgroup() {
  if (version_ == 0) return;
  rmdir(memory_.c_str());
  if (version_ == 1) rmdir(pids_.c_str());
}

Cgroup::Cgroup(Cgroup&& other) noexcept
    : version_(std::exchange(other.version_, 0)),
      memory_(std::move(other.memory_)),
      pids_(std::move(other.pids_)) {}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  std::swap(version_, other.version_);
  std::swap(memory_, other.memory_);
  std::swap(pids_, other.pids_);
  return *this;
}

bool Cgroup::Attach(pid_t pid) const {
  if (version_ == 0) return true;
  const std::string text = std::to_string(pid);
  return Write(memory_ / "cgroup.procs", text) &&
         (version_ == 2 || Write(pids_ / "cgroup.procs", text));
}

bool Cgroup::SetLimits(int64_t memory_bytes, int64_t max_processes) const {
  if (version_ == 0) return true;
  const std::string bytes = std::to_string(memory_bytes);
  // The box's first process counts, too.
  if (!Write(pids_ / "pids.max", std::to_string(max_processes + 1))) return false;
  if (version_ == 2) {
    Write(memory_ / "memory.swap.max", "0");  // absent where the kernel has no swap accounting
    Write(memory_ / "memory.oom.group", "0");
    return Write(memory_ / "memory.max", bytes);
  }
  if (!Write(memory_ / "memory.limit_in_bytes", bytes)) return false;
  Write(memory_ / "memory.memsw.limit_in_bytes", bytes);
  Write(memory_ / "memory.swappiness", "0");
  return true;
}

bool Cgroup::OutOfMemory() const {
  if (version_ == 0) return false;
  return Counter(Read(memory_ / (version_ == 2 ? "memory.events" : "memory.oom_control")),
                 "oom_kill") > 0;
}

int64_t Cgroup::PeakBytes() const {
  if (version_ == 0) return 0;
  const std::string text =
      Read(memory_ / (version_ == 2 ? "memory.peak" : "memory.max_usage_in_bytes"));
  return text.empty() ? 0 : std::strtoll(text.c_str(), nullptr, 10);
}

CgroupRoot CgroupRoot::Find(const fs::path& proc_self) {
  CgroupRoot root;
  if (!root.TryVersion1(proc_self) && !root.TryVersion2(proc_self) && root.reason_.empty()) {
    root.reason_ = "no cgroup hierarchy is mounted";
  }
  return root;
}

CgroupRoot CgroupRoot::None(std::string reason) {
  CgroupRoot root;
  root.reason_ = std::move(reason);
  return root;
}

CgroupRoot::CgroupRoot(CgroupRoot&& other) noexcept
    : version_(std::exchange(other.version_, 0)),
      reason_(std::move(other.reason_)),
      memory_(std::move(other.memory_)),
      pids_(std::move(other.pids_)) {}

CgroupRoot::~CgroupRoot() {
  if (version_ == 0) return;
  rmdir(memory_.c_str());
  if (version_ == 1) rmdir(pids_.c_str());
}

bool CgroupRoot::TryVersion1(const fs::path& proc_self) {
  const auto memory = OwnFolder(proc_self, "cgroup", "memory");
  const auto pids = OwnFolder(proc_self, "cgroup", "pids");
  if (!memory || !pids) return false;
  RemoveStale(*memory);
  RemoveStale(*pids);
  memory_ = *memory / FolderName();
  pids_ = *pids / FolderName();
  for (const fs::path& folder : {memory_, pids_}) {
    if (MakeFolder(folder)) continue;
    reason_ = folder.string() + ": " + std::strerror(errno);
    rmdir(memory_.c_str());
    return false;
  }
  version_ = 1;
  return true;
}

bool CgroupRoot::TryVersion2(const fs::path& proc_self) {
  const auto own = OwnFolder(proc_self, "cgroup2", "");
  if (!own) return false;
  const std::string offered = Read(*own / "cgroup.controllers");
  if (!HasWord(offered, "memory") || !HasWord(offered, "pids")) {
    if (reason_.empty()) reason_ = own->string() + " is lent no memory and pids controllers";
    return false;
  }
  RemoveStale(*own);
  const std::string enable = "+memory +pids";
  const std::string enabled = Read(*own / "cgroup.subtree_control");
  if (!HasWord(enabled, "memory") || !HasWord(enabled, "pids")) {
    if (!Write(*own / "cgroup.subtree_control", enable)) {
      reason_ = (*own / "cgroup.subtree_control").string() + ": " + std::strerror(errno);
      return false;
    }
  }
  memory_ = pids_ = *own / FolderName();
  if (!MakeFolder(memory_) || !Write(memory_ / "cgroup.subtree_control", enable)) {
    reason_ = memory_.string() + ": " + std::strerror(errno);
    rmdir(memory_.c_str());
    return false;
  }
  version_ = 2;
  return true;
}

Cgroup CgroupRoot::Make(int serial, bool* ok) const {
  Cgroup group;
  *ok = true;
  if (version_ == 0) return group;
  const std::string name = "box-" + std::to_string(serial);
  group.memory_ = memory_ / name;
  group.pids_ = pids_ / name;
  *ok = mkdir(group.memory_.c_str(), 0755) == 0;
  if (*ok && version_ == 1 && mkdir(group.pids_.c_str(), 0755) != 0) {
    rmdir(group.memory_.c_str());
    *ok = false;
  }
  if (*ok) group.version_ = version_;
  return group;
}

}  // namespace agon::envs::box
