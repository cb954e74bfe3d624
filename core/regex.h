// Regular expressions over hostile text: RE2's syntax, linear time, no backtracking.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agon {

// Immutable and thread-safe. Copies share the compiled program.
class Regex {
 public:
  // `where` names the key or flag that the pattern came from. Throws Error(kUsage) with RE2's
  // complaint for a pattern that it doesn't take (backreferences and look-around, too), and for
  // one whose program would take more than 8 MB.
  Regex(std::string_view pattern, std::string_view where, bool ignore_case = false);

  // Whether `text` holds a match.
  bool Matches(std::string_view text) const;
  // Matches that don't overlap, at most `limit`.
  int64_t Count(std::string_view text, int64_t limit) const;
  // The first group of the first or last match (all of the match if the pattern has no group);
  // a view into `text`.
  std::optional<std::string_view> Find(std::string_view text) const;
  std::optional<std::string_view> FindLast(std::string_view text) const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

}  // namespace agon
