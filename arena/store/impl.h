// What an Arena is made of. Private to arena.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "arena/arena.h"
#include "arena/store/projection.h"
#include "core/database.h"
#include "core/json.h"

namespace agon::arena {

struct Arena::Impl {
  Impl(const std::filesystem::path& file, const ArenaOptions& options);

  // Names that nobody outside can undo, equal for equal input.
  std::string KeyedHash(std::string_view purpose, std::string_view text) const;
  std::string TokenFor(const std::string& battle, const std::string& session_hash) const;

  Database database;
  Projection projection;
  std::function<int64_t()> now_ms;
  std::string secret;  // of this file; never exported
};

// A transaction that adds rows to the log and applies each: all of them or none.
class LogTransaction {
 public:
  explicit LogTransaction(Arena::Impl& arena);

  // The row's time is now, or `at_ms`, but never before the row above: clocks jump, the log's
  // order doesn't. `where` names the source of `body` in errors.
  void Append(std::string_view kind, const Json& body, std::string_view where,
              std::optional<int64_t> at_ms = std::nullopt);
  const std::string& head() const { return head_; }
  int64_t num_rows() const { return num_rows_; }
  int64_t last_ms() const { return last_ms_; }
  void Commit() { transaction_.Commit(); }

 private:
  Arena::Impl& arena_;
  Transaction transaction_;
  Statement insert_;
  int64_t num_rows_ = 0, last_ms_ = 0;
  std::string head_;
};

// As kept in the log: the result parses back to the same text, whatever bytes came in.
std::string CanonicalText(const Json& body);

}  // namespace agon::arena
