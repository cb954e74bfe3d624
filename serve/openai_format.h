// Completions as the JSON of OpenAI's API. Private to serve.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "serve/local_model.h"
#include "serve/openai_request.h"
#include "serve/tool_text.h"

namespace agon::serve {

// One completion as far as it has come.
struct ApiChoice {
  int index = 0;
  const std::vector<int32_t>* prompt = nullptr;        // its tokens
  const policy::TokenScores* prompt_scores = nullptr;  // of prompt[1..], with echo and logprobs
  std::string text;                                    // all that is certain
  policy::Completion completion;                       // at the end, if it isn't streamed
  std::vector<CalledTool> calls;                       // at the end
  std::string finish_reason;                           // "" until the end
};

struct ApiUsage {
  int64_t num_prompt_tokens = 0, num_new_tokens = 0;
};

// The two routes differ in the shape of their replies only. Immutable: thread-safe.
class ApiFormat {
 public:
  // Keeps references to the model.
  ApiFormat(const LocalModel& model, const ApiSampling& sampling, bool is_chat, bool echo,
            std::string id, int64_t created);

  // The reply in one piece.
  std::string Whole(const std::vector<ApiChoice>& choices, const ApiUsage& usage) const;

  // Events of a stream, each a "data: ...\n\n".
  std::string Opening(const ApiChoice& choice) const;  // "" where the route has none
  // What is new: `text`, and the tokens of `so_far` from `first_token` on, whose text_offset is
  // that of the reply in one piece: the characters of the tokens before, `offset`. The end is told
  // when finish_reason is set.
  std::string Piece(const ApiChoice& choice, const policy::Completion& so_far,
                    std::string_view text, size_t first_token, int64_t offset) const;
  std::string Usage(const ApiUsage& usage) const;
  static std::string Closing() { return "data: [DONE]\n\n"; }

 private:
  const LocalModel& model_;
  const ApiSampling& sampling_;
  const bool is_chat_, echo_;
  std::string whole_head_, piece_head_;  // '{"id": ..., "choices":[' without their end
};

}  // namespace agon::serve
