#include "envs/conformance.h"

#include <algorithm>
#include <array>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "envs/conformance_report.h"

namespace agon::envs {
namespace {

constexpr std::array kSplits = {Split::kTrain, Split::kVal, Split::kTest};

std::string NameOf(const Task& task) {
  return task.id.env + " " + SplitName(task.id.split) + " seed " + std::to_string(task.id.seed) +
         " index " + std::to_string(task.id.index);
}

bool SameTask(const Task& a, const Task& b) {
  return a.messages == b.messages && a.answer == b.answer && a.family == b.family &&
         a.difficulty == b.difficulty && a.state == b.state && a.id.env == b.id.env;
}

class TaskChecker {
 public:
  TaskChecker(const Env& env, const ConformanceOptions& options)
      : env_(env), info_(env.info()), options_(options) {}

  std::vector<ConformanceFinding> Run() {
    CheckInfo();
    LoadTasks();
    CheckPure();
    CheckSeeds();
    CheckRespec();
    CheckSplits();
    CheckAnswers(env_, tasks_, options_.seed, report_);
    return report_.Take();
  }

 private:
  void LoadTasks() {
    for (const Split split : kSplits) {
      for (int i = 0; i < options_.num_tasks; ++i) {
        tasks_.push_back(env_.Get(split, options_.seed, static_cast<uint64_t>(i)));
      }
    }
  }

  void CheckInfo() {
    const auto ids = ListEnvs();
    if (std::find(ids.begin(), ids.end(), info_.id) == ids.end()) {
      report_.Add("info", "id \"" + info_.id + "\" is not registered");
    }
    if (info_.summary.empty()) report_.Add("info", "no summary");
    if (info_.num_difficulties < 1) report_.Add("info", "no difficulty");
    if (info_.families.empty()) report_.Add("info", "no family");
    if (info_.max_turns < 1) report_.Add("info", "no turn");
    if (info_.num_seats < 1) report_.Add("info", "no seat");
    if (info_.step_timeout_ms < 1) report_.Add("info", "no time for a step");
    for (const Attribute& attribute : info_.attributes) CheckAttribute(attribute);
    if (!(info_.max_reward > 0)) report_.Add("info", "the maximal reward is not above 0");
    if (!(info_.chance >= 0 && info_.chance < 1)) report_.Add("info", "chance is outside [0, 1)");
  }

  // Every level can be asked for.
  void CheckAttribute(const Attribute& attribute) {
    if (attribute.levels.empty()) report_.Add("info", attribute.name + " has no level");
    for (size_t level = 0; level < attribute.levels.size(); ++level) {
      const std::string wish = attribute.name + "=" + std::to_string(level);
      try {
        MakeEnv(info_.id + "(" + wish + ")")->Get(Split::kTrain, options_.seed, 0);
      } catch (const Error& error) {
        report_.Add("info", wish + " is refused: " + error.what());
      }
    }
  }

  void CheckTask(const Task& task) {
    if (task.messages.empty() || TextOf(task.messages).size() <= task.messages.size()) {
      report_.Add("info", "the task asks nothing", &task);
    }
    const auto& families = info_.families;
    if (std::find(families.begin(), families.end(), task.family) == families.end()) {
      report_.Add("info", "family \"" + task.family + "\" is not declared", &task);
    }
    if (task.difficulty < 0 || task.difficulty >= info_.num_difficulties) {
      report_.Add("info", "difficulty " + std::to_string(task.difficulty) + " is not declared",
                  &task);
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
        report_.Add("pure", "asked again, the task differs", &tasks_[i]);
      }
    }
    for (const Task& task : tasks_) {
      CheckTask(task);
      for (const Labeler labeler : kLabelers) {
        if (env_.Demonstrate(task, labeler, 3) != second->Demonstrate(task, labeler, 3)) {
          report_.Add("pure", "asked again, the demonstration differs", &task);
        }
      }
    }
  }

  void CheckSeeds() {
    if (info_.num_tasks > 0) return;  // so few that they come again
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
      report_.Add("seeds", "only " + std::to_string(distinct.size()) + " of " +
                               std::to_string(tasks_.size()) + " tasks differ");
    }
    if (static_cast<size_t>(num_same) * 4 > tasks_.size()) {
      report_.Add("seeds", "another seed repeats " + std::to_string(num_same) + " tasks");
    }
  }

  void CheckRespec() {
    for (const Task& task : tasks_) {
      if (task.id.index >= 5) continue;
      const TaskId& id = task.id;
      if (!SameTask(MakeEnv(id.env)->Get(id.split, id.seed, id.index), task)) {
        report_.Add("respec", "MakeEnv(task.id.env) finds another task", &task);
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
          report_.Add("splits", std::string("also in the ") + SplitName(found->second) + " split",
                      &task);
        }
      }
    }
  }

  const Env& env_;
  const EnvInfo& info_;
  const ConformanceOptions options_;
  std::vector<Task> tasks_;
  ConformanceReport report_;
};

}  // namespace

void ConformanceReport::Add(std::string_view check, std::string problem, const Task* task) {
  constexpr int kMaxFindings = 5;
  const auto same = [&](const ConformanceFinding& f) { return f.check == check; };
  if (std::count_if(findings_.begin(), findings_.end(), same) >= kMaxFindings) return;
  findings_.push_back({std::string(check), std::move(problem), task ? NameOf(*task) : ""});
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

const std::vector<std::string>& ConformanceChecks() {
  static const std::vector<std::string> checks = {"info",    "pure",       "seeds",  "respec",
                                                  "splits",  "gold",       "hedges", "blind",
                                                  "hostile", "terminated", "restore"};
  return checks;
}

std::vector<ConformanceFinding> CheckConformance(const Env& env,
                                                 const ConformanceOptions& options) {
  AGON_CHECK(options.num_tasks > 0 && options.num_threads > 0);
  return TaskChecker(env, options).Run();
}

std::string Describe(const ConformanceFinding& finding) {
  std::string text = finding.check + ": " + finding.problem;
  return finding.task.empty() ? text : text + " (" + finding.task + ")";
}

}  // namespace agon::envs
