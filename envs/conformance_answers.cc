// The half of the conformance suite that answers tasks.
#include <optional>
#include <string>
#include <utility>

#include "core/rng.h"
#include "envs/conformance_report.h"
#include "envs/demonstration.h"

namespace agon::envs {
namespace {

class AnswerChecker {
 public:
  AnswerChecker(const Env& env, std::span<const Task> tasks, uint64_t seed,
                ConformanceReport& report)
      : env_(env), info_(env.info()), tasks_(tasks), seed_(seed), report_(report) {}

  void Run() {
    CheckGold();
    CheckHedges();
    CheckBlind();
    CheckHostile();
    CheckTerminated();
    CheckRestore();
  }

 private:
  int MaxSteps() const { return info_.max_turns * info_.num_seats; }

  // The outcome where every turn is answered by `completion`; nullopt without an end.
  std::optional<Outcome> PlayOut(const Task& task, std::string_view completion,
                                 bool truncated = false) const {
    const auto episode = env_.Start(task);
    for (int turn = 0; turn < MaxSteps(); ++turn) {
      StepResult result = episode->Step(completion, truncated);
      if (auto* outcome = std::get_if<Outcome>(&result)) return std::move(*outcome);
    }
    return std::nullopt;
  }

  double Reward(const Task& task, std::string_view completion) const {
    const auto outcome = PlayOut(task, completion);
    return outcome ? outcome->Reward() : 0;
  }

  // The last thing that a labeler says: with one turn, the whole answer.
  std::optional<std::string> Gold(const Task& task) const {
    const auto demonstration = DemonstrateEpisode(env_, task, Labeler::kImmediate, 0);
    if (!demonstration) return std::nullopt;
    return demonstration->seats[0].back().content;
  }

  void ExpectNothing(std::string_view check, const Task& task, std::string_view name,
                     std::string_view completion) {
    const double reward = Reward(task, completion);
    if (reward == 0) return;
    report_.Add(check, std::string(name) + " earns " + std::to_string(reward), &task);
  }

  void CheckGold() {
    for (const Task& task : tasks_) {
      for (const Labeler labeler : kLabelers) {
        for (const uint64_t variant : {0, 1, 2, 5}) {
          if (env_.Start(task)->Demonstrate(labeler, variant)) CheckLabeler(task, labeler, variant);
        }
      }
    }
  }

  void CheckLabeler(const Task& task, Labeler labeler, uint64_t variant) {
    const auto demonstration = DemonstrateEpisode(env_, task, labeler, variant);
    if (!demonstration) {
      report_.Add("gold", "a demonstration stops half-way or is masked", &task);
      return;
    }
    const Outcome& outcome = demonstration->outcome;
    if (info_.demonstrates_gold && outcome.Reward() != info_.max_reward) {
      report_.Add(
          "gold",
          "a demonstration earns " + std::to_string(outcome.Reward()) + ": " + outcome.reason,
          &task);
    }
  }

  // The task's own gold and another answer that is not right for it.
  std::optional<std::pair<std::string, std::string>> GoldAndWrong(size_t i) const {
    for (size_t k = 1; k <= 20; ++k) {
      const Task& other = tasks_[(i + k * 7) % tasks_.size()];
      if (other.answer == tasks_[i].answer) continue;
      const auto gold = Gold(tasks_[i]), wrong = Gold(other);
      if (!gold || !wrong || Reward(tasks_[i], *wrong) != 0) continue;
      return std::pair(*gold, other.answer);
    }
    return std::nullopt;
  }

  void CheckHedges() {
    if (!info_.demonstrates_gold || info_.num_seats > 1) return;
    for (size_t i = 0; i < tasks_.size(); ++i) {
      const auto pair = GoldAndWrong(i);
      if (!pair) continue;
      const auto& [gold, wrong] = *pair;
      const Task& task = tasks_[i];
      ExpectNothing("hedges", task, "\"... or ...\"", gold + " or " + wrong);
      ExpectNothing("hedges", task, "\"..., ...\"", gold + ", " + wrong);
      ExpectNothing("hedges", task, "two answers with a space between", gold + " " + wrong);
      ExpectNothing("hedges", task, "another box", gold + "\n\\boxed{" + wrong + "}");
      ExpectNothing("hedges", task, "another #### answer", gold + "\n#### " + wrong);
      ExpectNothing("hedges", task, "two boxes",
                    "\\boxed{" + task.answer + "} \\boxed{" + wrong + "}");
      ExpectNothing("hedges", task, "a box with two answers",
                    "\\boxed{" + task.answer + ", " + wrong + "}");
    }
  }

  void CheckBlind() {
    if (info_.num_seats > 1 || !info_.demonstrates_gold) return;
    double neighbour = 0, prompt = 0;
    for (size_t i = 0; i < tasks_.size(); ++i) {
      const Task& task = tasks_[i];
      const auto answer = Gold(tasks_[(i + 1) % tasks_.size()]);
      neighbour += answer && Reward(task, *answer) == info_.max_reward;
      const auto numbers = NumbersIn(TextOf(task.messages));
      prompt += !numbers.empty() && Reward(task, "Answer: " + numbers.back()) == info_.max_reward;
    }
    const auto judge = [&](std::string_view name, double num_right) {
      const double rate = num_right / static_cast<double>(tasks_.size());
      if (rate > info_.chance) {
        report_.Add("blind", std::string(name) + " is right at a rate of " + std::to_string(rate) +
                                 ", above the declared chance " + std::to_string(info_.chance));
      }
    };
    judge("another task's answer", neighbour);
    judge("the last number of the prompt", prompt);
  }

