// What the tests of reason/... read of tasks and verdicts.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "envs/env.h"
#include "tests/envs/outcomes.h"

namespace agon::envs {

inline constexpr int kNumTasks = 300;

// Tasks of `spec` with their questions.
inline std::vector<Task> TasksOf(const Env& env, int count = kNumTasks) {
  std::vector<Task> tasks;
  for (int i = 0; i < count; ++i) {
    tasks.push_back(env.Get(Split::kTrain, 3, static_cast<uint64_t>(i)));
  }
  return tasks;
}

inline std::string ReasonFor(const Env& env, const Task& task, const std::string& answer) {
  const Outcome outcome = std::get<Outcome>(env.Start(task)->Step("Answer: " + answer, false));
  EXPECT_EQ(outcome.Reward() == 1, outcome.reason == "right");
  return outcome.reason;
}
inline bool IsRight(const Env& env, const Task& task, const std::string& answer) {
  return ReasonFor(env, task, answer) == "right";
}

inline std::vector<int64_t> NumbersOf(const std::string& text) {
  std::vector<int64_t> numbers;
  const std::regex number("\\d+");
  for (std::sregex_iterator it(text.begin(), text.end(), number), end; it != end; ++it) {
    numbers.push_back(std::stoll(it->str()));
  }
  return numbers;
}

inline std::vector<std::string> WordsOf(std::string text) {
  for (char& c : text) {
    if (std::string(",.?:").find(c) != std::string::npos) c = ' ';
  }
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// The first task whose question holds `part`.
inline Task TaskAsking(const Env& env, const std::string& part) {
  for (uint64_t i = 0; i < 20000; ++i) {
    for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
      Task task = env.Get(split, 0, i);
      if (QuestionOf(task).find(part) != std::string::npos) return task;
    }
  }
  ADD_FAILURE() << part << " is never asked";
  return env.Get(Split::kTrain, 0, 0);
}

}  // namespace agon::envs
