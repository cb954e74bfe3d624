// OpenRLHF's request for rewards. Private to judge.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "judge/judge_lines.h"

namespace agon::judge {

inline constexpr size_t kMaxRewardQueries = 4096;

// {"query": [text, ...], "prompts"?: [...], "labels"?: [...]}: each query is a prompt and its
// reply in one text. What follows the prompt of the same place is the reply, whatever it holds: a
// policy that writes the end of its turn and another one gains nothing. Without a prompt a query in
// ChatML is read as the conversation it is, any other is the reply. A label is the reference.
// Throws Error(kCorrupt) naming the field. (OpenRLHF: openrlhf/cli/serve_rm.py and
// openrlhf/utils/remote_rm_utils.py.)
std::vector<JudgeRequest> ReadRewardRequest(const Json& body);

}  // namespace agon::judge
