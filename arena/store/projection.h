// From log rows to tables: the only code that writes them. Private to arena.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "arena/arena.h"
#include "core/database.h"
#include "core/json.h"

namespace agon::arena {

// FastChat's step of the live trace is 4; arenas here are smaller.
inline constexpr double kLiveEloK = 16;

// The chain: each row's hash covers the previous hash.
std::string RowHash(std::string_view previous, int64_t at_ms, std::string_view kind,
                    std::string_view body);
// Of the row before the first.
inline constexpr std::string_view kFirstHash = "agon-arena-1";

const char* ChoiceName(Outcome choice);  // "a", "b", "tie", "both_bad"
std::optional<Outcome> ChoiceFromName(std::string_view name);

// Applies rows in order. Statements are prepared once; belongs to its Database's thread.
class Projection {
 public:
  explicit Projection(Database& database) : database_(database) {}

  // Throws kCorrupt, naming `where` and the field, for a body that has the wrong shape, and
  // kUsage for one that contradicts what is there: an unknown model, a second vote.
  void Apply(int64_t at_ms, std::string_view kind, const Json& body, std::string_view where);
  // Whether the tables hold what this row would add: then an import passes over it. Throws
  // kUsage where they hold something else under its name.
  bool Holds(std::string_view kind, const Json& body, std::string_view where);

  std::optional<int64_t> ModelId(const std::string& name);

 private:
  void ApplyModel(int64_t at_ms, const Json& body, std::string_view where);
  void ApplyRetire(int64_t at_ms, const Json& body, std::string_view where);
  void ApplyBattle(int64_t at_ms, const Json& body, std::string_view where);
  void ApplyTurn(const Json& body, std::string_view where);
  void ApplyReply(const Json& body, std::string_view where);
  void ApplyVote(int64_t at_ms, const Json& body, std::string_view where);
  void ApplyComment(const Json& body, std::string_view where);
  void ApplyMatch(int64_t at_ms, const Json& body, std::string_view where);

  int64_t KnownModel(const Json& body, const char* key, std::string_view where);
  void RequireOpenBattle(const std::string& battle, std::string_view where);
  bool Exists(const char* sql, const std::string& key);
  // The statement of this text, prepared when first needed. `sql` is a literal.
  Statement& Sql(const char* sql);

  Database& database_;
  std::map<const char*, Statement> statements_;
};

}  // namespace agon::arena
