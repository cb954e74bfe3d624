// JSON lines from outside. Private to arena.
#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "arena/arena.h"
#include "core/json.h"

namespace agon::arena {

inline constexpr size_t kMaxLineBytes = 16 << 20;

// Calls `take` with each line that isn't blank and its place, "FILE line 3". Throws kCorrupt.
void ForEachLine(std::istream& in, const std::string& name,
                 const std::function<void(const Json&, const std::string&)>& take);

// One vote in a format of FastChat's.
struct FastChatVote {
  std::string model_a, model_b, voter, category;
  Outcome choice = Outcome::kTie;
  std::vector<std::string> turns;       // the user's
  std::vector<std::string> replies[2];  // of each side, as many as turns
  std::optional<int64_t> at_ms;
};

// A line of its raw log ("type": "leftvote", "states": ...) or of its cleaned battles
// ("winner": "model_a", "conversation_a": ...); nullopt for a line that is no vote, like the raw
// log's "chat". Throws kCorrupt for one that is broken.
std::optional<FastChatVote> ParseFastChatVote(const Json& line, const std::string& where);

}  // namespace agon::arena
