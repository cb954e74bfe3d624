#include "envs/sandbox/box/init.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace agon::envs::box {
namespace {

constexpr int64_t kMaxPayloadBytes = int64_t{64} << 20;
constexpr int kMaxArguments = 1024;
constexpr int kAbove = 16;  // descriptors that must not be in the way of 0 to 3

// Shared by the first process and the program's until the latter is sealed.
struct Birth {
  int64_t start_ns;  // of the program's first instruction; 0 if it never got so far
  int32_t error;     // errno of the step that failed, if one did
  char step[48];
};

int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

void Tell(int socket, const wire::InitEvent& event) {
  // If the supervisor is gone, so is this box in a moment.
  (void)!send(socket, &event, sizeof(event), MSG_NOSIGNAL);
}

[[noreturn]] void Fail(int socket, const char* where) {
  wire::InitEvent event;
  event.kind = wire::kFailed;
  event.error = errno;
  wire::SetText(event.where, where);
  Tell(socket, event);
  _exit(1);
}

bool WriteProc(int proc_fd, const char* name, const char* text) {
  const int fd = openat(proc_fd, name, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = write(fd, text, strlen(text)) == static_cast<ssize_t>(strlen(text));
  close(fd);
  return ok;
}

// The user, pid and net namespaces are there already: they come with the clone.
void EnterNamespaces(const BoxSetup& setup, int socket) {
  WriteProc(setup.proc_fd, "self/setgroups", "deny");  // absent where already denied for good
  if (!WriteProc(setup.proc_fd, "self/uid_map", "1000 1000 1")) Fail(socket, "uid_map");
  if (!WriteProc(setup.proc_fd, "self/gid_map", "1000 1000 1")) Fail(socket, "gid_map");
  constexpr int kRest = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
  if (unshare(kRest | CLONE_NEWCGROUP) != 0 && unshare(kRest) != 0) Fail(socket, "unshare");
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void MountTmp(const wire::Limits& limits, int socket) {
  char options[96];
  const long long inodes = 256 + limits.tmp_bytes / 4096;
  snprintf(options, sizeof(options), "size=%lld,nr_inodes=%lld,mode=1777",
           static_cast<long long>(limits.tmp_bytes), inodes);
  if (mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options) != 0) Fail(socket, "mount /tmp");
  if (chdir("/tmp") != 0) Fail(socket, "chdir /tmp");
}

bool ReadAll(int fd, void* bytes, int64_t size) {
  char* at = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t got = read(fd, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= got;
  }
  return true;
}

Payload ReadPayload(int fd, int64_t size, int socket) {
  errno = EMSGSIZE;
  if (size < 0 || size > kMaxPayloadBytes) Fail(socket, "payload");
  void* bytes = mmap(nullptr, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) Fail(socket, "mmap");
  if (!ReadAll(fd, bytes, size)) _exit(0);  // the caller is gone
  return {static_cast<char*>(bytes), size};
}

// Puts the program's descriptors at 0 to 3 and closes all others.
bool ArrangeDescriptors(const BoxSetup& setup, const int (&fds)[wire::kNumBoxFds]) {
  constexpr int kPlaces[] = {wire::kBoxStdin, wire::kBoxStdout, wire::kBoxStderr,
                             wire::kBoxChannel};
  int moved[4];
  for (int i = 0; i < 4; ++i) {
    moved[i] = fcntl(fds[kPlaces[i]], F_DUPFD_CLOEXEC, kAbove);
    if (moved[i] < 0) return false;
  }
  for (int i = 0; i < 4; ++i) {
    if (dup2(moved[i], i) < 0) return false;
    if (!setup.isolated) close(moved[i]);
  }
  if (!setup.isolated) return true;
  return syscall(SYS_close_range, 4, ~0U, 0) == 0;
}

// As a command expects them; the interpreter ignores SIGPIPE.
void ResetSignals() {
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void Execute(const BoxSetup& setup, bool is_python, const Payload& payload) {
  char* argv[kMaxArguments + 1] = {};
  char path_fd[32];
  if (is_python) {
    // Reached without isolation only; the source travels in a file without a name.
    const int fd = memfd_create("main.py", 0);
    if (fd < 0 || write(fd, payload.bytes, payload.size) != payload.size) _exit(127);
    lseek(fd, 0, SEEK_SET);
    snprintf(path_fd, sizeof(path_fd), "/dev/fd/%d", fd);
    const char* words[] = {setup.python, "-s", "-B", path_fd};
    for (int i = 0; i < 4; ++i) argv[i] = const_cast<char*>(words[i]);
  } else {
    int num = 0;
    for (int64_t at = 0; at < payload.size && num < kMaxArguments; ++num) {
      argv[num] = const_cast<char*>(payload.bytes) + at;
      at += static_cast<int64_t>(strlen(argv[num])) + 1;
    }
    if (num == 0) _exit(127);
  }
  if (setup.isolated) {
    char* environment[] = {nullptr};
    execve(argv[0], argv, environment);
  } else {
    execv(argv[0], argv);
  }
  dprintf(2, "%s: %s\n", argv[0], strerror(errno));
  _exit(127);
}

// In the program's process.
void BecomeProgram(const BoxSetup& setup, const wire::ProgramHeader& header,
                   const int (&fds)[wire::kNumBoxFds], const Payload& payload, Birth* birth) {
  const auto fail = [birth](const char* step) {
    birth->error = errno;
    wire::SetText(birth->step, step);
    _exit(1);
  };
  setsid();
  if (setup.isolated) WriteProc(setup.proc_fd, "self/oom_score_adj", "1000");
  if (!ArrangeDescriptors(setup, fds)) fail("descriptors");
  if (!header.is_python) ResetSignals();
  if (const char* step = Seal(setup, header.limits)) fail(step);
  birth->start_ns = NowNs();
  munmap(birth, sizeof(Birth));
  if (!header.is_python || !setup.isolated) Execute(setup, header.is_python, payload);
}

void DropAll() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  syscall(SYS_capset, &header, none);
}

[[noreturn]] void Reap(const BoxSetup& setup, int socket, pid_t program, const Birth* birth) {
  wire::InitEvent event;
  for (;;) {
    int status = 0;
    // Without isolation others' children are none of its business.
    const pid_t pid = waitpid(setup.isolated ? -1 : program, &status, __WALL);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) Fail(socket, "waitpid");
    if (pid != program) continue;
    event.wait_status = status;
    break;
  }
  event.kind = wire::kExited;
  event.time_ns = NowNs();
  event.start_ns = birth->start_ns;
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  event.cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * int64_t{1000000} +
                 usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  event.max_rss_bytes = usage.ru_maxrss * int64_t{1024};
  if (birth->error != 0) {
    event.kind = wire::kFailed;
    event.error = birth->error;
    wire::SetText(event.where, birth->step);
  }
  Tell(socket, event);
  _exit(0);
}

}  // namespace

