#include "envs/sandbox/box.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/error.h"

namespace agon::envs {
namespace {

using namespace wire;  // NOLINT: the names of descriptors
constexpr size_t kChunkBytes = 65536;
// What may wait in the channel unread; then the program waits.
constexpr size_t kMaxReceivedBytes = size_t{1} << 20;

int MillisecondsUntil(Box::Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Box::Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60000));
}

}  // namespace

const char* BoxVerdictName(BoxVerdict verdict) {
  switch (verdict) {
    case BoxVerdict::kOk:
      return "ok";
    case BoxVerdict::kRuntimeError:
      return "runtime error";
    case BoxVerdict::kTimeLimit:
      return "time limit";
    case BoxVerdict::kMemoryLimit:
      return "memory limit";
    case BoxVerdict::kOutputLimit:
      return "output limit";
    case BoxVerdict::kSandboxFailure:
      return "sandbox failure";
  }
  return "";
}

Program Program::Python(std::string source, std::string input) {
  return {true, std::move(source), std::move(input)};
}

Program Program::Command(std::vector<std::string> argv, std::string input) {
  Program program{false, "", std::move(input)};
  for (const std::string& word : argv) program.payload.append(word).push_back('\0');
  return program;
}

std::unique_ptr<Box::State> Box::State::Failed(std::string reason) {
  auto state = std::make_unique<State>();
  state->Fail(reason);
  return state;
}

void Box::State::Fail(const std::string& reason) {
  ended = true;
  result.verdict = BoxVerdict::kSandboxFailure;
  result.reason = reason;
  for (Descriptor& fd : fds) fd.Close();
}

void Box::State::Feed(int which, const std::string& bytes, size_t* done) {
  const ssize_t sent = send(fds[which].get(), bytes.data() + *done, bytes.size() - *done,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) *done += sent;
  const bool gone = sent < 0 && errno != EAGAIN && errno != EINTR;
  if (gone || *done == bytes.size()) fds[which].Close();
}

