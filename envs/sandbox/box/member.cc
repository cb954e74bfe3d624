#include "envs/sandbox/box/member.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <thread>

#include "envs/sandbox/box/process_tree.h"

namespace agon::envs::box {
namespace {

constexpr int64_t kMsNs = 1000000;
// A program's source is on its way at most this long.
constexpr int64_t kMaxArrivalNs = 10000 * kMsNs;
// Where sampling is the only memory limit, how far apart.
constexpr int64_t kMemorySampleNs = 10 * kMsNs;

bool SocketPair(int type, Descriptor* a, Descriptor* b) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) return false;
  *a = Descriptor(ends[0]);
  *b = Descriptor(ends[1]);
  return true;
}

bool Pipe(Descriptor* read_end, Descriptor* write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  *read_end = Descriptor(ends[0]);
  *write_end = Descriptor(ends[1]);
  return true;
}

}  // namespace

int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

bool Member::Open(int serial, int net, bool isolated, Ends* ends) {
  using namespace wire;
  serial_ = serial;
  net_ = net;
  isolated_ = isolated;
  auto& host = ends->host;
  auto& box = ends->box;
  const bool ok = SocketPair(SOCK_SEQPACKET, &init_, &box[kBoxInit]) &&
                  SocketPair(SOCK_SEQPACKET, &report_, &host[kHostReport]) &&
                  SocketPair(SOCK_STREAM, &host[kHostProgram], &box[kBoxProgram]) &&
                  SocketPair(SOCK_STREAM, &host[kHostStdin], &box[kBoxStdin]) &&
                  SocketPair(SOCK_STREAM, &host[kHostChannel], &box[kBoxChannel]) &&
                  Pipe(&host[kHostStdout], &box[kBoxStdout]) &&
                  Pipe(&host[kHostStderr], &box[kBoxStderr]);
  for (int i = 0; i < kNumHostFds; ++i) host_[i] = std::move(host[i]);
  return ok;
}

void Member::SetProcess(Descriptor pidfd, pid_t pid, Cgroup group) {
  pidfd_ = std::move(pidfd);
  pid_ = pid;
  group_ = std::move(group);
}

bool Member::HandOver(const wire::Limits& limits, int host_socket) {
  if (!group_.SetLimits(limits.memory_bytes, limits.max_processes)) return false;
  int fds[wire::kNumHostFds];
  for (int i = 0; i < wire::kNumHostFds; ++i) fds[i] = host_[i].get();
  const wire::StartReply reply;
  limits_ = limits;
  handed_over_ns_ = NowNs();
  const bool sent = SendMessage(host_socket, &reply, sizeof(reply), fds, wire::kNumHostFds);
  for (Descriptor& fd : host_) fd.Close();
  return sent;
}

bool Member::ReadInit() {
  wire::InitEvent event;
  const ssize_t got = recv(init_.get(), &event, sizeof(event), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got != sizeof(event)) {  // end of file: the pidfd tells the rest
    init_.Close();
    return false;
  }
  if (event.kind == wire::kReady) said_ready_ = true;
  if (event.kind == wire::kStarted) started_ns_ = event.time_ns;
  if (event.kind == wire::kExited || event.kind == wire::kFailed) end_ = event;
  return true;
}

void Member::ReadHost() {
  char byte = 0;
  const ssize_t got = recv(report_.get(), &byte, 1, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) report_.Close();
  KillFor(BoxVerdict::kRuntimeError, "killed by the caller");
}

