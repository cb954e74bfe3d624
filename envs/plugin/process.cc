#include "envs/plugin/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace agon::envs {
namespace {

// A descriptor that is closed unless it is taken.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd != -1) close(fd);
  }
  int Take() { return std::exchange(fd, -1); }

  int fd = -1;
};

[[noreturn]] void ThrowErrno(const std::string& what, const std::string& program) {
  throw Error(ErrorKind::kFailed, what + ": " + std::strerror(errno), program);
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// All that the child needs, prepared beforehand: it may not allocate.
struct Launch {
  char* const* arguments;
  char* const* environment;
  int socket, errors, report;
  pid_t parent;
};

// Keeps `fd` off the numbers that are about to be replaced.
int Above(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 10); }

// Runs in the child, which still shares the parent's memory: system calls only.
[[noreturn]] void BecomeProgram(const Launch& launch) {
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int socket = Above(launch.socket), errors = Above(launch.errors);
  const int report = Above(launch.report);
  if (socket != -1 && errors != -1 && report != -1 && getppid() == launch.parent &&
      dup2(socket, 0) == 0 && dup2(socket, 1) == 1 && dup2(errors, 2) == 2 &&
      dup2(report, 3) == 3 && fcntl(3, F_SETFD, FD_CLOEXEC) == 0) {
    // What the parent has open without O_CLOEXEC is none of the program's business.
    syscall(SYS_close_range, 4u, UINT_MAX, 0u);
    execve(launch.arguments[0], launch.arguments, launch.environment);
  }
  const int problem = errno;
  [[maybe_unused]] const ssize_t written = write(3, &problem, sizeof problem);
  _exit(127);
}

pid_t StartChild(const Launch& launch) {
  sigset_t all, before;
  sigfillset(&all);
  // A handler must not run in the child while it shares our memory.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // As posix_spawn does it, which has no way to ask for PR_SET_PDEATHSIG.
  const pid_t pid = vfork();
  if (pid == 0) BecomeProgram(launch);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pid;
}

std::string EndingOf(int status) {
  if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return "signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

}  // namespace

std::optional<std::string> FindExecutable(const std::string& name) {
  const auto is_program = [](const std::string& path) { return access(path.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos) {
    return is_program(name) ? std::optional(name) : std::nullopt;
  }
  const char* variable = std::getenv("PATH");
  std::string_view folders = variable == nullptr ? "/usr/bin:/bin" : variable;
  while (!folders.empty()) {
    const size_t colon = folders.find(':');
    std::string path(folders.substr(0, colon));
    path.append("/").append(name);
    if (is_program(path)) return path;
    folders.remove_prefix(colon == std::string_view::npos ? folders.size() : colon + 1);
  }
  return std::nullopt;
}

Process::Process(const ProcessCommand& command) {
  AGON_CHECK(!command.arguments.empty());
  const std::string& program = command.arguments[0];
  Descriptor ours, theirs, errors, errors_in, report, report_in;
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    ThrowErrno("no socket", program);
  }
  ours.fd = ends[0], theirs.fd = ends[1];
  if (pipe2(ends.data(), O_CLOEXEC) != 0) ThrowErrno("no pipe", program);
  errors.fd = ends[0], errors_in.fd = ends[1];
  if (pipe2(ends.data(), O_CLOEXEC) != 0) ThrowErrno("no pipe", program);
  report.fd = ends[0], report_in.fd = ends[1];
  fcntl(errors.fd, F_SETFL, O_NONBLOCK);

  const auto arguments = Pointers(command.arguments), environment = Pointers(command.environment);
  pid_ = StartChild(
      {arguments.data(), environment.data(), theirs.fd, errors_in.fd, report_in.fd, getpid()});
  if (pid_ == -1) ThrowErrno("can't start a process", program);
  close(report_in.Take());
  int problem = 0;
  if (read(report.fd, &problem, sizeof problem) > 0) {
    waitpid(std::exchange(pid_, -1), nullptr, 0);
    errno = problem;
    ThrowErrno("can't be run", program);
  }
  exit_event_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  socket_ = ours.Take();
  errors_ = errors.Take();
}

Process::~Process() {
  if (pid_ != -1) {
    Kill();
    waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {socket_, errors_, exit_event_}) {
    if (fd != -1) close(fd);
  }
}

void Process::Kill() {
  if (pid_ != -1) kill(-pid_, SIGKILL);
}

std::optional<std::string> Process::Reap() {
  if (pid_ == -1) return ending_;
  // The group's number can't be given away before its leader is waited for.
  siginfo_t info = {};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0) {
    return std::nullopt;
  }
  Kill();
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  ending_ = EndingOf(status);
  return ending_;
}

}  // namespace agon::envs
