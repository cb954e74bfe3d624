// A built command that runs until it is told to end, as a server does.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "tests/paths.h"

namespace agon {

class RunningCommand {
 public:
  // Starts build/<preset>/bin/<name> and waits for its first line.
  RunningCommand(const std::string& name, std::vector<std::string> arguments) {
    int out[2];
    AGON_CHECK(::pipe(out) == 0);
    const std::string program = kBinaryDir + "/bin/" + name;
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(out[1], STDOUT_FILENO);
      ::close(out[0]);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    out_ = out[0];  // stays open: the command may print more
    for (char c = 0; ::read(out_, &c, 1) == 1 && c != '\n';) first_line_ += c;
  }
  ~RunningCommand() {
    if (child_ > 0) Signal(SIGKILL), ExitStatus();
    ::close(out_);
  }
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;

  const std::string& first_line() const { return first_line_; }
  void Signal(int signal) const { ::kill(child_, signal); }
  // Waits for the end; minus the signal if one ended it.
  int ExitStatus() {
    int status = 0;
    ::waitpid(std::exchange(child_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t child_ = 0;
  int out_ = -1;
  std::string first_line_;
};

}  // namespace agon
