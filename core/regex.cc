#include "core/regex.h"

#include <re2/re2.h>

#include <algorithm>

#include "core/error.h"

namespace agon {
namespace {

RE2::Options OptionsFor(bool ignore_case) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!ignore_case);
  options.set_max_mem(int64_t{8} << 20);
  return options;
}

}  // namespace

struct Regex::Program {
  Program(std::string_view pattern, bool ignore_case)
      : re({pattern.data(), pattern.size()}, OptionsFor(ignore_case)) {}
  RE2 re;

  // The next match at or behind `begin`, which moves behind it.
  std::optional<std::string_view> Next(std::string_view text, size_t& begin) const {
    if (begin > text.size()) return std::nullopt;
    const int num_groups = std::min(re.NumberOfCapturingGroups(), 1);
    re2::StringPiece found[2];
    if (!re.Match({text.data(), text.size()}, begin, text.size(), RE2::UNANCHORED, found,
                  num_groups + 1)) {
      return std::nullopt;
    }
    const auto end = static_cast<size_t>(found[0].data() - text.data()) + found[0].size();
    begin = found[0].empty() ? end + 1 : end;
    const re2::StringPiece& group = found[num_groups];
    // A group that took no part in the match.
    if (group.data() == nullptr) return std::string_view(text.data() + end, 0);
    return std::string_view(group.data(), group.size());
  }
};

Regex::Regex(std::string_view pattern, std::string_view where, bool ignore_case) {
  auto program = std::make_shared<Program>(pattern, ignore_case);
  if (!program->re.ok()) {
    throw Error(ErrorKind::kUsage,
                "\"" + std::string(pattern) + "\" is no regular expression: " + program->re.error(),
                where, "the syntax is RE2's: no backreferences, no look-around");
  }
  program_ = std::move(program);
}

bool Regex::Matches(std::string_view text) const {
  size_t begin = 0;
  return program_->Next(text, begin).has_value();
}

int64_t Regex::Count(std::string_view text, int64_t limit) const {
  int64_t count = 0;
  for (size_t begin = 0; count < limit && program_->Next(text, begin);) ++count;
  return count;
}

std::optional<std::string_view> Regex::Find(std::string_view text) const {
  size_t begin = 0;
  return program_->Next(text, begin);
}

std::optional<std::string_view> Regex::FindLast(std::string_view text) const {
  std::optional<std::string_view> last;
  size_t begin = 0;
  while (const auto next = program_->Next(text, begin)) last = next;
  return last;
}

}  // namespace agon
