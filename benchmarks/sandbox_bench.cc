// The sandbox's pace: isolated Python programs per second, and how long a program takes to
// its first instruction.
//
//   sandbox_bench [--seconds S] [--threads N] [--ready N] [--no-cgroup]
//
// Each program prints the sum of its input; outputs are checked. Where bubblewrap is
// installed, the same program through bwrap + python3 is timed beside it.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "envs/sandbox/sandbox.h"

extern char** environ;

namespace agon::envs {
namespace {

using Clock = std::chrono::steady_clock;
constexpr const char* kSource = "print(sum(int(word) for word in input().split()))";

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

double Percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * sorted.size()))];
}

// Programs one after the other on each of `num_threads` threads.
Json Throughput(Sandbox* sandbox, int num_threads, double seconds) {
  std::atomic<int64_t> num_done{0};
  std::mutex mutex;
  std::vector<double> start_us, wall_us;
  std::string wrong;
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (int t = 0; t < num_threads; ++t) {
    threads.emplace_back([&] {
      std::vector<double> starts, walls;
      while (Seconds(begin) < seconds) {
        const auto called = Clock::now();
        const BoxResult result = sandbox->Run(Program::Python(kSource, "20 22\n"));
        walls.push_back(Seconds(called) * 1e6);
        starts.push_back(static_cast<double>(result.start_us));
        if (result.stdout_bytes != "42\n") {
          const std::lock_guard lock(mutex);
          wrong = std::string(BoxVerdictName(result.verdict)) + ": " + result.reason;
        }
        ++num_done;
      }
      const std::lock_guard lock(mutex);
      start_us.insert(start_us.end(), starts.begin(), starts.end());
      wall_us.insert(wall_us.end(), walls.begin(), walls.end());
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (!wrong.empty()) throw Error(ErrorKind::kFailed, "a program went wrong: " + wrong);
  std::sort(start_us.begin(), start_us.end());
  std::sort(wall_us.begin(), wall_us.end());
  Json result;
  result["threads"] = num_threads;
  result["programs"] = num_done.load();
  result["programs_per_s"] = static_cast<double>(num_done) / Seconds(begin);
  result["start_ms"] = {{"p50", Percentile(start_us, 0.5) / 1000},
                        {"p99", Percentile(start_us, 0.99) / 1000},
                        {"max", start_us.back() / 1000}};
  result["whole_run_ms"] = {{"p50", Percentile(wall_us, 0.5) / 1000},
                            {"p99", Percentile(wall_us, 0.99) / 1000}};
  return result;
}

// One program now and then: boxes are ready, nothing competes.
Json Unhurried(Sandbox* sandbox, int num) {
  std::vector<double> start_us;
  for (int i = 0; i < num; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
    start_us.push_back(
        static_cast<double>(sandbox->Run(Program::Python(kSource, "20 22\n")).start_us));
  }
  std::sort(start_us.begin(), start_us.end());
  return {{"programs", num},
          {"p50_ms", Percentile(start_us, 0.5) / 1000},
          {"p99_ms", Percentile(start_us, 0.99) / 1000}};
}

// Whole runs of the same interpreter through bubblewrap with much the same walls.
Json Bubblewrap(int num) {
  if (access("/usr/bin/bwrap", X_OK) != 0) return nullptr;
  const char* argv[] = {"/usr/bin/bwrap",
                        "--unshare-all",
                        "--ro-bind",
                        "/usr",
                        "/usr",
                        "--symlink",
                        "usr/lib",
                        "/lib",
                        "--symlink",
                        "usr/lib64",
                        "/lib64",
                        "--dev",
                        "/dev",
                        "--tmpfs",
                        "/tmp",
                        "/usr/bin/python3",
                        "-I",
                        "-S",
                        "-c",
                        "print(20 + 22)",
                        nullptr};
  std::vector<double> ms;
  for (int i = 0; i < num; ++i) {
    const auto called = Clock::now();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
    pid_t pid = 0;
    const int error =
        posix_spawn(&pid, argv[0], &actions, nullptr, const_cast<char**>(argv), environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    if (error != 0 || waitpid(pid, &status, 0) != pid || status != 0) return nullptr;
    ms.push_back(Seconds(called) * 1000);
  }
  std::sort(ms.begin(), ms.end());
  return {{"programs", num}, {"p50_ms", Percentile(ms, 0.5)}, {"p99_ms", Percentile(ms, 0.99)}};
}

int Main(int argc, char** argv) {
  CLI::App app("Isolated Python programs per second, and their start.");
  double seconds = 3;
  int num_threads = 2;
  SandboxOptions options;
  bool no_cgroup = false;
  app.add_option("--seconds", seconds, "time for each throughput figure");
  app.add_option("--threads", num_threads, "callers");
  app.add_option("--ready", options.num_ready, "boxes kept prepared");
  app.add_flag("--no-cgroup", no_cgroup, "rlimits and sampling alone");
  CLI11_PARSE(app, argc, argv);
  options.use_cgroup = !no_cgroup;

  const auto begin = Clock::now();
  Sandbox sandbox(options);
  Json report;
  report["sandbox"] = sandbox.Describe();
  report["construction_ms"] = Seconds(begin) * 1000;
  report["unhurried"] = Unhurried(&sandbox, 200);
  report["throughput"] = Throughput(&sandbox, num_threads, seconds);
  report["bubblewrap_python3"] = Bubblewrap(50);
  std::printf("%s\n", report.dump(2).c_str());
  return 0;
}

}  // namespace
}  // namespace agon::envs

int main(int argc, char** argv) { return agon::RunMain(agon::envs::Main, argc, argv); }
