// SQLite behind one door: a file that several threads and processes read and write safely.
//
//   Database database(path);
//   database.Migrate(kApplicationId, kMigrations);
//   Transaction transaction(database);
//   Statement insert = database.Prepare("INSERT INTO votes(battle, choice) VALUES (?, ?)");
//   insert.Bind(battle, choice).Run();
//   transaction.Commit();
//
// Threads: a Database and its statements belong to one thread at a time. Any number of
// Databases, in any threads and processes, may be open on one file: readers never wait, one
// writer at a time goes on and the others wait up to busy_timeout_ms.
//
// Every failure is an Error that names the file and the SQL at fault: kCorrupt where the
// bytes are no database or damaged, kIo for a full disk or missing permission, kNotFound for
// a file that isn't there, kFailed for a lock that wasn't freed in time or a constraint that
// a row breaks (where that is an expected outcome, write "ON CONFLICT DO NOTHING" and ask
// num_changes()).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace agon {

class Database;

// A prepared statement. Must not outlive its Database.
class Statement {
 public:
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  Statement(const Statement&) = delete;

  // Resets, then sets all parameters, in order: integers, bool, double, text (UTF-8 or any
  // bytes, copied), std::optional of these and nullptr for NULL. REQUIRES: as many as the SQL has.
  template <typename... Values>
  Statement& Bind(const Values&... values) {
    BeginBind(sizeof...(values));
    int index = 0;
    (BindAt(++index, values), ...);
    return *this;
  }

  // Advances to the next row; false at the end.
  bool Step();
  // All steps, of a statement whose rows are of no interest.
  void Run();
  // Lets go of the rows not read, and of the lock that reading holds.
  void Reset();

  // Column `i` of the current row, from 0. A value of another type is an Error(kCorrupt).
  int64_t Int(int i) const;
  double Real(int i) const;            // an INTEGER will do
  std::string_view Text(int i) const;  // TEXT or BLOB; valid until the next Step, Bind or Run
  bool IsNull(int i) const;
  std::optional<int64_t> OptionalInt(int i) const;
  std::optional<double> OptionalReal(int i) const;
  std::optional<std::string> OptionalText(int i) const;

 private:
  friend class Database;
  Statement(Database& database, std::string_view sql);

  void BeginBind(size_t num_values);
  void BindAt(int index, std::nullptr_t);
  void BindInteger(int index, int64_t value);
  void BindAt(int index, double value);
  void BindAt(int index, std::string_view value);
  template <std::integral T>
  void BindAt(int index, T value) {
    BindInteger(index, static_cast<int64_t>(value));
  }
  template <typename T>
  void BindAt(int index, const std::optional<T>& value) {
    if (value) {
      BindAt(index, *value);
    } else {
      BindAt(index, nullptr);
    }
  }
  void Check(int code) const;
  void RequireType(int i, bool holds, const char* wanted) const;

  Database* database_;
  sqlite3_stmt* statement_ = nullptr;
};

struct DatabaseOptions {
  enum class Open { kCreate, kExisting, kReadOnly };
  enum class Sync {
    kFull,    // a commit has reached the disk when it returns
    kNormal,  // a power cut may take the last commits along, never more; a kill takes none
  };
  Open open = Open::kCreate;
  Sync sync = Sync::kFull;
  int busy_timeout_ms = 5000;
};

class Database {
 public:
  // Opens with foreign keys on, and writes nothing. ":memory:" is a database of its own in memory.
  // Text that can't be the database's path on this machine is an Error, as is a file that
  // isn't a database.
  explicit Database(const std::filesystem::path& path, const DatabaseOptions& options = {});
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Turns on WAL mode and brings the schema to version migrations.size(): each migration that the
  // file lacks runs in a transaction of its own and raises `user_version` by one. Migrations are
  // only ever appended. Throws kUnsupported if the file's version is newer than this build knows,
  // and kUsage if it is another application's (`application_id`, any number but 0).
  void Migrate(int32_t application_id, std::span<const char* const> migrations);

  // One statement, to be bound and stepped.
  Statement Prepare(std::string_view sql) { return Statement(*this, sql); }
  // Any number of statements without parameters. No part of `sql` may come from outside.
  void Execute(const std::string& sql);
  // First column of the only row, an integer: "SELECT COUNT(*) FROM votes".
  int64_t QueryInt(std::string_view sql);

  int64_t last_insert_id() const;
  int64_t num_changes() const;  // rows that the last INSERT, UPDATE or DELETE changed
  const std::string& path() const { return path_; }

 private:
  friend class Statement;
  void Check(int code, std::string_view sql) const;

  std::string path_;
  sqlite3* handle_ = nullptr;
};

// What is read while it lives is one state of the file, whatever others write meanwhile. Within
// neither kind of transaction may another begin.
class ReadTransaction {
 public:
  explicit ReadTransaction(Database& database);
  ~ReadTransaction();
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  Database& database_;
};

// BEGIN IMMEDIATE: holds the write lock from the start, so that what is read stays true until
// Commit. Rolled back by the destructor unless committed. They don't nest.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void Commit();

 private:
  Database& database_;
  bool is_open_ = true;
};

}  // namespace agon
