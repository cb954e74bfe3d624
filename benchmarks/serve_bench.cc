// Load on a server that speaks OpenAI's API: tokens per second and time to the first token.
//
//   serve_bench --url http://127.0.0.1:8000/v1 [--clients 64] [--seconds 30] [--max-tokens 100]
//
// Each client asks for one streamed completion after another. Prints one JSON object. With
// --until-closed it goes on until the server ends, and what was answered only in part, or not at
// all although it was taken, counts as lost.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"
#include "net/http_client.h"

namespace {

using namespace agon;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string url = "http://127.0.0.1:8000/v1", model, token, prompt = "What is 17 + 25?";
  int clients = 64, max_tokens = 100, seconds = 30;
  double ramp_s = 2;
  bool is_plain = false, until_closed = false;
};

struct Totals {
  std::mutex mutex;
  std::vector<double> first_token_s, whole_s;
  int64_t num_tokens = 0, num_refused = 0;
  std::vector<std::string> errors;
};

double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// From half to one and a half times as many: clients that all ask for the same run in lockstep.
int MaxTokens(const Options& o, int client, int64_t number) {
  const RngKey key{.run_seed = 1, .task = static_cast<uint64_t>(client)};
  return o.max_tokens / 2 +
         static_cast<int>(key.Uniform(static_cast<uint32_t>(number)) * o.max_tokens);
}

std::string Body(const Options& o, int client, int64_t number) {
  Json body{{"stream", true},
            {"stream_options", {{"include_usage", true}}},
            {"max_tokens", MaxTokens(o, client, number)},
            {"seed", client * 1000000 + number}};
  if (!o.model.empty()) body["model"] = o.model;
  if (o.is_plain) {
    body["prompt"] = o.prompt;
  } else {
    body["messages"] = {{{"role", "user"}, {"content", o.prompt}}};
  }
  return body.dump();
}

// One completion; false once the server takes no more.
bool Ask(const Options& o, net::HttpClient& client, const std::string& body, Totals& totals) {
  const auto begin = Clock::now();
  double first_s = 0;
  std::string all;
  net::HttpHeaders headers;
  if (!o.token.empty()) headers.emplace_back("Authorization", "Bearer " + o.token);
  std::string problem;
  try {
    const auto response = client.Send("POST", o.is_plain ? "/completions" : "/chat/completions",
                                      body, headers, [&](std::string_view piece) {
                                        if (first_s == 0) first_s = Since(begin);
                                        all += piece;
                                        return true;
                                      });
    if (response.status != 200) problem = "status " + std::to_string(response.status) + ": " + all;
  } catch (const Error& error) {
    problem = error.what();
  }
  if (problem.empty() && !all.ends_with("data: [DONE]\n\n")) problem = "cut off: " + all;
  const std::lock_guard lock(totals.mutex);
  if (problem.find("refused") != std::string::npos && o.until_closed) {
    ++totals.num_refused;
    return false;
  }
  if (!problem.empty()) {
    totals.errors.push_back(problem.substr(0, 300));
    return totals.errors.size() < 1000;
  }
  const size_t usage = all.rfind("\"completion_tokens\":");
  totals.num_tokens += std::atoll(all.c_str() + usage + 20);
  totals.first_token_s.push_back(first_s);
  totals.whole_s.push_back(Since(begin));
  return true;
}

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto place = static_cast<size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place),
                   values.end());
  return values[place];
}

int Run(int argc, char** argv) {
  CLI::App app("Loads a server that speaks OpenAI's API.");
  Options o;
  app.add_option("--url", o.url, "With /v1");
  app.add_option("--model", o.model, "If it serves several");
  app.add_option("--token", o.token, "Bearer token");
  app.add_option("--prompt", o.prompt, "Of every request");
  app.add_option("--clients", o.clients, "Requests at once");
  app.add_option("--max-tokens", o.max_tokens, "Of each completion, on average");
  app.add_option("--seconds", o.seconds, "How long");
  app.add_option("--ramp", o.ramp_s, "Seconds over which the clients begin");
  app.add_flag("--plain", o.is_plain, "Text completions instead of chats");
  app.add_flag("--until-closed", o.until_closed, "Until the server ends");
  CLI11_PARSE(app, argc, argv);

  Totals totals;
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  for (int c = 0; c < o.clients; ++c) {
    threads.emplace_back([&, c] {
      const std::chrono::duration<double> delay(o.ramp_s * c / o.clients);
      std::this_thread::sleep_for(delay);
      net::HttpClient client(o.url, {.timeout_ms = 60000});
      for (int64_t i = 0; o.until_closed || Since(begin) < o.seconds; ++i) {
        if (!Ask(o, client, Body(o, c, i), totals)) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = Since(begin);
  const auto milliseconds = [](double s) { return std::round(s * 1e5) / 100; };
  const Json result{{"clients", o.clients},
                    {"seconds", seconds},
                    {"requests", totals.whole_s.size()},
                    {"errors", totals.errors.size()},
                    {"first_error", totals.errors.empty() ? Json() : Json(totals.errors[0])},
                    {"refused_at_end", totals.num_refused},
                    {"tokens", totals.num_tokens},
                    {"tokens_per_s", std::round(static_cast<double>(totals.num_tokens) / seconds)},
                    {"requests_per_s", static_cast<double>(totals.whole_s.size()) / seconds},
                    {"first_token_ms_p50", milliseconds(Quantile(totals.first_token_s, 0.5))},
                    {"first_token_ms_p99", milliseconds(Quantile(totals.first_token_s, 0.99))},
                    {"whole_ms_p50", milliseconds(Quantile(totals.whole_s, 0.5))},
                    {"whole_ms_p99", milliseconds(Quantile(totals.whole_s, 0.99))}};
  std::printf("%s\n", DumpJson(result, 2).c_str());
  return totals.errors.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return agon::RunMain(Run, argc, argv); }
