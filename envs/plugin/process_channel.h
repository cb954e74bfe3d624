// One running program and the requests that are on their way to it. Private to envs.
//
// Any number of threads call at once; each blocks on its own request while one thread reads
// the replies, in whatever order they come, and keeps the time. Requests that pile up while
// another thread writes leave together as one line. Nothing here throws for what the program
// does: its bytes are untrusted, its death is an ordinary result.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/json.h"
#include "envs/plugin/process.h"
#include "envs/plugin/process_wire.h"

namespace agon::envs {

struct CallResult {
  enum class Status {
    kAnswered,  // `data` is the result
    kRefused,   // the program answered with an error, or with something that is no reply
    kTimedOut,  // no answer in time; if nothing else came either, the program was killed
    kDied,      // the program ended, or was killed, while the request was on its way
  };
  Status status = Status::kDied;
  Json data;
  ErrorKind kind = ErrorKind::kFailed;
  std::string message;  // why there is no result, for a person
};

struct ChannelCounts {
  int64_t num_answered = 0;    // of all requests
  int64_t num_progressed = 0;  // of steps and demonstrations: more than a start
  int64_t num_timeouts = 0;
  int64_t num_bad_lines = 0;
};

class ProcessChannel {
 public:
  // Starts the program in a thread of its own. A program that can't be started is one that
  // has ended at once.
  explicit ProcessChannel(ProcessCommand command);
  // Closes the program's stdin and gives it two seconds to end before it is killed. No call
  // may be on its way.
  ~ProcessChannel();
  ProcessChannel(const ProcessChannel&) = delete;
  ProcessChannel& operator=(const ProcessChannel&) = delete;

  // Sends a request and waits for its reply. The time counts from when the program can have
  // begun to work on it: when all that was asked before is answered, or something that was
  // asked later is.
  CallResult Call(std::string_view type, const Json& data, int limit_ms);
  // Sends a request that has no reply.
  void Notify(std::string_view type, const Json& data);

  bool has_ended() const;
  // Why it ended: "exit status 3: ValueError: boom". "" while it runs.
  std::string ending() const;
  ChannelCounts counts() const;
  uint64_t NewSession();

 private:
  using Clock = std::chrono::steady_clock;
  struct Pending {
    std::condition_variable done;
    bool is_done = false;
    int limit_ms = 0;
    std::optional<Clock::time_point> started;
    CallResult result;
  };

  void Enqueue(std::string request, std::unique_lock<std::mutex>& lock);
  bool Send(int socket, std::string_view line);
  void Run(const ProcessCommand& command);
  void Serve(Process& process);
  bool ReadSocket(Process& process);
  void ReadErrors(const Process& process);
  void HandleLine(std::string_view line);
  void HandleBadLine(std::string_view line, const std::string& problem);
  void Deliver(std::vector<Reply> replies);
  void CheckDeadlines(Process& process);
  void KillAt(Clock::time_point time, std::string reason);
  void Condemn(Process& process, std::string reason);
  void Finish(const std::string& ending);
  std::string LastWords() const;
  // Hands `result` to the request; the caller holds the lock.
  void Complete(std::map<uint64_t, Pending*>::iterator request, CallResult result);
  void StartClock();

  mutable std::mutex mutex_;
  std::condition_variable writer_idle_;
  int socket_ = -1;  // while the program runs
  bool has_started_ = false, has_ended_ = false, is_stopping_ = false, is_writing_ = false;
  bool is_deaf_ = false;  // reads nothing that it is sent
  std::string ending_;
  uint64_t last_id_ = 0, last_session_ = 0;
  std::map<uint64_t, Pending*> in_flight_;  // oldest first
  std::vector<std::string> outbox_;
  Clock::time_point last_reply_{};
  ChannelCounts counts_;

  // Of the reading thread alone.
  std::string input_, errors_, last_bad_line_, verdict_, kill_reason_;
  size_t scanned_ = 0;  // bytes of input_ without a line's end
  int num_bad_in_a_row_ = 0;
  bool is_closed_ = false;
  std::optional<Clock::time_point> kill_at_;

  std::thread reader_;  // last: it uses all of the above
};

}  // namespace agon::envs
