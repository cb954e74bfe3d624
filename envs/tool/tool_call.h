// Finds what a policy calls in a completion.
//
//   <tool_call>{"name": "calculator", "arguments": {"expression": "2*3"}}</tool_call>
//   <tool_call>2*3</tool_call>
//
// The first is the form of Qwen and Hermes; "arguments" may also be such an object in a
// string. The second is allowed where the only tool has one required parameter and that
// is a string. What precedes the last </think>, or follows an open <think>, is thinking
// and calls nothing. Untrusted bytes, linear time.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "envs/env.h"

namespace agon::envs {

inline constexpr std::string_view kToolCallOpen = "<tool_call>", kToolCallClose = "</tool_call>";

struct ToolCall {
  std::string name;                              // one of the tools
  std::map<std::string, std::string> arguments;  // strings as they are, other values as JSON
  std::string problem;  // why this can't be run, for the policy to read; "" if it can
};

// nullopt where nothing is called. More than one call, an open one, an unknown tool and a
// required argument that is missing are problems.
std::optional<ToolCall> FindToolCall(std::string_view completion, std::span<const Tool> tools);

}  // namespace agon::envs
