#include "envs/conformance.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/rng.h"

namespace agon::envs {
namespace {

constexpr std::array kSplits = {Split::kTrain, Split::kVal, Split::kTest};
constexpr std::array kLabelers = {Labeler::kImmediate, Labeler::kStepByStep};
constexpr int kMaxFindings = 5;

std::string NameOf(const Task& task) {
  return task.id.env + " " + SplitName(task.id.split) + " seed " + std::to_string(task.id.seed) +
         " index " + std::to_string(task.id.index);
}

bool SameTask(const Task& a, const Task& b) {
  return a.messages == b.messages && a.answer == b.answer && a.family == b.family &&
         a.difficulty == b.difficulty && a.state == b.state && a.id.env == b.id.env;
}

std::string TextOf(const Messages& messages) {
  std::string text;
  for (const Message& message : messages) text += message.content + "\n";
  return text;
}

std::vector<std::string> NumbersIn(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::vector<std::string> numbers;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() &&
           (is_digit(text[end]) ||
            (end > i && text[end] == '.' && end + 1 < text.size() && is_digit(text[end + 1])))) {
      ++end;
    }
    if (end > i) numbers.emplace_back(text.substr(i, end - i));
    i = std::max(end, i + 1);
  }
  return numbers;
}

class Checker {
 public:
  Checker(const Env& env, const ConformanceOptions& options)
      : env_(env), info_(env.info()), options_(options) {}

  std::vector<ConformanceFinding> Run() {
    CheckInfo();
    LoadTasks();
    CheckPure();
    CheckSeeds();
    CheckRespec();
    CheckSplits();
    CheckGold();
    CheckHedges();
    CheckBlind();
    CheckHostile();
    CheckTerminated();
    return std::move(findings_);
  }

 private:
  void Report(std::string_view check, std::string problem, const Task* task = nullptr) {
    const auto same = [&](const ConformanceFinding& f) { return f.check == check; };
    if (std::count_if(findings_.begin(), findings_.end(), same) >= kMaxFindings) return;
    findings_.push_back({std::string(check), std::move(problem), task ? NameOf(*task) : ""});
  }

  void LoadTasks() {
    for (const Split split : kSplits) {
      for (int i = 0; i < options_.num_tasks; ++i) {
        tasks_.push_back(env_.Get(split, options_.seed, static_cast<uint64_t>(i)));
      }
    }
  }

  // The outcome of a one-turn episode; nullopt where the environment wants more turns.
  std::optional<Outcome> Grade(const Task& task, std::string_view completion,
                               bool truncated = false) const {
    StepResult result = env_.Start(task)->Step(completion, truncated);
    if (auto* outcome = std::get_if<Outcome>(&result)) return std::move(*outcome);
    return std::nullopt;
  }

  double Reward(const Task& task, std::string_view completion) const {
    const auto outcome = Grade(task, completion);
    return outcome ? outcome->Reward() : 0;
  }

  void ExpectNothing(std::string_view check, const Task& task, std::string_view name,
                     std::string_view completion) {
    const double reward = Reward(task, completion);
    if (reward == 0) return;
    Report(check, std::string(name) + " earns " + std::to_string(reward), &task);
  }

  void CheckInfo() {
    const auto ids = ListEnvs();
    if (std::find(ids.begin(), ids.end(), info_.id) == ids.end()) {
      Report("info", "id \"" + info_.id + "\" is not registered");
    }
    if (info_.summary.empty()) Report("info", "no summary");
    if (info_.num_difficulties < 1) Report("info", "no difficulty");
    if (info_.families.empty()) Report("info", "no family");
    if (info_.max_turns < 1) Report("info", "no turn");
    if (!(info_.max_reward > 0)) Report("info", "the maximal reward is not above 0");
    if (!(info_.chance >= 0 && info_.chance < 1)) Report("info", "chance is outside [0, 1)");
  }

  void CheckTask(const Task& task) {
    if (task.messages.empty() || TextOf(task.messages).size() <= task.messages.size()) {
      Report("info", "the task asks nothing", &task);
    }
    const auto& families = info_.families;
    if (std::find(families.begin(), families.end(), task.family) == families.end()) {
      Report("info", "family \"" + task.family + "\" is not declared", &task);
    }
    if (task.difficulty < 0 || task.difficulty >= info_.num_difficulties) {
      Report("info", "difficulty " + std::to_string(task.difficulty) + " is not declared", &task);
    }
  }

