// rl-judge: what replies are worth, by a rubric, a reference, a grader or a model; how good the
// judge itself is; and a service for all of it.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "apps/command_line.h"
#include "core/error.h"
#include "judge/audit.h"
#include "judge/judge.h"
#include "judge/judge_lines.h"
#include "judge/judge_service.h"
#include "policy/policy.h"

namespace agon {
namespace {

struct Options {
  std::string judge, device = "cpu", file, prompt, reply, reply_a, reply_b, reference;
  int num_threads = 16;
  bool json = false;
  judge::AuditOptions audit;
  std::vector<std::string> judges;
  judge::JudgeServiceOptions service;
};

void AddJudge(CLI::App& command, Options& options) {
  command.add_option("--judge", options.judge, "Who judges, see rl-judge --help")->required();
  AddDevice(command, options.device);
}

std::shared_ptr<const judge::Judge> JudgeOf(const Options& options) {
  return judge::MakeJudge(options.judge, policy::ParseDevice(options.device));
}

// What is judged: lines of FILE, or one request of flags, which all need `reply`, the last of them.
void AddQuestion(CLI::App& command, Options& options, CLI::Option* reply) {
  AddJudge(command, options);
  command.add_option("FILE", options.file, "JSON lines of requests; stdin if none is named")
      ->excludes(reply);
  command.add_option("--threads", options.num_threads, "Lines judged at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--prompt", options.prompt, "Instead of FILE: what was asked")->needs(reply);
  command.add_option("--reference", options.reference, "Instead of FILE: a right answer")
      ->needs(reply);
  command.add_flag("--json", options.json, "Instead of FILE: write JSON")->needs(reply);
}

// JSON lines from the file, or from stdin if it is "".
template <typename Use>
void WithInput(const std::string& file, const Use& use) {
  if (file.empty()) return use(std::cin, "stdin");
  std::ifstream stream(file);
  if (!stream) throw Error(ErrorKind::kNotFound, "no such file", file);
  use(stream, file);
}

void JudgeInput(const Options& options, judge::JudgeCall call) {
  const auto judge = JudgeOf(options);
  WithInput(options.file, [&](std::istream& in, const std::string& name) {
    const auto counts =
        judge::JudgeLines(*judge, call, in, name, std::cout, std::cerr, options.num_threads);
    if (counts.num_masked > 0) {
      std::cerr << "masked: " << counts.num_masked << " of " << counts.num_lines << " lines\n";
    }
    if (counts.num_broken > 0) {
      throw Error(ErrorKind::kFailed,
                  std::to_string(counts.num_broken) + " of " + std::to_string(counts.num_lines) +
                      " lines could not be judged",
                  name);
    }
  });
}

// One request from flags.
void JudgeFlags(const Options& options, judge::JudgeCall call, std::vector<std::string> replies) {
  judge::JudgeRequest request;
  if (!options.prompt.empty()) request.question.messages = {{Role::kUser, options.prompt}};
  request.question.reference = options.reference;
  request.replies = std::move(replies);
  const auto judge = JudgeOf(options);
  bool is_masked = false;
  std::cout << judge::AnswerText(*judge, call, request, options.json, &is_masked);
  if (is_masked) throw Error(ErrorKind::kFailed, "the judge gave no verdict", options.judge);
}

void AddScore(CLI::App& app, Options& options) {
  CLI::App* score = app.add_subcommand("score", "What a reply is worth");
  CLI::Option* reply = score->add_option("--reply", options.reply, "Instead of FILE: the reply");
  AddQuestion(*score, options, reply);
  score->callback([&options, reply] {
    if (reply->count() > 0) return JudgeFlags(options, judge::JudgeCall::kScore, {options.reply});
    JudgeInput(options, judge::JudgeCall::kScore);
  });
}

void AddCompare(CLI::App& app, Options& options) {
  CLI::App* compare = app.add_subcommand("compare", "Which of two replies is better");
  CLI::Option* a = compare->add_option("--a", options.reply_a, "Instead of FILE: one reply");
  CLI::Option* b = compare->add_option("--b", options.reply_b, "Instead of FILE: the other");
  a->needs(b);
  b->needs(a);
  AddQuestion(*compare, options, a);
  compare->callback([&options, a] {
    if (a->count() > 0) {
      return JudgeFlags(options, judge::JudgeCall::kCompare, {options.reply_a, options.reply_b});
    }
    JudgeInput(options, judge::JudgeCall::kCompare);
  });
}

void AddAudit(CLI::App& app, Options& options) {
  CLI::App* audit = app.add_subcommand("audit", "How good a judge is, held against gold verdicts");
  AddJudge(*audit, options);
  audit->add_option("FILE", options.file, "JSON lines of requests with \"gold\"; stdin if none");
  audit->add_option("--runs", options.audit.num_runs, "How often each item is judged")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  audit
      ->add_option("--attacked", options.audit.num_attacked, "Items that get injected instructions")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  audit->add_option("--threads", options.audit.num_threads, "Items judged at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  audit->add_flag("--json", options.json, "Write JSON");
  audit->callback([&options] {
    const auto judge = JudgeOf(options);
    WithInput(options.file, [&](std::istream& in, const std::string& name) {
      const auto report = judge::Audit(*judge, judge::ReadAuditItems(in, name), options.audit);
      std::cout << (options.json ? judge::AuditJson(report) : judge::AuditTable(report));
    });
  });
}

void AddServe(CLI::App& app, Options& options) {
  CLI::App* serve = app.add_subcommand("serve", "Judge over HTTP");
  serve->add_option("--judge", options.judges, "A judge, or NAME=JUDGE; may be repeated")
      ->allow_extra_args(false);
  AddDevice(*serve, options.device);
  serve
      ->add_option("--env", options.service.envs,
                   "Environment with parameters for /v1/verify; may be repeated")
      ->allow_extra_args(false);
  serve->add_option("--host", options.service.host, "Address to listen on; 0.0.0.0 for all")
      ->capture_default_str();
  serve->add_option("--port", options.service.port, "0 for any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  serve->add_option("--threads", options.service.num_threads, "Requests judged at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  serve->add_option("--queue", options.service.max_waiting, "Requests that wait; more get 503")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  serve->add_option("--token", options.service.bearer_token, "Bearer token that clients must send")
      ->envname("AGON_JUDGE_TOKEN");
  serve->callback([&options] {
    judge::RunJudgeService(options.judges, policy::ParseDevice(options.device), options.service);
  });
}

constexpr const char* kFooter =
    "Judges:\n"
    "  rubric:FILE          weighted rules (docs/formats/rubric.md), scores from 0 to 1\n"
    "  reference[:HOW]      1 if the reply gives the reference; HOW is auto, math, number,\n"
    "                       choice, exact or contains\n"
    "  env:ID               the grader of a registered environment; requests name a task\n"
    "  reward:DIR[,DIR...]  a reward model or an ensemble of them: reward:a,b(rule=worst)\n"
    "  reward:URL           a reward model behind OpenRLHF's get_reward\n"
    "  model:DIR            a checkpoint, in text or by log-probability: model:DIR(style=logprob)\n"
    "  endpoint:URL#NAME    a model behind OpenAI's API\n"
    "  FILE.toml            one of the last two with templates of your own (docs/judging.md)\n"
    "\n"
    "Examples:\n"
    "  rl-judge score --judge reference --reference 1/2 --reply \"So it is \\\\boxed{0.5}.\"\n"
    "  rl-judge score --judge rubric:concise.toml replies.jsonl > scores.jsonl\n"
    "  rl-judge compare --judge endpoint:http://127.0.0.1:8000/v1#big pairs.jsonl > "
    "verdicts.jsonl\n"
    "  rl-judge audit --judge \"model:runs/judge(style=logprob)\" --device cuda gold.jsonl\n"
    "  rl-judge serve --judge right=reference --judge style=rubric:concise.toml --port 8090\n"
    "  AGON_JUDGE_TOKEN=secret rl-judge serve --judge reference --host 0.0.0.0";

int Run(int argc, char** argv) {
  CLI::App app("Judge replies, and audit the judge.");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  Options options;
  // So that it shows how many lines of stdin are waiting: those are judged together.
  std::ios::sync_with_stdio(false);
  AddPlugins(app);
  AddScore(app, options);
  AddCompare(app, options);
  AddAudit(app, options);
  AddServe(app, options);
  return ParseFlags(app, argc, argv).value_or(0);
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