void Box::State::Collect(int which, std::string* output) {
  char buffer[kChunkBytes];
  const ssize_t got = read(fds[which].get(), buffer, sizeof(buffer));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return fds[which].Close();
  const size_t room = limits.output_bytes - output->size();
  output->append(buffer, std::min<size_t>(got, room));
  if (static_cast<size_t>(got) <= room) return;
  output_over = true;
  fds[which].Close();
  (void)!send(fds[kHostReport].get(), &kKill, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Box::State::ReadChannel(size_t max_received) {
  char buffer[kChunkBytes];
  const size_t room = std::min(sizeof(buffer), max_received - received.size());
  const ssize_t got = recv(fds[kHostChannel].get(), buffer, room, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return fds[kHostChannel].Close();
  received.append(buffer, got);
}

void Box::State::ReadReport() {
  Report report;
  const ssize_t got = recv(fds[kHostReport].get(), &report, sizeof(report), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got != sizeof(report)) return Fail("the supervisor died while the program ran");
  // Everything in the box is dead: what is left of its output is in the pipes.
  for (auto [which, output] : {std::pair{kHostStdout, &out}, std::pair{kHostStderr, &err}}) {
    while (fds[which].open()) {
      const size_t before = output->size();
      Collect(which, output);
      if (output->size() == before) break;
    }
  }
  while (fds[kHostChannel].open() && received.size() < kMaxReceivedBytes) {
    const size_t before = received.size();
    ReadChannel(kMaxReceivedBytes);
    if (received.size() == before) break;
  }
  ended = true;
  result.verdict = static_cast<BoxVerdict>(report.verdict);
  result.exit_status = report.exit_status;
  result.signal = report.signal;
  result.cpu_ms = report.cpu_us / 1000;
  result.wall_ms = report.wall_us / 1000;
  result.max_rss_bytes = report.max_rss_bytes;
  result.start_us = report.start_ns > 0 ? (report.start_ns - called_ns) / 1000 : 0;
  result.reason = report.reason;
  if (output_over && result.verdict != BoxVerdict::kSandboxFailure) {
    result.verdict = BoxVerdict::kOutputLimit;
    result.reason = "output: " + std::to_string(limits.output_bytes) + " bytes";
  }
  for (Descriptor& fd : fds) fd.Close();
}

void Box::State::Pump(Clock::time_point deadline, std::string_view* outgoing, size_t max_received) {
  max_received = std::min(max_received, kMaxReceivedBytes);
  const bool sends = outgoing && !outgoing->empty();
  const bool receives = received.size() < max_received;
  const auto in = [](bool wanted) { return static_cast<short>(wanted ? POLLIN : 0); };
  const auto out_flag = [](bool wanted) { return static_cast<short>(wanted ? POLLOUT : 0); };
  pollfd polls[kNumHostFds] = {};
  for (int i = 0; i < kNumHostFds; ++i) polls[i].fd = fds[i].get();
  polls[kHostProgram].events = polls[kHostStdin].events = POLLOUT;
  polls[kHostReport].events = polls[kHostStdout].events = polls[kHostStderr].events = POLLIN;
  polls[kHostChannel].events = static_cast<short>(in(receives) | out_flag(sends));
  if (polls[kHostChannel].events == 0) polls[kHostChannel].fd = -1;
  if (poll(polls, kNumHostFds, MillisecondsUntil(std::min(deadline, give_up))) < 0) return;

  if (polls[kHostProgram].revents) Feed(kHostProgram, program, &program_done);
  if (polls[kHostStdin].revents) Feed(kHostStdin, input, &input_done);
  if (polls[kHostStdout].revents) Collect(kHostStdout, &out);
  if (polls[kHostStderr].revents) Collect(kHostStderr, &err);
  if (polls[kHostChannel].revents && sends) {
    const ssize_t sent = send(fds[kHostChannel].get(), outgoing->data(), outgoing->size(),
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) outgoing->remove_prefix(sent);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) fds[kHostChannel].Close();
  }
  if (fds[kHostChannel].open() && polls[kHostChannel].revents && receives) {
    ReadChannel(max_received);
  }
  if (polls[kHostReport].revents) ReadReport();
  if (!ended && Clock::now() >= give_up) Fail("the supervisor does not answer");
}

Box::Box(std::unique_ptr<State> state) : state_(std::move(state)) {}
Box::~Box() = default;  // the report socket closes, which kills
Box::Box(Box&&) noexcept = default;
Box& Box::operator=(Box&&) noexcept = default;

bool Box::Send(std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    if (state_->ended || !state_->fds[kHostChannel].open()) return false;
    state_->Pump(deadline, &bytes, kMaxReceivedBytes);
    if (!bytes.empty() && Clock::now() >= deadline) return false;
  }
  return true;
}

Received Box::ReceiveLine(size_t max_bytes, Clock::time_point deadline) {
  AGON_CHECK(max_bytes < kMaxReceivedBytes);
  size_t searched = 0;
  for (;;) {
    std::string& received = state_->received;
    const size_t end = received.find('\n', searched);
    if (end != std::string::npos && end <= max_bytes) {
      Received result{ReceiveStatus::kLine, received.substr(0, end)};
      received.erase(0, end + 1);
      return result;
    }
    if (received.size() > max_bytes) {
      Kill();
      return {ReceiveStatus::kTooLong, ""};
    }
    searched = received.size();
    if (state_->ended || !state_->fds[kHostChannel].open()) return {ReceiveStatus::kClosed, ""};
    if (Clock::now() >= deadline) return {ReceiveStatus::kDeadline, ""};
    state_->Pump(deadline, nullptr, kMaxReceivedBytes);
  }
}

void Box::Kill() {
  if (state_->ended) return;
  (void)!send(state_->fds[kHostReport].get(), &kKill, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

const BoxResult& Box::Wait() {
  State& state = *state_;
  state.fds[kHostChannel].Close();
  while (!state.ended) state.Pump(Clock::time_point::max(), nullptr, 0);
  if (state.result.stdout_bytes.empty()) state.result.stdout_bytes = std::move(state.out);
  if (state.result.stderr_bytes.empty()) state.result.stderr_bytes = std::move(state.err);
  return state.result;
}

}  // namespace agon::envs
