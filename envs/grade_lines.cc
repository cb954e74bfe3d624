#include "envs/grade_lines.h"

#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "envs/math/grade.h"

namespace agon::envs {
namespace {

// What says who a line is, for lines that can't be graded.
Json IdentityOf(std::string_view line) {
  Json identity = Json::object();
  try {
    const Json object = ParseJson(line, "");
    if (object.is_object() && object.contains("id")) identity["id"] = object["id"];
  } catch (const Error&) {
    // A line that is no JSON has no identity.
  }
  return identity;
}

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

struct Line {
  std::string text, where;
  bool is_taken = false, is_done = false;  // by a thread
  std::string answer = {}, error = {};     // the latter is "" if it could be graded
};

void GradeLine(const LineGrader& grade, Line& line) {
  try {
    line.answer = grade(line.text, line.where);
  } catch (const Error& error) {
    line.error = error.what();
    if (line.error.find(line.where) == std::string::npos) {
      line.error = line.where + ": " + line.error;
    }
    Json broken = IdentityOf(line.text);
    broken["reward"] = nullptr;
    broken["error"] = line.error;
    line.answer = DumpJson(broken);
  }
}

// Threads that grade lines while others are read and written.
class LinePool {
 public:
  LinePool(const LineGrader& grade, std::ostream& out, std::ostream& errors, int num_threads)
      : grade_(grade), out_(out), errors_(errors) {
    max_lines_ = 4 * static_cast<size_t>(num_threads);
    threads_.emplace_back([this] { Write(); });
    for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { Work(); });
  }

  void Add(Line line) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lines_.size() < max_lines_; });
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }

  // Waits for all lines and returns how many were broken.
  int64_t Finish() {
    {
      const std::lock_guard lock(mutex_);
      is_complete_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    return num_broken_;
  }

 private:
  // The first line that no thread has taken; lines stay where they are (a list) until written.
  Line* NextLine() {
    const auto next =
        std::find_if(lines_.begin(), lines_.end(), [](const Line& line) { return !line.is_taken; });
    return next == lines_.end() ? nullptr : &*next;
  }

  void Work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      Line* line = nullptr;
      changed_.wait(lock, [&] { return (line = NextLine()) != nullptr || is_complete_; });
      if (line == nullptr) return;
      line->is_taken = true;
      lock.unlock();
      GradeLine(grade_, *line);
      lock.lock();
      line->is_done = true;
      changed_.notify_all();
    }
  }

  void Write() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return lines_.empty() ? is_complete_ : lines_.front().is_done; });
      if (lines_.empty()) return;
      const Line line = std::move(lines_.front());
      lines_.pop_front();
      changed_.notify_all();
      lock.unlock();
      if (!line.error.empty()) {
        ++num_broken_;
        errors_ << "error: " << line.error << '\n';
      }
      out_ << line.answer << '\n';
      out_.flush();
      lock.lock();
    }
  }

  const LineGrader& grade_;
  std::ostream &out_, &errors_;
  size_t max_lines_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Line> lines_;  // not yet written
  bool is_complete_ = false;
  int64_t num_broken_ = 0;  // the writer's until Finish
  std::vector<std::thread> threads_;
};

}  // namespace

std::string GradeMathLine(std::string_view line, const std::string& where) {
  Json object = ParseJson(line, where);
  if (!object.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
  const auto gold = JsonField<std::string>(object, "gold", where);
  const auto response = JsonField<std::string>(object, "response", where);
  MathGradeOptions options;
  if (object.contains("european_comma")) {
    options.european_comma = JsonField<bool>(object, "european_comma", where);
  }
  const MathGrade grade = GradeMath(gold, response, options);
  for (const char* key : {"gold", "response", "european_comma"}) object.erase(key);
  object["reward"] = grade.correct ? 1 : 0;
  object["extracted"] = grade.extracted;
  object["reason"] = grade.reason;
  return DumpJson(object);
}

GradedLines GradeLines(std::istream& in, std::string_view name, const LineGrader& grade,
                       std::ostream& out, std::ostream& errors, int num_threads) {
  GradedLines counts;
  std::optional<LinePool> pool;
  if (num_threads > 1) pool.emplace(grade, out, errors, num_threads);
  std::string text;
  for (int64_t number = 1; std::getline(in, text); ++number) {
    if (IsBlank(text)) continue;
    ++counts.num_lines;
    Line line{text, std::string(name) + " line " + std::to_string(number)};
    if (pool) {
      pool->Add(std::move(line));
      continue;
    }
    GradeLine(grade, line);
    if (!line.error.empty()) {
      ++counts.num_broken;
      errors << "error: " << line.error << '\n';
    }
    out << line.answer << '\n';
    // A program that waits for this answer before it asks again gets it.
    if (in.rdbuf()->in_avail() <= 0) out.flush();
  }
  if (pool) counts.num_broken = pool->Finish();
  out.flush();
  return counts;
}

}  // namespace agon::envs
