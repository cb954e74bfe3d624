// Whole demonstrations: a labeler plays an episode to its end.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "envs/env.h"

namespace agon::envs {

struct Demonstration {
  std::vector<Messages> seats;  // (EnvInfo::num_seats) each seat's conversation
  Outcome outcome;
};

// The labeler plays every seat. Where its manner makes no sense for a turn, the other
// labeler's is taken. nullopt if neither has anything to say, or if the episode is masked.
// Throws Error(kFailed) if it doesn't end within max_turns turns of a seat.
std::optional<Demonstration> DemonstrateEpisode(const Env& env, const Task& task, Labeler labeler,
                                                uint64_t variant);

// Its conversations alone: what is graded by running a program isn't graded where nothing
// hangs on the outcome, in an environment of one turn and one seat.
std::optional<std::vector<Messages>> DemonstrateConversations(const Env& env, const Task& task,
                                                              Labeler labeler, uint64_t variant);

}  // namespace agon::envs
