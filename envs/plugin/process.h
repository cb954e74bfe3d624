// A child program that is spoken to over its stdin and stdout. Private to envs.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace agon::envs {

struct ProcessCommand {
  std::vector<std::string> arguments;    // [0] is the program, by its path
  std::vector<std::string> environment;  // "NAME=value"
};

// `name` as a path, looked up in $PATH where it has no slash. nullopt if there is none.
std::optional<std::string> FindExecutable(const std::string& name);

// One running program: the leader of a process group of its own, killed with all of its
// group at the latest when the object goes. Belongs to the thread that made it, which must
// live as long: when the thread ends, for whatever reason, the kernel kills the program.
class Process {
 public:
  // Throws Error(kFailed) with the reason why it can't be started.
  explicit Process(const ProcessCommand& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Our end of stdin and stdout: a stream socket that blocks.
  int socket() const { return socket_; }
  // Reading end of stderr, doesn't block.
  int errors() const { return errors_; }
  // Readable once the program has ended; -1 where the kernel has no such thing.
  int exit_event() const { return exit_event_; }

  // SIGKILL for the whole group.
  void Kill();
  // How it ended ("exit status 3", "signal 11 (Segmentation fault)"), nullopt while it runs.
  // Kills what is left of its group.
  std::optional<std::string> Reap();

 private:
  pid_t pid_ = -1;  // -1 once reaped
  int socket_ = -1, errors_ = -1, exit_event_ = -1;
  std::string ending_;
};

}  // namespace agon::envs
