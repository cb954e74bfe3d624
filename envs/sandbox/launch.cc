#include "envs/sandbox/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <string_view>

#include "core/error.h"

// AGON_BOX_EXECUTABLE is a built file.
asm(".section .rodata\nagon_box_begin:\n.incbin \"" AGON_BOX_EXECUTABLE
    "\"\nagon_box_end:\n.byte 0\n.previous\n");
extern "C" {
extern const char agon_box_begin[], agon_box_end[];
}

extern char** environ;

namespace agon::envs {
namespace {

constexpr int kSocketPlace = 3;  // where agon-box looks for them
constexpr int kExecutablePlace = 4;
constexpr unsigned kMemfdExec = 0x10;  // MFD_EXEC, since Linux 6.3
constexpr int kHelloTimeoutMs = 60000;
constexpr const char* kUnsandboxedHint =
    "or let model code do whatever this user can: --unsafe-run-model-code-unsandboxed";

[[noreturn]] void ThrowIo(const std::string& step) {
  throw Error(ErrorKind::kIo, step + ": " + std::strerror(errno), "sandbox");
}

// The executable as an open file without a name, so that it needs no place on disk.
Descriptor OpenExecutable() {
  const std::string_view bytes(agon_box_begin, agon_box_end - agon_box_begin);
  int fd = memfd_create("agon-box", MFD_CLOEXEC | kMemfdExec);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("agon-box", MFD_CLOEXEC);
  if (fd < 0) ThrowIo("memfd_create");
  const Descriptor writable(fd);
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t wrote = write(fd, bytes.data() + done, bytes.size() - done);
    if (wrote < 0) ThrowIo("writing agon-box to memory");
    done += wrote;
  }
  // A file that somebody holds open for writing can't be executed.
  Descriptor readable(open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable.open()) ThrowIo("/proc/self/fd");
  return readable;
}

pid_t Spawn(const SandboxOptions& options, int socket, int executable) {
  // Above the places, so that neither dup2 overwrites the other's source.
  const Descriptor high_socket(fcntl(socket, F_DUPFD_CLOEXEC, kExecutablePlace + 1));
  const Descriptor high_executable(fcntl(executable, F_DUPFD_CLOEXEC, kExecutablePlace + 1));
  if (!high_socket.open() || !high_executable.open()) ThrowIo("dup");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, high_socket.get(), kSocketPlace);
  posix_spawn_file_actions_adddup2(&actions, high_executable.get(), kExecutablePlace);
  const bool isolated = !options.unsafe_no_isolation;
  if (isolated) {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, kExecutablePlace + 1);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // Its own session: Ctrl-C is for the host process, which ends it in order.
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  std::vector<std::string> words = {"agon-box", options.python, options.use_cgroup ? "1" : "0",
                                    isolated ? "1" : "0", std::to_string(options.num_ready)};
  words.insert(words.end(), options.read_only_paths.begin(), options.read_only_paths.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* no_environment[] = {nullptr};
  const std::string path = "/proc/self/fd/" + std::to_string(kExecutablePlace);
  pid_t pid = -1;
  int error = ETXTBSY;
  // Another thread's fork may hold the writable descriptor for a moment more.
  for (int i = 0; i < 100 && error == ETXTBSY; ++i) {
    if (i > 0) usleep(1000);
    error = posix_spawn(&pid, path.c_str(), &actions, &attributes, argv.data(),
                        isolated ? no_environment : environ);
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  errno = error;
  if (error != 0) ThrowIo("starting agon-box");
  return pid;
}

}  // namespace

Supervisor LaunchSupervisor(const SandboxOptions& options) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) ThrowIo("socketpair");
  Supervisor supervisor;
  supervisor.socket = Descriptor(ends[0]);
  Descriptor theirs(ends[1]);
  supervisor.pid = Spawn(options, theirs.get(), OpenExecutable().get());
  theirs.Close();
  wire::Hello hello;
  pollfd poll_one{supervisor.socket.get(), POLLIN, 0};
  const bool came = poll(&poll_one, 1, kHelloTimeoutMs) == 1;
  if (!came || recv(supervisor.socket.get(), &hello, sizeof(hello), 0) != sizeof(hello)) {
    StopSupervisor(&supervisor);
    throw Error(ErrorKind::kIo, "agon-box died before it was ready", "sandbox");
  }
  if (hello.failed) {
    StopSupervisor(&supervisor);
    std::string hint = hello.hint;
    if (hello.unsupported) hint += (hint.empty() ? "" : ", ") + std::string(kUnsandboxedHint);
    throw Error(hello.unsupported ? ErrorKind::kUnsupported : ErrorKind::kIo, hello.text, "sandbox",
                hint);
  }
  supervisor.description = hello.text;
  return supervisor;
}

void StopSupervisor(Supervisor* supervisor) {
  supervisor->socket.Close();
  if (supervisor->pid <= 0) return;
  // It leaves in order, removing its cgroups, unless it hangs.
  int status = 0;
  for (int i = 0; i < 2000; ++i) {
    if (waitpid(supervisor->pid, &status, WNOHANG) != 0) return;
    usleep(1000);
  }
  kill(supervisor->pid, SIGKILL);
  waitpid(supervisor->pid, &status, 0);
}

}  // namespace agon::envs
