// Runs one of the built commands as a shell would, or with a shell.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "core/file.h"
#include "tests/paths.h"

namespace agon {

struct CommandResult {
  int exit_status = -1;  // minus the signal if one ended it
  std::string out, err;
};

// Runs `program` with `arguments`, without a shell in between.
inline CommandResult RunProgram(const std::string& program,
                                const std::vector<std::string>& arguments,
                                const std::string& input = "") {
  const fs::path folder =
      fs::path(::testing::TempDir()) / ("agon_command_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  WriteFileAtomic(folder / "in", input);
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open((folder / "in").c_str(), O_RDONLY), STDIN_FILENO);
    ::dup2(::open((folder / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDOUT_FILENO);
    ::dup2(::open((folder / "err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  CommandResult result;
  int status = 0;
  ::waitpid(child, &status, 0);
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  result.out = ReadFile(folder / "out");
  result.err = ReadFile(folder / "err");
  fs::remove_all(folder);
  return result;
}

// Runs build/<preset>/bin/<name>.
inline CommandResult RunCommand(const std::string& name, const std::vector<std::string>& arguments,
                                const std::string& input = "") {
  return RunProgram(kBinaryDir + "/bin/" + name, arguments, input);
}

struct ShellResult {
  int exit_status = -1;
  std::string output;  // what the line wrote to its stdout
};

inline ShellResult RunShell(const std::string& line) {
  ShellResult result;
  FILE* pipe = ::popen(line.c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    result.output.append(buffer, n);
  }
  const int status = ::pclose(pipe);
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

}  // namespace agon
