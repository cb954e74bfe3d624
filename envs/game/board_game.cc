#include "envs/game/board_game.h"

#include <algorithm>
#include <bit>

#include "core/error.h"

namespace agon::envs {
namespace {

// Calls visit(move) for each set bit; stops where it returns false.
template <typename Visit>
void ForEachMove(uint32_t moves, Visit visit) {
  for (; moves != 0; moves &= moves - 1) {
    if (!visit(std::countr_zero(moves))) return;
  }
}

}  // namespace

Position Canonical(const BoardGame& game, const Position& position) {
  const auto forms = game.Symmetric(position);
  return *std::min_element(forms.begin(), forms.end());
}

uint32_t WinningMoves(const BoardGame& game, const Position& position) {
  uint32_t winning = 0;
  ForEachMove(game.LegalMoves(position), [&](int move) {
    if (game.HasWon(game.Play(position, move).other)) winning |= 1u << move;
    return true;
  });
  return winning;
}

uint32_t Threats(const BoardGame& game, const Position& position) {
  return WinningMoves(game, {position.other, position.own});
}

int Search(const BoardGame& game, const Position& position, int depth, int alpha, int beta) {
  if (depth == 0) return game.Evaluate(position);
  const uint32_t legal = game.LegalMoves(position);
  if (legal == 0) return 0;
  int best = -kInfiniteScore;
  ForEachMove(legal, [&](int move) {
    const Position next = game.Play(position, move);
    // The more plies are left, the sooner the win.
    const int value = game.HasWon(next.other)
                          ? kWinValue + depth
                          : -Search(game, next, depth - 1, -beta, -std::max(alpha, best));
    best = std::max(best, value);
    return best < beta;
  });
  return best;
}

uint32_t BestMoves(const BoardGame& game, const Position& position, int depth) {
  AGON_CHECK(depth >= 1);
  const uint32_t legal = game.LegalMoves(position);
  AGON_CHECK(legal != 0);
  if (const uint32_t winning = WinningMoves(game, position)) return winning;
  int best = -kInfiniteScore;
  uint32_t best_moves = 0;
  ForEachMove(legal, [&](int move) {
    // One below the best, so that an equal value is exact.
    const int value =
        -Search(game, game.Play(position, move), depth - 1, -kInfiniteScore, -best + 1);
    if (value > best) {
      best = value;
      best_moves = 0;
    }
    if (value == best) best_moves |= 1u << move;
    return true;
  });
  return best_moves;
}

int PickMove(uint32_t moves, Rng& rng) {
  AGON_CHECK(moves != 0);
  for (uint64_t skip = rng.Below(static_cast<uint64_t>(std::popcount(moves))); skip > 0; --skip) {
    moves &= moves - 1;
  }
  return std::countr_zero(moves);
}

}  // namespace agon::envs
