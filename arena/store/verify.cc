// Does the file say what its log says?
#include <map>
#include <set>

#include "arena/store/impl.h"
#include "arena/store/schema.h"
#include "core/error.h"

namespace agon::arena {
namespace {

struct LogRow {
  int64_t seq = 0, at_ms = 0;
  std::string kind, body, hash;
};

// One connection to the stored file and to a database in memory, so that log and tables are
// read in one state while others go on writing.
class Verifier {
 public:
  explicit Verifier(const std::filesystem::path& file) : database_(":memory:") {
    Database stored(file, {.open = DatabaseOptions::Open::kReadOnly});
    if (stored.QueryInt("PRAGMA application_id") != kApplicationId) {
      throw Error(ErrorKind::kUsage, "not an arena", file.string());
    }
    database_.Migrate(kApplicationId, Migrations());
    database_.Prepare("ATTACH ? AS stored").Bind(file.string()).Run();
  }

  VerifyResult Run(const std::string& known_head) {
    database_.Execute("BEGIN");
    ReadHashes();
    CheckChain(known_head);
    for (const DerivedTable& table : DerivedTables()) {
      CompareTable(table, "main", "stored", "is missing or differs");
      CompareTable(table, "stored", "main", "has no such row in the log");
    }
    database_.Execute("COMMIT");
    return std::move(result_);
  }

 private:
  void Report(const std::string& problem) {
    if (result_.problems.size() < kMaxProblems) result_.problems.push_back(problem);
  }

  void ReadHashes() {
    Statement rows = database_.Prepare("SELECT seq, hash FROM stored.log ORDER BY seq");
    while (rows.Step()) seq_by_hash_.emplace(rows.Text(1), rows.Int(0));
  }

  void CheckChain(const std::string& known_head) {
    std::string head(kFirstHash), before_head;
    bool has_known = known_head.empty() || known_head == kFirstHash;
    int64_t expected_seq = 1, last_ms = INT64_MIN;
    Projection projection(database_);
    Statement rows =
        database_.Prepare("SELECT seq, at_ms, kind, body, hash FROM stored.log ORDER BY seq");
    while (rows.Step()) {
      const LogRow row{rows.Int(0), rows.Int(1), std::string(rows.Text(2)),
                       std::string(rows.Text(3)), std::string(rows.Text(4))};
      if (row.seq != expected_seq) {
        Report("log rows " + std::to_string(expected_seq) + " to " + std::to_string(row.seq - 1) +
               " were removed");
      }
      if (RowHash(head, row.at_ms, row.kind, row.body) != row.hash) {
        Explain(row, head, before_head, row.seq != expected_seq);
      } else if (row.at_ms < last_ms) {
        Report("log row " + std::to_string(row.seq) + " is older than the row above it");
      }
      Replay(projection, row);
      before_head = head;
      head = row.hash;
      has_known |= row.hash == known_head;
      last_ms = row.at_ms;
      expected_seq = row.seq + 1;
      ++result_.num_rows;
    }
    result_.head = head;
    if (!has_known) {
      Report("the log doesn't hold the known head " + known_head +
             ": rows were removed or rewritten since it was noted");
    }
  }

  // A row that doesn't follow from the one above it.
  void Explain(const LogRow& row, const std::string& head, const std::string& before_head,
               bool after_gap) {
    if (after_gap || result_.problems.size() >= kMaxProblems) return;  // said, or enough said
    const std::string name = "log row " + std::to_string(row.seq);
    const auto follows = [&](std::string_view hash) {
      return RowHash(hash, row.at_ms, row.kind, row.body) == row.hash;
    };
    if (!before_head.empty() && follows(before_head)) {
      Report("log row " + std::to_string(row.seq - 1) +
             " was put in or moved there: the rows around it follow each other");
      return;
    }
    for (const auto& [hash, seq] : seq_by_hash_) {
      if (hash == head || !follows(hash)) continue;
      Report(name + " was moved: it belongs after the row that is now " + std::to_string(seq));
      return;
    }
    if (head != kFirstHash && follows(kFirstHash)) {
      Report(name + " was moved: it belongs at the beginning");
      return;
    }
    Report(name + " (" + row.kind.substr(0, 40) +
           ") was edited: its content doesn't give its hash");
  }

  void Replay(Projection& projection, const LogRow& row) {
    const std::string where = "log row " + std::to_string(row.seq);
    try {
      projection.Apply(row.at_ms, row.kind, ParseJson(row.body, where), where);
    } catch (const Error& error) {
      Report(error.what());
    }
  }

  // Rows of one that the other lacks. A row that differs lacks on both sides; said once.
  void CompareTable(const DerivedTable& table, const std::string& from, const std::string& other,
                    const std::string& what) {
    const std::string name = table.name;
    Statement rows = database_.Prepare("SELECT CAST(" + std::string(table.key) +
                                       " AS TEXT) FROM (" + "SELECT * FROM " + from + "." + name +
                                       " EXCEPT SELECT * FROM " + other + "." + name + ")");
    while (rows.Step()) {
      const std::string key(rows.Text(0));
      if (!reported_.insert(name + "/" + key).second) continue;
      Report("table " + name + ": row \"" + key + "\" " + what);
      if (result_.problems.size() >= kMaxProblems) return;
    }
  }

  Database database_;
  std::map<std::string, int64_t> seq_by_hash_;
  std::set<std::string> reported_;
  VerifyResult result_;
};

}  // namespace

VerifyResult VerifyArena(const std::filesystem::path& file, const std::string& known_head) {
  return Verifier(file).Run(known_head);
}

}  // namespace agon::arena
