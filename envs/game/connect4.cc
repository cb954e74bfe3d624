// game/connect4: stones fall into columns; four in a row win.
//
//   Connect four. You are X, columns 1-5.
//   . . . . . |
//   . . . . . |
//   . . O . . |
//   O X X X . |                         -> "5"
//
// Attribute "size" is the board: 5x4 (columns by rows), 6x5, 7x6. Difficulty 0: the player
// to move can win at once; 1: in the middle of a game; 2: at most five stones stand.
#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <string>
#include <utility>

#include "envs/game/board_env.h"

namespace agon::envs {
namespace {

// Column c, row r from below is bit c * (rows + 1) + r: the empty bit above each column
// keeps lines from running over its top (John Tromp's layout).
class ConnectFour final : public BoardGame {
 public:
  ConnectFour(int num_columns, int num_rows)
      : num_columns_(num_columns), num_rows_(num_rows), stride_(num_rows + 1) {
    for (int column = 0; column < num_columns; ++column) {
      column_masks_.push_back(((uint64_t{1} << num_rows) - 1) << (column * stride_));
    }
    for (int column = 0; column < num_columns; ++column) {
      for (int row = 0; row < num_rows; ++row) CountLines(column, row);
    }
  }

  int num_moves() const override { return num_columns_; }
  int num_cells() const override { return num_columns_ * num_rows_; }
  std::string Introduction() const override {
    return "Connect four. You are X, columns 1-" + std::to_string(num_columns_) + ".";
  }

  uint32_t LegalMoves(const Position& position) const override {
    const uint64_t stones = position.own | position.other;
    uint32_t legal = 0;
    for (int column = 0; column < num_columns_; ++column) {
      const uint64_t mask = column_masks_[static_cast<size_t>(column)];
      if ((stones & mask) != mask) legal |= 1u << column;
    }
    return legal;
  }
  Position Play(const Position& position, int move) const override {
    const uint64_t stones = position.own | position.other;
    const uint64_t mask = column_masks_[static_cast<size_t>(move)];
    // Adding the column's lowest bit to its stones carries to the lowest free cell.
    const uint64_t cell = ((stones & mask) + (mask & -mask)) & mask & ~stones;
    return {position.other, position.own | cell};
  }
  bool HasWon(uint64_t stones) const override {
    for (const int step : {1, stride_ - 1, stride_, stride_ + 1}) {
      const uint64_t pairs = stones & stones >> step;
      if (pairs & pairs >> (2 * step)) return true;
    }
    return false;
  }
  // The lines that run through each stone's cell.
  int Evaluate(const Position& position) const override {
    int value = 0;
    for (size_t bit = 0; bit < line_counts_.size(); ++bit) {
      const int difference = std::popcount(position.own & line_counts_[bit]) -
                             std::popcount(position.other & line_counts_[bit]);
      value += difference * (1 << bit);
    }
    return value;
  }
  std::string Render(const Position& position) const override {
    std::string text;
    for (int row = num_rows_; row-- > 0;) {
      for (int column = 0; column < num_columns_; ++column) {
        const int cell = column * stride_ + row;
        text += position.own >> cell & 1 ? "X " : position.other >> cell & 1 ? "O " : ". ";
      }
      text += row == 0 ? "|" : "|\n";
    }
    return text;
  }
  std::vector<Position> Symmetric(const Position& position) const override {
    return {position, {Mirrored(position.own), Mirrored(position.other)}};
  }

 private:
  uint64_t Mirrored(uint64_t stones) const {
    uint64_t mirrored = 0;
    for (int column = 0; column < num_columns_; ++column) {
      const uint64_t content = stones >> (column * stride_) & column_masks_[0];
      mirrored |= content << ((num_columns_ - 1 - column) * stride_);
    }
    return mirrored;
  }

  // Writes the number of lines through a cell into line_counts_, a bit of it in each plane.
  void CountLines(int column, int row) {
    int count = 0;
    constexpr std::array<std::pair<int, int>, 4> kSteps = {{{1, 0}, {0, 1}, {1, 1}, {1, -1}}};
    for (const auto& [dx, dy] : kSteps) {
      for (int back = 0; back < 4; ++back) {
        const int x = column - back * dx, y = row - back * dy;
        const int end_x = x + 3 * dx, end_y = y + 3 * dy;
        count += std::min(x, end_x) >= 0 && std::max(x, end_x) < num_columns_ &&
                 std::min(y, end_y) >= 0 && std::max(y, end_y) < num_rows_;
      }
    }
    for (size_t bit = 0; bit < line_counts_.size(); ++bit) {
      if (count >> bit & 1) line_counts_[bit] |= uint64_t{1} << (column * stride_ + row);
    }
  }

  const int num_columns_, num_rows_, stride_;
  std::vector<uint64_t> column_masks_;
  std::array<uint64_t, 4> line_counts_{};  // at most 13 lines run through a cell
};

std::unique_ptr<Env> MakeConnectFour(std::string_view params) {
  BoardEnvSpec spec;
  spec.info.id = "game/connect4-v1";
  spec.info.summary = "Connect four against opponent=random, minimax:N or self";
  spec.info.attributes = {{"size", {"5x4", "6x5", "7x6"}}};
  spec.games = {std::make_shared<ConnectFour>(5, 4), std::make_shared<ConnectFour>(6, 5),
                std::make_shared<ConnectFour>(7, 6)};
  spec.openings = {{6, 12, true}, {6, 10, false}, {0, 5, false}};
  return MakeBoardEnv(std::move(spec), params);
}

REGISTER_ENV("game/connect4-v1", MakeConnectFour);

}  // namespace
}  // namespace agon::envs
