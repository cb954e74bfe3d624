// Episodes that a model behind OpenAI's API plays: text out, text in, no tokens. Private to judge.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "judge/contest.h"

namespace agon::judge {

// Trajectories without tokens, in the order of `tasks`. What the endpoint fails to answer, after
// all of its retries, or answers in a form that holds no text, masks its episode (kind
// "endpoint"): such an episode says nothing about the model.
// Throws Error(kUnsupported) for an environment of more than one seat.
std::vector<Trajectory> RunEndpointEpisodes(serve::Completer& endpoint,
                                            std::shared_ptr<const envs::Env> env,
                                            std::span<const envs::Task> tasks,
                                            const ContestOptions& options);

}  // namespace agon::judge
