#include "envs/plugin/process_host.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "core/file.h"
#include "envs/plugin/wire.h"

namespace agon::envs {
namespace {

constexpr int kMaxProcesses = 64;
constexpr int kMaxPauseMs = 5000;

// Where agon_env.py lies: beside an installed agon, or in the source tree of this build.
std::string PythonFolder() {
  if (const char* chosen = std::getenv("AGON_PYTHON_DIR")) return chosen;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = program.parent_path().parent_path() / "share/agon/python";
  if (!error && fs::exists(installed / "agon_env.py", error)) return installed;
  return AGON_PYTHON_SOURCE_DIR;
}

// The host's environment with the module's folder in front of PYTHONPATH.
std::vector<std::string> ProgramEnvironment() {
  constexpr std::string_view kPath = "PYTHONPATH=";
  std::vector<std::string> variables;
  std::string path(kPath);
  path += PythonFolder();
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (text.starts_with(kPath)) {
      path.append(":").append(text.substr(kPath.size()));
    } else {
      variables.emplace_back(text);
    }
  }
  variables.push_back(std::move(path));
  variables.push_back("AGON_ENV_PROTOCOL=" + std::to_string(kProcessProtocol));
  return variables;
}

}  // namespace

ProcessHost::ProcessHost(std::string file, ProcessOptions options)
    : file_(std::move(file)), options_(options) {
  AGON_CHECK(options_.num_processes > 0 && options_.max_crashes > 0);
  health_.file = file_;
  for (int i = 0; i < options_.num_processes; ++i) slots_.push_back(std::make_unique<Slot>());
  Slot& first = *slots_.front();
  const std::lock_guard lock(first.starting);
  Start(first);
}

ProcessHost::~ProcessHost() = default;

ProcessCommand ProcessHost::Command() const {
  ProcessCommand command;
  if (fs::path(file_).extension() == ".py") {
    const auto python = FindExecutable("python3");
    if (!python) throw Error(ErrorKind::kUnsupported, "there is no python3 in PATH", file_);
    // -u is left out: the module writes whole lines itself.
    command.arguments = {*python, file_};
  } else {
    command.arguments = {fs::absolute(file_)};
  }
  command.environment = ProgramEnvironment();
  return command;
}

std::vector<EnvInfo> ProcessHost::Greet(ProcessChannel& channel) const {
  const CallResult greeting = channel.Call("hello", Json::object(), options_.hello_limit_ms);
  if (greeting.status != CallResult::Status::kAnswered) Throw(greeting);
  const int version = JsonField<int>(greeting.data, "version", file_);
  if (version != kProcessProtocol) {
    throw Error(ErrorKind::kUnsupported,
                "speaks version " + std::to_string(version) + " of the protocol, this is version " +
                    std::to_string(kProcessProtocol),
                file_, "use the agon_env.py of this agon");
  }
  std::vector<EnvInfo> environments;
  for (const Json& info : JsonField<std::vector<Json>>(greeting.data, "environments", file_)) {
    environments.push_back(InfoFromJson(info, file_));
  }
  if (environments.empty()) {
    throw Error(ErrorKind::kCorrupt, "has no environment", file_,
                "end it in agon_env.serve(MyEnv)");
  }
  const auto same = [](const EnvInfo& a, const EnvInfo& b) { return a.id == b.id; };
  if (!environments_.empty() && !std::equal(environments.begin(), environments.end(),
                                            environments_.begin(), environments_.end(), same)) {
    throw Error(ErrorKind::kCorrupt, "serves other environments since it was started again", file_);
  }
  return environments;
}

// One attempt; the caller holds slot.starting.
void ProcessHost::Start(Slot& slot) {
  auto channel = std::make_shared<ProcessChannel>(Command());
  {
    const std::lock_guard lock(health_mutex_);
    ++health_.num_starts;
    slot.channel = channel;
  }
  auto environments = Greet(*channel);
  if (environments_.empty()) environments_ = std::move(environments);
}

