// OpenRLHF's request for rewards. Private to judge.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "judge/judge_lines.h"

namespace agon::judge {

inline constexpr size_t kMaxRewardQueries = 4096;

// {"query": [text, ...], "prompts"?: [...], "labels"?: [...]}: each query is a prompt and its
// reply in one text. In ChatML it is read as the conversation it is; else what follows the prompt
// of the same place is the reply, or all of it where there is none. A label is the reference.
// Throws Error(kCorrupt) naming the field. (OpenRLHF: openrlhf/cli/serve_rm.py and
// openrlhf/utils/remote_rm_utils.py.)
std::vector<JudgeRequest> ReadRewardRequest(const Json& body);

}  // namespace agon::judge
