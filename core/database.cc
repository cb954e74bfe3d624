#include "core/database.h"

#include <sqlite3.h>

#include <utility>

#include "core/error.h"

namespace agon {
namespace {

ErrorKind KindOf(int code) {
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorKind::kCorrupt;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return ErrorKind::kIo;
    default:
      return ErrorKind::kFailed;
  }
}

const char* HintFor(int code) {
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
      return "restore a copy, or save what \"sqlite3 FILE .recover\" finds";
    case SQLITE_NOTADB:
      return "name another file; this one isn't touched";
    case SQLITE_FULL:
      return "free space on the disk; what was committed is safe";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another process is writing to it: wait for it or end it";
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return "check that the folder exists and that you may write to it";
    default:
      return "";
  }
}

// Statements span lines in the source; an error shows one.
std::string Shortened(std::string_view sql) {
  std::string line;
  for (const char c : sql.substr(0, 160)) {
    const bool is_space = c == ' ' || c == '\n' || c == '\t';
    if (!is_space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  return sql.size() > 160 ? line + "..." : line;
}

int OpenFlags(DatabaseOptions::Open open) {
  switch (open) {
    case DatabaseOptions::Open::kCreate:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    case DatabaseOptions::Open::kExisting:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    case DatabaseOptions::Open::kReadOnly:
      return SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
  }
  return 0;
}

}  // namespace

Database::Database(const std::filesystem::path& path, const DatabaseOptions& options)
    : path_(path.string()) {
  if (options.open != DatabaseOptions::Open::kCreate && !std::filesystem::exists(path)) {
    throw Error(ErrorKind::kNotFound, "no such database", path_);
  }
  try {
    Check(sqlite3_open_v2(path_.c_str(), &handle_, OpenFlags(options.open), nullptr), "");
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_timeout(handle_, options.busy_timeout_ms);
    // Views, triggers and functions of a hostile file must not run more than they say.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    const bool is_full = options.sync == DatabaseOptions::Sync::kFull;
    Execute(is_full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    Execute("PRAGMA foreign_keys = ON");
    QueryInt("SELECT COUNT(*) FROM sqlite_schema");  // the first look at the bytes
  } catch (...) {
    sqlite3_close_v2(handle_);
    throw;
  }
}

Database::~Database() { sqlite3_close_v2(handle_); }

void Database::Check(int code, std::string_view sql) const {
  if (code == SQLITE_OK) return;
  // Without a handle SQLite was out of memory before it could say so.
  std::string what = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  if (!sql.empty()) what += " (in \"" + Shortened(sql) + "\")";
  throw Error(KindOf(code), what, path_, HintFor(code));
}

void Database::Migrate(int32_t application_id, std::span<const char* const> migrations) {
  AGON_CHECK(application_id != 0);
  const auto known = static_cast<int64_t>(migrations.size());
  int64_t version = QueryInt("PRAGMA user_version");
  const bool is_fresh = version == 0 && QueryInt("SELECT COUNT(*) FROM sqlite_schema") == 0;
  if (!is_fresh && QueryInt("PRAGMA application_id") != application_id) {
    throw Error(ErrorKind::kUsage, "a database of another kind", path_,
                "name another file; this one isn't touched");
  }
  if (version > known) {
    throw Error(ErrorKind::kUnsupported,
                "its schema has version " + std::to_string(version) + ", this build knows " +
                    std::to_string(known),
                path_, "use the newer build that wrote it");
  }
  // Only now is it known to be ours. A file that has the mode is not written to.
  if (sqlite3_db_readonly(handle_, "main") == 0) Execute("PRAGMA journal_mode = WAL");
  while (version < known) {
    Transaction transaction(*this);
    // Another process may have been faster.
    version = QueryInt("PRAGMA user_version");
    if (version >= known) continue;
    Execute("PRAGMA application_id = " + std::to_string(application_id));
    Execute(migrations[static_cast<size_t>(version)]);
    Execute("PRAGMA user_version = " + std::to_string(++version));
    transaction.Commit();
  }
}

void Database::Execute(const std::string& sql) {
  Check(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr), sql);
}

int64_t Database::QueryInt(std::string_view sql) {
  Statement statement = Prepare(sql);
  AGON_CHECK(statement.Step(), std::string(sql));
  return statement.Int(0);
}

int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }
int64_t Database::num_changes() const { return sqlite3_changes64(handle_); }

