// game/tictactoe: three in a row on three by three cells.
//
//   Tic-tac-toe. You are X, cells 1-9.
//   X . . |
//   . O . |
//   . . . |                             -> "9"
//
// Difficulty 0: the player to move can win at once; 1: in the middle of a game; 2: at most
// three stones stand. With a perfect opponent most games are drawn.
#include <array>
#include <memory>
#include <utility>

#include "envs/game/board_env.h"

namespace agon::envs {
namespace {

constexpr int kSide = 3, kNumCells = 9;
constexpr uint64_t kFull = (1u << kNumCells) - 1;
// Cell r * 3 + c is bit r * 3 + c.
constexpr std::array<uint64_t, 8> kLines = {0007, 0070, 0700, 0111, 0222, 0444, 0421, 0124};

uint64_t Turned(uint64_t stones) {
  uint64_t turned = 0;
  for (int cell = 0; cell < kNumCells; ++cell) {
    const int row = cell / kSide, column = cell % kSide;
    if (stones >> cell & 1) turned |= uint64_t{1} << (column * kSide + kSide - 1 - row);
  }
  return turned;
}

uint64_t Mirrored(uint64_t stones) {
  return (stones & 0111) << 2 | (stones & 0222) | (stones & 0444) >> 2;
}

class TicTacToe final : public BoardGame {
 public:
  int num_moves() const override { return kNumCells; }
  int num_cells() const override { return kNumCells; }
  std::string Introduction() const override { return "Tic-tac-toe. You are X, cells 1-9."; }

  uint32_t LegalMoves(const Position& position) const override {
    return static_cast<uint32_t>(kFull & ~(position.own | position.other));
  }
  Position Play(const Position& position, int move) const override {
    return {position.other, position.own | uint64_t{1} << move};
  }
  bool HasWon(uint64_t stones) const override {
    for (const uint64_t line : kLines) {
      if ((stones & line) == line) return true;
    }
    return false;
  }
  // Lines that are still open to one player only.
  int Evaluate(const Position& position) const override {
    int value = 0;
    for (const uint64_t line : kLines) {
      value += (line & position.other) == 0;
      value -= (line & position.own) == 0;
    }
    return value;
  }
  std::string Render(const Position& position) const override {
    std::string text;
    for (int cell = 0; cell < kNumCells; ++cell) {
      text += position.own >> cell & 1 ? "X " : position.other >> cell & 1 ? "O " : ". ";
      if (cell % kSide == kSide - 1) text += cell + 1 == kNumCells ? "|" : "|\n";
    }
    return text;
  }
  std::vector<Position> Symmetric(const Position& position) const override {
    std::vector<Position> forms;
    Position form = position;
    for (int turns = 0; turns < 4; ++turns) {
      forms.push_back(form);
      forms.push_back({Mirrored(form.own), Mirrored(form.other)});
      form = {Turned(form.own), Turned(form.other)};
    }
    return forms;
  }
};

std::unique_ptr<Env> MakeTicTacToe(std::string_view params) {
  BoardEnvSpec spec;
  spec.info.id = "game/tictactoe-v1";
  spec.info.summary = "Tic-tac-toe against opponent=random, minimax:N or self";
  spec.info.num_tasks = 3226;  // boards of all difficulties, 445 of them not alike
  spec.games = {std::make_shared<TicTacToe>()};
  spec.openings = {{4, 6, true}, {4, 5, false}, {0, 3, false}};
  return MakeBoardEnv(std::move(spec), params);
}

REGISTER_ENV("game/tictactoe-v1", MakeTicTacToe);

}  // namespace
}  // namespace agon::envs
