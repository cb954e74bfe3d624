#include "trainer/probe.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/progress.h"
#include "core/utf8.h"
#include "envs/dont_know.h"
#include "judge/rollout.h"
#include "trainer/refuse.h"

namespace agon::trainer {
namespace {

// Steps of the random key: what is asked when.
enum : uint64_t { kTraining = 11, kBefore = 12, kAfter = 13 };

struct Questions {
  envs::Split split;
  uint64_t first;
  int count;
  int num_samples;
  uint64_t key_step;
};

judge::ReplyKind KindOf(const judge::Trajectory& reply, double max_reward) {
  if (reply.Reward() >= max_reward) return judge::ReplyKind::kRight;
  const bool admits = !reply.length_limited && envs::SaysDontKnow(reply.completion);
  return admits ? judge::ReplyKind::kDontKnow : judge::ReplyKind::kWrong;
}

// A reply that was graded right and can be imitated.
void KeepRight(const std::string& reply, std::vector<std::string>& replies) {
  if (ReplaceBrokenUtf8(reply) != reply) return;
  if (std::find(replies.begin(), replies.end(), reply) == replies.end()) replies.push_back(reply);
}

// Of a file with few questions each is asked once.
std::vector<envs::Task> DifferentTasks(const ProbeConfig& config, const Questions& questions,
                                       const envs::Env& env) {
  std::vector<envs::Task> tasks;
  std::set<std::string> seen;
  for (int i = 0; i < questions.count; ++i) {
    envs::Task task =
        env.Get(questions.split, config.seed, questions.first + static_cast<uint64_t>(i));
    std::string text;
    for (const Message& message : task.messages) text += message.content + '\n';
    if (seen.insert(std::move(text)).second) tasks.push_back(std::move(task));
  }
  return tasks;
}

std::vector<judge::AskedFact> Ask(const ProbeConfig& config, const Questions& questions,
                                  policy::Policy& policy, const datasets::ChatTemplate& chat) {
  const std::shared_ptr<const envs::Env> env = envs::MakeEnv(config.env);
  const std::vector<envs::Task> tasks = DifferentTasks(config, questions, *env);
  judge::RolloutOptions options;
  options.sampling.temperature = config.temperature;
  options.max_new_tokens = config.max_new_tokens;
  options.num_samples = questions.num_samples;
  Progress bar("asking", static_cast<int64_t>(tasks.size()) * options.num_samples, "replies");
  options.on_progress = [&](int64_t done, int64_t) { bar.Update(done); };
  const RngKey key{
      .run_seed = config.seed, .stream = RngStream::kLabeler, .step = questions.key_step};
  std::vector<judge::AskedFact> asked(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    asked[i].index = tasks[i].id.index;
    asked[i].question = tasks[i].messages.back().content;
    asked[i].answer = tasks[i].answer;
    asked[i].family = tasks[i].family;
  }
  const auto replies = judge::RunEpisodes(policy, chat, env, tasks, options, key);
  for (size_t r = 0; r < replies.size(); ++r) {
    judge::AskedFact& fact = asked[r / static_cast<size_t>(options.num_samples)];
    if (replies[r].outcome.masked) continue;
    const judge::ReplyKind kind = KindOf(replies[r], env->info().max_reward);
    if (fact.said.empty()) fact.example = replies[r].completion;
    fact.said += static_cast<char>(kind);
    if (kind == judge::ReplyKind::kRight) KeepRight(replies[r].completion, fact.right_replies);
  }
  return asked;
}

Questions HeldOutQuestions(const ProbeConfig& config, int num_samples, uint64_t key_step) {
  return {envs::Split::kTest, 0, config.val_facts, num_samples, key_step};
}

}  // namespace

std::vector<MixPart> ParseMix(const std::vector<std::string>& mix, std::string_view key) {
  std::vector<MixPart> parts;
  double sum = 0;
  for (const std::string& text : mix) {
    // Parameters hold equals signs, too.
    const size_t equals = text.rfind('='), closing = text.rfind(')');
    MixPart part;
    const char* const end = text.data() + text.size();
    if (equals == std::string::npos || (closing != std::string::npos && closing > equals) ||
        std::from_chars(text.data() + equals + 1, end, part.share).ptr != end ||
        !(part.share > 0) || !(part.share < 1)) {
      Refuse("\"" + text + "\" is no environment with a share between 0 and 1", key,
             "write ENV=SHARE, as \"math/shop=0.2\"");
    }
    part.env = text.substr(0, equals);
    try {
      envs::MakeEnv(part.env);
    } catch (const Error& error) {
      Refuse(error.what(), key, "");
    }
    sum += part.share;
    parts.push_back(std::move(part));
  }
  if (!(sum < 1)) Refuse("shares add up to 1 or more", key, "leave some for what was probed");
  return parts;
}

void CheckProbe(const ProbeConfig& config) {
  std::unique_ptr<envs::Env> env;
  try {
    env = envs::MakeEnv(config.env);
    env->Get(envs::Split::kTrain, config.seed, config.first_task);
    env->Get(envs::Split::kTest, config.seed, 0);
  } catch (const Error& error) {
    Refuse(error.what(), "probe.env", "");
  }
  if (env->info().num_seats != 1 || env->info().max_turns != 1) {
    Refuse(config.env + " has several turns or seats, so that no reply is its own", "probe.env",
           "ask an environment of one reply, such as text/facts or text/questions(file=PATH)");
  }
  ParseMix(config.mix, "probe.mix");
}

std::filesystem::path ProbeDir(const std::filesystem::path& run_dir) { return run_dir / "probe"; }

void WriteProbe(const ProbeConfig& config, policy::Policy& policy,
                const datasets::ChatTemplate& chat, const std::filesystem::path& run_dir) {
  const auto train =
      Ask(config,
          {envs::Split::kTrain, config.first_task, config.num_facts, config.num_samples, kTraining},
          policy, chat);
  // Half of the samples say what is known, the other half what is said.
  const auto held_out =
      Ask(config, HeldOutQuestions(config, 2 * config.num_samples, kBefore), policy, chat);
  WriteDirAtomic(ProbeDir(run_dir), [&](const fs::path& dir) {
    judge::WriteAsked(dir / "train.jsonl", train);
    judge::WriteAsked(dir / "heldout.jsonl", held_out);
  });
}

judge::Knowledge MeasureProbe(const ProbeConfig& config, policy::Policy& policy,
                              const datasets::ChatTemplate& chat,
                              const std::filesystem::path& run_dir) {
  judge::Knowledge knowledge;
  const double share = static_cast<double>(config.known_share);
  for (const judge::AskedFact& fact : judge::ReadAsked(ProbeDir(run_dir) / "train.jsonl")) {
    const judge::FactClass known = judge::ClassOf(fact.said, share);
    ++(known == judge::FactClass::kKnown    ? knowledge.num_known
       : known == judge::FactClass::kUnsure ? knowledge.num_unsure
                                            : knowledge.num_never_right);
  }
  const auto before = judge::ReadAsked(ProbeDir(run_dir) / "heldout.jsonl");
  const auto after =
      Ask(config, HeldOutQuestions(config, config.num_samples, kAfter), policy, chat);
  if (before.size() != after.size()) {
    throw Error(ErrorKind::kCorrupt,
                std::to_string(before.size()) + " questions, not " + std::to_string(after.size()),
                (ProbeDir(run_dir) / "heldout.jsonl").string(), "start anew with another --out");
  }
  for (size_t i = 0; i < before.size(); ++i) {
    const std::string& said = before[i].said;
    const size_t half = said.size() / 2;
    knowledge.held_out.push_back({before[i].question, before[i].answer, before[i].family,
                                  judge::ClassOf(said.substr(0, half), share), said.substr(half),
                                  after[i].said, before[i].example, after[i].example});
  }
  return knowledge;
}

}  // namespace agon::trainer