// The caller holds slot.starting.
void ProcessHost::BuryEnded(Slot& slot) {
  const std::shared_ptr<ProcessChannel> ended = std::move(slot.channel);
  const ChannelCounts counts = ended->counts();
  const std::string ending = ended->ending();
  // A process that got somewhere starts the count anew.
  slot.num_crashes = counts.num_progressed > 0 ? 1 : slot.num_crashes + 1;
  const std::lock_guard lock(health_mutex_);
  slot.channel = nullptr;
  ++health_.num_crashes;
  health_.num_timeouts += counts.num_timeouts;
  health_.num_bad_lines += counts.num_bad_lines;
  health_.last_problem = ending;
  if (options_.warns) {
    std::fprintf(stderr, "warning: %s: %s; it is started again (crash %lld)\n", file_.c_str(),
                 ending.c_str(), static_cast<long long>(health_.num_crashes));
  }
}

std::shared_ptr<ProcessChannel> ProcessHost::Channel() {
  Slot& slot = *slots_[next_slot_++ % slots_.size()];
  const std::lock_guard lock(slot.starting);
  for (;;) {
    if (slot.channel != nullptr) {
      if (!slot.channel->has_ended()) return slot.channel;
      BuryEnded(slot);
    }
    if (slot.num_crashes >= options_.max_crashes) {
      throw Error(ErrorKind::kFailed,
                  "ended " + std::to_string(slot.num_crashes) +
                      " times in a row, at last: " + Health().last_problem,
                  file_, "run it by hand, without arguments: it tries itself and shows the error");
    }
    if (slot.num_crashes > 1) {
      const int doublings = std::min(slot.num_crashes - 2, 10);
      const int pause_ms = std::min(options_.first_pause_ms << doublings, kMaxPauseMs);
      std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    }
    try {
      Start(slot);
    } catch (const Error& error) {
      // It never greeted: it ended, or it is stuck and of no use.
      if (error.kind() != ErrorKind::kFailed || slot.channel == nullptr) throw;
      if (!slot.channel->has_ended()) throw;
    }
  }
}

Json ProcessHost::Ask(std::string_view type, const Json& data, int limit_ms) {
  constexpr int kTries = 4;  // what others ask may end it, too, and more than once
  for (int tries = 1;; ++tries) {
    CallResult result = Channel()->Call(type, data, limit_ms);
    if (result.status == CallResult::Status::kAnswered) return std::move(result.data);
    if (result.status != CallResult::Status::kDied || tries == kTries) Throw(result);
  }
}

void ProcessHost::AddSession() {
  if (++num_sessions_ <= options_.max_sessions) return;
  --num_sessions_;
  throw Error(ErrorKind::kFailed,
              "more than " + std::to_string(options_.max_sessions) + " episodes at once", file_);
}

void ProcessHost::CountMasked(const std::string& reason) {
  const std::lock_guard lock(health_mutex_);
  ++health_.num_masked;
  health_.last_problem = reason;
}

ProgramHealth ProcessHost::Health() const {
  const std::lock_guard lock(health_mutex_);
  ProgramHealth health = health_;
  for (const auto& slot : slots_) {
    if (slot->channel == nullptr) continue;
    const ChannelCounts counts = slot->channel->counts();
    health.num_timeouts += counts.num_timeouts;
    health.num_bad_lines += counts.num_bad_lines;
  }
  return health;
}

void ProcessHost::Throw(const CallResult& result) const {
  switch (result.status) {
    case CallResult::Status::kTimedOut:
      throw Error(ErrorKind::kFailed, result.message, file_,
                  "if it needs longer, raise step_timeout_ms of the environment");
    case CallResult::Status::kDied:
      throw Error(ErrorKind::kFailed, "the program ended with " + result.message, file_);
    default:
      throw Error(result.kind, result.message, file_);
  }
}

std::pair<std::string, ProcessOptions> ParseProcessSpec(const std::string& spec) {
  constexpr std::string_view kKey = ",processes=";
  ProcessOptions options;
  const size_t comma = spec.rfind(kKey);
  if (comma == std::string::npos || fs::exists(spec)) return {spec, options};
  const std::string_view value = std::string_view(spec).substr(comma + kKey.size());
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), options.num_processes);
  if (error != std::errc() || end != value.data() + value.size() || options.num_processes < 1 ||
      options.num_processes > kMaxProcesses) {
    throw Error(ErrorKind::kUsage, "processes = \"" + std::string(value) + "\" is not allowed",
                spec, "allowed: 1.." + std::to_string(kMaxProcesses));
  }
  return {spec.substr(0, comma), options};
}

}  // namespace agon::envs
