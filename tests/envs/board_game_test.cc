// Rules, minimax and episodes of game/tictactoe and game/connect4.
#include "envs/game/board_game.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "envs/conformance.h"
#include "envs/demonstration.h"
#include "envs/env.h"
#include "envs/game/move_text.h"

namespace agon::envs {
namespace {

constexpr const char* kBothGames[] = {"game/tictactoe", "game/connect4"};

Outcome OutcomeOf(const StepResult& result) { return std::get<Outcome>(result); }
std::string BoardOf(const StepResult& result) { return std::get<Turn>(result).messages[0].content; }

// A task of `env` whose game starts with these moves.
Task TaskWith(const Env& env, std::vector<int> moves, int size = 0) {
  Task task = env.Get(Split::kTrain, 0, 0);
  task.state = Json{{"size", size}, {"moves", moves}}.dump();
  return task;
}

// Legal and winning moves read off the rendered board, without the code under test.
struct Board {
  std::vector<std::string> rows;

  explicit Board(const std::string& text) {
    std::string row;
    for (const char c : text.substr(text.find('\n', text.find("You are")) + 1)) {
      if (c == 'X' || c == 'O' || c == '.') row += c;
      if (c == '|') rows.push_back(std::exchange(row, ""));
    }
  }
  bool Wins(char player, size_t length) const {
    const int height = static_cast<int>(rows.size()), width = static_cast<int>(rows[0].size());
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (const auto& [dx, dy] : {std::pair(1, 0), {0, 1}, {1, 1}, {1, -1}}) {
          size_t count = 0;
          for (int i = 0; i < static_cast<int>(length); ++i) {
            const int cx = x + i * dx, cy = y + i * dy;
            count += cx >= 0 && cx < width && cy >= 0 && cy < height &&
                     rows[static_cast<size_t>(cy)][static_cast<size_t>(cx)] == player;
          }
          if (count == length) return true;
        }
      }
    }
    return false;
  }
  // The board after a move of `player` (from 1), nullopt where it is illegal.
  std::optional<Board> After(char player, int move, bool falls) const {
    Board next = *this;
    const size_t width = rows[0].size();
    const size_t index = static_cast<size_t>(move - 1);
    if (!falls) {
      char& cell = next.rows[index / width][index % width];
      if (cell != '.') return std::nullopt;
      cell = player;
      return next;
    }
    for (size_t y = rows.size(); y-- > 0;) {
      if (rows[y][index] != '.') continue;
      next.rows[y][index] = player;
      return next;
    }
    return std::nullopt;
  }
};

TEST(BoardGameTest, TicTacToeIsPlayedByItsRules) {
  const auto env = MakeEnv("game/tictactoe(opponent=self)");
  const auto episode = env->Start(TaskWith(*env, {}));
  EXPECT_EQ(BoardOf(episode->Step("5", false)),
            "Tic-tac-toe. You are X, cells 1-9.\n. . . |\n. O . |\n. . . |");
  EXPECT_EQ(BoardOf(episode->Step("1", false)), "O . . |\n. X . |\n. . . |");
  EXPECT_EQ(BoardOf(episode->Step("Move: 3", false)), "X . O |\n. O . |\n. . . |");
  EXPECT_EQ(BoardOf(episode->Step("2", false)), "O O X |\n. X . |\n. . . |");
  const Outcome outcome = OutcomeOf(episode->Step("7", false));
  EXPECT_EQ(outcome.Reward(0), 1);
  EXPECT_EQ(outcome.Reward(1), 0);
  EXPECT_EQ(outcome.reason, "seat 0: won");
}

TEST(BoardGameTest, ConnectFourStonesFall) {
  const auto env = MakeEnv("game/connect4(size=0,opponent=self)");
  const auto episode = env->Start(TaskWith(*env, {2, 2, 1}));
  EXPECT_EQ(BoardOf(episode->Step("4", false)),
            "Connect four. You are X, columns 1-5.\n"
            ". . . . . |\n. . . . . |\n. . O . . |\n. X X O . |")
      << "the opening ended with X in column 2, so O (seat 0) moved and X is seat 1";
}

TEST(BoardGameTest, EveryLineOfConnectFourWins) {
  const auto env = MakeEnv("game/connect4(opponent=self)");
  struct Case {
    std::vector<int> opening;
    std::string last;
  };
  const Case cases[] = {
      {{0, 0, 1, 1, 2, 2}, "4"},              // a row
      {{3, 4, 3, 4, 3, 4}, "4"},              // a column
      {{0, 1, 1, 2, 2, 3, 2, 3, 3, 0}, "4"},  // rising
      {{4, 3, 3, 2, 2, 1, 2, 1, 1, 4}, "2"},  // falling
  };
  for (const Case& c : cases) {
    const auto episode = env->Start(TaskWith(*env, c.opening));
    EXPECT_EQ(OutcomeOf(episode->Step(c.last, false)).Reward(0), 1) << c.last;
  }
}

