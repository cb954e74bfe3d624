#include "judge/judge_service.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/names.h"
#include "judge/json/judge_json.h"
#include "judge/parallel.h"
#include "judge/service/reward_request.h"
#include "judge/service/verifier.h"
#include "net/http_server.h"
#include "net/metrics.h"
#include "net/stop_signal.h"

namespace agon::judge {
namespace {

// Of one get_reward, judged at once: more would let one client fill the service.
constexpr int kRewardThreads = 16;
constexpr int kDrainMs = 30000;

Json RangeJson(const JudgeInfo& info) {
  return {NumberOrNull(info.lowest), NumberOrNull(info.highest)};
}

net::HttpServerOptions ServerOptions(const JudgeServiceOptions& options, net::Metrics* metrics) {
  net::HttpServerOptions server;
  server.host = options.host;
  server.port = options.port;
  server.bearer_token = options.bearer_token;
  server.num_handler_threads = options.num_threads;
  server.max_waiting_requests = static_cast<size_t>(options.max_waiting);
  server.metrics = metrics;
  return server;
}

// What is left of a verdict if its judge failed for a reason that isn't the transcript's: the
// caller may try again.
net::HttpResponse FailedJudge(const std::string& reason) {
  return net::ErrorResponse(502, "the judge failed: " + reason, "judge_failed");
}

}  // namespace

class JudgeService::Impl {
 public:
  Impl(std::vector<NamedJudge> judges, const JudgeServiceOptions& options)
      : judges_(std::move(judges)),
        verifier_(options.envs),
        server_(ServerOptions(options, &metrics_)) {
    for (const NamedJudge& judge : judges_) {
      const bool is_taken = std::count_if(judges_.begin(), judges_.end(), [&](const auto& other) {
                              return other.name == judge.name;
                            }) > 1;
      if (is_taken) {
        throw Error(ErrorKind::kUsage, "two judges are called \"" + judge.name + "\"", "--judge");
      }
    }
    AddCall("/v1/score", JudgeCall::kScore);
    AddCall("/v1/compare", JudgeCall::kCompare);
    AddCall("/v1/rank", JudgeCall::kRank);
    server_.Route("POST", "/v1/verify", [this](const net::HttpRequest& request) {
      return Verify(ParseJson(request.body, "body"));
    });
    server_.Route("POST", "/get_reward", [this](const net::HttpRequest& request) {
      return Rewards(ParseJson(request.body, "body"));
    });
    server_.Route("GET", "/v1/judges", [this](const net::HttpRequest&) {
      return net::HttpResponse{200, Listing()};
    });
    net::HttpRouteOptions open;
    open.is_public = true;
    server_.Route(
        "GET", "/health",
        [](const net::HttpRequest&) {
          return net::HttpResponse{200, "{\"status\":\"ok\"}"};
        },
        open);
    server_.Route("GET", "/metrics", [this](const net::HttpRequest&) {
      return net::HttpResponse{
          200, metrics_.Text(), {{"Content-Type", net::Metrics::kContentType}}};
    });
  }

  net::HttpServer& server() { return server_; }

 private:
  void AddCall(const char* path, JudgeCall call) {
    server_.Route("POST", path, [this, call](const net::HttpRequest& request) {
      return Judged(call, ParseJson(request.body, "body"));
    });
  }

