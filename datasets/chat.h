// ChatML: the one place where messages become tokens.
//
//   <|im_start|>user\n ... <|im_end|>\n<|im_start|>assistant\n ... <|im_end|>\n
//
// SFT, RL, evaluation, judge and serving all render here, so ids and loss mask can't
// disagree. Message text is encoded as plain text: it can't forge a special token,
// except that <think>, </think> and the tool tokens in assistant text become their ids.
// A tool's message is a user's turn between <tool_response> and </tool_response>, each on
// its own line, as in Qwen. Role, line breaks and content are encoded one by one, so a
// prompt's ids are a prefix of the whole conversation's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/message.h"
#include "datasets/tokenizer.h"

namespace agon::datasets {

struct Rendered {
  std::vector<int32_t> ids;        // (T)
  std::vector<uint8_t> loss_mask;  // (T) 1 on assistant text and its <|im_end|>, else 0
};

class ChatTemplate {
 public:
  // Keeps a reference. Throws kUnsupported if the tokenizer lacks a ChatML token.
  explicit ChatTemplate(const Tokenizer& tokenizer);

  // A whole conversation, for SFT and scoring.
  Rendered Render(const Messages& messages) const;
  // The conversation so far and the opening of the assistant's turn: a rollout's prompt.
  std::vector<int32_t> EncodePrompt(const Messages& messages) const;
  // What follows a sampled assistant turn when the environment answers: closes the turn
  // (the stop token itself was sampled), adds `messages`, opens the next turn. Sampled
  // ids are never encoded again.
  std::vector<int32_t> EncodeContinuation(const Messages& messages) const;
  // Text of sampled ids, without a final stop token.
  std::string DecodeCompletion(std::span<const int32_t> ids) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  int32_t stop_token_id() const { return im_end_; }         // <|im_end|>
  int32_t document_token_id() const { return endoftext_; }  // <|endoftext|>

  // The Jinja template for tokenizer_config.json that renders the same text.
  static const char* JinjaTemplate();
  // Writes tokenizer.json and tokenizer_config.json into a model directory; the latter without
  // a chat template for a base model, which has seen no conversation.
  void Save(const fs::path& model_dir, bool is_base_model = false) const;

 private:
  class Writer;
  struct AssistantToken {
    std::string text;
    int32_t id;
  };

  const Tokenizer& tokenizer_;
  int32_t im_start_, im_end_, endoftext_;
  std::vector<AssistantToken> assistant_tokens_;  // those the tokenizer has
};

}  // namespace agon::datasets
