// Runs programs that nobody trusts, each in a box of its own: user, mount, pid, net, ipc,
// uts and cgroup namespaces, a read-only root that holds a Python and nothing else, a
// seccomp allow-list, Landlock, rlimits and, where the machine lends them, cgroups.
//
// A box is used for one program and never again. Boxes are made ahead of need by a small
// supervisor process, which forks them from a warm Python interpreter; so the process that
// owns the Sandbox (many threads, gigabytes of model) never forks. Nothing needs root.
// What holds and what doesn't: docs/sandbox.md. Public to envs/ only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agon::envs {

struct SandboxOptions {
  std::string python;  // the interpreter; "" takes /usr/bin/python3 or /usr/local/bin/python3
  // Further host files or folders that programs may read, at the same paths.
  std::vector<std::string> read_only_paths;
  int num_ready = 8;       // boxes kept prepared, each about 1 MB
  bool use_cgroup = true;  // false: rlimits and sampling alone, as where no cgroup is lent
  // Runs programs as ordinary processes of this user: they can read, write and send
  // whatever this user can. Only time and output limits remain. Commands call the flag
  // --unsafe-run-model-code-unsandboxed.
  bool unsafe_no_isolation = false;
};

struct BoxLimits {
  int64_t wall_ms = 5000;
  int64_t cpu_ms = 4000;  // of all processes of the box together
  // Of all processes together, files in /tmp included. Where no cgroup is lent: of each
  // process as address space at once, of all together by sampling.
  int64_t memory_bytes = int64_t{256} << 20;
  int64_t output_bytes = int64_t{1} << 20;  // stdout and stderr, each
  int64_t tmp_bytes = int64_t{16} << 20;    // of /tmp, the only writable place
  int max_processes = 8;                    // processes and threads at once
};

// What to run, with its standard input.
struct Program {
  // Source for the warm interpreter, run as __main__ of "main.py". Imports find the
  // standard library only. os.environ is empty; hashing is unseeded, so sets iterate alike
  // in each run.
  static Program Python(std::string source, std::string input = "");
  // argv[0] is a path inside the box. Empty environment, working directory /tmp.
  static Program Command(std::vector<std::string> argv, std::string input = "");

  bool is_python = true;
  std::string payload;  // the source, or argv with a NUL after each argument
  std::string input;    // fed to stdin while the program runs, then end of file
};

// The program's own end of the live channel: a connected stream socket.
inline constexpr int kChannelFd = 3;

enum class BoxVerdict {
  kOk,              // exit status 0. Says nothing about what the program computed
  kRuntimeError,    // another exit status, or killed by a signal of its own making
  kTimeLimit,       // wall or CPU time
  kMemoryLimit,     // memory, or an uncaught MemoryError
  kOutputLimit,     // stdout or stderr
  kSandboxFailure,  // the sandbox itself failed: says nothing about the program; mask it
};
const char* BoxVerdictName(BoxVerdict verdict);

struct BoxResult {
  BoxVerdict verdict = BoxVerdict::kSandboxFailure;
  int exit_status = -1;       // -1 unless the program ended by itself
  int signal = 0;             // that ended the program, 0 if none
  int64_t cpu_ms = 0;         // user and system, of all processes
  int64_t wall_ms = 0;        // from the program's start to its end
  int64_t max_rss_bytes = 0;  // of the largest process; the warm interpreter's 10 MB included
  int64_t start_us = 0;       // from Start() to the program's first instruction
  std::string stdout_bytes;   // at most output_bytes, untrusted
  std::string stderr_bytes;   // the same
  std::string reason;         // for a person: which limit, or what failed
};

enum class ReceiveStatus {
  kLine,
  kClosed,    // the program ended, or closed its end, with no whole line left
  kDeadline,  // none came in time; what came so far is kept for the next call
  kTooLong,   // more than max_bytes without a newline: the box was killed
};
struct Received {
  ReceiveStatus status = ReceiveStatus::kClosed;
  std::string line;  // without its newline; untrusted bytes
};

// One program, running. Belongs to one thread at a time; independent of other boxes and of
// the Sandbox it came from, which may be destroyed first (the program is killed then).
// Output is read and input fed inside the calls below: between them the program may wait
// on a full pipe, while its limits run on.
class Box {
 public:
  using Clock = std::chrono::steady_clock;

  ~Box();  // kills the program
  Box(Box&&) noexcept;
  Box& operator=(Box&&) noexcept;

  // Sends bytes to the program's channel. False: the program is gone, or did not read them
  // before the deadline.
  bool Send(std::string_view bytes, Clock::time_point deadline);

  // The next line from the program's channel. The program may write anything there.
  Received ReceiveLine(size_t max_bytes, Clock::time_point deadline);

  // Ends the program. Wait() then reports how far it came.
  void Kill();

  // Closes the channel, waits for the program's end and returns what became of it. The
  // limits bound the wait. Again: the same result.
  const BoxResult& Wait();

 private:
  friend class Sandbox;
  struct State;
  explicit Box(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Makes boxes. Thread-safe. One per process is enough for any number of threads.
class Sandbox {
 public:
  // Starts the supervisor, probes the machine, warms the interpreter (about 0.2 s). Throws
  // Error(kUnsupported) that names what the machine lacks (user namespaces, Python, a
  // recent kernel), kIo where the operating system refuses (no memory, no processes left).
  explicit Sandbox(SandboxOptions options = {});
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // One line for people: the layers in force, the cgroup version and why none, the
  // interpreter. Print it at the start of a run.
  std::string Describe() const;

  // Starts a program in a fresh box. Never throws for a failure of the sandbox: the box's
  // Wait() says kSandboxFailure then. Throws Error(kUsage) for a limit out of range.
  Box Start(const Program& program, const BoxLimits& limits = {});

  // Starts a program and waits for its end.
  BoxResult Run(const Program& program, const BoxLimits& limits = {});

  // The supervisor's process id, for monitoring. A supervisor that died is replaced at the
  // next Start; boxes that ran under it end as kSandboxFailure.
  pid_t supervisor_pid() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace agon::envs
