#include "serve/openai_format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/json.h"
#include "core/utf8.h"

namespace agon::serve {
namespace {

// JSON has no infinity; OpenAI's own value for what can't be.
double Finite(float logprob) { return std::isfinite(logprob) ? logprob : -9999.0; }

// Tokens whose bytes are no text by themselves, as OpenAI writes them: "bytes:\xe2\x82".
std::string TokenText(const LocalModel& model, int32_t token) {
  const std::string_view bytes = model.Bytes(token);
  if (ReplaceBrokenUtf8(bytes) == bytes) return std::string(bytes);
  std::string text = "bytes:";
  for (const char c : bytes) {
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
    text += escaped;
  }
  return text;
}

// One token with the alternatives that stood there.
struct ShownToken {
  int32_t token;
  float logprob;
  const policy::TokenLogprob* top;
  size_t num_top;
};

Json ChatToken(const LocalModel& model, int32_t token, float logprob) {
  const std::string_view bytes = model.Bytes(token);
  Json list = Json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return {{"token", ReplaceBrokenUtf8(bytes)}, {"logprob", Finite(logprob)}, {"bytes", list}};
}

Json ChatLogprobs(const LocalModel& model, const std::vector<ShownToken>& tokens) {
  Json content = Json::array();
  for (const ShownToken& shown : tokens) {
    Json entry = ChatToken(model, shown.token, shown.logprob);
    entry["top_logprobs"] = Json::array();
    for (size_t i = 0; i < shown.num_top; ++i) {
      entry["top_logprobs"].push_back(ChatToken(model, shown.top[i].token, shown.top[i].logprob));
    }
    content.push_back(std::move(entry));
  }
  return {{"content", content}, {"refusal", nullptr}};
}

// `offset` is the place of the first token, in characters. The first of a prompt has no
// log-probability: NaN.
Json TextLogprobs(const LocalModel& model, const std::vector<ShownToken>& tokens, int num_top,
                  int64_t offset) {
  Json list = Json::array(), values = Json::array(), tops = Json::array(), offsets = Json::array();
  for (const ShownToken& shown : tokens) {
    list.push_back(TokenText(model, shown.token));
    offsets.push_back(offset);
    offset += CountUtf8(model.Bytes(shown.token));
    if (std::isnan(shown.logprob)) {
      values.push_back(nullptr);
      tops.push_back(nullptr);
      continue;
    }
    values.push_back(Finite(shown.logprob));
    Json top = Json::object();
    for (size_t i = 0; i < shown.num_top; ++i) {
      top[TokenText(model, shown.top[i].token)] = Finite(shown.top[i].logprob);
    }
    top[TokenText(model, shown.token)] = Finite(shown.logprob);  // may not be among them
    tops.push_back(std::move(top));
  }
  return {{"tokens", list},
          {"token_logprobs", values},
          {"top_logprobs", num_top > 0 ? tops : Json()},
          {"text_offset", offsets}};
}

void AppendNew(const policy::Completion& completion, size_t first, std::vector<ShownToken>& out) {
  const size_t num_tokens = completion.tokens.size();
  const size_t stride = num_tokens == 0 ? 0 : completion.top.size() / num_tokens;
  for (size_t i = first; i < num_tokens; ++i) {
    out.push_back({completion.tokens[i], completion.rollout_logprobs[i],
                   completion.top.data() + i * stride, stride});
  }
}

void AppendPrompt(const ApiChoice& choice, std::vector<ShownToken>& out) {
  const auto& prompt = *choice.prompt;
  out.push_back({prompt[0], NAN, nullptr, 0});
  if (choice.prompt_scores == nullptr) return;
  const policy::TokenScores& scores = *choice.prompt_scores;
  const size_t stride = scores.logprobs.empty() ? 0 : scores.top.size() / scores.logprobs.size();
  for (size_t i = 1; i < prompt.size() && i - 1 < scores.logprobs.size(); ++i) {
    out.push_back(
        {prompt[i], scores.logprobs[i - 1], scores.top.data() + (i - 1) * stride, stride});
  }
}

Json ToolCalls(const std::vector<CalledTool>& calls, int choice, bool is_piece) {
  Json list = Json::array();
  for (size_t i = 0; i < calls.size(); ++i) {
    Json call = Json::object();
    if (is_piece) call["index"] = i;
    call["id"] = "call_" + std::to_string(choice) + "_" + std::to_string(i);
    call["type"] = "function";
    call["function"] = {{"name", calls[i].name}, {"arguments", calls[i].arguments}};
    list.push_back(std::move(call));
  }
  return list;
}

Json UsageJson(const ApiUsage& usage) {
  return {{"prompt_tokens", usage.num_prompt_tokens},
          {"completion_tokens", usage.num_new_tokens},
          {"total_tokens", usage.num_prompt_tokens + usage.num_new_tokens}};
}

Json OrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

ApiFormat::ApiFormat(const LocalModel& model, const ApiSampling& sampling, bool is_chat, bool echo,
                     std::string id, int64_t created)
    : model_(model), sampling_(sampling), is_chat_(is_chat), echo_(echo) {
  const auto head = [&](const char* object) {
    const std::string text = DumpJson({{"id", (is_chat ? "chatcmpl-" : "cmpl-") + id},
                                       {"object", object},
                                       {"created", created},
                                       {"model", model.name()},
                                       {"system_fingerprint", "agon-" + model.identity()}});
    return text.substr(0, text.size() - 1) + ",\"choices\":[";
  };
  whole_head_ = head(is_chat ? "chat.completion" : "text_completion");
  piece_head_ = "data: " + head(is_chat ? "chat.completion.chunk" : "text_completion");
}

std::string ApiFormat::Whole(const std::vector<ApiChoice>& choices, const ApiUsage& usage) const {
  std::string out = whole_head_;
  for (const ApiChoice& choice : choices) {
    Json json{{"index", choice.index}};
    std::vector<ShownToken> tokens;
    if (is_chat_) {
      Json message{{"role", "assistant"},
                   {"content", choice.calls.empty() ? Json(choice.text) : OrNull(choice.text)},
                   {"refusal", nullptr}};
      if (!choice.calls.empty()) {
        message["tool_calls"] = ToolCalls(choice.calls, choice.index, false);
      }
      json["message"] = std::move(message);
      if (sampling_.wants_logprobs) AppendNew(choice.completion, 0, tokens);
      json["logprobs"] = sampling_.wants_logprobs ? ChatLogprobs(model_, tokens) : Json();
    } else {
      std::string prompt_text;
      if (echo_) {
        for (const int32_t token : *choice.prompt) prompt_text += model_.Bytes(token);
      }
      json["text"] = echo_ ? ReplaceBrokenUtf8(prompt_text) + choice.text : choice.text;
      if (sampling_.wants_logprobs) {
        if (echo_) AppendPrompt(choice, tokens);
        AppendNew(choice.completion, 0, tokens);
      }
      json["logprobs"] =
          sampling_.wants_logprobs ? TextLogprobs(model_, tokens, sampling_.num_top, 0) : Json();
    }
    json["finish_reason"] = OrNull(choice.finish_reason);
    if (sampling_.wants_token_ids) {
      json["token_ids"] = choice.completion.tokens;
      json["prompt_token_ids"] = *choice.prompt;
    }
    if (&choice != choices.data()) out += ",";
    out += DumpJson(json);
  }
  out += "],\"usage\":" + DumpJson(UsageJson(usage));
  // vLLM has it here for chats.
  if (is_chat_ && sampling_.wants_token_ids) {
    out += ",\"prompt_token_ids\":" + DumpJson(*choices[0].prompt);
  }
  return out + "}\n";
}

std::string ApiFormat::Opening(const ApiChoice& choice) const {
  if (!is_chat_) return "";
  const Json json{{"index", choice.index},
                  {"delta", {{"role", "assistant"}, {"content", ""}}},
                  {"logprobs", nullptr},
                  {"finish_reason", nullptr}};
  std::string extra;
  if (sampling_.wants_token_ids) extra = ",\"prompt_token_ids\":" + DumpJson(*choice.prompt);
  return piece_head_ + DumpJson(json) + "]" + extra + "}\n\n";
}

std::string ApiFormat::Piece(const ApiChoice& choice, const policy::Completion& so_far,
                             std::string_view text, size_t first_token, int64_t offset) const {
  Json json{{"index", choice.index}};
  std::vector<ShownToken> tokens;
  if (sampling_.wants_logprobs) AppendNew(so_far, first_token, tokens);
  if (is_chat_) {
    Json delta = Json::object();
    if (!text.empty() || !tokens.empty()) delta["content"] = text;
    if (!choice.calls.empty()) delta["tool_calls"] = ToolCalls(choice.calls, choice.index, true);
    json["delta"] = std::move(delta);
    json["logprobs"] = tokens.empty() ? Json() : ChatLogprobs(model_, tokens);
  } else {
    json["text"] = text;
    json["logprobs"] =
        tokens.empty() ? Json() : TextLogprobs(model_, tokens, sampling_.num_top, offset);
  }
  json["finish_reason"] = OrNull(choice.finish_reason);
  if (sampling_.wants_token_ids) {
    json["token_ids"] = std::vector<int32_t>(
        so_far.tokens.begin() + static_cast<std::ptrdiff_t>(first_token), so_far.tokens.end());
  }
  return piece_head_ + DumpJson(json) + "]}\n\n";
}

std::string ApiFormat::Usage(const ApiUsage& usage) const {
  return piece_head_ + "],\"usage\":" + DumpJson(UsageJson(usage)) + "}\n\n";
}

}  // namespace agon::serve
