// math/jsonl: word problems from a file, one JSON object a line, graded exactly.
//
//   math/jsonl(file=train.jsonl)                     GSM8K's file as it is
//   math/jsonl(file=a.jsonl,question=problem,answer=solution,european_comma=1)
//
// The answer is the gold itself, or a worked solution that ends in it ("... #### 72", or
// "... \boxed{72}"); the work is what the step-by-step labeler shows.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "envs/choice.h"
#include "envs/line_tasks.h"
#include "envs/math/grade.h"
#include "envs/math/rational.h"

namespace agon::envs {
namespace {

constexpr std::string_view kFamily = "problem";
constexpr std::array<std::string_view, 4> kOwnKeys = {"file", "question", "answer",
                                                      "european_comma"};

struct WordProblem {
  std::string question, gold;
  std::string work;  // "" if the file holds none, or none that ends in the gold
};

// "48/2 = <<48/2=24>>24": the marks are for a calculator.
std::string WithoutMarks(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const size_t open = text.find("<<");
    const size_t close = open == std::string_view::npos ? open : text.find(">>", open);
    if (close == std::string_view::npos) break;
    plain += text.substr(0, open);
    text.remove_prefix(close + 2);
  }
  return plain.append(text);
}

std::string Marked(const std::string& gold) {
  // What follows "Answer:" ends with its line.
  return gold.find('\n') == std::string::npos ? "Answer: " + gold : "\\boxed{" + gold + "}";
}

std::string Shown(const WordProblem& problem) { return problem.work + "\n" + Marked(problem.gold); }

class Reader {
 public:
  Reader(std::string file, std::string question_key, std::string answer_key,
         const MathGradeOptions& grading)
      : file_(std::move(file)),
        question_key_(std::move(question_key)),
        answer_key_(std::move(answer_key)),
        grading_(grading) {}

  std::vector<WordProblem> Read() const {
    const std::string text = ReadFile(file_);
    std::vector<WordProblem> problems;
    size_t number = 0;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string_view line = TrimSpace(std::string_view(text).substr(begin, end - begin));
      begin = end + 1;
      ++number;
      if (!line.empty()) problems.push_back(ReadLine(line, Where(number)));
    }
    if (problems.empty()) throw Error(ErrorKind::kCorrupt, "no problems", file_);
    return problems;
  }

 private:
  std::string Where(size_t number) const { return file_ + " line " + std::to_string(number); }

  WordProblem ReadLine(std::string_view line, const std::string& where) const {
    const Json object = ParseJson(line, where);
    if (!object.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
    WordProblem problem;
    problem.question = JsonField<std::string>(object, question_key_.c_str(), where);
    const auto answer = JsonField<std::string>(object, answer_key_.c_str(), where);
    if (TrimSpace(problem.question).empty()) {
      throw Error(ErrorKind::kCorrupt, "the question is empty", where);
    }
    try {
      problem.gold = GoldAnswer(answer);
    } catch (const Error& error) {
      throw Error(ErrorKind::kCorrupt, error.what(), where);
    }
    if (!IsRight(problem, Marked(problem.gold))) {
      throw Error(ErrorKind::kCorrupt, "the answer \"" + problem.gold + "\" can't be graded", where,
                  "it must be one answer, in LaTeX or plain text");
    }
    const size_t end = answer.rfind("####");
    problem.work = WithoutMarks(TrimSpace(std::string_view(answer).substr(0, end)));
    // A bare gold shows no work, and work that offers other answers is no demonstration.
    if (problem.work == problem.gold || !IsRight(problem, Shown(problem))) problem.work.clear();
    return problem;
  }

  bool IsRight(const WordProblem& problem, const std::string& response) const {
    return GradeMath(problem.gold, response, grading_).correct;
  }

  std::string file_, question_key_, answer_key_;
  MathGradeOptions grading_;
};

class WordProblemEpisode final : public Episode {
 public:
  WordProblemEpisode(std::shared_ptr<const WordProblem> problem, const MathGradeOptions& grading)
      : problem_(std::move(problem)), grading_(grading) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    // The last line of a cut completion may lack its end: "Answer: 1" of "Answer: 12".
    if (truncated) completion = completion.substr(0, completion.rfind('\n') + 1);
    MathGrade grade = GradeMath(problem_->gold, completion, grading_);
    Outcome outcome;
    outcome.parts = {{"correct", grade.correct ? 1.0 : 0.0, 1.0}};
    outcome.terminated = !truncated;
    outcome.truncated = truncated;
    outcome.extracted = std::move(grade.extracted);
    outcome.reason = std::move(grade.reason);
    return outcome;
  }

  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t /*variant*/) const override {
    if (labeler == Labeler::kImmediate) return Marked(problem_->gold);
    if (problem_->work.empty()) return std::nullopt;
    return Shown(*problem_);
  }

 private:
  const std::shared_ptr<const WordProblem> problem_;
  MathGradeOptions grading_;
};

class WordProblemFile final : public Env {
 public:
  explicit WordProblemFile(std::string_view params) {
    info_.id = "math/jsonl-v1";
    info_.summary = "Word problems from a JSON lines file, such as GSM8K's";
    info_.families = {std::string(kFamily)};
    info_.needs = "file=PATH";
    TaskChoice choice = ParseTaskChoice(params, info_, kOwnKeys);
    spec_ = choice.Spec(info_);
    auto& own = choice.own;
    if (const auto comma = own.find("european_comma"); comma != own.end()) {
      if (comma->second != "0" && comma->second != "1") {
        ThrowBadValue("european_comma", comma->second, info_, "0 or 1");
      }
      grading_.european_comma = comma->second == "1";
    }
    if (own["file"].empty()) return;
    info_.needs.clear();
    const auto key = [&](const std::string& name) { return own[name].empty() ? name : own[name]; };
    problems_ = std::make_shared<const std::vector<WordProblem>>(
        Reader(own["file"], key("question"), key("answer"), grading_).Read());
    for (const WordProblem& problem : *problems_) lines_.Add(problem.question);
    info_.num_tasks = lines_.size();
  }

  const EnvInfo& info() const override { return info_; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    Task task = lines_.Find(spec_, split, seed, index);
    const WordProblem& line = (*problems_)[lines_.LineOf(task)];
    task.messages = {{Role::kUser, line.question}};
    task.answer = line.gold;
    return task;
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    const size_t line = lines_.LineOf(task);
    // Shares all problems, of which the episode needs one.
    return std::make_unique<WordProblemEpisode>(
        std::shared_ptr<const WordProblem>(problems_, &(*problems_)[line]), grading_);
  }

 private:
  EnvInfo info_;
  LineTasks lines_{"math/jsonl-v1", std::string(kFamily)};
  std::string spec_;
  MathGradeOptions grading_;
  std::shared_ptr<const std::vector<WordProblem>> problems_;  // null without a file
};

std::unique_ptr<Env> MakeWordProblemFile(std::string_view params) {
  return std::make_unique<WordProblemFile>(params);
}

REGISTER_ENV("math/jsonl-v1", MakeWordProblemFile);

}  // namespace
}  // namespace agon::envs
