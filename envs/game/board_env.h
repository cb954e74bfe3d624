// An environment around a board game: openings, opponents and the policy's moves.
//
//   Connect four. You are X, columns 1-5.      <- the policy's opponent is O
//   . . . . . |
//   . . . . . |
//   . . O . . |
//   . X X O . |                                -> "1", or "Win? no. Block? no.\nMove: 1"
//
// A task starts from a random opening with the policy (seat 0) to move; whoever moves sees
// his own stones as X. A win earns 1, a draw 0.5; a move that is illegal, unreadable or cut
// by the token limit loses at once. Parameter "opponent":
//   random     any legal move, uniformly (the default)
//   minimax:N  a best move when looked N plies ahead, 1..8
//   self       two seats, both played by the policy
// An opponent's draws depend on the task and the ply only, so that samples of a group that
// play alike meet the same replies.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "envs/env.h"
#include "envs/game/board_game.h"

namespace agon::envs {

// Which openings a difficulty draws from.
struct Opening {
  int min_plies = 0, max_plies = 0;  // stones on the board, fewer than cells
  bool has_win = false;              // whether the player to move can win at once
};

struct BoardEnvSpec {
  EnvInfo info;  // difficulties, turns and seats are filled in
  // One for each level of the attribute "size"; without that attribute just one.
  std::vector<std::shared_ptr<const BoardGame>> games;
  std::vector<Opening> openings;  // of each difficulty
};

// Throws Error(kUsage) for parameters that are wrong.
std::unique_ptr<Env> MakeBoardEnv(BoardEnvSpec spec, std::string_view params);

}  // namespace agon::envs