Payload RunInit(const BoxSetup& setup, const int (&fds)[wire::kNumBoxFds]) {
  const int socket = fds[wire::kBoxInit];
  struct sigaction action {};
  sigaction(SIGCHLD, &action, nullptr);
  if (setup.isolated) EnterNamespaces(setup, socket);
  wire::InitEvent event;
  event.kind = wire::kReady;
  Tell(socket, event);

  wire::ProgramHeader header;
  if (!ReadAll(fds[wire::kBoxProgram], &header, sizeof(header))) _exit(0);
  const Payload payload = ReadPayload(fds[wire::kBoxProgram], header.payload_bytes, socket);
  if (setup.isolated) MountTmp(header.limits, socket);
  void* shared =
      mmap(nullptr, sizeof(Birth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) Fail(socket, "mmap");
  auto* birth = static_cast<Birth*>(shared);  // zeros

  event.kind = wire::kStarted;
  event.time_ns = NowNs();
  const pid_t program = fork();
  if (program < 0) Fail(socket, "fork");
  if (program == 0) {
    BecomeProgram(setup, header, fds, payload, birth);
    return payload;
  }
  Tell(socket, event);
  if (!setup.isolated) {
    for (int i = 0; i < wire::kNumBoxFds; ++i) {
      if (fds[i] != socket) close(fds[i]);
    }
    Reap(setup, socket, program, birth);
  }
  DropAll();
  dup2(socket, 0);
  syscall(SYS_close_range, 1, ~0U, 0);
  Reap(setup, 0, program, birth);
}

}  // namespace agon::envs::box
