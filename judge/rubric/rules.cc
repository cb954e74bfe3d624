#include "judge/rubric/rules.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/regex.h"
#include "core/toml.h"
#include "core/utf8.h"
#include "envs/answer_match.h"

namespace agon::judge {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t i = 0; i < text.size();) {
    while (i < text.size() && IsSpace(text[i])) ++i;
    const size_t begin = i;
    while (i < text.size() && !IsSpace(text[i])) ++i;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
  }
  return words;
}

int64_t CountLines(std::string_view text) {
  int64_t lines = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    lines += !std::all_of(line.begin(), line.end(), IsSpace);
    begin = end + 1;
  }
  return lines;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return lower;
}

template <typename T>
T Optional(const Json& rule, const char* key, T otherwise, const std::string& where) {
  return rule.contains(key) ? JsonField<T>(rule, key, where) : otherwise;
}

[[noreturn]] void ThrowBad(const std::string& what, const std::string& where,
                           const std::string& hint) {
  throw Error(ErrorKind::kUsage, what, where, hint);
}

RuleValue YesNo(bool kept, const char* note) { return {kept ? 1.0 : 0.0, kept ? "" : note}; }

// A pattern that matches at least `min` and at most `max` times.
RuleCheck RegexRule(const Json& rule, const std::string& where) {
  const Regex regex(JsonField<std::string>(rule, "pattern", where), where,
                    Optional(rule, "ignore_case", false, where));
  const auto min = Optional<int64_t>(rule, "min", rule.contains("max") ? 0 : 1, where);
  const auto max = Optional<int64_t>(rule, "max", std::numeric_limits<int32_t>::max(), where);
  if (min < 0 || max < min) ThrowBad("min and max of matches", where, "0 <= min <= max");
  return [regex, min, max](const Question&, std::string_view text) -> RuleValue {
    const int64_t count = regex.Count(text, max == INT32_MAX ? std::max<int64_t>(min, 1) : max + 1);
    if (count < min) return {0, count == 0 ? "no match" : std::to_string(count) + " matches"};
    return YesNo(count <= max, "a match too many");
  };
}

// Texts of which `any` one, `all` or `none` stand in the reply; all: the share that does.
RuleCheck ContainsRule(const Json& rule, const std::string& where) {
  const int kinds = rule.contains("any") + rule.contains("all") + rule.contains("none");
  if (kinds != 1) ThrowBad("which texts?", where, "give one of any, all and none");
  const std::string key = rule.contains("any") ? "any" : rule.contains("all") ? "all" : "none";
  auto texts = JsonField<std::vector<std::string>>(rule, key.c_str(), where);
  const bool ignore_case = Optional(rule, "ignore_case", false, where);
  if (texts.empty()) ThrowBad(key + " is empty", where, "name at least one text");
  for (std::string& text : texts) {
    if (text.empty()) ThrowBad(key + " holds an empty text", where, "leave it out");
    if (ignore_case) text = Lower(text);
  }
  return [texts, ignore_case, key](const Question&, std::string_view text) -> RuleValue {
    const std::string lower = ignore_case ? Lower(text) : "";
    const std::string_view searched = ignore_case ? std::string_view(lower) : text;
    size_t found = 0;
    std::string missing;
    for (const std::string& part : texts) {
      const bool is_there = searched.find(part) != std::string_view::npos;
      found += is_there;
      if (!is_there && missing.empty()) missing = part;
      if (is_there && key == "none") return {0, "it holds \"" + part + "\""};
    }
    if (key == "none") return {1, ""};
    if (key == "any") return YesNo(found > 0, "none of the texts");
    return {static_cast<double>(found) / static_cast<double>(texts.size()),
            missing.empty() ? "" : "\"" + missing + "\" is missing"};
  };
}

// Within [min, max] 1; outside it falls to 0 over `slack`.
RuleCheck LengthRule(const Json& rule, const std::string& where) {
  const auto unit = Optional<std::string>(rule, "unit", "words", where);
  if (unit != "words" && unit != "chars" && unit != "lines") {
    ThrowBad("unit = \"" + unit + "\"", where, "it is words, chars or lines");
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto min = Optional<double>(rule, "min", 0, where);
  const auto max = Optional<double>(rule, "max", kInfinity, where);
  const auto slack = Optional<double>(rule, "slack", 0, where);
  if (!(min >= 0 && max >= min && slack >= 0) || (min == 0 && max == kInfinity)) {
    ThrowBad("min, max and slack of a length", where,
             "0 <= min <= max, slack >= 0, and at least one of min and max");
  }
  return [unit, min, max, slack](const Question&, std::string_view text) -> RuleValue {
    const int64_t length = unit == "words"   ? static_cast<int64_t>(Words(text).size())
                           : unit == "chars" ? CountUtf8(text)
                                             : CountLines(text);
    const auto n = static_cast<double>(length);
    const double off = std::max({0.0, min - n, n - max});
    if (off == 0) return {1, ""};
    return {off < slack ? 1 - off / slack : 0, std::to_string(length) + " " + unit};
  };
}

bool IsJson(std::string_view text, const std::vector<std::string>& keys) {
  try {
    const Json json = ParseJson(text, "reply");
    return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) {
      return json.is_object() && json.contains(key);
    });
  } catch (const Error&) {
    return false;
  }
}

