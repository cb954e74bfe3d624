#include "envs/sandbox/box/seal.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace agon::envs::box {
namespace {

// Of linux/landlock.h; the distribution's header may be older than the running kernel.
struct LandlockRuleset {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // since ABI 4
  uint64_t scoped;              // since ABI 6
};
struct LandlockPath {
  uint64_t allowed_access;
  int32_t parent_fd;
} __attribute__((packed));
constexpr int kRulePathBeneath = 1;
constexpr uint64_t kExecute = 1 << 0;
constexpr uint64_t kWriteFile = 1 << 1;
constexpr uint64_t kReadFile = 1 << 2;
constexpr uint64_t kReadDir = 1 << 3;
constexpr uint64_t kMakeDevices = 1 << 6 | 1 << 11;  // MAKE_CHAR, MAKE_BLOCK
constexpr uint64_t kTruncate = 1 << 14;
constexpr uint64_t kNetBindConnect = 1 << 0 | 1 << 1;
constexpr uint64_t kScopeSocketsSignals = 1 << 0 | 1 << 1;

uint64_t HandledFs(int abi) {
  if (abi >= 5) return (1 << 16) - 1;  // with IOCTL_DEV
  if (abi >= 3) return (1 << 15) - 1;  // with TRUNCATE
  if (abi >= 2) return (1 << 14) - 1;  // with REFER
  return (1 << 13) - 1;
}

bool AllowBeneath(int ruleset, const char* path, uint64_t access) {
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return false;
  LandlockPath rule{access, fd};
  const bool ok = syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &rule, 0) == 0;
  close(fd);
  return ok;
}

// Read and execute everywhere, write in /tmp and to /dev/null, no TCP, no abstract sockets
// and no signals to processes outside of the box. The mounts say the same: this is the
// second lock on the same door.
bool Landlock(int abi) {
  LandlockRuleset rules{HandledFs(abi), kNetBindConnect, kScopeSocketsSignals};
  const size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const int fd = static_cast<int>(syscall(SYS_landlock_create_ruleset, &rules, size, 0));
  if (fd < 0) return false;
  const uint64_t all = rules.handled_access_fs;
  const bool ok = AllowBeneath(fd, "/", kExecute | kReadFile | kReadDir) &&
                  AllowBeneath(fd, "/tmp", all & ~kMakeDevices) &&
                  AllowBeneath(fd, "/dev/null", all & (kReadFile | kWriteFile | kTruncate)) &&
                  syscall(SYS_landlock_restrict_self, fd, 0) == 0;
  close(fd);
  return ok;
}

bool DropCapabilities() {
  for (int cap = 0; cap < 64; ++cap) {
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) {
      if (errno == EINVAL) break;  // past the kernel's last
      return false;
    }
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

bool Limit(__rlimit_resource_t resource, int64_t soft, int64_t hard) {
  rlimit old{};
  getrlimit(resource, &old);
  rlimit limit{static_cast<rlim_t>(soft), static_cast<rlim_t>(hard)};
  // A caller's own limits may be lower already.
  if (limit.rlim_max > old.rlim_max) limit.rlim_max = old.rlim_max;
  if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
  return setrlimit(resource, &limit) == 0;
}

bool LimitTime(const wire::Limits& limits) {
  // The supervisor's clock comes first; this one holds if the supervisor is slow.
  const int64_t seconds = limits.cpu_ms / 1000 + 2;
  return Limit(RLIMIT_CPU, seconds, seconds + 1) && Limit(RLIMIT_CORE, 0, 0);
}

bool LimitResources(const BoxSetup& setup, const wire::Limits& limits) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  // With a cgroup, address space only keeps absurd requests from being granted. Without, it
  // is the limit; an interpreter maps up to 64 MiB of files and reserves before any use.
  const int64_t generous = limits.memory_bytes * 4 > limits.memory_bytes + 1024 * kMiB
                               ? limits.memory_bytes * 4
                               : limits.memory_bytes + 1024 * kMiB;
  const int64_t space = setup.memory_by_cgroup ? generous : limits.memory_bytes + 64 * kMiB;
  // The box's first process counts, too.
  const int64_t processes = limits.max_processes + 1;
  return Limit(RLIMIT_AS, space, space) && Limit(RLIMIT_NPROC, processes, processes) &&
         Limit(RLIMIT_FSIZE, limits.tmp_bytes, limits.tmp_bytes) &&
         Limit(RLIMIT_NOFILE, 128, 128) && Limit(RLIMIT_MEMLOCK, 0, 0) &&
         Limit(RLIMIT_MSGQUEUE, 0, 0) && Limit(RLIMIT_SIGPENDING, 256, 256) &&
         Limit(RLIMIT_STACK, 8 * kMiB, 256 * kMiB);
}

}  // namespace

const char* Seal(const BoxSetup& setup, const wire::Limits& limits) {
  if (!LimitTime(limits)) return "setrlimit";
  if (!setup.isolated) return nullptr;
  if (!LimitResources(setup, limits)) return "setrlimit";
  umask(022);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs";
  if (setup.landlock_abi > 0 && !Landlock(setup.landlock_abi)) return "landlock";
  if (!DropCapabilities()) return "capset";
  const sock_fprog program{static_cast<unsigned short>(setup.num_filter),
                           const_cast<sock_filter*>(setup.filter)};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return "seccomp";
  return nullptr;
}

}  // namespace agon::envs::box
