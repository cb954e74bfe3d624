#include "envs/sandbox/box/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "envs/sandbox/box/failure.h"
#include "envs/sandbox/box/filter.h"
#include "envs/sandbox/box/init.h"
#include "envs/sandbox/box/process_tree.h"

namespace agon::envs::box {
namespace {

constexpr int64_t kMsNs = 1000000;
// A machine short of processes or memory gets this many tries before a start is refused.
constexpr int kMaxFailures = 20;

int LandlockAbi() {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, 1);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

void SendSetup(int socket, int landlock_abi, bool memory_by_cgroup) {
  const std::vector<sock_filter> filter = MakeFilter();
  wire::ZygoteSetup setup;
  setup.landlock_abi = landlock_abi;
  setup.memory_by_cgroup = memory_by_cgroup;
  setup.num_filter = static_cast<int32_t>(filter.size());
  std::string message(reinterpret_cast<const char*>(&setup), sizeof(setup));
  message.append(reinterpret_cast<const char*>(filter.data()), filter.size() * sizeof(sock_filter));
  if (!SendMessage(socket, message.data(), message.size())) throw SystemFailure("starting Python");
}

// Closes the supervisor's descriptors but those of one box: whoever waits for a hang-up
// would wait for this copy, too. What the host process leaks stays.
void CloseOthers(const Descriptor (&kept)[wire::kNumBoxFds]) {
  for (int fd = 3; fd < 4096; ++fd) {
    const bool keep = std::any_of(std::begin(kept), std::end(kept),
                                  [fd](const Descriptor& each) { return each.get() == fd; });
    if (!keep && (fcntl(fd, F_GETFD) & FD_CLOEXEC)) close(fd);
  }
}

}  // namespace

Supervisor::Supervisor(SupervisorOptions options, Descriptor host)
    : options_(std::move(options)),
      python_(FindPython(options_.python)),
      groups_(options_.isolated && options_.use_cgroup ? CgroupRoot::Find()
                                                       : CgroupRoot::None("switched off")),
      host_(std::move(host)) {
  signal(SIGPIPE, SIG_IGN);
  if (!options_.isolated) {
    signal(SIGCHLD, SIG_IGN);
    return;
  }
  const PythonFiles files = ListPythonFiles(python_);
  python_ = files.executable;
  version_ = files.version;
  landlock_abi_ = LandlockAbi();
  zygote_ = StartZygote(files, options_.read_only_paths);
  SendSetup(zygote_.socket.get(), landlock_abi_, groups_.version() != 0);
}

std::string Supervisor::Describe() const {
  if (!options_.isolated) {
    return "NO ISOLATION: programs run as ordinary processes of this user (" + python_ + ")";
  }
  std::string text = "namespaces user mount pid net ipc uts cgroup; seccomp allow-list; ";
  text += landlock_abi_ ? "Landlock ABI " + std::to_string(landlock_abi_) : "no Landlock";
  text += groups_.version() ? "; cgroup v" + std::to_string(groups_.version()) + " (memory, pids)"
                            : "; no cgroup (" + groups_.reason() + "), rlimits and sampling";
  text += "; warm Python " + version_ + " (" + python_ + "), " +
          std::to_string(options_.num_ready) + " boxes ahead";
  return text;
}

void Supervisor::Run() {
  for (;;) {
    Refill();
    Answer();
    Wait();
    if (!host_.open()) return;
  }
}

void Supervisor::Refill() {
  const auto waiting = std::count_if(members_.begin(), members_.end(),
                                     [](const Member& member) { return !member.handed_over(); });
  const auto wanted = options_.num_ready + static_cast<int64_t>(requests_.size());
  for (auto num = waiting; num < wanted && NowNs() >= retry_ns_; ++num) MakeBox();
}

int Supervisor::LeastUsedNet() const {
  std::array<int, wire::kNumNets> num_users{};
  for (const Member& member : members_) ++num_users[member.net()];
  return static_cast<int>(std::min_element(num_users.begin(), num_users.end()) - num_users.begin());
}

void Supervisor::MakeBox() {
  const int net = LeastUsedNet();
  members_.emplace_back();
  const auto member = std::prev(members_.end());
  Member::Ends ends;
  bool ok = member->Open(++serial_, net, options_.isolated, &ends);
  if (ok && options_.isolated) {
    int fds[wire::kNumBoxFds];
    for (int i = 0; i < wire::kNumBoxFds; ++i) fds[i] = ends.box[i].get();
    const wire::MakeRequest request{net};
    ok = SendMessage(zygote_.socket.get(), &request, sizeof(request), fds, wire::kNumBoxFds);
    if (ok) making_.push_back(member);
  } else if (ok) {
    ok = ForkUnisolated(&*member, &ends);
  }
  if (!ok) {
    Refuse(std::string("making a box: ") + std::strerror(errno));
    Drop(member);
  }
}

// For unsafe_no_isolation: the same first process, without any of the walls.
bool Supervisor::ForkUnisolated(Member* member, Member::Ends* ends) {
  const pid_t pid = fork();
  if (pid < 0) return false;
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    CloseOthers(ends->box);
    BoxSetup setup;
    setup.isolated = false;
    setup.python = python_.c_str();
    int fds[wire::kNumBoxFds];
    for (int i = 0; i < wire::kNumBoxFds; ++i) fds[i] = ends->box[i].get();
    RunInit(setup, fds);
    _exit(1);
  }
  Descriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.open()) return false;
  member->SetProcess(std::move(pidfd), pid, Cgroup());
  return true;
}

