// An environment written down: a few tasks, their demonstrations and what they earn.
//
// tests/golden/envs/ keeps one for every registered environment, so that a change of
// tasks or rewards shows as a difference that a person can read.
#pragma once

#include <cstdint>
#include <string>

#include "envs/env.h"

namespace agon::envs {

// "math/shop-v1" is recorded in "math_shop-v1.txt".
std::string PlaythroughFileName(const std::string& id);

// One task with its question, its gold, both labelers' demonstrations and their
// outcomes. Bytes outside printable ASCII and line ends are shown as \xNN.
std::string RenderTask(const Env& env, const Task& task);

// An outcome in one line: reward, parts, how it ended, what was extracted and why.
std::string RenderOutcome(const Outcome& outcome);

// EnvInfo, then of seed 0 the first train task of every family and difficulty, and the
// first val and test task of every difficulty.
std::string RenderPlaythrough(const Env& env);

}  // namespace agon::envs
