#include <gtest/gtest.h>

#include <sstream>

#include "arena/arena.h"
#include "arena/leaderboard.h"
#include "arena/store/projection.h"
#include "core/json.h"
#include "tests/arena/arena_file.h"
#include "tests/error_of.h"

namespace agon::arena {
namespace {

using ExchangeTest = ArenaTest;

// What makes every leaderboard recomputable: the tables follow from the log.
TEST_F(ExchangeTest, ComesBackFromItsExportBitForBit) {
  Arena arena = OpenWith(3);
  Fill(arena);
  const std::string exported = Exported(arena);
  Arena copy = Open(folder_ / "copy.db");
  std::istringstream in(exported);
  EXPECT_EQ(copy.Import(in, "export"), arena.NumLogRows());
  EXPECT_EQ(copy.Head(), arena.Head());
  EXPECT_EQ(Exported(copy), exported);
  for (const bool style : {false, true}) {
    const LeaderboardOptions options{.has_style_control = style, .num_bootstraps = style ? 0 : 50};
    EXPECT_EQ(LeaderboardJson(ReadLeaderboard(copy, options)),
              LeaderboardJson(ReadLeaderboard(arena, options)));
  }
  EXPECT_EQ(VerifyArena(folder_ / "copy.db", arena.Head()).problems, std::vector<std::string>{});
  // Again, and into an arena of its own life: only what is new comes in.
  std::istringstream again(exported);
  EXPECT_EQ(copy.Import(again, "export"), 0);
  Arena other = Open(folder_ / "other.db");
  other.AddModel({.name = "model-0", .weights = kWeights, .stage = "rl"});
  std::istringstream merged(exported);
  EXPECT_EQ(other.Import(merged, "export"), arena.NumLogRows() - 1);
  EXPECT_EQ(other.Compare({}).comparisons.size(), 15u);
  EXPECT_EQ(VerifyArena(folder_ / "other.db").problems, std::vector<std::string>{});
}

TEST_F(ExchangeTest, ImportsAllOrNothing) {
  Arena arena = OpenWith(2);
  Fill(arena);
  std::string exported = Exported(arena);
  const auto refused = [&](const std::string& text, ErrorKind kind) {
    Arena copy = Open(folder_ / "copy.db");
    std::istringstream in(text);
    const std::string error = ErrorOf([&] { copy.Import(in, "votes.jsonl"); }, kind);
    EXPECT_EQ(copy.NumLogRows(), 0);
    return error;
  };
  std::string edited = exported;
  edited.replace(edited.find("\"choice\":\"b\""), 12, "\"choice\":\"a\"");
  EXPECT_TRUE(Contains(refused(edited, ErrorKind::kCorrupt), "it was edited"));
  EXPECT_TRUE(Contains(refused(exported + "{\"kind\"", ErrorKind::kCorrupt), "votes.jsonl line "));
  EXPECT_TRUE(Contains(refused("{\"a\":1}\n", ErrorKind::kCorrupt), "\"format\""));
  EXPECT_TRUE(Contains(refused("", ErrorKind::kCorrupt), "not an export"));
  // Cut after a whole line: only the head tells.
  const std::string cut = exported.substr(0, exported.rfind('\n', exported.size() - 2) + 1);
  EXPECT_TRUE(Contains(refused(cut, ErrorKind::kCorrupt), "it was cut short"));
  EXPECT_NE(refused("{\"format\":\"agon-arena\",\"version\":2}\n", ErrorKind::kUnsupported), "");
  EXPECT_NE(refused("{\"format\":\"agon-arena\",\"version\":1}\n"
                    "{\"kind\":\"vote\",\"at_ms\":1,\"body\":[],\"hash\":\"\"}\n",
                    ErrorKind::kCorrupt),
            "");
  // Other weights under a known name are another model.
  Arena other = Open(folder_ / "other.db");
  other.AddModel({.name = "model-0", .weights = std::string(64, 'c')});
  std::istringstream in(exported);
  const std::string error = ErrorOf([&] { other.Import(in, "votes.jsonl"); }, ErrorKind::kUsage);
  EXPECT_TRUE(Contains(error, "votes.jsonl line 2")) << error;
}

// An export of one row, with a right hash.
std::string ExportOf(int64_t at_ms, const std::string& kind, const std::string& body) {
  const std::string hash = RowHash(kFirstHash, at_ms, kind, body);
  return R"({"format":"agon-arena","version":1,"head":")" + hash + "\"}\n" + R"({"at_ms":)" +
         std::to_string(at_ms) + R"(,"kind":")" + kind + R"(","body":)" + body + R"(,"hash":")" +
         hash + "\"}\n";
}

