#include "envs/plugin/process_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <utility>

namespace agon::envs {
namespace {

using namespace std::chrono_literals;

constexpr int kTickMs = 100;  // how late a deadline may be noticed
// The program keeps the deadlines itself as far as it can; this is how long it has to say so.
constexpr auto kGrace = 500ms;
constexpr auto kStopTime = 2s;
constexpr auto kClosedTime = 1s;
constexpr std::chrono::seconds kSendTime = 5s;
constexpr int kMaxChunks = 64;  // before the time is looked at again
constexpr size_t kChunkBytes = 1 << 16, kMaxErrorBytes = 1 << 16;
constexpr size_t kMaxBatch = 64, kMaxBatchBytes = 1 << 20;
constexpr int kMaxBadInARow = 1000;

std::string Milliseconds(int limit_ms) { return std::to_string(limit_ms) + " ms"; }

// The last line that isn't empty.
std::string_view LastLine(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return {};
  text = text.substr(0, last + 1);
  return text.substr(text.rfind('\n') + 1);
}

CallResult Failure(CallResult::Status status, std::string message,
                   ErrorKind kind = ErrorKind::kFailed) {
  return {status, nullptr, kind, std::move(message)};
}

}  // namespace

ProcessChannel::ProcessChannel(ProcessCommand command)
    : reader_([this, command = std::move(command)] { Run(command); }) {
  std::unique_lock lock(mutex_);
  writer_idle_.wait(lock, [&] { return has_started_; });
}

ProcessChannel::~ProcessChannel() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    if (socket_ != -1) shutdown(socket_, SHUT_WR);
  }
  reader_.join();
}

bool ProcessChannel::has_ended() const {
  const std::lock_guard lock(mutex_);
  return has_ended_;
}

std::string ProcessChannel::ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

ChannelCounts ProcessChannel::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

uint64_t ProcessChannel::NewSession() {
  const std::lock_guard lock(mutex_);
  return ++last_session_;
}

CallResult ProcessChannel::Call(std::string_view type, const Json& data, int limit_ms) {
  Pending pending;
  pending.limit_ms = limit_ms;
  std::unique_lock lock(mutex_);
  if (has_ended_) return Failure(CallResult::Status::kDied, ending_);
  const uint64_t id = ++last_id_;
  const auto request = in_flight_.emplace(id, &pending).first;
  StartClock();
  lock.unlock();
  std::string text = RequestText(id, type, limit_ms, data);
  lock.lock();
  if (!pending.is_done && text.size() > kMaxLineBytes) {
    Complete(request, Failure(CallResult::Status::kRefused, "the request is longer than 64 MB"));
  }
  if (!pending.is_done) Enqueue(std::move(text), lock);
  pending.done.wait(lock, [&] { return pending.is_done; });
  const bool is_progress = type == "step" || type == "demonstrate";
  const auto status = pending.result.status;
  if (status == CallResult::Status::kAnswered || status == CallResult::Status::kRefused) {
    ++counts_.num_answered;
    counts_.num_progressed += is_progress;
  }
  counts_.num_timeouts += status == CallResult::Status::kTimedOut;
  return std::move(pending.result);
}

void ProcessChannel::Notify(std::string_view type, const Json& data) {
  std::unique_lock lock(mutex_);
  if (!has_ended_) Enqueue(RequestText(0, type, 0, data), lock);
}

void ProcessChannel::Enqueue(std::string request, std::unique_lock<std::mutex>& lock) {
  outbox_.push_back(std::move(request));
  if (is_writing_) return;  // that thread takes this one along
  is_writing_ = true;
  const int socket = socket_;
  bool is_open = true;
  while (is_open && !has_ended_ && !outbox_.empty()) {
    size_t count = 0, bytes = 0;
    while (count < std::min(outbox_.size(), kMaxBatch) && bytes < kMaxBatchBytes) {
      bytes += outbox_[count++].size();
    }
    const auto end = outbox_.begin() + static_cast<std::ptrdiff_t>(count);
    const std::vector<std::string> batch(std::move_iterator(outbox_.begin()),
                                         std::move_iterator(end));
    outbox_.erase(outbox_.begin(), end);
    lock.unlock();
    const std::string line = RequestLine(batch);
    is_open = Send(socket, line);
    lock.lock();
  }
  is_writing_ = false;
  writer_idle_.notify_all();
}

