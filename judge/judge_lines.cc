#include "judge/judge_lines.h"

#include <array>
#include <istream>
#include <ostream>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "judge/json/judge_json.h"
#include "judge/parallel.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

// Lines that are read before the first of them is written: bounds memory.
constexpr size_t kLinesPerThread = 16;

constexpr std::array kRequestFields = {"messages", "prompt", "reply",     "reply_a", "reply_b",
                                       "replies",  "task",   "reference", "run"};

struct Line {
  std::string text, where;
  std::string answer = {}, error = {};
  bool is_masked = false;
};

void Answer(const Judge& judge, JudgeCall call, Line& line) {
  Json kept = Json::object();
  try {
    const Json object = ParseJson(line.text, line.where);
    if (!object.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", line.where);
    for (const auto& [key, value] : object.items()) {
      bool is_read = false;
      for (const char* field : kRequestFields) is_read |= key == field;
      if (!is_read) kept[key] = value;
    }
    const JudgeRequest request = ReadJudgeRequest(call, object, line.where);
    kept.update(AnswerJson(judge, call, request, &line.is_masked));
  } catch (const Error& error) {
    line.error = error.what();
    if (line.error.find(line.where) == std::string::npos) {
      line.error = line.where + ": " + line.error;
    }
    kept[call == JudgeCall::kScore     ? "score"
         : call == JudgeCall::kCompare ? "preference"
                                       : "ranking"] = nullptr;
    kept["error"] = line.error;
  }
  line.answer = DumpJson(kept);
}

// "score  0.75\nlength  0.5 (weight 1)\n..."
std::string AnswerForPeople(const Json& answer) {
  std::string text;
  const auto line = [&](const std::string& label, const Json& value) {
    const std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    text += label + std::string(label.size() < 14 ? 14 - label.size() : 1, ' ') + CleanText(shown) +
            "\n";
  };
  for (const char* key : {"score", "preference", "flipped"}) {
    if (answer.contains(key) && !answer[key].is_null()) line(key, answer[key]);
  }
  for (const Json& part : answer.value("parts", Json::array())) {
    line("  " + CleanText(part["name"].get<std::string>()),
         part["value"].dump() + " (weight " + part["weight"].dump() + ")");
  }
  if (answer.contains("reason")) line("reason", answer["reason"]);
  for (const Json& order : answer.value("orders", Json::array())) {
    line("  " + order["first"].get<std::string>() + " first", order["reason"]);
    if (order.contains("said")) line("", order["said"]);
  }
  if (answer.contains("said")) line("said", answer["said"]);
  for (const Json& reply : answer.value("ranking", Json::array())) {
    line("reply " + reply["index"].dump(), "rank " + reply["rank"].dump() + ", score " +
                                               reply["score"].dump() + ": " +
                                               reply["reason"].get<std::string>());
  }
  return text;
}

}  // namespace

JudgeRequest ReadJudgeRequest(JudgeCall call, std::string_view json, const std::string& where) {
  return ReadJudgeRequest(call, ParseJson(json, where), where);
}

std::string AnswerText(const Judge& judge, JudgeCall call, const JudgeRequest& request,
                       bool as_json, bool* is_masked) {
  const Json answer = AnswerJson(judge, call, request, is_masked);
  return as_json ? DumpJson(answer) + "\n" : AnswerForPeople(answer);
}

JudgedLines JudgeLines(const Judge& judge, JudgeCall call, std::istream& in, std::string_view name,
                       std::ostream& out, std::ostream& errors, int num_threads) {
  JudgedLines counts;
  std::vector<Line> lines;
  const auto flush = [&] {
    ParallelFor(lines.size(), num_threads, [&](size_t i) { Answer(judge, call, lines[i]); });
    for (const Line& line : lines) {
      counts.num_masked += line.is_masked;
      if (!line.error.empty()) {
        ++counts.num_broken;
        errors << "error: " << line.error << '\n';
      }
      out << line.answer << '\n';
    }
    out.flush();
    lines.clear();
  };
  const size_t block = kLinesPerThread * static_cast<size_t>(num_threads);
  std::string text;
  for (int64_t number = 1; std::getline(in, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    ++counts.num_lines;
    lines.push_back({text, std::string(name) + " line " + std::to_string(number)});
    // A program that waits for these answers before it asks again gets them.
    if (lines.size() >= block || in.rdbuf()->in_avail() <= 0) flush();
  }
  flush();
  return counts;
}

}  // namespace agon::judge
