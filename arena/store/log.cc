#include <algorithm>
#include <chrono>

#include "arena/store/impl.h"
#include "arena/store/schema.h"
#include "core/digest.h"
#include "core/error.h"

namespace agon::arena {
namespace {

int64_t SystemMilliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

DatabaseOptions OptionsFor(const ArenaOptions& options) {
  DatabaseOptions database;
  if (options.must_exist) database.open = DatabaseOptions::Open::kExisting;
  return database;
}

std::optional<std::string> StoredSecret(Database& database) {
  Statement row = database.Prepare("SELECT value FROM secret WHERE name = 'key'");
  if (!row.Step()) return std::nullopt;
  return std::string(row.Text(0));
}

// The key of a fresh file is made by whoever opens it first; later nothing is written.
std::string SecretOf(Database& database) {
  if (auto secret = StoredSecret(database)) return *std::move(secret);
  database.Prepare("INSERT INTO secret(name, value) VALUES ('key', ?) ON CONFLICT DO NOTHING")
      .Bind(RandomHex(32))
      .Run();
  const auto secret = StoredSecret(database);
  AGON_CHECK(secret.has_value());
  return *secret;
}

// Since each row's time is at least that of the row above, one from the far future would stop
// the arena's clock.
void CheckTime(int64_t at_ms, int64_t now_ms, std::string_view where) {
  constexpr int64_t kDayMs = 24 * 3600 * 1000;
  if (at_ms >= 0 && at_ms - kDayMs <= now_ms) return;
  throw Error(ErrorKind::kCorrupt,
              "a time of " + std::to_string(at_ms) + " ms is not between 1970 and now", where,
              "if the line is right, set this machine's clock");
}

}  // namespace

Arena::Impl::Impl(const std::filesystem::path& file, const ArenaOptions& options)
    : database(file, OptionsFor(options)),
      projection(database),
      now_ms(options.now_ms ? options.now_ms : SystemMilliseconds) {
  database.Migrate(kApplicationId, Migrations());
  secret = SecretOf(database);
}

std::string Arena::Impl::KeyedHash(std::string_view purpose, std::string_view text) const {
  return HmacSha256(secret, std::string(purpose) + "\n" + std::string(text)).substr(0, 32);
}

std::string Arena::Impl::TokenFor(const std::string& battle,
                                  const std::string& session_hash) const {
  return HmacSha256(secret, "battle\n" + battle + "\n" + session_hash);
}

std::string CanonicalText(const Json& body) { return DumpJson(body); }

LogTransaction::LogTransaction(Arena::Impl& arena)
    : arena_(arena),
      transaction_(arena.database),
      insert_(arena.database.Prepare(
          "INSERT INTO log(seq, at_ms, kind, body, hash) VALUES (?, ?, ?, ?, ?)")),
      head_(kFirstHash) {
  Statement last =
      arena.database.Prepare("SELECT seq, at_ms, hash FROM log ORDER BY seq DESC LIMIT 1");
  if (!last.Step()) return;
  num_rows_ = last.Int(0);
  last_ms_ = last.Int(1);
  head_ = last.Text(2);
}

void LogTransaction::Append(std::string_view kind, const Json& body, std::string_view where,
                            std::optional<int64_t> at_ms) {
  const std::string text = CanonicalText(body);
  if (at_ms) CheckTime(*at_ms, arena_.now_ms(), where);
  last_ms_ = std::max(last_ms_, at_ms ? *at_ms : arena_.now_ms());
  head_ = RowHash(head_, last_ms_, kind, text);
  insert_.Bind(++num_rows_, last_ms_, kind, text, head_).Run();
  try {
    // What is applied is what a later reader of the log would apply.
    arena_.projection.Apply(last_ms_, kind, ParseJson(text, where), where);
  } catch (const Error& error) {
    // A constraint of the tables names itself, not the row that broke it.
    if (error.kind() != ErrorKind::kFailed) throw;
    throw Error(error.kind(), "breaks a rule of the tables: " + std::string(error.what()), where);
  }
}

}  // namespace agon::arena