  void CheckHostile() {
    Rng rng({seed_, RngStream::kTest, 0, 0, 0});
    std::string garbage(1 << 20, '\0');
    for (char& c : garbage) c = static_cast<char>(rng.Below(256));
    std::string braces(1 << 20, '{'), boxes, markers;
    while (boxes.size() < 1 << 20) boxes += "\\boxed{";
    while (markers.size() < 1 << 20) markers += "Answer: (((((";
    for (size_t i = 0; i < tasks_.size(); ++i) {
      const Task& task = tasks_[i];
      CheckHostileTexts(task);
      if (i % 100 != 0) continue;
      for (const std::string* text : {&garbage, &braces, &boxes, &markers}) {
        ExpectNothing("hostile", task, "1 MB of garbage", *text);
      }
    }
  }

  void CheckHostileTexts(const Task& task) {
    const std::string prompt = TextOf(task.messages), gold = Gold(task).value_or("");
    std::string numbers;
    for (const std::string& number : NumbersIn(prompt)) numbers += " " + number;
    ExpectNothing("hostile", task, "an empty answer", "");
    ExpectNothing("hostile", task, "an empty marker", "Answer:");
    ExpectNothing("hostile", task, "the prompt", prompt);
    ExpectNothing("hostile", task, "the prompt behind a marker", "Answer: " + prompt);
    ExpectNothing("hostile", task, "all numbers of the prompt", "Answer:" + numbers);
    ExpectNothing("hostile", task, "a thought", "<think>" + gold + "</think>");
    ExpectNothing("hostile", task, "an open thought", "<think>\n" + gold);
    ExpectNothing("hostile", task, "NUL bytes", std::string(100, '\0'));
    ExpectNothing("hostile", task, "NUL inside", "Answer: " + task.answer + '\0' + "1");
    ExpectNothing("hostile", task, "invalid UTF-8", "Answer: \xff\xfe\xc0\x80");
    ExpectNothing("hostile", task, "invalid UTF-8 behind the answer", gold + "\xc3");
  }

  void CheckTerminated() {
    for (const Task& task : tasks_) {
      const std::string gold = Gold(task).value_or("");
      for (const bool truncated : {false, true}) {
        for (const std::string& text : {gold, std::string("Answer: ?")}) {
          const auto first = PlayOut(task, text, truncated), again = PlayOut(task, text, truncated);
          if (!first || !again) {
            report_.Add("terminated", "no end within max_turns", &task);
            continue;
          }
          CheckEnd(task, *first, *again, truncated);
        }
      }
    }
  }

  void CheckEnd(const Task& task, const Outcome& first, const Outcome& again, bool truncated) {
    const bool may_end_both_ways = info_.max_turns > 1 || info_.num_seats > 1;
    if (first.terminated == first.truncated ||
        (!may_end_both_ways && first.truncated != truncated)) {
      report_.Add("terminated", "terminated and truncated do not tell how it ended", &task);
    }
    if (first.Reward() != again.Reward() || first.reason != again.reason) {
      report_.Add("terminated", "graded again, the outcome differs", &task);
    }
    for (int seat = 0; seat < info_.num_seats; ++seat) {
      const double reward = first.Reward(seat);
      if (reward >= 0 && reward <= info_.max_reward) continue;
      report_.Add("terminated", "reward " + std::to_string(reward) + " out of range", &task);
    }
    if (first.parts.empty() && !first.masked) {
      report_.Add("terminated", "neither a reward nor a mask", &task);
    }
  }

  // Replays the demonstration; after each turn the restored episode must answer the rest as
  // the episode itself does.
  void CheckRestore() {
    for (const Task& task : tasks_) {
      if (task.id.index >= 10) continue;
      const auto episode = env_.Start(task);
      for (int turn = 0; turn < MaxSteps(); ++turn) {
        const auto saved = episode->Save();
        if (!saved) return;
        const std::string text = episode->Demonstrate(Labeler::kImmediate, 0).value_or("?");
        const auto restored = env_.Restore(task, *saved);
        const StepResult expected = episode->Step(text, false), got = restored->Step(text, false);
        if (!SameResult(expected, got)) {
          report_.Add("restore", "restored after " + std::to_string(turn) + " turns, it differs",
                      &task);
        }
        if (std::holds_alternative<Outcome>(expected)) break;
      }
    }
  }

  static bool SameResult(const StepResult& a, const StepResult& b) {
    if (a.index() != b.index()) return false;
    if (const auto* turn = std::get_if<Turn>(&a)) {
      return turn->messages == std::get<Turn>(b).messages && turn->seat == std::get<Turn>(b).seat;
    }
    const Outcome &x = std::get<Outcome>(a), &y = std::get<Outcome>(b);
    return x.Reward() == y.Reward() && x.reason == y.reason && x.extracted == y.extracted;
  }

  const Env& env_;
  const EnvInfo& info_;
  const std::span<const Task> tasks_;
  const uint64_t seed_;
  ConformanceReport& report_;
};

}  // namespace

void CheckAnswers(const Env& env, std::span<const Task> tasks, uint64_t seed,
                  ConformanceReport& report) {
  AnswerChecker(env, tasks, seed, report).Run();
}

}  // namespace agon::envs
