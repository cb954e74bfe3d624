// Control groups for boxes: memory without swap, and numbers of processes. Version 1,
// version 2 or none, whatever the machine lends.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace agon::envs::box {

// One box's group. Empty where the machine lends none.
class Cgroup {
 public:
  Cgroup() = default;
  ~Cgroup();
  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&& other) noexcept;

  int version() const { return version_; }

  // False with errno set: the group can't be used for this box.
  bool Attach(pid_t pid) const;
  bool SetLimits(int64_t memory_bytes, int64_t max_processes) const;

  // Whether the kernel killed for memory here; bytes used at most.
  bool OutOfMemory() const;
  int64_t PeakBytes() const;

 private:
  friend class CgroupRoot;
  int version_ = 0;
  std::filesystem::path memory_;
  std::filesystem::path pids_;  // the same folder in version 2
};

// The folder in which boxes get their groups, below the caller's own group.
class CgroupRoot {
 public:
  // Finds out what the machine lends; without: version() is 0 and reason() says why.
  // `proc_self` is another folder in tests only.
  static CgroupRoot Find(const std::filesystem::path& proc_self = "/proc/self");
  static CgroupRoot None(std::string reason);
  ~CgroupRoot();
  CgroupRoot(CgroupRoot&& other) noexcept;
  CgroupRoot& operator=(CgroupRoot&&) = delete;

  int version() const { return version_; }               // 0, 1 or 2
  const std::string& reason() const { return reason_; }  // why there is none

  // An empty group; version 0 has groups that do nothing. False in `ok` with errno set.
  Cgroup Make(int serial, bool* ok) const;

 private:
  CgroupRoot() = default;
  bool TryVersion1(const std::filesystem::path& proc_self);
  bool TryVersion2(const std::filesystem::path& proc_self);

  int version_ = 0;
  std::string reason_;
  std::filesystem::path memory_;
  std::filesystem::path pids_;
};

}  // namespace agon::envs::box
