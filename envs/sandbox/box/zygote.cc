// The native half of the warm interpreter (zygote.py is the other): loaded into it as a
// shared object, it serves the supervisor's requests for boxes. Free of the C++ library,
// which the interpreter's process may lack.
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "envs/sandbox/box/init.h"
#include "envs/sandbox/descriptors.h"
#include "envs/sandbox/wire.h"

namespace agon::envs::box {
namespace {

Payload payload;
constexpr size_t kMaxFilterBytes = sizeof(sock_filter) * 4096;

// Returns true in the box's first process, which is born into the net namespace.
bool MakeBox(int socket, int net_fd) {
  int pidfd = -1;
  wire::MakeReply reply;
  if (setns(net_fd, CLONE_NEWNET) != 0) {
    reply.error = errno;
    if (!SendMessage(socket, &reply, sizeof(reply))) _exit(0);
    return false;
  }
  constexpr unsigned long kFlags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_PIDFD | SIGCHLD;
  // Not glibc's fork, which has no flags. The child stays in C++ until it forks properly.
  const long pid = syscall(SYS_clone, kFlags, nullptr, &pidfd, nullptr, nullptr);
  if (pid == 0) return true;
  if (pid < 0) reply.error = errno;
  if (!SendMessage(socket, &reply, sizeof(reply), &pidfd, pid > 0 ? 1 : 0)) _exit(0);
  if (pid > 0) close(pidfd);
  return false;
}

}  // namespace
}  // namespace agon::envs::box

// Serves until the supervisor hangs up, which ends this process. Returns in the process of
// each box that is to run a Python program, with the size of the program.
extern "C" int64_t AgonServe(int socket, int proc_fd, int first_net_fd) {
  using namespace agon::envs;
  static char message[sizeof(wire::ZygoteSetup) + box::kMaxFilterBytes];
  wire::ZygoteSetup head;
  const ssize_t got = ReceiveMessage(socket, message, sizeof(message));
  if (got < static_cast<ssize_t>(sizeof(head))) _exit(1);
  memcpy(&head, message, sizeof(head));
  box::BoxSetup setup;
  setup.memory_by_cgroup = head.memory_by_cgroup != 0;
  setup.landlock_abi = head.landlock_abi;
  setup.filter = reinterpret_cast<const sock_filter*>(message + sizeof(head));
  setup.num_filter = head.num_filter;
  setup.proc_fd = proc_fd;
  signal(SIGCHLD, SIG_IGN);  // boxes that end leave no zombie
  for (;;) {
    wire::MakeRequest request;
    int fds[wire::kNumBoxFds];
    int num_fds = 0;
    const ssize_t size =
        ReceiveMessage(socket, &request, sizeof(request), fds, wire::kNumBoxFds, &num_fds);
    if (size <= 0 || num_fds != wire::kNumBoxFds) _exit(0);
    if (box::MakeBox(socket, first_net_fd + request.net)) {
      close(socket);
      box::payload = box::RunInit(setup, fds);
      return box::payload.size;
    }
    for (int fd : fds) close(fd);
  }
}

extern "C" const char* AgonPayload() { return agon::envs::box::payload.bytes; }