void Supervisor::ReadZygote() {
  wire::MakeReply reply;
  int fd = -1, num_fds = 0;
  const ssize_t got = ReceiveMessage(zygote_.socket.get(), &reply, sizeof(reply), &fd, 1, &num_fds);
  if (got != sizeof(reply) || making_.empty())
    throw Failure("the warm interpreter died", "", false);
  const auto member = making_.front();
  making_.pop_front();
  if (reply.error != 0 || num_fds != 1) {
    Refuse(std::string("a process for a box: ") + std::strerror(reply.error));
    return Drop(member);
  }
  Descriptor pidfd(fd);
  const pid_t pid = PidOf(pidfd.get());
  bool ok = false;
  Cgroup group = groups_.Make(member->serial(), &ok);
  ok = ok && (pid > 0 && group.Attach(pid));
  const int error = errno;
  member->SetProcess(std::move(pidfd), pid, std::move(group));
  if (!ok) {
    Refuse(std::string("a cgroup for a box: ") + std::strerror(error));
    member->Kill();
  }
  num_failures_ = ok ? 0 : num_failures_;
}

// Something is short. Waits a little before the next try; tells a start that waits for it
// when there were many.
void Supervisor::Refuse(const std::string& reason) {
  retry_ns_ = NowNs() + 10 * kMsNs;
  if (++num_failures_ < kMaxFailures || requests_.empty()) return;
  num_failures_ = 0;
  wire::StartReply reply;
  reply.failed = 1;
  wire::SetText(reply.reason, reason.c_str());
  requests_.pop_front();
  SendMessage(host_.get(), &reply, sizeof(reply));
}

void Supervisor::ReadHost() {
  wire::StartRequest request;
  const ssize_t got = recv(host_.get(), &request, sizeof(request), 0);
  if (got == sizeof(request)) {
    requests_.push_back(request.limits);
  } else if (got >= 0 || (errno != EINTR && errno != EAGAIN)) {
    host_.Close();
  }
}

void Supervisor::Answer() {
  for (auto member = members_.begin(); member != members_.end() && !requests_.empty(); ++member) {
    if (!member->ready()) continue;
    if (member->HandOver(requests_.front(), host_.get())) {
      requests_.pop_front();
    } else {
      Refuse(std::string("handing over a box: ") + std::strerror(errno));
      member->Kill();
    }
  }
}

void Supervisor::Drop(std::list<Member>::iterator member) {
  making_.remove(member);
  members_.erase(member);
}

void Supervisor::Wait() {
  std::vector<pollfd> polls = {{host_.get(), POLLIN, 0}, {zygote_.socket.get(), POLLIN, 0}};
  int64_t wake_ns = NowNs() + 1000 * kMsNs;
  for (Member& member : members_) {
    polls.push_back({member.init_fd(), POLLIN, 0});
    polls.push_back({member.pid_fd(), POLLIN, 0});
    polls.push_back({member.handed_over() ? member.report_fd() : -1, POLLIN, 0});
    const int64_t watch_ns = member.Watch(NowNs());
    if (watch_ns >= 0) wake_ns = std::min(wake_ns, watch_ns);
  }
  if (retry_ns_ > NowNs()) wake_ns = std::min(wake_ns, retry_ns_);
  const int64_t wait_ns = std::max<int64_t>(wake_ns - NowNs(), 0);
  const timespec timeout{static_cast<time_t>(wait_ns / 1000000000),
                         static_cast<long>(wait_ns % 1000000000)};
  if (ppoll(polls.data(), polls.size(), &timeout, nullptr) <= 0) return;

  size_t at = 2;
  for (auto member = members_.begin(); member != members_.end();) {
    const auto current = member++;
    const pollfd* poll = &polls[at];
    at += 3;
    if (poll[0].revents) current->ReadInit();
    if (poll[2].revents) current->ReadHost();
    if (!poll[1].revents) continue;
    current->Finish();
    if (!current->handed_over()) Refuse(current->failure());
    Drop(current);
  }
  if (polls[1].revents) ReadZygote();
  if (polls[0].revents) ReadHost();
}

}  // namespace agon::envs::box