TEST_F(ExchangeTest, NamesTheLineThatItCannotTake) {
  Arena arena = OpenWith(2);
  const Battle battle = Fought(arena);
  const auto error = [&](int64_t at_ms, const std::string& kind, const Json& body,
                         ErrorKind error_kind) {
    std::istringstream in(ExportOf(at_ms, kind, DumpJson(body)));
    return ErrorOf([&] { arena.Import(in, "votes.jsonl"); }, error_kind);
  };
  // Rules that only the tables know.
  const std::string side = error(kStartMs, "reply",
                                 {{"battle", battle.id},
                                  {"side", 2},
                                  {"turn", 0},
                                  {"text", ""},
                                  {"finish", "stop"},
                                  {"tokens", 0},
                                  {"ms", 0}},
                                 ErrorKind::kFailed);
  EXPECT_TRUE(Contains(side, "votes.jsonl line 2")) << side;
  const std::string twin = error(kStartMs, "battle",
                                 {{"id", std::string(32, '0')},
                                  {"prompt", "?"},
                                  {"category", ""},
                                  {"a", "model-0"},
                                  {"b", "model-0"},
                                  {"session", ""}},
                                 ErrorKind::kFailed);
  EXPECT_TRUE(Contains(twin, "votes.jsonl line 2")) << twin;
  // A time that would hold the arena's clock for ever, and one before there were any.
  const Json model = {{"name", "x"},  {"weights", ""}, {"location", ""},  {"parent", ""},
                      {"stage", "x"}, {"step", 0},     {"private", false}};
  for (const int64_t at_ms : {INT64_MAX, kStartMs + 2 * 24 * 3600 * 1000, INT64_C(-1), INT64_MIN}) {
    const std::string time = error(at_ms, "model", model, ErrorKind::kCorrupt);
    EXPECT_TRUE(Contains(time, "votes.jsonl line 2")) << time;
  }
  EXPECT_FALSE(arena.FindModel("x"));
  EXPECT_EQ(VerifyArena(file_).problems, std::vector<std::string>{});
}

// A board of a file is the same bits in every arena, and equal lines are different votes.
TEST_F(ExchangeTest, TakesFastChatsVotesTheSameEverywhere) {
  std::string votes;
  for (const char* winner : {"model_a", "model_a", "tie", "model_b"}) {
    for (const char* judge : {"u1", "u2", "u3"}) {
      votes += std::string(R"({"model_a": "x", "model_b": "y", "winner": ")") + winner +
               R"(", "judge": ")" + judge + "\"}\n";
    }
  }
  std::string boards[2];
  for (const size_t i : {size_t{0}, size_t{1}}) {
    Arena arena = Open(folder_ / ("arena" + std::to_string(i)));
    std::istringstream in(votes), again(votes);
    arena.ImportFastChat(in, "fc.jsonl");
    EXPECT_EQ(arena.Compare({}).comparisons.size(), 12u);
    EXPECT_EQ(arena.ImportFastChat(again, "fc.jsonl"), 0);
    boards[i] = LeaderboardJson(ReadLeaderboard(arena, {})) + Exported(arena);
  }
  EXPECT_EQ(boards[0], boards[1]);
}

TEST_F(ExchangeTest, TakesFastChatsFormatsAndGivesItsCleanOne) {
  const std::string votes =
      R"({"tstamp": 1683000000.25, "type": "leftvote", "models": ["", ""], "ip": "1.2.3.4",)"
      R"( "states": [{"model_name": "alpha", "messages": [["USER", "Hi"], ["ASSISTANT", "Hello"]]},)"
      R"( {"model_name": "beta", "messages": [["USER", "Hi"], ["ASSISTANT", "Hey"]]}]})"
      "\n"
      R"({"type": "chat", "model": "alpha"})"
      "\n"
      R"j({"model_a": "beta", "model_b": "gamma", "winner": "tie (bothbad)", "judge": "u1",)j"
      R"( "conversation_a": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}],)"
      R"( "conversation_b": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "B"}],)"
      R"( "language": "English", "tstamp": 1683000001})"
      "\n";
  Arena arena = Open();
  std::istringstream in(votes), again(votes);
  EXPECT_EQ(arena.ImportFastChat(in, "fc.jsonl"), 3 + 2 * 4);
  EXPECT_EQ(arena.ImportFastChat(again, "fc.jsonl"), 0);
  const auto comparisons = arena.Compare({}).comparisons;
  ASSERT_EQ(comparisons.size(), 2u);
  EXPECT_EQ(comparisons[0].outcome, Outcome::kWinA);
  EXPECT_EQ(comparisons[1].outcome, Outcome::kBothBad);
  EXPECT_NE(comparisons[0].voter, comparisons[1].voter);
  EXPECT_EQ(arena.LatestBattles("gamma", 1)[0].replies[1].text, "B");
  EXPECT_EQ(VerifyArena(file_).problems, std::vector<std::string>{});

  std::ostringstream out;
  arena.ExportFastChat(out);
  EXPECT_TRUE(Contains(out.str(), R"j("winner":"tie (bothbad)")j"));
  EXPECT_FALSE(Contains(out.str(), "1.2.3.4"));
  Arena copy = Open(folder_ / "copy.db");
  std::istringstream back(out.str());
  copy.ImportFastChat(back, "copy");
  EXPECT_EQ(copy.Compare({}).comparisons.size(), 2u);
  for (const char* broken :
       {R"({"winner": "model_c", "model_a": "a", "model_b": "b"})", R"({"type": "leftvote"})",
        R"([])", R"({"type": "leftvote", "models": ["a"], "states": []})"}) {
    std::istringstream line(broken);
    const std::string error =
        ErrorOf([&] { arena.ImportFastChat(line, "fc.jsonl"); }, ErrorKind::kCorrupt);
    EXPECT_TRUE(Contains(error, "fc.jsonl line 1")) << broken;
  }
}

