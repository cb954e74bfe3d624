// Bodies of requests to rl-serve, and what a model says where tools are offered.
#include "core/error.h"
#include "core/json.h"
#include "core/utf8.h"
#include "serve/openai_request.h"
#include "serve/text_stream.h"
#include "serve/tool_text.h"
#include "tests/fuzz/fuzz.h"

namespace agon {
namespace {

template <typename Body>
void ExpectApiError(const Body& body) {
  try {
    body();
  } catch (const serve::ApiError& error) {
    AGON_CHECK(error.status == 400 && !error.message.empty());
  }
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  ExpectApiError([&] {
    const serve::ChatRequest request = serve::ParseChatRequest(bytes);
    AGON_CHECK(!request.messages.empty() || !request.prompt_token_ids->empty());
    AGON_CHECK(request.sampling.n >= 1 && request.sampling.n <= 128);
  });
  ExpectApiError([&] { AGON_CHECK(!serve::ParseTextRequest(bytes).prompts.empty()); });
  const std::vector<serve::ToolSpec> one = {{"f", "{}", "x"}},
                                     two = {{"f", "{}", ""}, {"g", "{}", ""}};
  for (const auto& tools : {one, two}) {
    std::string content;
    const std::string text = ReplaceBrokenUtf8(bytes);
    for (const auto& call : serve::TakeToolCalls(text, tools, &content)) {
      AGON_CHECK(ParseJson(call.arguments, "arguments").is_object());
    }
    AGON_CHECK(content.size() <= text.size());
  }
  const std::string stop(bytes.substr(0, std::min<size_t>(3, bytes.size())));
  if (!stop.empty()) AGON_CHECK(serve::TextUntilStop(bytes, {stop}).empty());
}

}  // namespace agon