bool ProcessChannel::Send(int socket, std::string_view line) {
  while (!line.empty()) {
    const ssize_t sent = send(socket, line.data(), line.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      line.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      // Requests on their way have deadlines of their own; without any, this is the only one.
      const std::lock_guard lock(mutex_);
      is_deaf_ = in_flight_.empty();
      if (is_deaf_ || has_ended_) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void ProcessChannel::Run(const ProcessCommand& command) {
  try {
    Process process(command);
    const timeval limit{.tv_sec = kSendTime.count(), .tv_usec = 0};
    setsockopt(process.socket(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    {
      const std::lock_guard lock(mutex_);
      socket_ = process.socket();
      last_reply_ = Clock::now();
      has_started_ = true;
    }
    writer_idle_.notify_all();
    Serve(process);
  } catch (const std::exception& error) {
    Finish(error.what());
  }
}

void ProcessChannel::Serve(Process& process) {
  std::optional<std::string> ending;
  while (!ending) {
    std::array<pollfd, 3> waits = {{{is_closed_ ? -1 : process.socket(), POLLIN, 0},
                                    {process.errors(), POLLIN, 0},
                                    {process.exit_event(), POLLIN, 0}}};
    poll(waits.data(), waits.size(), kTickMs);
    // Before the last bytes are read: what is written by then is all.
    ending = process.Reap();
    ReadErrors(process);
    for (int i = 0; ReadSocket(process) && (ending || i < kMaxChunks); ++i) {
    }
    CheckDeadlines(process);
  }
  const std::string words = LastWords();
  std::string reason = verdict_.empty() ? *ending : verdict_;
  if (!words.empty()) reason.append(": ").append(words);
  Finish(reason);
}

// Whether there may be more to read.
bool ProcessChannel::ReadSocket(Process& process) {
  if (is_closed_) return false;
  std::array<char, kChunkBytes> chunk;
  const ssize_t count = recv(process.socket(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    is_closed_ = true;
    KillAt(Clock::now() + kClosedTime, "killed: it closed its stdout");
    return false;
  }
  input_.append(chunk.data(), static_cast<size_t>(count));
  size_t start = 0;
  for (;;) {
    const size_t end = input_.find('\n', std::max(start, scanned_));
    if (end == std::string::npos) break;
    HandleLine(std::string_view(input_).substr(start, end - start));
    start = end + 1;
  }
  input_.erase(0, start);
  scanned_ = input_.size();
  if (input_.size() > kMaxLineBytes) {
    Condemn(process, "killed: it wrote a line longer than 64 MB");
    input_.clear(), scanned_ = 0;
  }
  if (num_bad_in_a_row_ > kMaxBadInARow) {
    Condemn(process, "killed: it wrote " + std::to_string(num_bad_in_a_row_) +
                         " lines on stdout that are no replies");
  }
  return static_cast<size_t>(count) == chunk.size();
}

void ProcessChannel::ReadErrors(const Process& process) {
  std::array<char, kChunkBytes> chunk;
  const ssize_t count = read(process.errors(), chunk.data(), chunk.size());
  if (count <= 0) return;
  errors_.append(chunk.data(), static_cast<size_t>(count));
  if (errors_.size() > kMaxErrorBytes) errors_.erase(0, errors_.size() - kMaxErrorBytes);
}

// What the program said last, where a person finds what went wrong.
std::string ProcessChannel::LastWords() const {
  std::string words = Shown(LastLine(errors_));
  if (!last_bad_line_.empty()) {
    if (!words.empty()) words += "; ";
    words += "on stdout, where only replies belong, it wrote: " + last_bad_line_;
  }
  return words;
}

void ProcessChannel::HandleLine(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  try {
    Deliver(ParseReplies(line));
  } catch (const Error& error) {
    HandleBadLine(line, error.what());
  }
}

void ProcessChannel::HandleBadLine(std::string_view line, const std::string& problem) {
  ++num_bad_in_a_row_;
  last_bad_line_ = Shown(line);
  const std::lock_guard lock(mutex_);
  ++counts_.num_bad_lines;
  const auto id = GuessReplyId(line);
  const auto request = id ? in_flight_.find(*id) : in_flight_.end();
  if (request == in_flight_.end()) return;
  Complete(request,
           Failure(CallResult::Status::kRefused,
                   "the reply is broken: " + problem + ": " + last_bad_line_, ErrorKind::kCorrupt));
}

void ProcessChannel::Deliver(std::vector<Reply> replies) {
  const std::lock_guard lock(mutex_);
  last_reply_ = Clock::now();
  for (Reply& reply : replies) {
    if (reply.id == 0 || reply.id > last_id_) {
      throw Error(ErrorKind::kCorrupt, "a reply to no request", "id");
    }
    const auto request = in_flight_.find(reply.id);
    if (request == in_flight_.end()) continue;  // too late
    // The program works on several at once: all that it was asked earlier is being done.
    for (auto earlier = in_flight_.begin(); earlier != request; ++earlier) {
      if (!earlier->second->started) earlier->second->started = last_reply_;
    }
    if (!reply.code) {
      Complete(request, {CallResult::Status::kAnswered, std::move(reply.data), {}, ""});
      continue;
    }
    const auto status =
        *reply.code == "timeout" ? CallResult::Status::kTimedOut : CallResult::Status::kRefused;
    Complete(request, Failure(status, Shown(reply.message), KindOfCode(*reply.code)));
  }
  num_bad_in_a_row_ = 0;
}

void ProcessChannel::Complete(std::map<uint64_t, Pending*>::iterator request, CallResult result) {
  Pending& pending = *request->second;
  in_flight_.erase(request);
  pending.result = std::move(result);
  pending.is_done = true;
  pending.done.notify_one();
  StartClock();
}

void ProcessChannel::StartClock() {
  if (in_flight_.empty()) return;
  auto& started = in_flight_.begin()->second->started;
  if (!started) started = Clock::now();
}

void ProcessChannel::CheckDeadlines(Process& process) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (is_stopping_) KillAt(now + kStopTime, "killed: it didn't end with its stdin");
  if (is_deaf_) KillAt(now, "killed: it doesn't read its stdin");
  if (kill_at_ && now >= *kill_at_) Condemn(process, kill_reason_);
  // Those whose clock runs come first.
  for (auto request = in_flight_.begin(); request != in_flight_.end();) {
    const auto next = std::next(request);
    const Pending& pending = *request->second;
    if (!pending.started) break;
    if (now - *pending.started > std::chrono::milliseconds(pending.limit_ms) + kGrace) {
      const bool is_hung = last_reply_ <= *pending.started;
      const std::string limit = Milliseconds(pending.limit_ms);
      if (is_hung) Condemn(process, "killed: it answered nothing for " + limit);
      std::string message = "no answer within " + limit;
      if (const auto words = LastWords(); !words.empty()) message += ": " + words;
      Complete(request, Failure(CallResult::Status::kTimedOut, std::move(message)));
      if (is_hung) return;
    }
    request = next;
  }
}

// The first time stands.
void ProcessChannel::KillAt(Clock::time_point time, std::string reason) {
  if (kill_at_) return;
  kill_at_ = time;
  kill_reason_ = std::move(reason);
}

void ProcessChannel::Condemn(Process& process, std::string reason) {
  if (verdict_.empty()) verdict_ = std::move(reason);
  is_closed_ = true;
  process.Kill();
  // Wakes a thread that writes to a program that doesn't read.
  shutdown(process.socket(), SHUT_RDWR);
}

void ProcessChannel::Finish(const std::string& ending) {
  std::unique_lock lock(mutex_);
  has_started_ = has_ended_ = true;
  ending_ = ending;
  while (!in_flight_.empty()) {
    Complete(in_flight_.begin(), Failure(CallResult::Status::kDied, ending));
  }
  outbox_.clear();
  if (socket_ != -1) shutdown(socket_, SHUT_RDWR);
  writer_idle_.notify_all();
  writer_idle_.wait(lock, [&] { return !is_writing_; });
  socket_ = -1;
}

}  // namespace agon::envs