TEST(BoardGameTest, TheOtherSeatWinsBySeatOnesMove) {
  const auto env = MakeEnv("game/connect4(size=0,opponent=self)");
  const auto episode = env->Start(TaskWith(*env, {4, 0, 4, 1, 4, 2}));
  EXPECT_EQ(std::get<Turn>(episode->Step("1", false)).seat, 1);
  const Outcome outcome = OutcomeOf(episode->Step("4", false));
  EXPECT_EQ(outcome.Reward(0), 0);
  EXPECT_EQ(outcome.Reward(1), 1);
  EXPECT_EQ(outcome.reason, "seat 1: won");
}

TEST(BoardGameTest, AFullBoardIsADraw) {
  const auto env = MakeEnv("game/tictactoe(opponent=self)");
  // X O X / X O O / O X .
  const auto episode = env->Start(TaskWith(*env, {0, 1, 2, 4, 3, 5, 7, 6}));
  const Outcome outcome = OutcomeOf(episode->Step("9", false));
  EXPECT_EQ(outcome.Reward(0), 0.5);
  EXPECT_EQ(outcome.Reward(1), 0.5);
  EXPECT_TRUE(outcome.terminated);
}

TEST(BoardGameTest, BadMovesLoseAtOnceAndSayWhy) {
  const auto env = MakeEnv("game/tictactoe");
  const Task task = TaskWith(*env, {0, 4});
  const auto reason = [&](std::string_view text, bool truncated = false) {
    const Outcome outcome = OutcomeOf(env->Start(task)->Step(text, truncated));
    EXPECT_EQ(outcome.Reward(), 0) << text;
    EXPECT_EQ(outcome.truncated, truncated);
    EXPECT_NE(outcome.truncated, outcome.terminated);
    return outcome.reason;
  };
  EXPECT_EQ(reason("1"), "illegal move");
  EXPECT_EQ(reason("Move: 5"), "illegal move");
  EXPECT_EQ(reason("0"), "no such move");
  EXPECT_EQ(reason("10"), "no such move");
  EXPECT_EQ(reason("-3"), "no such move");
  EXPECT_EQ(reason("3 or 4"), "no readable move");
  EXPECT_EQ(reason("Move: 3, 4"), "no readable move");
  EXPECT_EQ(reason("<think>3</think>"), "no readable move");
  EXPECT_EQ(reason("99999999999999999999"), "no readable move");
  EXPECT_EQ(reason("three"), "no readable move");
  EXPECT_EQ(reason("3", true), "cut before the move was done");
}

TEST(MoveTextTest, ReadsAMoveAndNothingElse) {
  EXPECT_EQ(ReadMove("4", 5).move, 3);
  EXPECT_EQ(ReadMove(" 4.\n", 5).move, 3);
  EXPECT_EQ(ReadMove("Win? no. Block? 2.\nMove: 2", 5).move, 1);
  EXPECT_EQ(ReadMove("Move: 1\nno.\nMove: 2\n", 5).move, 1);
  EXPECT_EQ(ReadMove("<think>Move: 1</think>3", 5).move, 2);
  EXPECT_EQ(ReadMove("6", 5).move, std::nullopt);
  EXPECT_EQ(ReadMove("Move:", 5).move, std::nullopt);
  EXPECT_EQ(ReadMove("4\xc3", 5).move, std::nullopt);
  EXPECT_EQ(ReadMove(std::string("4\0", 2), 5).move, std::nullopt);
}

// Plays `first` (X, minimax of full depth) against every line of play.
void ExpectNeverLoses(const Env& env, const std::vector<int>& moves) {
  const auto episode = env.Start(TaskWith(env, moves));
  for (int reply = 1; reply <= 9; ++reply) {
    auto copy = env.Restore(TaskWith(env, moves), *episode->Save());
    const StepResult result = copy->Step(std::to_string(reply), false);
    if (const auto* outcome = std::get_if<Outcome>(&result)) {
      EXPECT_TRUE(outcome->Reward() <= 0.5 || outcome->reason == "illegal move");
      continue;
    }
    std::vector<int> longer = moves;
    for (const Json& move : ParseJson(*copy->Save(), "saved")) longer.push_back(move);
    ExpectNeverLoses(env, longer);
  }
}

TEST(MinimaxTest, PerfectPlayNeverLosesInTicTacToe) {
  const auto env = MakeEnv("game/tictactoe(opponent=minimax:8)");
  ExpectNeverLoses(*env, {});
}

