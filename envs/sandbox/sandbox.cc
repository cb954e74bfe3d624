#include "envs/sandbox/sandbox.h"

#include <poll.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "envs/sandbox/box.h"
#include "envs/sandbox/launch.h"

namespace agon::envs {
namespace {

// A box that is not handed over by then never will be.
constexpr int kStartTimeoutMs = 20000;
constexpr std::chrono::seconds kReportGrace{15};

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void CheckRange(const char* name, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorKind::kUsage,
              std::string(name) + " is " + std::to_string(value) + ", not in " +
                  std::to_string(low) + ".." + std::to_string(high),
              "sandbox");
}

void CheckLimits(const BoxLimits& limits, const Program& program) {
  CheckRange("wall_ms", limits.wall_ms, 1, 24 * 3600 * 1000);
  CheckRange("cpu_ms", limits.cpu_ms, 1, 24 * 3600 * 1000);
  CheckRange("memory_bytes", limits.memory_bytes, int64_t{16} << 20, int64_t{1} << 42);
  CheckRange("output_bytes", limits.output_bytes, 0, int64_t{1} << 30);
  CheckRange("tmp_bytes", limits.tmp_bytes, 65536, int64_t{1} << 40);
  CheckRange("max_processes", limits.max_processes, 1, 4096);
  CheckRange("bytes of a program", static_cast<int64_t>(program.payload.size()), 0,
             int64_t{64} << 20);
}

}  // namespace

struct Sandbox::State {
  SandboxOptions options;
  mutable std::mutex mutex;  // guards what follows
  Supervisor supervisor;

  // A ready box, or why there is none. A supervisor found dead is replaced once.
  std::unique_ptr<Box::State> Acquire(const wire::Limits& limits);
  // nullptr: the supervisor is gone.
  std::unique_ptr<Box::State> Ask(const wire::Limits& limits);
};

std::unique_ptr<Box::State> Sandbox::State::Ask(const wire::Limits& limits) {
  const wire::StartRequest request{limits};
  if (!SendMessage(supervisor.socket.get(), &request, sizeof(request))) return nullptr;
  pollfd poll_one{supervisor.socket.get(), POLLIN, 0};
  int num_ready;
  do {
    num_ready = poll(&poll_one, 1, kStartTimeoutMs);
  } while (num_ready < 0 && errno == EINTR);
  if (num_ready != 1) return nullptr;
  wire::StartReply reply;
  int fds[wire::kNumHostFds];
  int num_fds = 0;
  const ssize_t got = ReceiveMessage(supervisor.socket.get(), &reply, sizeof(reply), fds,
                                     wire::kNumHostFds, &num_fds);
  auto state = std::make_unique<Box::State>();
  for (int i = 0; i < num_fds; ++i) state->fds[i] = Descriptor(fds[i]);
  if (got != sizeof(reply)) return nullptr;
  if (reply.failed) return Box::State::Failed(reply.reason);
  if (num_fds != wire::kNumHostFds) {
    return Box::State::Failed("this process has no file descriptors left for a box");
  }
  return state;
}

std::unique_ptr<Box::State> Sandbox::State::Acquire(const wire::Limits& limits) {
  const std::lock_guard lock(mutex);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (auto state = Ask(limits)) return state;
    if (attempt > 0) break;
    StopSupervisor(&supervisor);
    try {
      supervisor = LaunchSupervisor(options);
    } catch (const Error& error) {
      supervisor = Supervisor();
      return Box::State::Failed(error.what());
    }
  }
  return Box::State::Failed("the supervisor dies again and again");
}

Sandbox::Sandbox(SandboxOptions options) : state_(std::make_unique<State>()) {
  CheckRange("num_ready", options.num_ready, 1, 256);
  state_->options = std::move(options);
  state_->supervisor = LaunchSupervisor(state_->options);
  // The whole way once, so that a machine which can't do it says so here.
  const BoxResult result = Run(Program::Python(""));
  if (result.verdict == BoxVerdict::kOk) return;
  StopSupervisor(&state_->supervisor);
  throw Error(
      result.verdict == BoxVerdict::kSandboxFailure ? ErrorKind::kUnsupported : ErrorKind::kFailed,
      "an empty program ended with " + std::string(BoxVerdictName(result.verdict)) + " (" +
          result.reason + ") " + result.stderr_bytes,
      "sandbox");
}

Sandbox::~Sandbox() { StopSupervisor(&state_->supervisor); }

std::string Sandbox::Describe() const {
  const std::lock_guard lock(state_->mutex);
  return state_->supervisor.description;
}

pid_t Sandbox::supervisor_pid() const {
  const std::lock_guard lock(state_->mutex);
  return state_->supervisor.pid;
}

Box Sandbox::Start(const Program& program, const BoxLimits& limits) {
  CheckLimits(limits, program);
  const int64_t called_ns = NowNs();
  wire::ProgramHeader header;
  header.is_python = program.is_python;
  header.payload_bytes = static_cast<int64_t>(program.payload.size());
  header.limits = {limits.wall_ms, limits.cpu_ms, limits.memory_bytes, limits.tmp_bytes,
                   limits.max_processes};
  auto state = state_->Acquire(header.limits);
  if (!state->ended) {
    state->limits = limits;
    state->called_ns = called_ns;
    state->give_up = Box::Clock::now() + std::chrono::milliseconds(limits.wall_ms) + kReportGrace;
    state->program.assign(reinterpret_cast<const char*>(&header), sizeof(header));
    state->program += program.payload;
    state->input = program.input;
    // The program is on its way when Start returns, as far as the socket's buffer reaches.
    state->Pump(Box::Clock::now(), nullptr, 0);
  }
  return Box(std::move(state));
}

BoxResult Sandbox::Run(const Program& program, const BoxLimits& limits) {
  return Start(program, limits).Wait();
}

}  // namespace agon::envs