  void CheckPure() {
    const auto second = MakeEnv(tasks_.front().id.env);
    const auto num_threads = static_cast<size_t>(options_.num_threads);
    std::vector<std::vector<size_t>> wrong(num_threads);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < num_threads; ++t) {
      threads.emplace_back([&, t] {
        // Each thread goes through the tasks in another order.
        for (size_t k = 0; k < tasks_.size(); ++k) {
          const size_t i = t % 2 == 0 ? k : tasks_.size() - 1 - k;
          const TaskId& id = tasks_[i].id;
          const Env& env = t < 2 ? env_ : *second;
          if (!SameTask(env.Get(id.split, id.seed, id.index), tasks_[i])) wrong[t].push_back(i);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& indexes : wrong) {
      for (const size_t i : indexes) {
        Report("pure", "asked again, the task differs", &tasks_[i]);
      }
    }
    for (const Task& task : tasks_) {
      CheckTask(task);
      for (const Labeler labeler : kLabelers) {
        if (env_.Demonstrate(task, labeler, 3) != second->Demonstrate(task, labeler, 3)) {
          Report("pure", "asked again, the demonstration differs", &task);
        }
      }
    }
  }

  void CheckSeeds() {
    std::set<std::string> distinct;
    int num_same = 0;
    for (const Task& task : tasks_) {
      distinct.insert(TextOf(task.messages));
      const TaskId& id = task.id;
      // seed + index must not be what names a task: (1, 1) is not (2, 0).
      num_same += env_.Get(id.split, id.seed + 1, id.index).messages == task.messages;
      if (id.index > 0) {
        num_same += env_.Get(id.split, id.seed + 1, id.index - 1).messages == task.messages;
      }
    }
    if (distinct.size() * 2 < tasks_.size()) {
      Report("seeds", "only " + std::to_string(distinct.size()) + " of " +
                          std::to_string(tasks_.size()) + " tasks differ");
    }
    if (static_cast<size_t>(num_same) * 4 > tasks_.size()) {
      Report("seeds", "another seed repeats " + std::to_string(num_same) + " tasks");
    }
  }

  void CheckRespec() {
    for (const Task& task : tasks_) {
      if (task.id.index >= 5) continue;
      const TaskId& id = task.id;
      if (!SameTask(MakeEnv(id.env)->Get(id.split, id.seed, id.index), task)) {
        Report("respec", "MakeEnv(task.id.env) finds another task", &task);
      }
    }
  }

  void CheckSplits() {
    std::unordered_map<std::string, Split> split_of;
    for (const Split split : kSplits) {
      for (int i = 0; i < options_.num_split_tasks; ++i) {
        const uint64_t seed = options_.seed + static_cast<uint64_t>(i % 7) * 1000003;
        const Task task = env_.Get(split, seed, static_cast<uint64_t>(i));
        const auto [found, is_first] = split_of.emplace(TextOf(task.messages), split);
        if (!is_first && found->second != split) {
          Report("splits", std::string("also in the ") + SplitName(found->second) + " split",
                 &task);
        }
      }
    }
  }

  void CheckGold() {
    for (const Task& task : tasks_) {
      for (const Labeler labeler : kLabelers) {
        for (const uint64_t variant : {0, 1, 2, 5}) {
          const auto answer = env_.Demonstrate(task, labeler, variant);
          if (!answer) continue;
          const auto outcome = Grade(task, *answer);
          if (outcome && outcome->Reward() != info_.max_reward) {
            Report("gold",
                   "a demonstration earns " + std::to_string(outcome->Reward()) + ": " +
                       outcome->reason,
                   &task);
          }
          if (outcome && outcome->masked) Report("gold", "a demonstration is masked", &task);
        }
      }
    }
  }

  // The task's own gold and another answer that is not right for it.
  std::optional<std::pair<std::string, std::string>> GoldAndWrong(size_t i) const {
    for (size_t k = 1; k <= 20; ++k) {
      const Task& other = tasks_[(i + k * 7) % tasks_.size()];
      if (other.answer == tasks_[i].answer) continue;
      const auto gold = env_.Demonstrate(tasks_[i], Labeler::kImmediate, 0);
      const auto wrong = env_.Demonstrate(other, Labeler::kImmediate, 0);
      if (!gold || !wrong || Reward(tasks_[i], *wrong) != 0) continue;
      return std::pair(*gold, other.answer);
    }
    return std::nullopt;
  }

  void CheckHedges() {
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
    double neighbour = 0, prompt = 0;
    for (size_t i = 0; i < tasks_.size(); ++i) {
      const Task& task = tasks_[i];
      const auto answer = env_.Demonstrate(tasks_[(i + 1) % tasks_.size()], Labeler::kImmediate, 0);
      neighbour += answer && Reward(task, *answer) == info_.max_reward;
      const auto numbers = NumbersIn(TextOf(task.messages));
      prompt += !numbers.empty() && Reward(task, "Answer: " + numbers.back()) == info_.max_reward;
    }
    const auto judge = [&](std::string_view name, double num_right) {
      const double rate = num_right / static_cast<double>(tasks_.size());
      if (rate > info_.chance) {
        Report("blind", std::string(name) + " is right at a rate of " + std::to_string(rate) +
                            ", above the declared chance " + std::to_string(info_.chance));
      }
    };
    judge("another task's answer", neighbour);
    judge("the last number of the prompt", prompt);
  }

  void CheckHostile() {
    Rng rng({options_.seed, RngStream::kTest, 0, 0, 0});
    std::string garbage(1 << 20, '\0');
    for (char& c : garbage) c = static_cast<char>(rng.Below(256));
    std::string braces(1 << 20, '{'), boxes, markers;
    while (boxes.size() < 1 << 20) boxes += "\\boxed{";
    while (markers.size() < 1 << 20) markers += "Answer: (((((";
    for (size_t i = 0; i < tasks_.size(); ++i) {
      const Task& task = tasks_[i];
      const std::string prompt = TextOf(task.messages);
      const std::string gold = env_.Demonstrate(task, Labeler::kImmediate, 0).value_or("");
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
      if (i % 100 != 0) continue;
      for (std::string* text : {&garbage, &braces, &boxes, &markers}) {
        ExpectNothing("hostile", task, "1 MB of garbage", *text);
      }
    }
  }

  void CheckTerminated() {
    for (const Task& task : tasks_) {
      const auto gold = env_.Demonstrate(task, Labeler::kImmediate, 0);
      for (const bool truncated : {false, true}) {
        for (const std::string& text : {gold.value_or(""), std::string("Answer: ?")}) {
          const auto first = Grade(task, text, truncated), again = Grade(task, text, truncated);
          if (!first || !again) continue;
          if (first->terminated == first->truncated || first->truncated != truncated) {
            Report("terminated", "terminated and truncated do not tell how it ended", &task);
          }
          if (first->Reward() != again->Reward() || first->reason != again->reason) {
            Report("terminated", "graded again, the outcome differs", &task);
          }
          if (first->Reward() < 0 || first->Reward() > info_.max_reward) {
            Report("terminated", "reward " + std::to_string(first->Reward()) + " out of range",
                   &task);
          }
          if (first->parts.empty() && !first->masked) {
            Report("terminated", "neither a reward nor a mask", &task);
          }
        }
      }
    }
  }

  const Env& env_;
  const EnvInfo& info_;
  const ConformanceOptions options_;
  std::vector<Task> tasks_;
  std::vector<ConformanceFinding> findings_;
};

}  // namespace

const std::vector<std::string>& ConformanceChecks() {
  static const std::vector<std::string> checks = {"info",    "pure",      "seeds",  "respec",
                                                  "splits",  "gold",      "hedges", "blind",
                                                  "hostile", "terminated"};
  return checks;
}

std::vector<ConformanceFinding> CheckConformance(const Env& env,
                                                 const ConformanceOptions& options) {
  AGON_CHECK(options.num_tasks > 0 && options.num_threads > 0);
  return Checker(env, options).Run();
}

std::string Describe(const ConformanceFinding& finding) {
  std::string text = finding.check + ": " + finding.problem;
  return finding.task.empty() ? text : text + " (" + finding.task + ")";
}

}  // namespace agon::envs