TEST(MinimaxTest, FindsForcedWins) {
  const auto env = MakeEnv("game/connect4(size=2,opponent=minimax:4)");
  // O has three in a row with both ends free: one move of X stops one end.
  const auto episode = env->Start(TaskWith(*env, {6, 2, 6, 3, 0, 4}, 2));
  EXPECT_EQ(OutcomeOf(episode->Step("2", false)).reason, "lost");
  // Depth 1 sees the same win, for it is the next move.
  const auto shallow = MakeEnv("game/connect4(size=2,opponent=minimax:1)");
  EXPECT_EQ(
      OutcomeOf(shallow->Start(TaskWith(*shallow, {6, 2, 6, 3, 0, 4}, 2))->Step("6", false)).reason,
      "lost");
}

TEST(MinimaxTest, MakesADoubleThreat) {
  const auto env = MakeEnv("game/connect4(size=2,opponent=minimax:3)");
  // O holds columns 3 and 4 of the lowest row, X the first: only column 5 gives three in a
  // row with both ends free, which no single move stops.
  const auto episode = env->Start(TaskWith(*env, {6, 2, 6, 3}, 2));
  const std::string board = BoardOf(episode->Step("1", false));
  EXPECT_EQ(board.substr(board.rfind('\n') + 1), "X . O O O . X |") << board;
}

TEST(MinimaxTest, DeeperPlayersWinMore) {
  const auto rate = [](const std::string& opponent) {
    const auto env = MakeEnv("game/connect4(size=0,difficulty=2,opponent=" + opponent + ")");
    double total = 0;
    for (uint64_t i = 0; i < 200; ++i) {
      const Task task = env->Get(Split::kTrain, 3, i);
      total += DemonstrateEpisode(*env, task, Labeler::kImmediate, i)->outcome.Reward();
    }
    return total / 200;
  };
  const double random = rate("random"), one = rate("minimax:1"), four = rate("minimax:4");
  std::printf("labeler's score against random %.2f, minimax:1 %.2f, minimax:4 %.2f\n", random, one,
              four);
  EXPECT_GT(random, 0.65);
  EXPECT_LT(one, random - 0.1);
  EXPECT_LT(four, one);
}

TEST(BoardEnvTest, BothSeatsAlternateAndSeeThemselvesAsX) {
  for (const std::string game : kBothGames) {
    const auto env = MakeEnv(game + "(opponent=self,difficulty=2)");
    EXPECT_EQ(env->info().num_seats, 2);
    for (uint64_t i = 0; i < 50; ++i) {
      const auto episode = env->Start(env->Get(Split::kTrain, 1, i));
      for (int ply = 0;; ++ply) {
        const StepResult result =
            episode->Step(*episode->Demonstrate(Labeler::kStepByStep, i), false);
        if (std::holds_alternative<Outcome>(result)) {
          const Outcome& outcome = std::get<Outcome>(result);
          EXPECT_EQ(outcome.Reward(0) + outcome.Reward(1), 1);
          break;
        }
        EXPECT_EQ(std::get<Turn>(result).seat, (ply + 1) % 2);
        EXPECT_EQ(BoardOf(result).find("You are X") != std::string::npos, ply == 0);
      }
    }
  }
}

TEST(BoardEnvTest, OpeningsAreWhatTheDifficultySays) {
  for (const std::string game : kBothGames) {
    const bool falls = game == "game/connect4";
    const size_t length = falls ? 4 : 3;
    std::set<int> parities;
    for (int difficulty = 0; difficulty < 3; ++difficulty) {
      const auto env = MakeEnv(game + "(difficulty=" + std::to_string(difficulty) + ")");
      for (uint64_t i = 0; i < 300; ++i) {
        const std::string text = env->Get(Split::kTrain, 1, i).messages[0].content;
        const Board board(text);
        EXPECT_FALSE(board.Wins('X', length) || board.Wins('O', length)) << text;
        bool can_win = false;
        for (int move = 1; move <= (falls ? static_cast<int>(board.rows[0].size()) : 9); ++move) {
          const auto after = board.After('X', move, falls);
          can_win |= after && after->Wins('X', length);
        }
        EXPECT_EQ(can_win, difficulty == 0) << text;
        parities.insert(static_cast<int>(std::count(text.begin(), text.end(), 'O') % 2));
      }
    }
    EXPECT_EQ(parities.size(), 2u);
  }
}

