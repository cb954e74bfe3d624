// A program that serves environments, kept running. Private to envs.
//
// A process that ends or hangs is started again, after a pause that grows with each time it
// ends without having done anything useful, and given up after too many of them.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "envs/env.h"
#include "envs/plugin/process_channel.h"
#include "envs/programs.h"

namespace agon::envs {

struct ProcessOptions {
  int num_processes = 1;         // episodes are dealt to them in turn
  int hello_limit_ms = 60000;    // from the start to the greeting: imports may take long
  int request_limit_ms = 30000;  // of "make"; the rest as EnvInfo::step_timeout_ms says
  int max_crashes = 8;           // in a row
  int first_pause_ms = 100;      // before the second start in a row; doubles up to 5 s
  int64_t max_sessions = 65536;  // episodes at once
  bool warns = true;             // a line on stderr for each crash
};

class ProcessHost {
 public:
  // `file` is a Python source or an executable. Starts it and asks what it serves. Throws
  // kUnsupported (neither, or another protocol version), kCorrupt (no greeting, no
  // environment) or kFailed (it can't be started).
  ProcessHost(std::string file, ProcessOptions options);
  ~ProcessHost();

  const std::string& file() const { return file_; }
  const std::vector<EnvInfo>& environments() const { return environments_; }

  // The result of a request that may be made twice: if the process dies over it, it is asked
  // of the next one, once. Throws the program's own error, or kFailed.
  Json Ask(std::string_view type, const Json& data, int limit_ms);

  // A running process. Throws kFailed if there were too many crashes.
  std::shared_ptr<ProcessChannel> Channel();

  // An episode more or less. Throws kFailed where there are too many.
  void AddSession();
  void RemoveSession() { --num_sessions_; }
  int64_t num_sessions() const { return num_sessions_; }

  void CountMasked(const std::string& reason);
  ProgramHealth Health() const;

  // The error of a call that has no result.
  [[noreturn]] void Throw(const CallResult& result) const;

 private:
  struct Slot {
    std::mutex starting;
    std::shared_ptr<ProcessChannel> channel;  // guarded by `starting`
    int num_crashes = 0;                      // in a row
  };

  ProcessCommand Command() const;
  std::vector<EnvInfo> Greet(ProcessChannel& channel) const;
  void Start(Slot& slot);
  void BuryEnded(Slot& slot);

  const std::string file_;
  const ProcessOptions options_;
  std::vector<EnvInfo> environments_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::atomic<uint64_t> next_slot_ = 0;
  std::atomic<int64_t> num_sessions_ = 0;
  mutable std::mutex health_mutex_;
  ProgramHealth health_;
};

// "my_env.py" or "my_env.py,processes=4". Throws kUsage.
std::pair<std::string, ProcessOptions> ParseProcessSpec(const std::string& spec);

// Lists `host` in ProgramsHealth() as long as it lives.
void AddProgram(const std::shared_ptr<const ProcessHost>& host);

}  // namespace agon::envs