// The last fenced block, or all of a text without one.
std::string_view LastBlock(std::string_view text) {
  static const Regex kBlock("(?s)```[a-zA-Z0-9_+-]*\n(.*?)```", "block");
  return kBlock.FindLast(text).value_or(text);
}

RuleCheck FormatRule(const Json& rule, const std::string& where) {
  const auto is = JsonField<std::string>(rule, "is", where);
  const auto keys = Optional<std::vector<std::string>>(rule, "keys", {}, where);
  if (is == "json") {
    return [keys](const Question&, std::string_view text) {
      return YesNo(IsJson(text, keys) || IsJson(LastBlock(text), keys), "no JSON with these keys");
    };
  }
  if (!keys.empty()) ThrowBad("keys", where, "only JSON has keys");
  static const std::pair<const char*, const char*> kPatterns[] = {
      {"answer_line", "(?mi)^\\W*answer:[ \\t]*\\S"},
      {"boxed", "\\\\boxed\\{"},
      {"code_block", "(?s)```[a-zA-Z0-9_+-]*\\n.*?```"},
      {"list", "(?m)^[ \\t]*([-*+]|[0-9]+[.)])[ \\t]+\\S"},
      {"one_line", "^\\s*[^\\s][^\\n]*\\s*$"},
      {"thinking", "(?s)^\\s*<think>.*</think>\\s*\\S"},
  };
  std::string known = "json";
  for (const auto& [name, pattern] : kPatterns) {
    known += std::string(", ") + name;
    if (is != name) continue;
    return [regex = Regex(pattern, where), note = "not " + is](const Question&,
                                                               std::string_view text) {
      return YesNo(regex.Matches(text), note.c_str());
    };
  }
  ThrowBad("is = \"" + is + "\"", where, "known are " + known);
}

RuleCheck LanguageRule(const Json& rule, const std::string& where) {
  const auto wanted = JsonField<std::string>(rule, "is", where);
  if (!IsKnownLanguage(wanted)) {
    ThrowBad("no language \"" + wanted + "\"", where,
             "known are en, de, fr, es, it, pt, nl, ru, el, ar, he, hi, th, ko, ja, zh");
  }
  return [wanted](const Question&, std::string_view text) -> RuleValue {
    const std::string guess = GuessLanguage(text);
    // Too little to tell is no offence: "72" is right in every language.
    if (guess.empty() || guess == wanted) return {1, ""};
    return {0, "looks like " + guess};
  };
}

// The share of word n-grams that came before must stay below `max`: loops.
RuleCheck RepetitionRule(const Json& rule, const std::string& where) {
  const auto n = Optional<int>(rule, "ngram", 4, where);
  const auto max = Optional<double>(rule, "max", 0.2, where);
  if (n < 1 || n > 100 || !(max >= 0 && max < 1)) {
    ThrowBad("ngram and max of a repetition", where, "1 <= ngram <= 100, 0 <= max < 1");
  }
  return [n = static_cast<size_t>(n), max](const Question&, std::string_view text) -> RuleValue {
    const std::vector<std::string_view> words = Words(text);
    if (words.size() < n) return {1, ""};
    std::set<std::string_view> seen;
    size_t total = 0;
    for (size_t i = 0; i + n <= words.size(); ++i, ++total) {
      const char* const end = words[i + n - 1].data() + words[i + n - 1].size();
      seen.insert({words[i].data(), static_cast<size_t>(end - words[i].data())});
    }
    const double repeated = 1 - static_cast<double>(seen.size()) / static_cast<double>(total);
    return YesNo(repeated <= max, "it repeats itself");
  };
}

RuleCheck ReferenceRule(const Json& rule, const std::string& where) {
  const auto how = envs::AnswerMatchFromName(Optional<std::string>(rule, "match", "auto", where));
  return [how](const Question& question, std::string_view text) -> RuleValue {
    if (question.reference.empty()) {
      throw Error(ErrorKind::kUsage, "the rubric needs a reference", "reference");
    }
    const auto match = envs::MatchAnswer(how, question.reference, text);
    return {match.correct ? 1.0 : 0.0, match.correct ? "" : match.reason};
  };
}

struct Kind {
  const char* name;
  RuleCheck (*make)(const Json&, const std::string&);
  std::vector<std::string_view> keys;
};

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {"regex", RegexRule, {"pattern", "ignore_case", "min", "max"}},
      {"contains", ContainsRule, {"any", "all", "none", "ignore_case"}},
      {"length", LengthRule, {"unit", "min", "max", "slack"}},
      {"format", FormatRule, {"is", "keys"}},
      {"language", LanguageRule, {"is"}},
      {"repetition", RepetitionRule, {"ngram", "max"}},
      {"reference", ReferenceRule, {"match"}},
  };
  return kinds;
}

}  // namespace

RuleCheck MakeRuleCheck(const Json& rule, const std::string& where) {
  const auto name = JsonField<std::string>(rule, "kind", where);
  std::string known;
  for (const Kind& kind : Kinds()) {
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
    if (kind.name != name) continue;
    std::vector<std::string_view> keys = {"name", "kind", "weight", "required", "of"};
    keys.insert(keys.end(), kind.keys.begin(), kind.keys.end());
    CheckKeys(rule, keys, where);
    return kind.make(rule, where);
  }
  ThrowBad("kind = \"" + name + "\"", where, "known are " + known);
}

}  // namespace agon::judge
