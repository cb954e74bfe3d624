#include "envs/sandbox/box/filter.h"

#include <linux/prctl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <sstream>
#include <string>

#include "envs/sandbox/box/failure.h"

namespace agon::envs::box {
namespace {

// Allowed whatever their arguments. By name, since not each architecture has each.
constexpr const char* kAllowed[] = {
    // memory
    "brk mmap munmap mprotect mremap madvise msync",
    // files, all inside the read-only root and /tmp
    "access faccessat faccessat2 open openat openat2 creat close close_range read readv "
    "pread64 preadv write writev pwrite64 pwritev lseek fstat stat lstat newfstatat statx "
    "statfs fstatfs getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink "
    "unlinkat rename renameat renameat2 link linkat symlink symlinkat readlink readlinkat "
    "mknod mknodat chmod fchmod fchmodat truncate ftruncate fallocate fsync fdatasync utime "
    "utimes utimensat futimesat umask flock fadvise64 copy_file_range sendfile dup dup2 dup3 "
    "fcntl pipe pipe2",
    // waiting
    "select pselect6 poll ppoll epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait "
    "epoll_pwait2 eventfd eventfd2 futex nanosleep clock_nanosleep pause restart_syscall "
    "sched_yield",
    // sockets that exist already, or come as a connected pair (below)
    "sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown getsockname getpeername "
    "getsockopt setsockopt",
    // processes, threads and signals: no others than the box's own are in sight
    "fork vfork execve exit exit_group wait4 waitid kill tkill tgkill rt_sigaction "
    "rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend rt_sigqueueinfo "
    "sigaltstack set_tid_address set_robust_list rseq arch_prctl setpgid getpgid getpgrp "
    "setsid getsid alarm setitimer getitimer timer_create timer_settime timer_gettime "
    "timer_delete timer_getoverrun timerfd_create timerfd_settime timerfd_gettime signalfd "
    "signalfd4 membarrier",
    // asking
    "getpid gettid getppid getuid geteuid getgid getegid getresuid getresgid getgroups uname "
    "sysinfo times time gettimeofday clock_gettime clock_getres getrusage getrlimit "
    "setrlimit getpriority sched_getaffinity sched_getscheduler sched_getparam "
    "sched_get_priority_max sched_get_priority_min getcpu getrandom capget",
};

constexpr unsigned long kNamespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                      CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
// Terminal and buffer state of descriptors. TIOCSTI, which types into a terminal, is not here.
constexpr unsigned long kIoctls[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX};
constexpr unsigned long kPrctls[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_PDEATHSIG};

// Said not to exist, so that libc falls back to older calls: clone3, whose flags a filter
// can't see; futex_waitv, cachestat, fchmodat2. The same numbers everywhere.
constexpr int kUnknown[] = {435, 449, 451, 452};

using Context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

scmp_arg_cmp Argument(unsigned index, scmp_compare comparison, uint64_t a, uint64_t b = 0) {
  return {index, comparison, a, b};
}

void Check(int status) {
  if (status >= 0) return;
  errno = -status;
  throw SystemFailure("building the seccomp filter");
}

void Allow(const Context& context, const std::string& name,
           const std::vector<scmp_arg_cmp>& args = {}) {
  const int number = seccomp_syscall_resolve_name(name.c_str());
  if (number < 0) return;  // this architecture, or this libseccomp, has no such call
  Check(seccomp_rule_add_array(context.get(), SCMP_ACT_ALLOW, number,
                               static_cast<unsigned>(args.size()), args.data()));
}

std::vector<sock_filter> Export(const Context& context) {
  const int fd = memfd_create("filter", MFD_CLOEXEC);
  if (fd < 0) throw SystemFailure("memfd_create");
  const int status = seccomp_export_bpf(context.get(), fd);
  const off_t size = lseek(fd, 0, SEEK_END);
  std::vector<sock_filter> filter(size / sizeof(sock_filter));
  const bool whole = pread(fd, filter.data(), size, 0) == size;
  close(fd);
  Check(status);
  if (!whole) throw SystemFailure("reading the seccomp filter");
  return filter;
}

}  // namespace

std::vector<sock_filter> MakeFilter() {
  const Context context(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
  if (!context) throw Failure("seccomp_init failed", "");
  Check(seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
  // A binary search by number; a list would cost each late call a hundred comparisons.
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  for (const char* group : kAllowed) {
    std::istringstream names(group);
    for (std::string name; names >> name;) Allow(context, name);
  }
  Allow(context, "clone", {Argument(0, SCMP_CMP_MASKED_EQ, kNamespaces, 0)});
  Allow(context, "socketpair", {Argument(0, SCMP_CMP_EQ, AF_UNIX)});
  // Of itself only: the limits of the box's first process are not a program's to lower.
  Allow(context, "prlimit64", {Argument(0, SCMP_CMP_EQ, 0)});
  for (const unsigned long request : kIoctls) {
    Allow(context, "ioctl", {Argument(1, SCMP_CMP_MASKED_EQ, 0xffffffffUL, request)});
  }
  for (const unsigned long option : kPrctls) {
    Allow(context, "prctl", {Argument(0, SCMP_CMP_EQ, option)});
  }
  for (const int number : kUnknown) {
    Check(seccomp_rule_add(context.get(), SCMP_ACT_ERRNO(ENOSYS), number, 0));
  }
  return Export(context);
}

}  // namespace agon::envs::box