  const NamedJudge& Find(const Json& body) const {
    if (!body.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", "body");
    if (judges_.empty()) {
      throw Error(ErrorKind::kNotFound, "this server has no judge", "judge",
                  "start rl-judge serve with --judge; /v1/verify needs none");
    }
    if (!body.contains("judge")) return judges_[0];
    const auto name = JsonField<std::string>(body, "judge", "body");
    std::vector<std::string> names;
    for (const NamedJudge& judge : judges_) {
      if (judge.name == name) return judge;
      names.push_back(judge.name);
    }
    const std::string nearest = NearestName(name.substr(0, 100), names);
    throw Error(
        ErrorKind::kNotFound, "no judge is called \"" + name.substr(0, 100) + "\"", "judge",
        nearest.empty() ? "GET /v1/judges lists them" : "did you mean \"" + nearest + "\"?");
  }

  // Runs `judge` and counts what came of it.
  template <typename Run>
  auto Counted(const std::string& name, const Run& run) {
    const auto start = std::chrono::steady_clock::now();
    bool is_masked = false;
    auto result = run(&is_masked);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    metrics_
        .AddCounter("agon_judge_verdicts_total", "Verdicts given, and failures of judges.",
                    {{"judge", name}, {"outcome", is_masked ? "masked" : "given"}})
        .Add();
    metrics_.AddHistogram("agon_judge_seconds", "Time to a verdict.", {{"judge", name}})
        .Observe(took.count());
    return result;
  }

  net::HttpResponse Judged(JudgeCall call, const Json& body) {
    const NamedJudge& named = Find(body);
    const JudgeRequest request = ReadJudgeRequest(call, body, "body");
    Json verdict = Counted(named.name, [&](bool* is_masked) {
      return AnswerJson(*named.judge, call, request, is_masked);
    });
    if (const std::string reason = FailureOf(verdict); !reason.empty()) return FailedJudge(reason);
    Json answer = Json::object();
    if (body.contains("id")) answer["id"] = body["id"];
    answer["judge"] = named.name;
    if (call == JudgeCall::kScore) answer["range"] = RangeJson(named.judge->info());
    answer.update(verdict);
    return {200, DumpJson(answer)};
  }

  // Why the judge itself could not be asked, "" if it could. Of a ranking: for none of them.
  static std::string FailureOf(const Json& verdict) {
    const Json& shown = verdict.contains("ranking") ? verdict["ranking"][0] : verdict;
    if (!shown.contains("masked") || shown["masked"]["kind"] != "judge") return "";
    return shown["masked"]["reason"].get<std::string>();
  }

  net::HttpResponse Verify(const Json& body) {
    const Json verdict =
        Counted("verify", [&](bool* is_masked) { return verifier_.Verify(body, is_masked); });
    if (const std::string reason = FailureOf(verdict); !reason.empty()) return FailedJudge(reason);
    Json answer = Json::object();
    if (body.contains("id")) answer["id"] = body["id"];
    answer.update(verdict);
    return {200, DumpJson(answer)};
  }

  // OpenRLHF has no way to say that one reward is missing, and a 0 in its place would be a lie.
  net::HttpResponse Rewards(const Json& body) {
    const NamedJudge& named = Find(body);
    const std::vector<JudgeRequest> requests = ReadRewardRequest(body);
    std::vector<Verdict> verdicts(requests.size());
    ParallelFor(requests.size(), kRewardThreads, [&](size_t i) {
      verdicts[i] = Counted(named.name, [&](bool* is_masked) {
        Verdict verdict = named.judge->Score(requests[i].question, requests[i].replies[0]);
        *is_masked = verdict.masked.has_value();
        return verdict;
      });
    });
    Json rewards = Json::array();
    for (size_t i = 0; i < verdicts.size(); ++i) {
      if (verdicts[i].masked) {
        return FailedJudge("query " + std::to_string(i) + ": " + verdicts[i].masked->reason);
      }
      rewards.push_back(*verdicts[i].score);
    }
    return {200, DumpJson({{"rewards", std::move(rewards)}})};
  }

  std::string Listing() const {
    Json list = Json::array();
    for (const NamedJudge& named : judges_) {
      const JudgeInfo& info = named.judge->info();
      list.push_back({{"name", named.name},
                      {"kind", info.name},
                      {"range", RangeJson(info)},
                      {"sees_pairs", info.sees_pairs}});
    }
    return DumpJson({{"judges", std::move(list)}});
  }

  const std::vector<NamedJudge> judges_;
  Verifier verifier_;
  net::Metrics metrics_;
  net::HttpServer server_;  // last: its threads use the rest
};

JudgeService::JudgeService(std::vector<NamedJudge> judges, JudgeServiceOptions options)
    : impl_(std::make_unique<Impl>(std::move(judges), options)) {}
JudgeService::~JudgeService() = default;
void JudgeService::Start() { impl_->server().Start(); }
int JudgeService::port() const { return impl_->server().port(); }
int JudgeService::Drain(int timeout_ms) { return impl_->server().Drain(timeout_ms); }

NamedJudge MakeNamedJudge(const std::string& text, const policy::Device& device) {
  const size_t equals = text.find('=');
  // The sign may also belong to the judge itself: "model:x(style=logprob)".
  const bool is_named = equals != std::string::npos && text.find_first_of(":(/") > equals;
  if (!is_named) return {text, MakeJudge(text, device)};
  return {text.substr(0, equals), MakeJudge(text.substr(equals + 1), device)};
}

void RunJudgeService(const std::vector<std::string>& judges, const policy::Device& device,
                     const JudgeServiceOptions& options) {
  net::HoldStopSignals();
  std::vector<NamedJudge> named;
  for (const std::string& judge : judges) named.push_back(MakeNamedJudge(judge, device));
  JudgeService service(std::move(named), options);
  service.Start();
  std::cerr << "rl-judge: listening on http://" << options.host << ":" << service.port() << "\n";
  for (const std::string& judge : judges) std::cerr << "  " << judge << "\n";
  net::WaitForStopSignal();
  std::cerr << "rl-judge: finishing what has arrived\n";
  const int num_lost = service.Drain(kDrainMs);
  if (num_lost > 0) {
    throw Error(ErrorKind::kFailed, std::to_string(num_lost) + " requests were cut off");
  }
}

}  // namespace agon::judge
