// A judge service under load: scores per second and their latency, as its clients see them.
// Every request is another question, so that no cache helps. Prints one JSON object.
//
//   rl-judge serve --judge "model:DIR(style=logprob)" --port 8090 &
//   judge_load_bench --url http://127.0.0.1:8090 [--clients N] [--seconds S]
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
#include "net/http_client.h"

namespace agon {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string url = "http://127.0.0.1:8090";
  int num_clients = 64;
  double seconds = 10;
};

// A word problem of the quickstart's kind and an answer to it.
std::string Body(uint64_t number) {
  const uint64_t price = 2 + number % 7, count = number / 7;
  const std::string prompt = "Mia buys " + std::to_string(count) + " pens for $" +
                             std::to_string(price) + " each. How much does she pay?";
  const std::string reply = std::to_string(count) + " * " + std::to_string(price) + " = " +
                            std::to_string(count * price) +
                            "\nAnswer: " + std::to_string(count * price + number % 2);
  return Json{{"prompt", prompt}, {"reply", reply}}.dump();
}

struct Load {
  std::mutex mutex;
  std::vector<double> latencies_ms;
  int64_t num_errors = 0;
  std::string first_error;
  std::atomic<uint64_t> next{0};
};

// One client: asks, waits, asks again.
void Ask(const Options& options, Clock::time_point end, Load& load) {
  std::vector<double> latencies;
  std::string error;
  int64_t num_errors = 0;
  net::HttpClient client(options.url);
  while (Clock::now() < end) {
    const std::string body = Body(load.next++);
    const auto start = Clock::now();
    std::string problem;
    try {
      const net::HttpResponse response = client.Send("POST", "/v1/score", body);
      const bool is_scored =
          response.status == 200 && ParseJson(response.body, options.url)["score"].is_number();
      if (!is_scored) problem = response.body;
    } catch (const Error& failure) {
      problem = failure.what();
    }
    latencies.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    num_errors += !problem.empty();
    if (error.empty()) error = problem;
  }
  const std::lock_guard lock(load.mutex);
  load.latencies_ms.insert(load.latencies_ms.end(), latencies.begin(), latencies.end());
  load.num_errors += num_errors;
  if (load.first_error.empty()) load.first_error = error;
}

int Run(int argc, char** argv) {
  CLI::App app("Load a judge service with scores.");
  Options options;
  app.add_option("--url", options.url, "Of rl-judge serve")->capture_default_str();
  app.add_option("--clients", options.num_clients)
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds)
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  Load load;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(
                               std::chrono::duration<double>(options.seconds));
  std::vector<std::thread> clients;
  for (int i = 0; i < options.num_clients; ++i) {
    clients.emplace_back([&] { Ask(options, end, load); });
  }
  for (std::thread& client : clients) client.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::vector<double>& latencies = load.latencies_ms;
  std::sort(latencies.begin(), latencies.end());
  const auto quantile = [&](double share) {
    return latencies[static_cast<size_t>(share * static_cast<double>(latencies.size() - 1))];
  };
  const Json result = {{"clients", options.num_clients},
                       {"seconds", seconds},
                       {"scores", latencies.size()},
                       {"scores_per_s", static_cast<double>(latencies.size()) / seconds},
                       {"p50_ms", quantile(0.5)},
                       {"p99_ms", quantile(0.99)},
                       {"max_ms", latencies.back()},
                       {"errors", load.num_errors},
                       {"first_error", load.first_error}};
  std::printf("%s\n", result.dump(2).c_str());
  return load.num_errors == 0 ? 0 : 1;
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
