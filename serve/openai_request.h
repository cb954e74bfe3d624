// Bodies of OpenAI's API to typed requests. Private to serve; the fuzz target of what clients send.
//
// Source: platform.openai.com/docs/api-reference, completions and chat; the fields top_k,
// prompt_token_ids and return_token_ids are vLLM's.
//
// Fields that nobody knows are ignored, as clients send them. A field of the API that is not
// supported is refused unless it asks for what happens anyway (n penalties of 0, an empty
// logit_bias): nothing is silently done otherwise than asked.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/message.h"

namespace agon::serve {

// A request that is refused, as the client is told.
struct ApiError : std::exception {
  ApiError(int error_status, std::string error_message, std::string error_param = "",
           std::string error_code = "")
      : status(error_status),
        message(std::move(error_message)),
        param(std::move(error_param)),
        code(std::move(error_code)) {}
  const char* what() const noexcept override { return message.c_str(); }

  int status;
  std::string message, param, code;
};

// A function that the model may call.
struct ToolSpec {
  std::string name;
  std::string json;        // {"type": "function", "function": {...}} as it was sent
  std::string only_param;  // its only required parameter, if that is a string; else ""
};

// What both routes share.
struct ApiSampling {
  std::string model;  // "": the only one
  std::optional<int> max_tokens;
  float temperature = 1.0f, top_p = 1.0f;
  int top_k = 0;
  int n = 1;
  std::optional<uint64_t> seed;
  std::vector<std::string> stop;
  int num_top = 0;  // alternatives wanted per token
  bool wants_logprobs = false;
  bool is_stream = false, wants_usage = false;  // usage in a last piece of the stream
  bool wants_token_ids = false;
};

struct ChatRequest {
  ApiSampling sampling;
  Messages messages;  // with the tools' description in the system message
  std::optional<std::vector<int32_t>> prompt_token_ids;  // used as they are instead of messages
  std::vector<ToolSpec> tools;                           // empty for tool_choice "none"
};

struct TextRequest {
  ApiSampling sampling;
  std::vector<std::variant<std::string, std::vector<int32_t>>> prompts;  // at least one
  bool echo = false;
};

// Throw ApiError with status 400 that names the field.
ChatRequest ParseChatRequest(std::string_view body);
TextRequest ParseTextRequest(std::string_view body);

}  // namespace agon::serve
