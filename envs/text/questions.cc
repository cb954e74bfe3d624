// text/questions: questions from a file, one JSON object a line, each with the text that holds its
// answer.
//
//   {"question": "Who wrote it?", "answer": "Ada", "text": "Ada wrote the first program."}
//   {"question": "When?", "answer": ["1843", "in 1843"], "text": "... In 1843 ..."}
//
// Every answer must stand in the text, in the same words; a question that is asked twice must have
// the same answers. A text's hash decides the split of all questions about it.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "envs/answer_match.h"
#include "envs/choice.h"
#include "envs/dont_know.h"
#include "envs/line_tasks.h"
#include "envs/math/rational.h"
#include "envs/text/text_answer.h"

namespace agon::envs {
namespace {

constexpr char kId[] = "text/questions-v1";
constexpr std::string_view kFamily = "question";
constexpr std::array<std::string_view, 1> kOwnKeys = {"file"};

struct Question {
  std::string question, text;
  std::vector<std::string> answers;
};

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  std::vector<Question> Read() {
    const std::string bytes = ReadFile(file_);
    size_t number = 0;
    for (size_t begin = 0; begin < bytes.size();) {
      const size_t end = std::min(bytes.find('\n', begin), bytes.size());
      const std::string_view line = TrimSpace(std::string_view(bytes).substr(begin, end - begin));
      begin = end + 1;
      ++number;
      if (!line.empty()) Add(ReadLine(line, Where(number)), number);
    }
    if (questions_.empty()) {
      throw Error(ErrorKind::kCorrupt, "no questions", file_,
                  R"(write one a line: {"question": ..., "answer": ..., "text": ...})");
    }
    return std::move(questions_);
  }

 private:
  std::string Where(size_t number) const { return file_ + " line " + std::to_string(number); }

  static Question ReadLine(std::string_view line, const std::string& where) {
    const Json object = ParseJson(line, where);
    if (!object.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
    Question question;
    question.question = JsonField<std::string>(object, "question", where);
    question.text = JsonField<std::string>(object, "text", where);
    if (object.contains("answer") && object["answer"].is_array()) {
      question.answers = JsonField<std::vector<std::string>>(object, "answer", where);
    } else {
      question.answers = {JsonField<std::string>(object, "answer", where)};
    }
    if (TrimSpace(question.question).empty()) {
      throw Error(ErrorKind::kCorrupt, "the question is empty", where);
    }
    if (question.answers.empty()) throw Error(ErrorKind::kCorrupt, "no answer", where);
    for (const std::string& answer : question.answers) CheckAnswer(question, answer, where);
    return question;
  }

  static void CheckAnswer(const Question& question, const std::string& answer,
                          const std::string& where) {
    if (PlainText(answer).empty()) throw Error(ErrorKind::kCorrupt, "the answer is empty", where);
    if (SaysDontKnow(answer)) {
      throw Error(ErrorKind::kCorrupt, "the answer \"" + answer + "\" is none", where,
                  "leave out what the text doesn't say");
    }
    if (!MatchAnswer(AnswerMatch::kContained, answer, question.text).correct) {
      throw Error(ErrorKind::kCorrupt, "the answer \"" + answer + "\" doesn't stand in the text",
                  where, "answer in the text's own words");
    }
  }

  // The same again is left out.
  void Add(Question question, size_t number) {
    const auto [first, is_new] =
        seen_.emplace(PlainText(question.question), std::pair(number, questions_.size()));
    if (is_new) {
      questions_.push_back(std::move(question));
      return;
    }
    const auto& [first_number, place] = first->second;
    if (PlainAnswers(questions_[place]) == PlainAnswers(question)) return;
    throw Error(ErrorKind::kCorrupt,
                "\"" + question.question + "\" has the answer \"" + question.answers.front() +
                    "\", but on line " + std::to_string(first_number) + " \"" +
                    questions_[place].answers.front() + "\"",
                Where(number),
                "ask in a way that has one answer, or list all that are right: \"answer\": [...]");
  }

  static std::vector<std::string> PlainAnswers(const Question& question) {
    std::vector<std::string> plain;
    for (const std::string& answer : question.answers) plain.push_back(PlainText(answer));
    std::sort(plain.begin(), plain.end());
    return plain;
  }

  const std::string file_;
  std::vector<Question> questions_;
  std::map<std::string, std::pair<size_t, size_t>> seen_;  // question: line, place in questions_
};

class QuestionEpisode final : public Episode {
 public:
  explicit QuestionEpisode(std::shared_ptr<const Question> question)
      : question_(std::move(question)) {}

  StepResult Step(std::string_view completion, bool truncated) override {
    return GradeReply(question_->answers, completion, truncated);
  }

  // Who thinks step by step quotes the text first, unless that makes the answer unclear.
  std::optional<std::string> Demonstrate(Labeler labeler, uint64_t variant) const override {
    const auto& answers = question_->answers;
    const std::string& answer = answers[variant % answers.size()];
    if (labeler == Labeler::kImmediate) return answer;
    std::string quoted = question_->text + "\nAnswer: " + answer;
    if (GradeReply(answers, quoted, /*truncated=*/false).Reward() == 0) return std::nullopt;
    return quoted;
  }

 private:
  const std::shared_ptr<const Question> question_;
};

class QuestionsEnv final : public Env {
 public:
  explicit QuestionsEnv(std::string_view params) {
    info_.id = kId;
    info_.summary = "Questions from a JSON lines file, each with the text that holds the answer";
    info_.families = {std::string(kFamily)};
    info_.needs = "file=PATH";
    TaskChoice choice = ParseTaskChoice(params, info_, kOwnKeys);
    spec_ = choice.Spec(info_);
    const std::string& file = choice.own["file"];
    if (file.empty()) return;
    info_.needs.clear();
    questions_ = std::make_shared<const std::vector<Question>>(Reader(file).Read());
    for (const Question& question : *questions_) lines_.Add(question.text);
    info_.num_tasks = lines_.size();
  }

  const EnvInfo& info() const override { return info_; }

  Task Get(Split split, uint64_t seed, uint64_t index) const override {
    Task task = lines_.Find(spec_, split, seed, index);
    const Question& line = (*questions_)[lines_.LineOf(task)];
    task.messages = {{Role::kUser, line.question}};
    task.answer = line.answers.front();
    return task;
  }

  std::unique_ptr<Episode> Start(const Task& task) const override {
    const size_t line = lines_.LineOf(task);
    // Shares all questions, of which the episode needs one.
    return std::make_unique<QuestionEpisode>(
        std::shared_ptr<const Question>(questions_, &(*questions_)[line]));
  }

 private:
  EnvInfo info_;
  LineTasks lines_{kId, std::string(kFamily)};
  std::string spec_;
  std::shared_ptr<const std::vector<Question>> questions_;  // null without a file
};

REGISTER_ENV(kId, [](std::string_view params) { return std::make_unique<QuestionsEnv>(params); });

}  // namespace
}  // namespace agon::envs
