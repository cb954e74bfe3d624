#include "core/database.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>
#include <vector>

#include "core/file.h"
#include "tests/error_of.h"

namespace agon {
namespace {

constexpr int32_t kApplicationId = 0x61676f6e;
constexpr const char* kSchema[] = {
    "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE part(item INTEGER NOT NULL REFERENCES item(id), weight REAL) STRICT;",
    "ALTER TABLE item ADD COLUMN note TEXT",
};

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("agon_database_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
               std::to_string(::getpid()));
    fs::create_directories(folder_);
    path_ = folder_ / "a.db";
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_, path_;
};

void Insert(Database& database, std::string_view name) {
  database.Prepare("INSERT INTO item(name) VALUES (?)").Bind(name).Run();
}

int64_t NumItems(Database& database) { return database.QueryInt("SELECT COUNT(*) FROM item"); }

TEST_F(DatabaseTest, KeepsEveryTypeOfValue) {
  Database database(path_);
  database.Execute("CREATE TABLE t(i INTEGER, r REAL, s TEXT, o TEXT)");
  const std::string text("it's \0 \xff '; DROP TABLE t; --", 29);
  database.Prepare("INSERT INTO t VALUES (?, ?, ?, ?)")
      .Bind(INT64_MIN, 0.1, text, std::optional<std::string>())
      .Run();
  database.Prepare("INSERT INTO t VALUES (?, ?, ?, ?)")
      .Bind(true, 3, std::string_view(), std::optional<int>(7))
      .Run();
  Statement rows = database.Prepare("SELECT i, r, s, o FROM t ORDER BY rowid");
  ASSERT_TRUE(rows.Step());
  EXPECT_EQ(rows.Int(0), INT64_MIN);
  EXPECT_EQ(rows.Real(1), 0.1);
  EXPECT_EQ(rows.Text(2), text);
  EXPECT_TRUE(rows.IsNull(3));
  EXPECT_EQ(rows.OptionalText(3), std::nullopt);
  ASSERT_TRUE(rows.Step());
  EXPECT_EQ(rows.Int(0), 1);
  EXPECT_EQ(rows.Real(1), 3.0);
  EXPECT_EQ(rows.Text(2), "");  // empty, not NULL
  EXPECT_FALSE(rows.IsNull(2));
  EXPECT_EQ(rows.OptionalText(3), "7");
  EXPECT_FALSE(rows.Step());
}

TEST_F(DatabaseTest, RefusesToReadAValueAsAnotherType) {
  Database database(":memory:");
  Statement row = database.Prepare("SELECT 'seven' AS n, NULL AS x");
  ASSERT_TRUE(row.Step());
  const std::string error = ErrorOf([&] { row.Int(0); }, ErrorKind::kCorrupt);
  EXPECT_TRUE(Contains(error, "column \"n\" is not an integer")) << error;
  EXPECT_NE(ErrorOf([&] { row.Text(1); }, ErrorKind::kCorrupt), "");
  EXPECT_NE(ErrorOf([&] { row.Real(0); }, ErrorKind::kCorrupt), "");
}

TEST_F(DatabaseTest, BindsAgainForEachRow) {
  Database database(":memory:");
  database.Migrate(kApplicationId, kSchema);
  Statement insert = database.Prepare("INSERT INTO item(name) VALUES (?)");
  for (const char* name : {"a", "b", "c"}) insert.Bind(name).Run();
  EXPECT_EQ(database.last_insert_id(), 3);
  database.Prepare("UPDATE item SET note = 'x' WHERE id >= ?").Bind(2).Run();
  EXPECT_EQ(database.num_changes(), 2);
  EXPECT_EQ(NumItems(database), 3);
}

TEST_F(DatabaseTest, CommitsOrRollsBack) {
  Database database(path_);
  database.Migrate(kApplicationId, kSchema);
  {
    Transaction transaction(database);
    Insert(database, "kept");
    transaction.Commit();
  }
  EXPECT_THROW(
      {
        Transaction transaction(database);
        Insert(database, "lost");
        throw std::runtime_error("in between");
      },
      std::runtime_error);
  EXPECT_EQ(NumItems(database), 1);
  Transaction next(database);  // nothing is left open
}

TEST_F(DatabaseTest, NamesFileAndSqlOfABrokenConstraint) {
  Database database(path_);
  database.Migrate(kApplicationId, kSchema);
  Insert(database, "a");
  const std::string twice = ErrorOf([&] { Insert(database, "a"); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(twice, path_.string())) << twice;
  EXPECT_TRUE(Contains(twice, "UNIQUE constraint failed: item.name (in \"INSERT INTO item"))
      << twice;
  const std::string orphan =
      ErrorOf([&] { database.Execute("INSERT INTO part VALUES (99, 0.5)"); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(orphan, "FOREIGN KEY")) << orphan;
  // A statement that failed can be used again.
  Statement insert = database.Prepare("INSERT INTO item(name) VALUES (?) ON CONFLICT DO NOTHING");
  insert.Bind("a").Run();
  EXPECT_EQ(database.num_changes(), 0);
  insert.Bind("b").Run();
  EXPECT_EQ(database.num_changes(), 1);
}

TEST_F(DatabaseTest, MigratesStepByStepAndOnlyForwards) {
  {
    Database old(path_);
    old.Migrate(kApplicationId, std::span(kSchema).first(1));
    Insert(old, "old");
  }
  {
    Database database(path_);
    database.Migrate(kApplicationId, kSchema);
    database.Migrate(kApplicationId, kSchema);  // nothing left to do
    EXPECT_EQ(database.QueryInt("PRAGMA user_version"), 2);
    EXPECT_EQ(database.QueryInt("SELECT COUNT(*) FROM item WHERE note IS NULL"), 1);
  }
  Database newer(path_);
  const std::string error = ErrorOf(
      [&] { newer.Migrate(kApplicationId, std::span(kSchema).first(1)); }, ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(error, "its schema has version 2, this build knows 1")) << error;
}

TEST_F(DatabaseTest, ReadsOneMomentInATransaction) {
  Database writer(path_), reader(path_);
  writer.Migrate(kApplicationId, kSchema);
  Insert(writer, "first");
  {
    const ReadTransaction moment(reader);
    EXPECT_EQ(NumItems(reader), 1);
    Insert(writer, "second");  // nobody waits
    EXPECT_EQ(NumItems(reader), 1);
  }
  EXPECT_EQ(NumItems(reader), 2);
}

// Not even the mode of its journal, which stands in its header, is changed.
TEST_F(DatabaseTest, OpensAnothersFileWithoutWriting) {
  Database(path_).Execute("CREATE TABLE t(x)");
  const std::string bytes = ReadFile(path_);
  EXPECT_NE(ErrorOf([&] { Database(path_).Migrate(kApplicationId, kSchema); }, ErrorKind::kUsage),
            "");
  EXPECT_EQ(ReadFile(path_), bytes);
}

TEST_F(DatabaseTest, UndoesAMigrationThatFails) {
  constexpr const char* kBroken[] = {"CREATE TABLE a(x) STRICT; CREATE TABLE"};
  Database database(path_);
  EXPECT_NE(ErrorOf([&] { database.Migrate(kApplicationId, kBroken); }, ErrorKind::kFailed), "");
  EXPECT_EQ(database.QueryInt("SELECT COUNT(*) FROM sqlite_schema"), 0);
  database.Migrate(kApplicationId, kSchema);
}

TEST_F(DatabaseTest, LeavesAnotherProgramsDatabaseAlone) {
  Database(path_).Execute("CREATE TABLE theirs(x)");
  Database database(path_);
  const std::string error =
      ErrorOf([&] { database.Migrate(kApplicationId, kSchema); }, ErrorKind::kUsage);
  EXPECT_TRUE(Contains(error, "a database of another kind")) << error;
  EXPECT_EQ(database.QueryInt("SELECT COUNT(*) FROM sqlite_schema"), 1);
}

TEST_F(DatabaseTest, SaysWhatIsWrongWithAFile) {
  WriteFileAtomic(path_, std::string(5000, 'x'));
  const std::string garbage = ErrorOf([&] { Database{path_}; }, ErrorKind::kCorrupt);
  EXPECT_TRUE(Contains(garbage, path_.string() + ": file is not a database")) << garbage;
  EXPECT_EQ(ReadFile(path_), std::string(5000, 'x'));

  const fs::path missing = folder_ / "missing.db";
  EXPECT_NE(ErrorOf([&] { Database(missing, {.open = DatabaseOptions::Open::kExisting}); },
                    ErrorKind::kNotFound),
            "");
  EXPECT_FALSE(fs::exists(missing));
  EXPECT_NE(ErrorOf([&] { Database(folder_ / "no" / "folder.db"); }, ErrorKind::kIo), "");
}

TEST_F(DatabaseTest, SaysThatADamagedFileIsDamaged) {
  {
    Database database(path_);
    database.Migrate(kApplicationId, kSchema);
    Transaction transaction(database);
    for (int i = 0; i < 2000; ++i) Insert(database, "a name to fill pages " + std::to_string(i));
    transaction.Commit();
  }
  std::string bytes = ReadFile(path_);
  for (size_t i = 4096; i < bytes.size(); i += 3) bytes[i] = '\x5a';
  WriteFileAtomic(path_, bytes);
  EXPECT_NE(ErrorOf(
                [&] {
                  Database database(path_);
                  database.Prepare("SELECT name FROM item ORDER BY name").Run();
                },
                ErrorKind::kCorrupt),
            "");
}

TEST_F(DatabaseTest, ReadsWithoutWriting) {
  Database(path_).Migrate(kApplicationId, kSchema);
  Database reader(path_, {.open = DatabaseOptions::Open::kReadOnly});
  EXPECT_EQ(NumItems(reader), 0);
  EXPECT_NE(ErrorOf([&] { Insert(reader, "a"); }, ErrorKind::kIo), "");
}

TEST_F(DatabaseTest, SaysThatTheDiskIsFullAndKeepsWhatWasCommitted) {
  Database database(path_);
  database.Migrate(kApplicationId, kSchema);
  Insert(database, "kept");
  database.Execute("PRAGMA max_page_count = 20");
  const std::string error = ErrorOf(
      [&] {
        Transaction transaction(database);
        Insert(database, std::string(200000, 'x'));
        transaction.Commit();
      },
      ErrorKind::kIo);
  EXPECT_TRUE(Contains(error, "full")) << error;
  EXPECT_TRUE(Contains(error, "free space")) << error;
  EXPECT_EQ(NumItems(database), 1);
  Insert(database, "small");
}

TEST_F(DatabaseTest, WaitsForAWriterAndSaysWhenItWaitedInVain) {
  Database first(path_);
  first.Migrate(kApplicationId, kSchema);
  Database second(path_, {.busy_timeout_ms = 1});
  Transaction writing(first);
  Insert(first, "a");
  const std::string error = ErrorOf([&] { Transaction{second}; }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "locked")) << error;
  EXPECT_TRUE(Contains(error, "another process is writing")) << error;
  EXPECT_EQ(NumItems(second), 0);  // readers see what was committed, and don't wait
  writing.Commit();
  EXPECT_EQ(NumItems(second), 1);
}

TEST_F(DatabaseTest, ManyThreadsWriteEachOverItsOwnConnection) {
  Database(path_).Migrate(kApplicationId, kSchema);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Database database(path_, {.sync = DatabaseOptions::Sync::kNormal, .busy_timeout_ms = 60000});
      for (int i = 0; i < 25; ++i) {
        Transaction transaction(database);
        // What is read in the transaction stays true until it is committed.
        const int64_t num_items = NumItems(database);
        Insert(database, std::to_string(t) + "/" + std::to_string(i));
        EXPECT_EQ(NumItems(database), num_items + 1);
        transaction.Commit();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Database database(path_);
  EXPECT_EQ(NumItems(database), 100);
}

// A child that commits and is killed: what it said was committed is there.
TEST_F(DatabaseTest, CommitsSurviveAKill) {
  Database(path_).Migrate(kApplicationId, kSchema);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Database database(path_);
    for (int i = 0;; ++i) {
      Insert(database, std::to_string(i));
      if (::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
    }
  }
  int last = -1;
  while (last < 20) ASSERT_EQ(::read(pipe_ends[0], &last, sizeof last), ssize_t{sizeof last});
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(pipe_ends[1]);
  while (::read(pipe_ends[0], &last, sizeof last) == ssize_t{sizeof last}) {
  }
  ::close(pipe_ends[0]);
  Database database(path_);
  EXPECT_GE(NumItems(database), last + 1);
  EXPECT_LE(NumItems(database), last + 2);
}

TEST_F(DatabaseTest, RefusesSeveralStatementsInOne) {
  Database database(":memory:");
  EXPECT_DEATH(database.Prepare("SELECT 1; SELECT 2"), "not one statement");
  EXPECT_DEATH(database.Prepare("SELECT ?").Bind(1, 2), "SELECT");
}

}  // namespace
}  // namespace agon
