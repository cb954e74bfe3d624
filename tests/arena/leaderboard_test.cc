#include "arena/leaderboard.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>

#include "arena/command.h"
#include "arena/tournament.h"
#include "core/json.h"
#include "core/rng.h"
#include "tests/arena/arena_file.h"
#include "tests/error_of.h"

namespace agon::arena {
namespace {

// Contestants "0", "1", ...
Comparisons Among(int n, std::vector<Comparison> comparisons) {
  Comparisons all;
  for (int i = 0; i < n; ++i) all.models.push_back({.name = std::to_string(i)});
  all.comparisons = std::move(comparisons);
  return all;
}

std::string Notes(const Leaderboard& board) {
  std::string text;
  for (const std::string& note : board.notes) text += note + "\n";
  return text;
}

// Voters 0 .. 49 on five contestants, 40 votes each.
std::vector<Comparison> HonestVotes(int num_votes) {
  const double strength[] = {0.8, 0.4, 0, -0.4, -0.8};
  Rng rng({.run_seed = 17});
  std::vector<Comparison> votes;
  for (int i = 0; i < num_votes; ++i) {
    Comparison vote;
    vote.voter = static_cast<uint64_t>(i / 40);
    vote.prompt = rng.Below(300);
    vote.a = static_cast<int>(rng.Below(5));
    vote.b = (vote.a + 1 + static_cast<int>(rng.Below(4))) % 5;
    const double d = strength[vote.a] - strength[vote.b];
    vote.outcome = rng.Uniform() < 0.2                      ? Outcome::kBothBad
                   : rng.Uniform() < 1 / (1 + std::exp(-d)) ? Outcome::kWinA
                                                            : Outcome::kWinB;
    votes.push_back(vote);
  }
  return votes;
}

TEST(LeaderboardTest, RanksWithIntervalsAndSaysHow) {
  const auto votes = HonestVotes(2000);
  const Leaderboard board = ComputeLeaderboard(Among(6, votes), {});
  ASSERT_EQ(board.rows.size(), 5u);  // the sixth met nobody
  double sum = 0;
  for (size_t i = 0; i < 5; ++i) {
    const LeaderboardRow& row = board.rows[i];
    EXPECT_EQ(row.model.name, std::to_string(i));
    EXPECT_LT(row.ci_low, row.rating);
    EXPECT_GT(row.ci_high, row.rating);
    EXPECT_LE(row.rank.best, static_cast<int>(i) + 1);
    EXPECT_GE(row.rank.worst, static_cast<int>(i) + 1);
    sum += row.wins + row.losses + row.ties;
  }
  EXPECT_EQ(sum, 4000);
  EXPECT_NEAR(board.win_shares[1] + board.win_shares[5], 1, 1e-12);
  EXPECT_TRUE(std::isnan(board.win_shares[0]));
  EXPECT_LT(board.rows[0].p_next, 0.05);
  EXPECT_TRUE(std::isnan(board.rows[4].p_next));
  ASSERT_TRUE(board.first_place);
  EXPECT_GT(board.first_place->num_flips, 10);
  EXPECT_TRUE(Contains(Notes(board), "clustered by voter and by prompt (50 voter(s)"));
  const std::string table = LeaderboardTable(board);
  EXPECT_TRUE(Contains(table, "rank  model")) << table;
  EXPECT_TRUE(Contains(table, "turned round, would put 1 first"));
  const Json json = ParseJson(LeaderboardJson(board), "json");
  EXPECT_EQ(json["rows"].size(), 5u);
  EXPECT_TRUE(json["rows"][4]["p_next"].is_null());
  // All tie models and the bootstrap agree on who is strongest.
  for (const TieModel ties : {TieModel::kRaoKupper, TieModel::kDavidson}) {
    const Leaderboard other =
        ComputeLeaderboard(Among(6, votes), {.ties = ties, .num_bootstraps = 100});
    EXPECT_EQ(other.rows[0].model.name, "0");
    EXPECT_GT(other.tie_parameter, 0);
    EXPECT_TRUE(Contains(Notes(other), "100 multinomial resamples"));
  }
}

TEST(LeaderboardTest, SaysWhatItCannotKnow) {
  EXPECT_EQ(LeaderboardTable(ComputeLeaderboard(Among(2, {}), {})), "No comparisons yet.\n");
  // One vote: no interval. All won: a prior. Two islands: no comparison.
  const Leaderboard one = ComputeLeaderboard(Among(2, {{0, 1, Outcome::kWinA}}), {});
  EXPECT_TRUE(std::isnan(one.rows[0].ci_low));
  EXPECT_TRUE(Contains(Notes(one), "a normal prior of 695 points"));
  EXPECT_TRUE(Contains(Notes(one), "one comparison says nothing of others"));
  EXPECT_TRUE(Contains(LeaderboardJson(one), "\"ci_low\": null"));
  std::vector<Comparison> islands;
  for (uint64_t i = 0; i < 8; ++i) {
    const int first = i % 2 == 0 ? 0 : 2;
    islands.push_back({first, first + 1, i < 4 ? Outcome::kWinA : Outcome::kWinB, 1, 1, i});
  }
  const Leaderboard apart = ComputeLeaderboard(Among(4, islands), {});
  EXPECT_TRUE(Contains(Notes(apart), "Nothing links these groups"));
  EXPECT_TRUE(Contains(Notes(apart), "[0, 1] [2, 3]"));
  EXPECT_TRUE(Contains(Notes(apart), "by one voter"));
}

// Each opening won by whoever moves second: no prompt differs, which is no certainty.
TEST(LeaderboardTest, TakesNoSpreadForNoCertainty) {
  std::vector<Comparison> games;
  for (uint64_t opening = 0; opening < 4; ++opening) {
    games.push_back({0, 1, Outcome::kWinB, 1, 7, opening});
    games.push_back({1, 0, Outcome::kWinB, 1, 7, opening});
  }
  const Leaderboard board = ComputeLeaderboard(Among(2, games), {.filter = {.decider = "game"}});
  EXPECT_EQ(board.rows[0].rating, 1000);
  EXPECT_TRUE(std::isnan(board.rows[0].ci_low));
  EXPECT_TRUE(Contains(Notes(board), "No intervals: no prompt or voter"));
  EXPECT_FALSE(Contains(Notes(board), "one voter"));
  EXPECT_EQ(board.rows[0].rank.worst, 2);
}

// Four prompts that say the same: 0 beats 1 three times of four on each.
TEST(LeaderboardTest, SeparatesNobodyWithoutSpread) {
  std::vector<Comparison> votes;
  for (uint64_t i = 0; i < 16; ++i) {
    votes.push_back({0, 1, i % 4 == 0 ? Outcome::kWinB : Outcome::kWinA, 1, 7, i / 4});
  }
  const Leaderboard board = ComputeLeaderboard(Among(2, votes), {});
  EXPECT_GT(board.rows[0].rating, board.rows[1].rating);
  EXPECT_EQ(board.rows[0].rank.worst, 2);
  EXPECT_EQ(board.rows[1].rank.best, 1);
  EXPECT_TRUE(std::isnan(board.rows[0].p_next));
  EXPECT_TRUE(std::isnan(board.rows[0].ci_low));
}

// Two contestants, three voters of 4, 3 and 1 wins in 4 votes, each on prompts of its own; so
// clusters are voters. p = 8/12, scores of a voter w - 4 p: 4/3, 1/3, -5/3, sum of squares
// 42/9, times 3/2. Information 12 p q = 8/3, so d = log 2, variance 7 / (64/9) = 63/64, and
// p_next is that of Student's t with 2 degrees of freedom at log 2 / sqrt(63/64): with
// t = 0.698633, 1 - t / sqrt(2 + t^2) = 0.557090.
TEST(LeaderboardTest, TestsTheNextPlaceWithStudentsT) {
  std::vector<Comparison> votes;
  const uint64_t wins[] = {4, 3, 1};
  for (uint64_t voter = 0; voter < 3; ++voter) {
    for (uint64_t k = 0; k < 4; ++k) {
      votes.push_back({0, 1, k < wins[voter] ? Outcome::kWinA : Outcome::kWinB, 1, voter, voter});
    }
  }
  const Leaderboard board = ComputeLeaderboard(Among(2, votes), {});
  EXPECT_NEAR(board.rows[0].p_next, 0.557090, 1e-5);
}

// Nor may matches be taken for people: a grader that always contradicts the votes stays.
TEST(LeaderboardTest, SetsNoMatchesAside) {
  std::vector<Comparison> all = HonestVotes(2000);
  for (uint64_t i = 0; i < 60; ++i) {
    Comparison match{0, 4, Outcome::kWinB, 1, 4242, i};
    match.is_person = false;
    all.push_back(match);
  }
  const Leaderboard board = ComputeLeaderboard(Among(5, all), {});
  EXPECT_EQ(board.voters_set_aside.size(), 0u);
  EXPECT_EQ(board.num_comparisons, 2060);
}

TEST(LeaderboardTest, StyleControlStatesItsPenalty) {
  const Leaderboard board =
      ComputeLeaderboard(Among(5, HonestVotes(400)), {.has_style_control = true});
  EXPECT_TRUE(Contains(Notes(board), "penalty of 1/2 times the sum of squared"));
  EXPECT_FALSE(board.first_place);
  EXPECT_TRUE(Contains(LeaderboardTable(board), "Style: one standard deviation more is worth"));
  const LeaderboardOptions both{.has_style_control = true, .num_bootstraps = 50};
  EXPECT_TRUE(Contains(
      ErrorOf([&] { ComputeLeaderboard(Among(5, HonestVotes(40)), both); }, ErrorKind::kUsage),
      "leave out --bootstrap or --style"));
}

// 500 votes for the weakest contestant among 20,000, by voters who do nothing else.
TEST(LeaderboardTest, SetsHostileVotersAside) {
  std::vector<Comparison> votes = HonestVotes(20000);
  const Leaderboard honest = ComputeLeaderboard(Among(5, votes), {});
  Rng rng({.run_seed = 4});
  for (int i = 0; i < 500; ++i) {
    const uint64_t voter = 100000 + static_cast<uint64_t>(i / 10);
    votes.push_back({4, static_cast<int>(rng.Below(4)), Outcome::kWinA, 1, voter, rng.Below(300)});
  }
  const Leaderboard naive = ComputeLeaderboard(Among(5, votes), {.outlier_alpha = 0});
  const Leaderboard guarded = ComputeLeaderboard(Among(5, votes), {});
  EXPECT_GE(guarded.voters_set_aside.size(), 45u);
  EXPECT_LE(guarded.voters_set_aside.size(), 55u);
  EXPECT_TRUE(Contains(Notes(guarded), "were set aside"));
  const auto& attacked = honest.rows[4];
  EXPECT_GT(naive.rows[4].rating, attacked.ci_high);  // what the attack would have done
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(guarded.rows[i].rank.best, honest.rows[i].rank.best);
    EXPECT_EQ(guarded.rows[i].rank.worst, honest.rows[i].rank.worst);
    EXPECT_GT(guarded.rows[i].rating, honest.rows[i].ci_low);
    EXPECT_LT(guarded.rows[i].rating, honest.rows[i].ci_high);
  }
}

class TournamentTest : public ArenaTest {
 protected:
  // Of two models the one with the smaller number wins three tasks of four.
  PlayContest Play() {
    return [this](const Model& a, const Model& b, std::span<const uint64_t> tasks) {
      pairs_.insert({a.name, b.name});
      std::vector<Match> matches;
      for (const uint64_t task : tasks) {
        tasks_.push_back(task);
        const bool stronger = a.name < b.name;
        matches.push_back({.decider = "grader",
                           .subject = "math/x-v1",
                           .task = "test 42/" + std::to_string(task),
                           .model_a = a.name,
                           .model_b = b.name,
                           .score = (task % 4 != 0) == stronger ? 1.0 : 0.0});
      }
      return matches;
    };
  }
  TournamentOptions Options(int64_t max_matches) {
    TournamentOptions options{
        .decider = "grader", .subject = "math/x-v1", .tasks = "test 42", .why_not = {}};
    for (int i = 0; i < 4; ++i) options.models.push_back("model-" + std::to_string(i));
    options.max_matches = max_matches;
    options.tasks_per_contest = 8;
    return options;
  }

