// Tools as text in the conversation, in the form of Qwen and Hermes. Private to serve.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serve/openai_request.h"

namespace agon::serve {

// What the system message says of the tools (Qwen2.5's chat template, tokenizer_config.json).
std::string ToolPrompt(const std::vector<ToolSpec>& tools);

// A call as the model writes it. `arguments` is JSON text, or any text if it is none.
std::string ToolCallText(const std::string& name, const std::string& arguments);

struct CalledTool {
  std::string name;
  std::string arguments;  // a JSON object as text
};

// Splits a completion into what it says and what it calls:
//   <tool_call>{"name": "f", "arguments": {...}}</tool_call>, any number of them
//   <tool_call>text</tool_call> where the only tool has one required parameter, a string
// A call that is neither, or has no end, stays part of the content. Untrusted, linear time.
std::vector<CalledTool> TakeToolCalls(std::string_view text, const std::vector<ToolSpec>& tools,
                                      std::string* content);

}  // namespace agon::serve