void Member::Kill() {
  if (!pidfd_.open() || over_) return;
  syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

std::string Member::failure() const {
  if (!end_) return "a prepared box was killed";
  return std::string("setting up a box: ") + end_->where + ": " + std::strerror(end_->error);
}

void Member::KillFor(BoxVerdict verdict, const std::string& reason) {
  if (killed_for_ || end_) return;
  SampleUsage();
  killed_for_ = {verdict, reason};
  if (!isolated_) {
    // Nothing but the program's own process and its session can be found.
    for (const pid_t child : ChildrenOf(pid_)) {
      kill(-child, SIGKILL);
      kill(child, SIGKILL);
    }
  }
  Kill();
}

void Member::SampleUsage() {
  if (pid_ <= 0 || over_) return;
  const TreeUsage usage = MeasureTree(pid_);
  cpu_us_ = std::max(cpu_us_, usage.cpu_us);
  // What a fork shares is counted in each process: the interpreter's own pages are let off.
  constexpr int64_t kInterpreterBytes = int64_t{10} << 20;
  peak_bytes_ =
      std::max(peak_bytes_, usage.anonymous_bytes - kInterpreterBytes * usage.num_processes);
}

int64_t Member::Watch(int64_t now_ns) {
  if (!limits_ || over_ || killed_for_ || end_) return -1;
  if (started_ns_ == 0) {
    if (now_ns - handed_over_ns_ > kMaxArrivalNs) {
      KillFor(BoxVerdict::kSandboxFailure, "the program never arrived in its box");
    }
    return handed_over_ns_ + kMaxArrivalNs + 1;
  }
  const int64_t deadline = started_ns_ + limits_->wall_ms * kMsNs;
  if (now_ns >= deadline) {
    KillFor(BoxVerdict::kTimeLimit, "wall time: " + std::to_string(limits_->wall_ms) + " ms");
    return -1;
  }
  if (now_ns < next_sample_ns_) return std::min(deadline, next_sample_ns_);
  if (next_sample_ns_ > 0) SampleUsage();
  const int64_t left_us = limits_->cpu_ms * 1000 - cpu_us_;
  if (left_us <= 0) {
    KillFor(BoxVerdict::kTimeLimit, "CPU time: " + std::to_string(limits_->cpu_ms) + " ms");
    return -1;
  }
  const bool sample_memory = group_.version() == 0;
  if (sample_memory && peak_bytes_ > limits_->memory_bytes) {
    KillFor(BoxVerdict::kMemoryLimit,
            "memory: " + std::to_string(limits_->memory_bytes >> 20) + " MiB");
    return -1;
  }
  // All processors at full speed can't use up what is left any sooner.
  static const int64_t num_cpus = std::max(1u, std::thread::hardware_concurrency());
  int64_t wait_ns = std::max(left_us * 1000 / num_cpus, 2 * kMsNs);
  if (sample_memory) wait_ns = std::min(wait_ns, kMemorySampleNs);
  next_sample_ns_ = now_ns + wait_ns;
  return std::min(deadline, next_sample_ns_);
}

void Member::Judge(wire::Report* report) const {
  const auto set = [&](BoxVerdict verdict, const std::string& reason) {
    report->verdict = static_cast<int32_t>(verdict);
    wire::SetText(report->reason, reason.c_str());
  };
  if (group_.OutOfMemory()) {
    return set(BoxVerdict::kMemoryLimit,
               "memory: " + std::to_string(limits_->memory_bytes >> 20) + " MiB");
  }
  if (killed_for_) return set(killed_for_->first, killed_for_->second);
  if (!end_) return set(BoxVerdict::kSandboxFailure, "the box's first process was killed");
  if (end_->kind == wire::kFailed) {
    return set(BoxVerdict::kSandboxFailure,
               std::string(end_->where) + ": " + std::strerror(end_->error));
  }
  const int status = end_->wait_status;
  if (WIFSIGNALED(status)) {
    report->signal = WTERMSIG(status);
    const bool cpu = report->signal == SIGXCPU ||
                     (report->signal == SIGKILL && report->cpu_us > limits_->cpu_ms * 1000);
    if (cpu) return set(BoxVerdict::kTimeLimit, "CPU time");
    return set(BoxVerdict::kRuntimeError, std::string("signal ") + strsignal(report->signal));
  }
  report->exit_status = WEXITSTATUS(status);
  if (report->cpu_us > limits_->cpu_ms * 1000) {
    return set(BoxVerdict::kTimeLimit, "CPU time: " + std::to_string(limits_->cpu_ms) + " ms");
  }
  if (report->exit_status == 0) return set(BoxVerdict::kOk, "");
  if (report->exit_status == wire::kMemoryErrorStatus) {
    return set(BoxVerdict::kMemoryLimit, "an uncaught MemoryError");
  }
  set(BoxVerdict::kRuntimeError, "exit status " + std::to_string(report->exit_status));
}

void Member::Finish() {
  if (over_) return;
  while (init_.open() && ReadInit()) {  // its last words may still be unread
  }
  over_ = true;
  if (limits_ && report_.open()) {
    wire::Report report;
    report.cpu_us = std::max(cpu_us_, end_ ? end_->cpu_us : 0);
    const int64_t end_ns = end_ && end_->time_ns ? end_->time_ns : NowNs();
    report.wall_us = started_ns_ ? (end_ns - started_ns_) / 1000 : 0;
    report.max_rss_bytes = end_ ? end_->max_rss_bytes : group_.PeakBytes();
    report.start_ns = end_ ? end_->start_ns : 0;
    Judge(&report);
    SendMessage(report_.get(), &report, sizeof(report), nullptr, 0, MSG_DONTWAIT);
  }
  report_.Close();
}

}  // namespace agon::envs::box
