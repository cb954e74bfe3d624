#include "envs/sandbox/box/python_files.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

#include "envs/sandbox/box/embedded.h"
#include "envs/sandbox/box/failure.h"
#include "envs/sandbox/descriptors.h"

namespace agon::envs::box {
namespace {

// Its standard output. Throws Failure unless it exits with status 0.
std::string RunPython(const std::string& python, const std::string& script) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw SystemFailure("pipe");
  Descriptor reader(ends[0]), writer(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
  const char* argv[] = {python.c_str(), "-s", "-S", "-B", "-c", script.c_str(), nullptr};
  char* environment[] = {nullptr};
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, python.c_str(), &actions, nullptr, const_cast<char**>(argv), environment);
  posix_spawn_file_actions_destroy(&actions);
  writer.Close();
  errno = error;
  if (error != 0) throw SystemFailure("starting " + python);
  std::string output;
  char buffer[4096];
  for (ssize_t got; (got = read(reader.get(), buffer, sizeof(buffer))) != 0;) {
    if (got > 0) output.append(buffer, got);
    if (got < 0 && errno != EINTR) break;
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0)
    throw Failure(python + " can't list its own files", "is it Python 3.8 or later?");
  return output;
}

}  // namespace

std::string FindPython(const std::string& wanted) {
  if (!wanted.empty()) {
    if (access(wanted.c_str(), X_OK) == 0) return wanted;
    throw SystemFailure("python " + wanted, "name a Python 3 interpreter");
  }
  for (const char* path : {"/usr/bin/python3", "/usr/local/bin/python3"}) {
    if (access(path, X_OK) == 0) return path;
  }
  throw Failure("no /usr/bin/python3 on this machine", "apt-get install python3");
}

PythonFiles ListPythonFiles(const std::string& python) {
  std::istringstream lines(RunPython(python, std::string(PythonFilesScript())));
  PythonFiles files;
  std::string kind, path;
  while (lines >> kind && std::getline(lines >> std::ws, path)) {
    if (kind == "executable") files.executable = path;
    if (kind == "version") files.version = path;
    if (kind == "folder") files.folders.push_back(path);
    if (kind == "library") files.libraries.push_back(path);
  }
  if (files.executable.empty() || files.folders.empty()) {
    throw Failure(python + " did not list its files", "");
  }
  return files;
}

}  // namespace agon::envs::box