Statement::Statement(Database& database, std::string_view sql) : database_(&database) {
  const char* rest = nullptr;
  database.Check(sqlite3_prepare_v2(database.handle_, sql.data(), static_cast<int>(sql.size()),
                                    &statement_, &rest),
                 sql);
  const bool is_one =
      statement_ && std::string_view(rest, sql.data() + sql.size()).find_first_not_of(" \n\t;") ==
                        std::string_view::npos;
  AGON_CHECK(is_one, "not one statement: " + std::string(sql));
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

void Statement::Check(int code) const { database_->Check(code, sqlite3_sql(statement_)); }

void Statement::BeginBind(size_t num_values) {
  AGON_CHECK(num_values == static_cast<size_t>(sqlite3_bind_parameter_count(statement_)),
             sqlite3_sql(statement_));
  sqlite3_reset(statement_);  // repeats the last step's error, which was thrown already
}

void Statement::BindAt(int index, std::nullptr_t) { Check(sqlite3_bind_null(statement_, index)); }

void Statement::BindInteger(int index, int64_t value) {
  Check(sqlite3_bind_int64(statement_, index, value));
}

void Statement::BindAt(int index, double value) {
  Check(sqlite3_bind_double(statement_, index, value));
}

void Statement::BindAt(int index, std::string_view value) {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* data = value.empty() ? "" : value.data();
  Check(sqlite3_bind_text64(statement_, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

bool Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  // Reset also lets go of the lock; the message is the same.
  Check(sqlite3_reset(statement_));
  return false;
}

void Statement::Run() {
  while (Step()) {
  }
}

void Statement::Reset() { sqlite3_reset(statement_); }

void Statement::RequireType(int i, bool holds, const char* wanted) const {
  if (holds) return;
  const char* name = sqlite3_column_name(statement_, i);
  throw Error(ErrorKind::kCorrupt,
              std::string("column \"") + (name ? name : "?") + "\" is not " + wanted + " (in \"" +
                  Shortened(sqlite3_sql(statement_)) + "\")",
              database_->path());
}

int64_t Statement::Int(int i) const {
  RequireType(i, sqlite3_column_type(statement_, i) == SQLITE_INTEGER, "an integer");
  return sqlite3_column_int64(statement_, i);
}

double Statement::Real(int i) const {
  const int type = sqlite3_column_type(statement_, i);
  RequireType(i, type == SQLITE_FLOAT || type == SQLITE_INTEGER, "a number");
  return sqlite3_column_double(statement_, i);
}

std::string_view Statement::Text(int i) const {
  const int type = sqlite3_column_type(statement_, i);
  RequireType(i, type == SQLITE_TEXT || type == SQLITE_BLOB, "text");
  const void* data = sqlite3_column_blob(statement_, i);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, i));
  return {size == 0 ? "" : static_cast<const char*>(data), size};
}

bool Statement::IsNull(int i) const { return sqlite3_column_type(statement_, i) == SQLITE_NULL; }

std::optional<int64_t> Statement::OptionalInt(int i) const {
  return IsNull(i) ? std::nullopt : std::optional(Int(i));
}
std::optional<double> Statement::OptionalReal(int i) const {
  return IsNull(i) ? std::nullopt : std::optional(Real(i));
}
std::optional<std::string> Statement::OptionalText(int i) const {
  return IsNull(i) ? std::nullopt : std::optional<std::string>(Text(i));
}

ReadTransaction::ReadTransaction(Database& database) : database_(database) {
  database_.Execute("BEGIN");
}

ReadTransaction::~ReadTransaction() {
  try {
    database_.Execute("COMMIT");
  } catch (const Error&) {
    // Nothing was written; SQLite ended it by itself.
  }
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.Execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!is_open_) return;
  try {
    database_.Execute("ROLLBACK");
  } catch (const Error&) {
    // SQLite rolled back by itself (full disk), or will when the file is opened next.
  }
}

void Transaction::Commit() {
  database_.Execute("COMMIT");
  is_open_ = false;
}

}  // namespace agon
