// Problems that are solved with a tool: call it, read what it says, answer.
//
//   user: How many pens are in 137 boxes of 24 pens?
//   assistant: <tool_call>24*137</tool_call>
//   tool: 3288
//   assistant: Answer: 3288
//
// A completion with a call is a call, whatever else it says; one without is the answer and
// ends the episode. A call that can't be run is answered "error: ...". Whoever still calls
// in his last turn (EnvInfo::max_turns) is cut and earns nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "envs/problem_env.h"
#include "envs/tool/tool_call.h"

namespace agon::envs {

// What the tool says to a call that can be run: short, any number of lines. Pure. Throws
// Error(kFailed) where the tool itself failed: the episode is masked ("sandbox").
using ToolFunction = std::function<std::string(const ToolCall&)>;

// `spec.info.tools` and `max_turns` must be set. A problem's `calls` are what kImmediate
// passes to the tool, its `steps` what kStepByStep does: bare arguments, one call a turn.
// The tools are named in a system message.
std::unique_ptr<Env> MakeToolEnv(ProblemEnvSpec spec, ToolFunction run, std::string_view params);

}  // namespace agon::envs
