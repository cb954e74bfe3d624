// agon-box: the supervisor process of a Sandbox. Started by it only, with the socket to it
// as descriptor 3: PYTHON USE_CGROUP ISOLATED NUM_READY [READ_ONLY_PATH]...
#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "envs/sandbox/box/failure.h"
#include "envs/sandbox/box/supervisor.h"

namespace agon::envs::box {
namespace {

constexpr int kHostSocket = 3;
constexpr int kOwnExecutable = 4;

void Greet(const std::string& text, const Failure* failure) {
  wire::Hello hello;
  hello.failed = failure != nullptr;
  hello.unsupported = failure && failure->unsupported;
  wire::SetText(hello.text, text.c_str());
  if (failure) wire::SetText(hello.hint, failure->hint.c_str());
  SendMessage(kHostSocket, &hello, sizeof(hello));
}

int Serve(int argc, char** argv) {
  SupervisorOptions options;
  options.python = argv[1];
  options.use_cgroup = std::atoi(argv[2]) != 0;
  options.isolated = std::atoi(argv[3]) != 0;
  options.num_ready = std::atoi(argv[4]);
  options.read_only_paths.assign(argv + 5, argv + argc);
  fcntl(kHostSocket, F_SETFD, FD_CLOEXEC);
  close(kOwnExecutable);
  std::optional<Supervisor> supervisor;
  try {
    // A copy, since the socket must outlive a supervisor that can't start.
    Descriptor host(fcntl(kHostSocket, F_DUPFD_CLOEXEC, kOwnExecutable));
    supervisor.emplace(std::move(options), std::move(host));
    Greet(supervisor->Describe(), nullptr);
  } catch (const Failure& failure) {
    Greet(failure.what(), &failure);
    return 1;
  }
  try {
    supervisor->Run();
    return 0;
  } catch (const Failure&) {
    return 1;  // the host sees the socket close
  }
}

}  // namespace
}  // namespace agon::envs::box

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "agon-box is started by other commands of agon, not by hand\n");
    return 2;
  }
  return agon::envs::box::Serve(argc, argv);
}
