#include "arena/arena.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <set>
#include <thread>

#include "tests/arena/arena_file.h"
#include "tests/error_of.h"

namespace agon::arena {
namespace {

TEST_F(ArenaTest, RunsABattleFromPromptToComment) {
  Arena arena = OpenWith(2);
  const Battle battle = arena.NewBattle("Two and two?", "math", "s");
  EXPECT_EQ(battle.id.size(), 32u);
  EXPECT_NE(battle.model_a, battle.model_b);
  EXPECT_EQ(Vote(arena, battle, Outcome::kWinA).status, VoteStatus::kNotFinished);
  arena.AddReply(battle.id, {.side = 0, .text = "4"});
  EXPECT_EQ(Vote(arena, battle, Outcome::kWinA).status, VoteStatus::kNotFinished);
  arena.AddReply(battle.id, {.side = 1, .text = "5"});
  EXPECT_FALSE(arena.AddComment(battle.id, battle.token, "s", {}, "too early"));

  const VoteReceipt receipt = Vote(arena, battle, Outcome::kWinA);
  EXPECT_EQ(receipt.status, VoteStatus::kCounted);
  EXPECT_EQ(receipt.model_a, battle.model_a);
  EXPECT_EQ(receipt.gain_a, 8);  // 16 * (1 - 1/2)
  EXPECT_EQ(receipt.elo_a, 1008);
  EXPECT_EQ(receipt.elo_b, 992);
  EXPECT_TRUE(arena.AddComment(battle.id, battle.token, "s", {"useful"}, "right"));
  EXPECT_FALSE(arena.AddComment(battle.id, battle.token, "s", {}, "again"));

  const auto record = arena.FindBattle(battle.id);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->turns, std::vector<std::string>{"Two and two?"});
  EXPECT_EQ(record->replies.size(), 2u);
  EXPECT_EQ(record->choice, Outcome::kWinA);
  EXPECT_EQ(record->tags, std::vector<std::string>{"useful"});
  EXPECT_EQ(record->comment, "right");
  EXPECT_EQ(arena.LatestBattles(battle.model_a, 5).size(), 1u);
  EXPECT_TRUE(arena.LatestBattles("nobody", 5).empty());
  EXPECT_EQ(arena.FindModel(battle.model_a)->num_votes, 1);
  EXPECT_EQ(VerifyArena(file_).problems, std::vector<std::string>{});
}

TEST_F(ArenaTest, CountsAVoteOnceHoweverOftenItIsSent) {
  Arena arena = OpenWith(2);
  const Battle battle = Fought(arena);
  // A double click may arrive as one batch or as two.
  const Ballot twice[] = {BallotFor(battle, Outcome::kWinA), BallotFor(battle, Outcome::kWinB)};
  const auto receipts = arena.CastVotes(twice);
  EXPECT_EQ(receipts[0].status, VoteStatus::kCounted);
  EXPECT_EQ(receipts[1].status, VoteStatus::kAlreadyVoted);
  EXPECT_EQ(receipts[1].gain_a, receipts[0].gain_a);
  EXPECT_EQ(Vote(arena, battle, Outcome::kTie).status, VoteStatus::kAlreadyVoted);
  EXPECT_EQ(arena.Compare({}).comparisons.size(), 1u);
  EXPECT_NE(ErrorOf([&] { arena.AddReply(battle.id, {.side = 0, .turn = 1, .text = "later"}); },
                    ErrorKind::kUsage),
            "");
}

TEST_F(ArenaTest, TwoVotesThatRaceOnOneBattleAreOne) {
  std::vector<Battle> battles;
  {
    Arena arena = OpenWith(2);
    for (int i = 0; i < 10; ++i) battles.push_back(Fought(arena));
  }
  std::atomic<int> num_counted = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Arena arena = Open();
      for (const Battle& battle : battles) {
        num_counted += Vote(arena, battle, Outcome::kWinA).status == VoteStatus::kCounted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_counted, 10);
  EXPECT_EQ(VerifyArena(file_).problems, std::vector<std::string>{});
}

TEST_F(ArenaTest, RefusesForgedAndStolenTokens) {
  Arena arena = OpenWith(2);
  const Battle battle = Fought(arena), other = Fought(arena);
  Ballot ballot = BallotFor(battle, Outcome::kWinA);
  const auto status = [&] { return arena.CastVotes({&ballot, 1})[0].status; };
  ballot.session = "someone else's";
  EXPECT_EQ(status(), VoteStatus::kBadToken);
  ballot.session = "s";
  ballot.token = other.token;
  EXPECT_EQ(status(), VoteStatus::kBadToken);
  ballot.token = std::string(64, '0');
  EXPECT_EQ(status(), VoteStatus::kBadToken);
  ballot.token = "";
  EXPECT_EQ(status(), VoteStatus::kBadToken);
  ballot.battle = "' OR '1'='1";
  EXPECT_EQ(status(), VoteStatus::kUnknownBattle);
  EXPECT_TRUE(arena.Compare({}).comparisons.empty());
  // Another arena's tokens are worth nothing here.
  Arena elsewhere = Open(folder_ / "other.db");
  EXPECT_EQ(Vote(elsewhere, battle, Outcome::kWinA).status, VoteStatus::kUnknownBattle);
}

TEST_F(ArenaTest, RefusesLateVotesAndFailedReplies) {
  Arena arena = OpenWith(2);
  const Battle late = Fought(arena);
  const Battle failed = arena.NewBattle("?", "", "s");
  arena.AddReply(failed.id, {.side = 0, .text = "fine"});
  arena.AddReply(failed.id, {.side = 1, .text = "", .finish = "error"});
  EXPECT_EQ(Vote(arena, failed, Outcome::kWinA).status, VoteStatus::kNotFinished);
  // A second turn needs its replies, too.
  const Battle longer = Fought(arena);
  arena.AddTurn(longer.id, 1, "And?");
  EXPECT_EQ(Vote(arena, longer, Outcome::kWinA).status, VoteStatus::kNotFinished);
  now_ms_ += kTokenLifetimeMs + 1;
  EXPECT_EQ(Vote(arena, late, Outcome::kWinA).status, VoteStatus::kExpired);
}

TEST_F(ArenaTest, KeepsItsOrderWhenTheClockJumps) {
  Arena arena = OpenWith(2);
  const Battle battle = Fought(arena);
  now_ms_ -= 3'600'000;
  EXPECT_EQ(Vote(arena, battle, Outcome::kWinA).status, VoteStatus::kCounted);
  EXPECT_EQ(VerifyArena(file_).problems, std::vector<std::string>{});
  EXPECT_GE(arena.Models()[1].added_ms, arena.Models()[0].added_ms);
}

TEST_F(ArenaTest, NeverForgetsAModel) {
  Arena arena = OpenWith(2);
  EXPECT_FALSE(arena.AddModel({.name = "model-0", .weights = kWeights}));
  const std::string other =
      ErrorOf([&] { arena.AddModel({.name = "model-0", .weights = std::string(64, 'b')}); },
              ErrorKind::kUsage);
  EXPECT_TRUE(Contains(other, "with other weights")) << other;
  EXPECT_NE(ErrorOf([&] { arena.AddModel({.name = "x", .parent = "nobody"}); }, ErrorKind::kUsage),
            "");
  for (const char* name : {"", "two\nlines", "\x1b[2J"}) {
    EXPECT_NE(ErrorOf([&] { arena.AddModel({.name = name}); }, ErrorKind::kUsage), "") << name;
  }
  Vote(arena, Fought(arena), Outcome::kWinA);
  arena.RetireModel("model-1", "superseded");
  arena.RetireModel("model-1", "again");  // changes nothing
  EXPECT_EQ(arena.FindModel("model-1")->retired_why, "superseded");
  EXPECT_EQ(arena.Compare({}).comparisons.size(), 1u);
  const std::string alone = ErrorOf([&] { arena.NewBattle("?", "", "s"); }, ErrorKind::kUsage);
  EXPECT_TRUE(Contains(alone, "needs two models, there are 1")) << alone;
  EXPECT_TRUE(
      Contains(ErrorOf([&] { Database(file_).Execute("DELETE FROM model"); }, ErrorKind::kFailed),
               "retired, never deleted"));
  EXPECT_TRUE(Contains(
      ErrorOf([&] { Database(file_).Execute("UPDATE log SET at_ms = 0"); }, ErrorKind::kFailed),
      "append-only"));
}

TEST_F(ArenaTest, DrawsPairsByWhatAVoteWouldTellAndSidesByACoin) {
  Arena arena = OpenWith(3);
  // Until all are linked, only pairs that nothing links are drawn.
  std::set<std::set<std::string>> pairs;
  for (int i = 0; i < 2; ++i) {
    const Battle battle = Fought(arena);
    EXPECT_TRUE(pairs.insert({battle.model_a, battle.model_b}).second);
    Vote(arena, battle, Outcome::kTie);
  }
  int left = 0;
  std::set<std::string> seen;
  // Ids are random; six outcomes miss none of them in 200 draws but once in 10^15.
  for (int i = 0; i < 200; ++i) {
    const Battle battle = arena.NewBattle("?", "", "s");
    left += battle.model_a < battle.model_b;
    seen.insert(battle.model_a + battle.model_b);
  }
  EXPECT_GT(left, 40);  // 8.5 standard deviations
  EXPECT_LT(left, 160);
  EXPECT_EQ(seen.size(), 6u);
  const std::vector<std::string> two = {"model-0", "model-2"};
  for (int i = 0; i < 5; ++i) {
    const Battle battle = arena.NewBattle("?", "", "s", two);
    EXPECT_NE(battle.model_a, "model-1");
    EXPECT_NE(battle.model_b, "model-1");
  }
}

TEST_F(ArenaTest, ReadsComparisonsByFilter) {
  Arena arena = OpenWith(2);
  Fill(arena);
  EXPECT_EQ(arena.Compare({}).comparisons.size(), 15u);
  EXPECT_EQ(arena.Compare({.decider = "vote"}).comparisons.size(), 12u);
  EXPECT_EQ(arena.Compare({.decider = "game"}).comparisons.size(), 2u);
  EXPECT_EQ(arena.Compare({.subject = "math/shop-v1"}).comparisons.size(), 1u);
  EXPECT_EQ(arena.Compare({.category = "math"}).comparisons.size(), 12u);
  EXPECT_EQ(arena.Compare({.category = "poetry"}).comparisons.size(), 0u);
  for (const Comparison& c : arena.Compare({.stage = "rl"}).comparisons) {
    EXPECT_LT(std::max(c.a, c.b), 2);
  }
  const auto styled = arena.Compare({.decider = "vote"}, true).comparisons;
  EXPECT_EQ(styled[0].style[3], 0.5);  // one bold span against none
  EXPECT_EQ(styled[0].weight, 1);
  EXPECT_EQ(arena.LatestMatches("game", "", 10).size(), 2u);
  EXPECT_EQ(arena.LatestMatches("grader", "child", 10).size(), 1u);
  EXPECT_EQ(arena.LatestMatches("game", "child", 10).size(), 0u);
}

TEST_F(ArenaTest, WeighsHastyVotesLess) {
  EXPECT_EQ(DwellWeight(0), 0);
  EXPECT_EQ(DwellWeight(500), 0);
  EXPECT_EQ(DwellWeight(1750), 0.5);
  EXPECT_EQ(DwellWeight(3000), 1);
  EXPECT_EQ(DwellWeight(std::nullopt), 1);
}

TEST_F(ArenaTest, KnowsItsMatchesAndRefusesOthersTwice) {
  Arena arena = OpenWith(2);
  Match match{"game", "game/connect4-v1", "test 42/0", "model-0", "model-1", 1, "{}"};
  EXPECT_EQ(arena.AddMatches({&match, 1}), 1);
  EXPECT_EQ(arena.AddMatches({&match, 1}), 0);
  std::swap(match.model_a, match.model_b);
  match.score = 0.7;
  EXPECT_NE(ErrorOf([&] { arena.AddMatches({&match, 1}); }, ErrorKind::kUsage), "");
  match.score = 1;
  match.model_a = "nobody";
  EXPECT_NE(ErrorOf([&] { arena.AddMatches({&match, 1}); }, ErrorKind::kUsage), "");
  match = {"oracle", "x", "t", "model-0", "model-1", 1, "{}"};
  EXPECT_NE(ErrorOf([&] { arena.AddMatches({&match, 1}); }, ErrorKind::kFailed), "");
  EXPECT_EQ(arena.Compare({}).comparisons.size(), 1u);
}

TEST_F(ArenaTest, KeepsHostileTextAsText) {
  Arena arena = OpenWith(2);
  const std::string text("<script>alert(1)</script>'; DROP TABLE vote; --\0\xff\xfe", 50);
  const Battle battle = arena.NewBattle(text, "'", "s");
  arena.AddReply(battle.id, {.side = 0, .text = text});
  arena.AddReply(battle.id, {.side = 1, .text = text});
  EXPECT_EQ(Vote(arena, battle, Outcome::kBothBad).status, VoteStatus::kCounted);
  EXPECT_TRUE(arena.FindBattle(battle.id)->replies[0].text.starts_with("<script>"));
  EXPECT_EQ(VerifyArena(file_).problems, std::vector<std::string>{});
  EXPECT_NE(ErrorOf([&] { arena.NewBattle(std::string(kMaxPromptBytes + 1, 'x'), "", "s"); },
                    ErrorKind::kUsage),
            "");
  EXPECT_NE(ErrorOf([&] { arena.NewBattle("", "", "s"); }, ErrorKind::kUsage), "");
}

TEST_F(ArenaTest, KeepsAddressesAndSessionsToItself) {
  Arena arena = OpenWith(2);
  Vote(arena, Fought(arena, "secret session"), Outcome::kWinA, "secret session");
  const std::string all = Exported(arena) + ReadFile(file_) + ReadFile(file_.string() + "-wal");
  EXPECT_FALSE(Contains(all, "192.0.2.7"));
  EXPECT_FALSE(Contains(all, "secret session"));
}

// What is read while others vote is one moment: the head belongs to the comparisons.
TEST_F(ArenaTest, ReadsALeaderboardAsOfOneMoment) {
  Arena arena = OpenWith(2);
  std::atomic<bool> is_done = false;
  std::thread voters([&] {
    Arena other = Open();
    for (int i = 0; i < 40; ++i) Vote(other, Fought(other), Outcome::kWinA);
    is_done = true;
  });
  std::vector<Comparisons> moments;
  while (!is_done) {
    moments.push_back(arena.Compare({}));
    if (moments.size() > 1 && moments[moments.size() - 2].head == moments.back().head) {
      moments.pop_back();
    }
  }
  voters.join();
  Database database(file_);
  Statement votes = database.Prepare(
      "SELECT COUNT(*) FROM log WHERE kind = 'vote' AND seq <= (SELECT seq FROM log WHERE hash = "
      "?)");
  for (const Comparisons& moment : moments) {
    ASSERT_TRUE(votes.Bind(moment.head).Step());
    EXPECT_EQ(static_cast<size_t>(votes.Int(0)), moment.comparisons.size());
    int64_t live = 0;
    for (const Model& model : moment.models) live += model.num_votes;
    EXPECT_EQ(static_cast<size_t>(live), 2 * moment.comparisons.size());
  }
}

// Opening needs no lock that others hold, and leaves a file of another program as it is.
TEST_F(ArenaTest, WritesNothingWhenItIsOpened) {
  OpenWith(2);
  Database writer(file_);
  const Transaction held(writer);
  EXPECT_EQ(Open().Models().size(), 2u);

  const fs::path theirs = folder_ / "theirs.db";
  Database(theirs).Execute("PRAGMA journal_mode = DELETE; CREATE TABLE t(x)");
  const std::string bytes = ReadFile(theirs);
  EXPECT_TRUE(Contains(ErrorOf([&] { Open(theirs); }, ErrorKind::kUsage), "isn't touched"));
  EXPECT_EQ(ReadFile(theirs), bytes);
}

// A child that votes until it is killed: every vote it acknowledged is there, none twice.
TEST_F(ArenaTest, LosesNoAcknowledgedVoteToAKill) {
  OpenWith(2);
  int num_acknowledged = 0;
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      Arena arena = Open();
      while (true) {
        std::vector<Ballot> ballots;
        for (int i = 0; i < 3; ++i) ballots.push_back(BallotFor(Fought(arena), Outcome::kWinA));
        const auto receipts = arena.CastVotes(ballots);
        for (const VoteReceipt& receipt : receipts) {
          const char byte = receipt.status == VoteStatus::kCounted ? '+' : '-';
          if (::write(pipe_ends[1], &byte, 1) != 1) ::_exit(1);
        }
      }
    }
    ::close(pipe_ends[1]);
    char byte = 0;
    for (int i = 0; i < 3 + round; ++i) {
      ASSERT_EQ(::read(pipe_ends[0], &byte, 1), 1);
      EXPECT_EQ(byte, '+');
      ++num_acknowledged;
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(pipe_ends[0], &byte, 1) == 1) ++num_acknowledged;
    ::close(pipe_ends[0]);
  }
  Arena arena = Open();
  const auto num_votes = static_cast<int>(arena.Compare({}).comparisons.size());
  EXPECT_GE(num_votes, num_acknowledged);
  EXPECT_LE(num_votes, num_acknowledged + 5 * 3);
  EXPECT_EQ(VerifyArena(file_).problems, std::vector<std::string>{});
}

}  // namespace
}  // namespace agon::arena
