#include "judge/service/reward_request.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace agon::judge {
namespace {

constexpr std::string_view kOpen = "<|im_start|>", kClose = "<|im_end|>";

// nullopt if `text` isn't ChatML that ends in the assistant's turn.
std::optional<Messages> ReadChatMl(std::string_view text) {
  Messages messages;
  while (!text.empty()) {
    if (!text.starts_with(kOpen)) return std::nullopt;
    text.remove_prefix(kOpen.size());
    const size_t line = text.find('\n');
    if (line == std::string_view::npos) return std::nullopt;
    const auto role = RoleFromName(text.substr(0, line));
    if (!role) return std::nullopt;
    text.remove_prefix(line + 1);
    // The last turn may lack its end: it was cut, or the stop token was left out.
    const size_t end = std::min(text.find(kClose), text.size());
    messages.push_back({*role, std::string(text.substr(0, end))});
    text.remove_prefix(std::min(end + kClose.size(), text.size()));
    if (text.starts_with('\n')) text.remove_prefix(1);
  }
  if (messages.empty() || messages.back().role != Role::kAssistant) return std::nullopt;
  return messages;
}

// The conversation of a prompt: ChatML up to where the assistant speaks, or what a user says.
Messages ReadPrompt(const std::string& prompt) {
  auto messages = ReadChatMl(prompt);
  if (!messages || !messages->back().content.empty()) return {{Role::kUser, prompt}};
  messages->pop_back();
  return *std::move(messages);
}

JudgeRequest RequestOf(std::string query, const std::string& prompt) {
  JudgeRequest request;
  if (!prompt.empty() && query.starts_with(prompt)) {
    request.question.messages = ReadPrompt(prompt);
    query.erase(0, prompt.size());
    while (query.ends_with('\n')) query.pop_back();
    if (query.ends_with(kClose)) query.resize(query.size() - kClose.size());
    request.replies = {std::move(query)};
    return request;
  }
  if (auto messages = ReadChatMl(query)) {
    request.replies = {std::move(messages->back().content)};
    messages->pop_back();
    request.question.messages = *std::move(messages);
    return request;
  }
  if (!prompt.empty()) request.question.messages = ReadPrompt(prompt);
  request.replies = {std::move(query)};
  return request;
}

// The list of that name, of as many texts as there are queries; empty if there is none.
std::vector<std::string> OptionalTexts(const Json& body, const char* key, size_t count) {
  if (!body.contains(key) || body[key].is_null()) return {};
  std::vector<std::string> texts;
  const Json& list = body[key];
  if (!list.is_array() || list.size() != count) {
    throw Error(ErrorKind::kCorrupt, std::string("\"") + key + "\" is no list as long as \"query\"",
                "body");
  }
  for (const Json& item : list) texts.push_back(item.is_string() ? item.get<std::string>() : "");
  return texts;
}

}  // namespace

std::vector<JudgeRequest> ReadRewardRequest(const Json& body) {
  auto queries = JsonField<std::vector<std::string>>(body, "query", "body");
  if (queries.size() > kMaxRewardQueries) {
    throw Error(ErrorKind::kCorrupt,
                std::to_string(queries.size()) + " queries, at most " +
                    std::to_string(kMaxRewardQueries) + " at once",
                "body");
  }
  const auto prompts = OptionalTexts(body, "prompts", queries.size());
  const auto labels = OptionalTexts(body, "labels", queries.size());
  std::vector<JudgeRequest> requests;
  for (size_t i = 0; i < queries.size(); ++i) {
    requests.push_back(RequestOf(std::move(queries[i]), prompts.empty() ? "" : prompts[i]));
    if (!labels.empty()) requests.back().question.reference = labels[i];
  }
  return requests;
}

}  // namespace agon::judge