TEST(BoardEnvTest, MirroredAndTurnedBoardsStayInOneSplit) {
  const auto env = MakeEnv("game/tictactoe");
  std::map<std::set<std::string>, Split> split_of;
  std::set<std::string> boards;
  const auto turned = [](const std::string& cells) {
    std::string result(9, '.');
    for (size_t i = 0; i < 9; ++i) result[i % 3 * 3 + 2 - i / 3] = cells[i];
    return result;
  };
  const auto mirrored = [](std::string cells) {
    for (size_t row = 0; row < 9; row += 3) std::swap(cells[row], cells[row + 2]);
    return cells;
  };
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    for (uint64_t i = 0; i < 2000; ++i) {
      const Board board(env->Get(split, 5, i).messages[0].content);
      std::string cells = board.rows[0] + board.rows[1] + board.rows[2];
      boards.insert(cells);
      std::set<std::string> forms;
      for (int turn = 0; turn < 4; ++turn, cells = turned(cells)) {
        forms.insert(cells);
        forms.insert(mirrored(cells));
      }
      EXPECT_EQ(split_of.emplace(forms, split).first->second, split);
    }
  }
  EXPECT_LE(split_of.size(), 445u) << "more than there are";
  EXPECT_GT(split_of.size(), 400u);
  EXPECT_LE(boards.size(), static_cast<size_t>(env->info().num_tasks));
  EXPECT_GT(boards.size(), 1500u);
}

TEST(BoardEnvTest, SameMovesMeetTheSameReplies) {
  for (const std::string opponent : {"random", "minimax:2"}) {
    const auto env = MakeEnv("game/connect4(difficulty=2,opponent=" + opponent + ")");
    std::set<std::string> replies;
    for (uint64_t i = 0; i < 40; ++i) {
      const Task task = env->Get(Split::kVal, 1, i);
      const auto first = env->Start(task)->Step("3", false);
      const auto again = env->Start(task)->Step("3", false);
      ASSERT_EQ(first.index(), again.index());
      if (std::holds_alternative<Outcome>(first)) continue;
      EXPECT_EQ(BoardOf(first), BoardOf(again));
      replies.insert(BoardOf(first));
    }
    EXPECT_GT(replies.size(), 25u);
  }
}

TEST(BoardEnvTest, EveryOpponentKeepsTheContract) {
  ConformanceOptions options;
  options.num_tasks = 30;
  options.num_split_tasks = 200;
  for (const std::string game : kBothGames) {
    for (const std::string params : {"opponent=self", "opponent=minimax:3", "difficulty=2"}) {
      const auto env = MakeEnv(game + "(" + params + ")");
      for (const auto& finding : CheckConformance(*env, options))
        ADD_FAILURE() << Describe(finding);
    }
  }
}

TEST(BoardEnvTest, BadParametersAndTasksAreRefused) {
  EXPECT_THROW(MakeEnv("game/connect4(opponent=stockfish)"), Error);
  EXPECT_THROW(MakeEnv("game/connect4(opponent=minimax:0)"), Error);
  EXPECT_THROW(MakeEnv("game/connect4(opponent=minimax:9)"), Error);
  EXPECT_THROW(MakeEnv("game/connect4(size=3)"), Error);
  EXPECT_THROW(MakeEnv("game/tictactoe(size=0)"), Error);
  const auto env = MakeEnv("game/connect4");
  EXPECT_EQ(env->Get(Split::kTrain, 0, 0).id.env, "game/connect4-v1");
  EXPECT_THROW(env->Start(TaskWith(*env, {0}, 3)), Error);
  EXPECT_THROW(env->Start(TaskWith(*env, {9})), Error);
  EXPECT_THROW(env->Start(TaskWith(*env, {0, 0, 0, 0, 0})), Error);
  const Task task = TaskWith(*env, {0, 0});
  EXPECT_THROW(env->Restore(task, "[7]"), Error);
  EXPECT_THROW(env->Restore(task, "{}"), Error);
  EXPECT_THROW(env->Restore(task, "nonsense"), Error);
}

TEST(BoardEnvTest, StepsAreFast) {
  for (const std::string opponent : {"random", "minimax:2", "minimax:4"}) {
    const auto env = MakeEnv("game/connect4(size=2,opponent=" + opponent + ")");
    int num_steps = 0;
    const auto start = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i < 100; ++i) {
      const auto episode = env->Start(env->Get(Split::kTrain, 1, i));
      for (;;) {
        ++num_steps;
        const auto text = episode->Demonstrate(Labeler::kImmediate, i);
        if (std::holds_alternative<Outcome>(episode->Step(*text, false))) break;
      }
    }
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    std::printf("connect4 7x6, %s: %.0f steps/s with tasks and labeler\n", opponent.c_str(),
                num_steps / spent.count());
    EXPECT_GT(num_steps / spent.count(), 500);
  }
}

}  // namespace
}  // namespace agon::envs