  std::set<std::set<std::string>> pairs_;
  std::vector<uint64_t> tasks_;
};

TEST_F(TournamentTest, LinksAllThenGoesOnWhereItStopped) {
  Arena arena = OpenWith(4);
  const auto first = RunTournament(arena, Options(20), Play(), [](const auto&) {});
  EXPECT_EQ(first.num_matches, 20);
  // Three contests of 8, 8 and 4 link four models.
  EXPECT_EQ(pairs_.size(), 3u);
  EXPECT_FALSE(std::isinf(first.largest_error));
  tasks_.clear();
  const auto second = RunTournament(arena, Options(60), Play(), [](const auto&) {});
  EXPECT_EQ(second.num_matches, 60);
  EXPECT_LT(second.largest_error, first.largest_error);
  EXPECT_EQ(arena.NumLogRows(), 4 + 80);
  const Leaderboard board = ReadLeaderboard(arena, {.filter = {.decider = "grader"}});
  EXPECT_EQ(board.rows[0].model.name, "model-0");
  EXPECT_EQ(board.rows[3].model.name, "model-3");
}

TEST_F(TournamentTest, StopsWhenItKnowsEnough) {
  Arena arena = OpenWith(4);
  TournamentOptions options = Options(100000);
  options.enough_error = 80;
  const auto result = RunTournament(arena, options, Play(), [](const auto&) {});
  EXPECT_LE(result.largest_error, 80);
  EXPECT_LT(result.num_matches, 1000);
}

TEST_F(TournamentTest, RefusesWhatCannotBePlayed) {
  Arena arena = OpenWith(2);
  const auto refused = [&](const TournamentOptions& options, const PlayContest& play,
                           ErrorKind kind) {
    return ErrorOf([&] { RunTournament(arena, options, play, [](const auto&) {}); }, kind);
  };
  TournamentOptions options{.decider = "grader", .subject = "math/x-v1", .tasks = "test 42"};
  // Without a location nobody can be loaded.
  EXPECT_TRUE(Contains(refused(options, Play(), ErrorKind::kUsage), "there are 0"));
  options.models = {"model-0", "nobody"};
  EXPECT_TRUE(Contains(refused(options, Play(), ErrorKind::kUsage), "\"nobody\""));
  options.models = {"model-0", "model-1"};
  EXPECT_TRUE(Contains(refused(options, Play(), ErrorKind::kUsage), "where it is isn't known"));
  options.why_not = {};
  const auto nothing = [](const Model&, const Model&, std::span<const uint64_t>) {
    return std::vector<Match>();
  };
  EXPECT_TRUE(Contains(refused(options, nothing, ErrorKind::kFailed), "none of 48 tasks"));
  EXPECT_EQ(TaskIndex("test 42/17", "test 42"), 17u);
  for (const char* other : {"test 42/x", "17", "val 42/17", "test 421/7", "test 42/17/1"}) {
    EXPECT_EQ(TaskIndex(other, "test 42"), std::nullopt) << other;
  }
}

// Tasks of another seed are other tasks, although their indices are the same.
TEST_F(TournamentTest, PlaysEachSeedsTasksFromTheFirst) {
  Arena arena = OpenWith(2);
  TournamentOptions options = Options(8);
  options.models = {"model-0", "model-1"};
  RunTournament(arena, options, Play(), [](const auto&) {});
  tasks_.clear();
  options.tasks = "test 7";
  const auto play = Play();
  RunTournament(
      arena, options,
      [&](const Model& a, const Model& b, std::span<const uint64_t> tasks) {
        ContestOutcome outcome = play(a, b, tasks);
        for (Match& match : outcome.matches) match.task.replace(0, 7, "test 7");
        return outcome;
      },
      [](const auto&) {});
  EXPECT_EQ(tasks_, (std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

// Tasks that can't be decided are passed over, and so is a pair that can't.
TEST_F(TournamentTest, GoesRoundWhatCannotBeDecided) {
  Arena arena = OpenWith(3);
  TournamentOptions options = Options(24);
  options.models = {"model-0", "model-1", "model-2"};
  const auto play = Play();
  std::set<std::pair<std::string, uint64_t>> tried;
  const auto result = RunTournament(
      arena, options,
      [&](const Model& a, const Model& b, std::span<const uint64_t> tasks) {
        for (const uint64_t task : tasks) {
          EXPECT_TRUE(tried.insert({a.name + b.name, task}).second) << "again: " << task;
        }
        std::vector<Match> matches = play(a, b, tasks).matches;
        const bool is_hopeless = a.name == "model-0" && b.name == "model-1";
        std::erase_if(matches, [&](const Match& match) {
          return is_hopeless || TaskIndex(match.task, "test 42").value() < 10;
        });
        return matches;
      },
      [](const auto&) {});
  EXPECT_EQ(result.num_matches, 24);
  EXPECT_EQ(VerifyArena(file_).problems, std::vector<std::string>{});
}

class CommandTest : public ArenaTest {
 protected:
  fs::path Checkpoint(const std::string& name, const std::string& weights) {
    const fs::path dir = folder_ / "runs" / "quick" / "checkpoints" / name;
    fs::create_directories(dir);
    WriteFileAtomic(dir / "model.safetensors", weights);
    return dir;
  }
};

TEST_F(CommandTest, AddsCheckpointsWithTheirLineage) {
  Arena arena = Open();
  std::ostringstream out;
  RunAdd(arena, {.checkpoints = {Checkpoint("sft-000100", "a"), Checkpoint("rl-000050", "b")}},
         out);
  const auto model = arena.FindModel("quick/rl-000050");
  ASSERT_TRUE(model) << out.str();
  EXPECT_EQ(model->stage, "rl");
  EXPECT_EQ(model->step, 50);
  EXPECT_EQ(model->parent, "quick/sft-000100");
  EXPECT_EQ(model->weights, "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d");
  EXPECT_TRUE(fs::path(model->location).is_absolute());
  RunAdd(arena, {.checkpoints = {Checkpoint("rl-000050", "b") / ""}}, out);
  EXPECT_TRUE(Contains(out.str(), "known quick/rl-000050"));
  EXPECT_NE(ErrorOf([&] { RunAdd(arena, {.checkpoints = {folder_}}, out); }, ErrorKind::kNotFound),
            "");
  EXPECT_NE(ErrorOf([&] { RunAdd(arena, {.checkpoints = {Checkpoint("rl-000050", "c")}}, out); },
                    ErrorKind::kUsage),
            "");
}

TEST_F(CommandTest, LeavesOutAndNamesModelsThatCannotPlay) {
  Arena arena = Open();
  std::ostringstream out;
  const fs::path kept = Checkpoint("sft-000100", "a"), also = Checkpoint("rl-000050", "b");
  const fs::path gone = Checkpoint("rl-000100", "c"), changed = Checkpoint("rl-000200", "d");
  RunAdd(arena, {.checkpoints = {kept, also, gone, changed}}, out);
  fs::remove_all(gone);
  Checkpoint("rl-000200", "trained on");
  std::set<std::string> seen;
  const PlayContest play = [&](const Model& a, const Model& b, std::span<const uint64_t> tasks) {
    seen.insert({a.name, b.name});
    return std::vector<Match>{{.decider = "grader",
                               .subject = "x-v1",
                               .task = "test 42/" + std::to_string(tasks[0]),
                               .model_a = a.name,
                               .model_b = b.name}};
  };
  TournamentOptions options{
      .decider = "grader", .subject = "x-v1", .tasks = "test 42", .max_matches = 3};
  const auto result = RunTournament(arena, options, play, [](const auto&) {});
  EXPECT_EQ(seen, (std::set<std::string>{"quick/sft-000100", "quick/rl-000050"}));
  ASSERT_EQ(result.left_out.size(), 2u);
  EXPECT_TRUE(Contains(result.left_out[0], "quick/rl-000100: no "));
  EXPECT_TRUE(Contains(result.left_out[1], "quick/rl-000200: other weights"));
  // Who was asked for by name is not left out in silence.
  options.models = {"quick/sft-000100", "quick/rl-000200"};
  const std::string named =
      ErrorOf([&] { RunTournament(arena, options, play, [](const auto&) {}); }, ErrorKind::kUsage);
  EXPECT_TRUE(Contains(named, "model quick/rl-000200")) << named;
}

// An endpoint takes part, with neither weights nor parent; dead, it leaves the others to go on.
TEST_F(CommandTest, EntersEndpoints) {
  Arena arena = Open();
  std::ostringstream out;
  const std::string where = "http://localhost:1/v1#m";
  RunAdd(arena,
         {.checkpoints = {Checkpoint("sft-000100", "a"), where, Checkpoint("rl-000050", "b")}},
         out);
  EXPECT_TRUE(Contains(out.str(), "added localhost:1/v1#m (endpoint)")) << out.str();
  const Model endpoint = arena.FindModel("localhost:1/v1#m").value();
  EXPECT_EQ(endpoint.location, where);
  EXPECT_EQ(endpoint.weights + endpoint.parent, "");
  EXPECT_EQ(arena.FindModel("quick/rl-000050")->parent, "quick/sft-000100");
  EXPECT_NE(ErrorOf([&] { RunAdd(arena, {.checkpoints = {"http://localhost:1/v1"}}, out); },
                    ErrorKind::kUsage),
            "");
  const PlayContest play = [&](const Model& a, const Model& b, std::span<const uint64_t> tasks) {
    std::vector<Match> matches;
    if (a.weights.empty() || b.weights.empty()) return matches;  // it answers nothing
    for (const uint64_t task : tasks) {
      matches.push_back({"grader", "x-v1", "test 42/" + std::to_string(task), a.name, b.name, 1});
    }
    return matches;
  };
  const TournamentOptions options{
      .decider = "grader", .subject = "x-v1", .tasks = "test 42", .max_matches = 40};
  const auto result = RunTournament(arena, options, play, [](const auto&) {});
  EXPECT_EQ(result.num_matches, 40);
  EXPECT_TRUE(result.left_out.empty());
  EXPECT_TRUE(arena.LatestMatches("grader", "localhost:1/v1#m", 10).empty());
}

// Who answers nothing costs one contest, not three with everybody.
TEST_F(TournamentTest, AsksNoMoreWhoFellSilent) {
  Arena arena = OpenWith(4);
  const PlayContest others = Play();
  int num_with_it = 0;
  const PlayContest play = [&](const Model& a, const Model& b, std::span<const uint64_t> tasks) {
    if (a.name != "model-2" && b.name != "model-2") return others(a, b, tasks);
    ++num_with_it;
    ContestOutcome outcome;
    outcome.silent = "model-2";
    outcome.why = "no answer after 2 tries";
    return outcome;
  };
  const auto result = RunTournament(arena, Options(60), play, [](const auto&) {});
  EXPECT_EQ(result.num_matches, 60);
  EXPECT_EQ(num_with_it, 1);
  EXPECT_EQ(result.left_out,
            std::vector<std::string>{"model-2: it answered nothing: no answer after 2 tries"});
  TournamentOptions two = Options(60);
  two.models = {"model-1", "model-2"};
  EXPECT_TRUE(Contains(
      ErrorOf([&] { RunTournament(arena, two, play, [](const auto&) {}); }, ErrorKind::kFailed),
      "nobody is left to meet; left out model-2"));
}

TEST_F(CommandTest, ExportsImportsRatesAndVerifies) {
  Arena arena = OpenWith(2);
  Fill(arena);
  for (const std::string format : {"arena", "fastchat"}) {
    const fs::path file = folder_ / (format + ".jsonl");
    std::ofstream votes(file);
    std::ostringstream board;
    RunExport(arena, {.format = format}, votes, board);
    votes.close();
    EXPECT_EQ(DetectFormat(file), format);
    RunRate(file, {.filter = {.decider = "vote"}}, false, board);
    EXPECT_TRUE(Contains(board.str(), "model-0")) << board.str();
  }
  Arena copy = Open(folder_ / "copy.db");
  std::ostringstream out;
  RunImport(copy, folder_ / "arena.jsonl", out);
  RunVerify(folder_ / "copy.db", arena.Head(), out);
  EXPECT_TRUE(Contains(out.str(), "rows, head " + arena.Head())) << out.str();
  EXPECT_NE(ErrorOf([&] { RunVerify(folder_ / "copy.db", std::string(64, '0'), out); },
                    ErrorKind::kFailed),
            "");
  EXPECT_NE(ErrorOf([&] { RunImport(copy, folder_ / "none", out); }, ErrorKind::kNotFound), "");
}

}  // namespace
}  // namespace agon::arena