TEST_F(ExchangeTest, VerifyNamesWhatWasChangedInTheLog) {
  {
    Arena arena = OpenWith(2);
    Fill(arena);
  }
  const VerifyResult clean = VerifyArena(file_);
  EXPECT_EQ(clean.problems, std::vector<std::string>{});
  const std::string saved = (folder_ / "saved.db").string();
  Database(file_).Execute("VACUUM INTO '" + saved + "'");
  const auto after = [&](const std::string& sql, const std::string& known_head = "") {
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(file_.string() + suffix);
    fs::copy_file(saved, file_);
    Tamper(sql);
    return Problems(VerifyArena(file_, known_head));
  };
  const int64_t last = clean.num_rows;
  const std::string edited = after(
      "UPDATE log SET body = replace(body, '\"choice\":\"a\"', '\"choice\":\"b\"') WHERE seq = "
      "(SELECT MIN(seq) FROM log WHERE kind = 'vote')");
  EXPECT_TRUE(Contains(edited, "(vote) was edited")) << edited;
  EXPECT_TRUE(Contains(edited, "table vote: row")) << edited;
  const std::string removed = after("DELETE FROM log WHERE seq IN (5, 6)");
  EXPECT_TRUE(Contains(removed, "log rows 5 to 6 were removed")) << removed;
  const std::string moved = after(
      "UPDATE log SET seq = -1 WHERE seq = 3; UPDATE log SET seq = 3 WHERE seq = 4;"
      "UPDATE log SET seq = 4 WHERE seq = -1");
  EXPECT_TRUE(Contains(moved, "log row 3 was moved")) << moved;
  // Put in between 7 and 8, with a hash that follows from row 7.
  const std::string put_in = after(
      "UPDATE log SET seq = -seq WHERE seq > 7; UPDATE log SET seq = 1 - seq WHERE seq < 0;"
      "INSERT INTO log SELECT 8, at_ms, kind, body, 'x' FROM log WHERE seq = 7");
  EXPECT_TRUE(Contains(put_in, "log row 8 was put in or moved there")) << put_in;
  // The end can go unnoticed only together with what it did, or if no head was noted.
  const std::string cut = after("DELETE FROM log WHERE seq = " + std::to_string(last));
  EXPECT_TRUE(Contains(cut, "table model: row \"model-1\"")) << cut;
  const std::string cut_well = after("DELETE FROM log WHERE seq = " + std::to_string(last) +
                                         "; UPDATE model SET retired_ms = NULL, retired_why = ''",
                                     clean.head);
  EXPECT_TRUE(Contains(cut_well, "doesn't hold the known head")) << cut_well;
}

TEST_F(ExchangeTest, VerifyNamesWhatWasChangedInTheTables) {
  {
    Arena arena = OpenWith(2);
    Fill(arena);
  }
  Tamper(
      "UPDATE model SET elo = 2000 WHERE name = 'model-0'; DELETE FROM vote WHERE id = 1;"
      "UPDATE match SET score = 1 WHERE id = 3");
  const std::string problems = Problems(VerifyArena(file_));
  EXPECT_TRUE(Contains(problems, "table model: row \"model-0\"")) << problems;
  EXPECT_TRUE(Contains(problems, "table vote: row")) << problems;
  EXPECT_TRUE(Contains(problems, "table match: row \"3\"")) << problems;
  EXPECT_NE(ErrorOf([&] { VerifyArena(folder_ / "none.db"); }, ErrorKind::kNotFound), "");
  Database(folder_ / "theirs.db").Execute("CREATE TABLE t(x)");
  EXPECT_NE(ErrorOf([&] { VerifyArena(folder_ / "theirs.db"); }, ErrorKind::kUsage), "");
}

}  // namespace
}  // namespace agon::arena
