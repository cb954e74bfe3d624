// An arena in a folder of its own, with a clock that stands still.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>
#include <string>

#include "arena/arena.h"
#include "core/database.h"
#include "core/file.h"

namespace agon::arena {

inline constexpr int64_t kStartMs = 1'700'000'000'000;
inline const std::string kWeights(64, 'a');

class ArenaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("agon_arena_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
               std::to_string(::getpid()));
    fs::create_directories(folder_);
    file_ = folder_ / "arena.db";
  }
  void TearDown() override { fs::remove_all(folder_); }

  Arena Open(const fs::path& file) {
    return Arena(file, {.now_ms = [this] { return now_ms_; }});
  }
  Arena Open() { return Open(file_); }
  Arena OpenWith(int num_models) {
    Arena arena = Open();
    for (int i = 0; i < num_models; ++i) {
      arena.AddModel({.name = "model-" + std::to_string(i), .weights = kWeights, .stage = "rl"});
    }
    return arena;
  }

  static Ballot BallotFor(const Battle& battle, Outcome choice, const std::string& session = "s") {
    return {.battle = battle.id,
            .token = battle.token,
            .session = session,
            .choice = choice,
            .dwell_ms = 5000,
            .address = "192.0.2.7"};
  }
  static Battle Fought(Arena& arena, const std::string& session = "s",
                       const std::string& prompt = "Two and two?") {
    Battle battle = arena.NewBattle(prompt, "math", session);
    arena.AddReply(battle.id, {.side = 0, .text = "**Four.**", .num_tokens = 2});
    arena.AddReply(battle.id, {.side = 1, .text = "Five.", .num_tokens = 2});
    return battle;
  }
  static VoteReceipt Vote(Arena& arena, const Battle& battle, Outcome choice,
                          const std::string& session = "s") {
    const Ballot ballot = BallotFor(battle, choice, session);
    return arena.CastVotes({&ballot, 1})[0];
  }
  // Some of everything.
  void Fill(Arena& arena) {
    arena.AddModel({.name = "child", .weights = "", .parent = "model-0", .stage = "sft"});
    for (int i = 0; i < 12; ++i) {
      const std::string session = "voter " + std::to_string(i % 3);
      Battle battle = Fought(arena, session, "prompt " + std::to_string(i % 5));
      if (i % 4 == 0) {
        arena.AddTurn(battle.id, 1, "And then?");
        arena.AddReply(battle.id, {.side = 0, .turn = 1, .text = "So."});
        arena.AddReply(battle.id, {.side = 1, .turn = 1, .text = "Nothing."});
      }
      Vote(arena, battle, static_cast<Outcome>(i % 4), session);
      if (i == 2) arena.AddComment(battle.id, battle.token, session, {"useful"}, "good");
    }
    const Match matches[] = {
        {"game", "game/connect4-v1", "test 42/0", "model-0", "model-1", 1, "{}"},
        {"game", "game/connect4-v1", "test 42/0", "model-1", "model-0", 0.5, "{}"},
        {"grader", "math/shop-v1", "test 42/7", "model-0", "child", 0, "{}"}};
    arena.AddMatches(matches);
    arena.RetireModel("model-1", "superseded");
  }
  std::string Exported(Arena& arena) {
    std::ostringstream out;
    arena.Export(out);
    return out.str();
  }
  static std::string Problems(const VerifyResult& result) {
    std::string text;
    for (const std::string& problem : result.problems) text += problem + "\n";
    return text;
  }
  // Changes the file as an intruder would.
  void Tamper(const std::string& sql) {
    Database database(file_);
    database.Execute(
        "PRAGMA foreign_keys = OFF; DROP TRIGGER log_keeps_rows; DROP TRIGGER log_keeps_values;" +
        sql);
  }

  fs::path folder_, file_;
  int64_t now_ms_ = kStartMs;
};

}  // namespace agon::arena
