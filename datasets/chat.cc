#include "datasets/chat.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace agon::datasets {
namespace {

// What an assistant may write as a token of its own. The tokens that open and close a
// turn are not among them.
constexpr const char* kAssistantTokens[] = {"<think>",      "</think>",        "<tool_call>",
                                            "</tool_call>", "<tool_response>", "</tool_response>"};

int32_t RequiredToken(const Tokenizer& tokenizer, const char* token) {
  if (const auto id = tokenizer.SpecialId(token)) return *id;
  throw Error(ErrorKind::kUnsupported, std::string("the tokenizer lacks the ChatML token ") + token,
              "tokenizer", "train it with rl-data or load a tokenizer made for ChatML");
}

}  // namespace

// Builds ids and mask side by side: the only place that appends either.
class ChatTemplate::Writer {
 public:
  explicit Writer(const ChatTemplate& chat) : chat_(chat) {}

  void AppendToken(int32_t id, uint8_t mask) {
    rendered_.ids.push_back(id);
    rendered_.loss_mask.push_back(mask);
  }

  void AppendText(std::string_view text, uint8_t mask) {
    chat_.tokenizer_.EncodeAppend(text, rendered_.ids);
    rendered_.loss_mask.resize(rendered_.ids.size(), mask);
  }

  void AppendMessage(const Message& message) {
    if (message.role == Role::kAssistant) {
      OpenTurn(RoleName(Role::kAssistant));
      AppendAssistant(message.content);
    } else if (message.role == Role::kTool) {
      // As in Qwen: what a tool said comes in a user's turn, between its own tokens.
      OpenTurn(RoleName(Role::kUser));
      AppendTag("<tool_response>");
      AppendText("\n", 0);
      AppendText(message.content, 0);
      AppendText("\n", 0);
      AppendTag("</tool_response>");
      CloseTurn(0);
    } else {
      OpenTurn(RoleName(message.role));
      AppendText(message.content, 0);
      CloseTurn(0);
    }
  }

  void OpenTurn(const char* role) {
    AppendToken(chat_.im_start_, 0);
    AppendText(role, 0);
    AppendText("\n", 0);
  }

  void CloseTurn(uint8_t mask) {
    AppendToken(chat_.im_end_, mask);
    AppendText("\n", 0);
  }

  Rendered Take() { return std::move(rendered_); }

 private:
  void AppendAssistant(std::string_view text) {
    while (!text.empty()) {
      size_t first = text.size();
      const AssistantToken* found = nullptr;
      for (const AssistantToken& token : chat_.assistant_tokens_) {
        const size_t at = text.find(token.text);
        if (at < first) {
          first = at;
          found = &token;
        }
      }
      AppendText(text.substr(0, first), 1);
      if (found == nullptr) break;
      AppendToken(found->id, 1);
      text.remove_prefix(first + found->text.size());
    }
    CloseTurn(1);
  }

  void AppendTag(const char* tag) {
    if (const auto id = chat_.tokenizer_.SpecialId(tag)) {
      AppendToken(*id, 0);
    } else {
      AppendText(tag, 0);
    }
  }

  const ChatTemplate& chat_;
  Rendered rendered_;
};

ChatTemplate::ChatTemplate(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer),
      im_start_(RequiredToken(tokenizer, "<|im_start|>")),
      im_end_(RequiredToken(tokenizer, "<|im_end|>")),
      endoftext_(RequiredToken(tokenizer, "<|endoftext|>")) {
  for (const char* token : kAssistantTokens) {
    if (const auto id = tokenizer.SpecialId(token)) assistant_tokens_.push_back({token, *id});
  }
}

Rendered ChatTemplate::Render(const Messages& messages) const {
  Writer writer(*this);
  for (const Message& message : messages) writer.AppendMessage(message);
  return writer.Take();
}

std::vector<int32_t> ChatTemplate::EncodePrompt(const Messages& messages) const {
  Writer writer(*this);
  for (const Message& message : messages) writer.AppendMessage(message);
  writer.OpenTurn(RoleName(Role::kAssistant));
  return writer.Take().ids;
}

std::vector<int32_t> ChatTemplate::EncodeContinuation(const Messages& messages) const {
  Writer writer(*this);
  writer.AppendText("\n", 0);
  for (const Message& message : messages) writer.AppendMessage(message);
  writer.OpenTurn(RoleName(Role::kAssistant));
  return writer.Take().ids;
}

std::string ChatTemplate::DecodeCompletion(std::span<const int32_t> ids) const {
  if (!ids.empty() && ids.back() == im_end_) ids = ids.first(ids.size() - 1);
  return tokenizer_.Decode(ids);
}

const char* ChatTemplate::JinjaTemplate() {
  return R"({%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
{%- else %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- endif %})";
}

void ChatTemplate::Save(const fs::path& model_dir, bool is_base_model) const {
  tokenizer_.Save(model_dir / "tokenizer.json");
  Json config{{"tokenizer_class", "PreTrainedTokenizerFast"},
              {"bos_token", nullptr},
              {"eos_token", "<|im_end|>"},
              {"pad_token", "<|endoftext|>"},
              {"unk_token", nullptr},
              {"add_bos_token", false},
              {"add_prefix_space", false},
              {"clean_up_tokenization_spaces", false},
              {"model_max_length", 1 << 30}};
  if (!is_base_model) config["chat_template"] = JinjaTemplate();
  WriteFileAtomic(model_dir / "tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace agon::datasets
