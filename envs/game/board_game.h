// Two-player games on a board of at most 64 cells, and a minimax player for them.
//
// A position is seen by the player to move: his stones are `own`, so that one position
// stands for both colours. Everything here is pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/rng.h"

namespace agon::envs {

// Bit sets of cells; which bit is which cell is the game's own matter.
struct Position {
  uint64_t own = 0;    // of the player to move
  uint64_t other = 0;  // of the player who moved last

  bool operator==(const Position&) const = default;
  auto operator<=>(const Position&) const = default;
};

// The rules of one game. A player loses no stone and wins by a move of his own.
class BoardGame {
 public:
  virtual ~BoardGame() = default;

  // Moves are 0..num_moves()-1, at most 32; people call them 1..num_moves().
  virtual int num_moves() const = 0;
  virtual int num_cells() const = 0;
  // "Connect four. You are X, columns 1-5."
  virtual std::string Introduction() const = 0;

  // Bit m is set if move m is legal; 0 where the board is full.
  virtual uint32_t LegalMoves(const Position& position) const = 0;
  // REQUIRES: `move` is legal. The result is seen by the other player.
  virtual Position Play(const Position& position, int move) const = 0;
  virtual bool HasWon(uint64_t stones) const = 0;
  // Guess of who stands better, for the player to move; within +-kMaxEvaluation.
  virtual int Evaluate(const Position& position) const = 0;
  // One line a row, X for `own`, O for `other`: ". X O |".
  virtual std::string Render(const Position& position) const = 0;
  // All mirrored and rotated forms of the same position, itself among them.
  virtual std::vector<Position> Symmetric(const Position& position) const = 0;
};

inline constexpr int kMaxEvaluation = 1000;
// Value of a win, above which a sooner one is worth more.
inline constexpr int kWinValue = 10000;
inline constexpr int kInfiniteScore = 1000000;

// The symmetric form by which a position is known, whichever way it is turned.
Position Canonical(const BoardGame& game, const Position& position);

// All moves after which the player to move has won, as bits.
uint32_t WinningMoves(const BoardGame& game, const Position& position);
// All moves by which the other player would win if it were his turn, as bits.
uint32_t Threats(const BoardGame& game, const Position& position);

// Value for the player to move, looked `depth` plies ahead (alpha-beta); exact within
// (alpha, beta), a bound outside. REQUIRES: nobody has won yet.
int Search(const BoardGame& game, const Position& position, int depth, int alpha = -kInfiniteScore,
           int beta = kInfiniteScore);

// The moves of highest value when looked `depth` >= 1 plies ahead, as bits. REQUIRES:
// there is a legal move and nobody has won.
uint32_t BestMoves(const BoardGame& game, const Position& position, int depth);

// One of the set bits, uniformly. REQUIRES: moves != 0.
int PickMove(uint32_t moves, Rng& rng);

}  // namespace agon::envs
