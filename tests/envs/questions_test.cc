// text/questions: what a file of questions must hold.
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>

#include "core/file.h"
#include "envs/env.h"
#include "tests/error_of.h"
#include "tests/paths.h"

namespace agon::envs {
namespace {

class QuestionsTest : public testing::Test {
 protected:
  QuestionsTest()
      : file_(fs::temp_directory_path() / ("agon-questions-" + std::to_string(::getpid()))) {}
  ~QuestionsTest() override { fs::remove(file_); }

  std::unique_ptr<Env> Env_(const std::string& lines) {
    WriteFileAtomic(file_, lines);
    return MakeEnv("text/questions(file=" + file_.string() + ")");
  }
  std::string Refusal(const std::string& lines) {
    return ErrorOf([&] { Env_(lines); }, ErrorKind::kCorrupt);
  }

  const fs::path file_;
};

constexpr char kWho[] =
    R"({"question": "Who wrote it?", "answer": "Ada", "text": "Ada wrote it."})";

TEST_F(QuestionsTest, WhatCantBeAskedIsRefusedByItsLine) {
  const std::string first = std::string(kWho) + "\n\n";
  struct Case {
    const char *line, *says;
  };
  for (const Case& bad : {
           Case{"not json", "line 3"},
           Case{"[1]", "not a JSON object"},
           Case{R"({"answer": "b", "text": "b"})", "question"},
           Case{R"({"question": "a", "text": "b"})", "answer"},
           Case{R"({"question": "a", "answer": "b"})", "text"},
           Case{R"({"question": " ", "answer": "b", "text": "b"})", "the question is empty"},
           Case{R"({"question": "a", "answer": [], "text": "b"})", "no answer"},
           Case{R"({"question": "a", "answer": ".", "text": "b."})", "the answer is empty"},
           Case{R"({"question": "a", "answer": 3, "text": "3"})", "answer"},
           Case{R"({"question": "a", "answer": "I don't know", "text": "I don't know"})",
                "is none"},
           Case{R"({"question": "a", "answer": "Marn", "text": "Marnow is a town."})",
                "doesn't stand in the text"},
       }) {
    const std::string refusal = Refusal(first + bad.line + "\n");
    EXPECT_TRUE(Contains(refusal, bad.says)) << bad.line << ": " << refusal;
    EXPECT_TRUE(Contains(refusal, "line 3")) << refusal;
  }
  EXPECT_TRUE(Contains(Refusal(""), "no questions"));
  EXPECT_TRUE(Contains(Refusal("\n \n"), "no questions"));
}

TEST_F(QuestionsTest, ContradictionsAreReportedWithBothLines) {
  const std::string refusal =
      Refusal(std::string(kWho) + "\n" +
              R"({"question": "who wrote it?", "answer": "Bo", "text": "Bo wrote it."})" + "\n");
  EXPECT_TRUE(Contains(refusal, "line 2")) << refusal;
  EXPECT_TRUE(Contains(refusal, "on line 1 \"Ada\"")) << refusal;
  // Said twice in the same way it is one question.
  EXPECT_EQ(Env_(std::string(kWho) + "\n" + kWho + "\n")->info().num_tasks, 1);
}

TEST_F(QuestionsTest, AnyOfSeveralAnswersIsRight) {
  const auto env =
      Env_(R"({"question": "When?", "answer": ["1843", "in 1843"], "text": "Ada, in 1843"})");
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    try {
      const Task task = env->Get(split, 1, 0);
      const auto worth = [&](const char* reply) {
        return std::get<Outcome>(env->Start(task)->Step(reply, false)).Reward();
      };
      EXPECT_EQ(worth("1843."), 1);
      EXPECT_EQ(worth("In 1843"), 1);
      EXPECT_EQ(worth("Ada, in 1843"), 0);
      return;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);  // the one line is in another split
    }
  }
  FAIL() << "in no split";
}

TEST_F(QuestionsTest, QuestionsOfATextStayTogether) {
  const auto env = MakeEnv("text/questions(file=" + kSourceDir + "/tests/data/facts.jsonl)");
  EXPECT_EQ(env->info().num_tasks, 60);
  std::set<std::string> towns;
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    std::set<std::string> of_split, questions;
    for (uint64_t i = 0; i < 60; ++i) {
      const Task task = env->Get(split, 1, i);
      questions.insert(task.messages[0].content);
      const std::string told = *env->Demonstrate(task, Labeler::kStepByStep, 0);
      of_split.insert(told.substr(0, told.find(" was founded")));
    }
    EXPECT_EQ(questions.size(), 3 * of_split.size());
    for (const std::string& town : of_split) EXPECT_TRUE(towns.insert(town).second) << town;
  }
  EXPECT_EQ(towns.size(), 20u);
}

}  // namespace
}  // namespace agon::envs
