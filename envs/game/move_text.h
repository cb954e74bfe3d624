// A move as a policy writes it, and as a middling player demonstrates it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "envs/env.h"
#include "envs/game/board_game.h"

namespace agon::envs {

struct MoveText {
  std::optional<int> move;   // 0..num_moves-1, maybe illegal on this board
  std::string_view problem;  // why there is none
};

// The move is all of the completion ("4") or stands behind the last "Move:" of it, to the
// end of the line, as a number from 1 to `num_moves`; a full stop may follow. Thinking
// before </think> doesn't count. Untrusted bytes, linear time.
MoveText ReadMove(std::string_view completion, int num_moves);

// The move of a player who wins at once where he can, else blocks a threat, else makes any
// legal move; one time in five he doesn't look. kImmediate says "4", kStepByStep looks
// first: "Win? no. Block? 4.\nMove: 4". REQUIRES: a legal move.
std::string DemonstrateMove(const BoardGame& game, const Position& position, Labeler labeler,
                            Rng& rng);

}  // namespace agon::envs
