// reason/mini_sudoku: four by four, each of 1-4 once a row, a column and a block.
//
//   Fill in 1-4, each once a row, column and 2x2 block:
//   1 . 3 4
//   3 4 . 2
//   2 1 4 .
//   4 3 2 1
//   Answer: 1234 3412 2143 4321
//
// Checked by the rules. Every puzzle can be solved by filling cells of which only one digit
// is possible; the steps name these cells in order ("row 1 column 2: 2"). Difficulty is the
// number of empty cells: 3, 5, 7, 9.
#include <array>
#include <bit>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

constexpr std::array<int, 4> kNumEmpty = {3, 5, 7, 9};
constexpr size_t kNumCells = 16;

// 0 is empty.
using Grid = std::array<int64_t, kNumCells>;

// Bit d is set if digit d can stand there.
uint32_t Possible(const Grid& grid, size_t cell) {
  const size_t row = cell / 4, column = cell % 4;
  uint32_t possible = 0b11110;
  for (size_t i = 0; i < kNumCells; ++i) {
    const bool in_block = i / 8 == row / 2 && i % 4 / 2 == column / 2;
    if (i != cell && (i / 4 == row || i % 4 == column || in_block)) {
      possible &= ~(1u << grid[i]);
    }
  }
  return possible;
}

// Fills cells of which one digit is possible, until there is none; tells each.
std::vector<std::string> FillSingles(Grid& grid) {
  std::vector<std::string> steps;
  for (size_t cell = 0; cell < kNumCells;) {
    const uint32_t possible = grid[cell] == 0 ? Possible(grid, cell) : 0;
    if (std::popcount(possible) != 1) {
      ++cell;
      continue;
    }
    grid[cell] = std::countr_zero(possible);
    steps.push_back("row " + std::to_string(cell / 4 + 1) + " column " +
                    std::to_string(cell % 4 + 1) + ": " + std::to_string(grid[cell]));
    cell = 0;
  }
  return steps;
}

// Digits, rows and columns of one solution changed about.
Grid DrawSolution(Rng& rng) {
  constexpr Grid kBase = {1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1};
  std::array<int64_t, 4> digits = {1, 2, 3, 4};
  rng.Shuffle(digits);
  const auto order = [&] {
    // Halves change places, and so do the two within each.
    const size_t half = rng.Below(2), first = rng.Below(2), second = rng.Below(2);
    return std::array<size_t, 4>{2 * half + first, 2 * half + 1 - first, 2 - 2 * half + second,
                                 3 - 2 * half - second};
  };
  const auto rows = order(), columns = order();
  const bool turns = rng.Below(2) == 0;
  Grid grid;
  for (size_t cell = 0; cell < kNumCells; ++cell) {
    const size_t row = rows[cell / 4], column = columns[cell % 4];
    const int64_t digit = turns ? kBase[column * 4 + row] : kBase[row * 4 + column];
    grid[cell] = digits[static_cast<size_t>(digit - 1)];
  }
  return grid;
}

Problem Draw(Rng& rng, int difficulty) {
  const Grid solution = DrawSolution(rng);
  const int num_empty = kNumEmpty[static_cast<size_t>(difficulty)];
  Grid grid, filled;
  std::vector<std::string> steps;
  do {
    grid = solution;
    for (int left = num_empty; left > 0;) {
      int64_t& cell = grid[rng.Below(kNumCells)];
      left -= cell != 0;
      cell = 0;
    }
    filled = grid;
    steps = FillSingles(filled);
  } while (filled != solution);
  std::string rows, answer;
  for (size_t cell = 0; cell < kNumCells; ++cell) {
    if (cell % 4 == 0 && cell > 0) answer += ' ';
    answer += std::to_string(solution[cell]);
    rows += cell % 4 == 0 ? "\n" : " ";
    rows += grid[cell] == 0 ? "." : std::to_string(grid[cell]);
  }
  return {"Fill in 1-4, each once a row, column and 2x2 block:" + rows,
          std::move(answer),
          std::move(steps),
          {grid.begin(), grid.end()},
          rows};
}

// `given` is the grid with 0 for empty cells. Sixteen digits, rows with anything of
// " ,/|" between.
Verdict VerifyGrid(std::string_view /*answer*/, const std::vector<int64_t>& given,
                   std::string_view completion) {
  ExtractedAnswer found = ExtractText(completion);
  Grid grid{};
  size_t num_digits = 0;
  for (const char c : found.text) {
    if (std::string_view(" ,/|.").find(c) != std::string_view::npos) continue;
    if (c < '1' || c > '4' || num_digits == kNumCells) {
      return Judged(std::move(found), "not sixteen digits of 1-4");
    }
    grid[num_digits++] = c - '0';
  }
  if (num_digits != kNumCells) return Judged(std::move(found), "not sixteen digits of 1-4");
  for (size_t cell = 0; cell < kNumCells; ++cell) {
    if (cell < given.size() && given[cell] != 0 && given[cell] != grid[cell]) {
      return Judged(std::move(found), "a given digit is changed");
    }
    if (!(Possible(grid, cell) >> grid[cell] & 1)) {
      return Judged(std::move(found), "a digit stands twice");
    }
  }
  return Judged(std::move(found), "");
}

std::unique_ptr<Env> MakeMiniSudoku(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/mini_sudoku-v1";
  spec.info.summary = "Sudoku of four by four";
  spec.info.num_difficulties = static_cast<int>(kNumEmpty.size());
  spec.families = {{"sudoku", Draw, 0.05}};
  spec.verify = VerifyGrid;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/mini_sudoku-v1", MakeMiniSudoku);

}  // namespace
}  // namespace agon::envs
