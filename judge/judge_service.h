// Judges behind HTTP: what `rl-judge serve` runs (docs/judging.md).
//
//   POST /v1/score /v1/compare /v1/rank    requests as rl-judge reads them, and "judge"
//   POST /v1/verify                        a registered environment's grader, or "math", "code"
//   POST /get_reward                       OpenRLHF's {"query": [...]} to {"rewards": [...]}
//   GET  /v1/judges /health /metrics
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "judge/judge.h"

namespace agon::judge {

struct NamedJudge {
  std::string name;  // what requests call it
  std::shared_ptr<const Judge> judge;
};

struct JudgeServiceOptions {
  std::string host = "127.0.0.1";
  int port = 8090;  // 0: any that is free
  std::string bearer_token = {};
  int num_threads = 64;    // requests judged at once; each waits for its judge
  int max_waiting = 1024;  // more are answered 503
  // Environments with parameters that /v1/verify may use. Those without any need no leave:
  // parameters may name files and servers, which is the operator's to decide.
  std::vector<std::string> envs = {};
};

class JudgeService {
 public:
  // The first of `judges` is asked where a request names none; there may be none at all. Throws
  // Error(kUsage) for two of one name, or an environment that isn't there.
  JudgeService(std::vector<NamedJudge> judges, JudgeServiceOptions options);
  ~JudgeService();

  // Listens, on threads of its own. Throws as HttpServer::Start does.
  void Start();
  int port() const;
  // Answers what has arrived, then stops. Returns the number of requests cut off.
  int Drain(int timeout_ms);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "NAME=JUDGE" or "JUDGE", which is then its own name. The judge is MakeJudge's, which throws.
NamedJudge MakeNamedJudge(const std::string& text, const policy::Device& device = {});

// Serves `judges`, whose checkpoints compute on `device`, until SIGINT or SIGTERM, with lines for
// people on stderr. Throws Error(kFailed) if requests were cut off.
void RunJudgeService(const std::vector<std::string>& judges, const policy::Device& device,
                     const JudgeServiceOptions& options);

}  // namespace agon::judge
