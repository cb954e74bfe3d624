// Talking to a policy, one turn after another.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "datasets/chat.h"
#include "policy/policy.h"

namespace agon::judge {

struct ChatOptions {
  std::string system;        // system message, "" for none
  float temperature = 0.7f;  // 0: greedy
  int max_new_tokens = 256;  // per reply
  uint64_t seed = 0;
};

// A conversation; or, without a chat template, a document completer for base models: each text
// is continued as it stands, and none remembers another. Keeps references; the policy, tokenizer
// and template must outlive the session.
class ChatSession {
 public:
  // Receives the reply piece by piece: valid UTF-8 with control characters made visible.
  // Returns false to stop the reply; what was said so far stays in the conversation.
  using TextCallback = std::function<bool(std::string_view piece)>;

  // `chat` is null for a document completer, which has no system message.
  ChatSession(policy::Policy& policy, const datasets::Tokenizer& tokenizer,
              const datasets::ChatTemplate* chat, ChatOptions options);

  // Says `user` and returns the whole reply. Throws Error(kUsage) with both lengths if the
  // conversation doesn't fit the context; it is then as it was before.
  std::string Reply(std::string_view user, const TextCallback& on_text);
  bool is_plain() const { return chat_ == nullptr; }

  // Forgets the conversation but for the system message.
  void Reset();

  // Token-exact: the prompt, what was sampled, and what came between.
  const std::vector<int32_t>& tokens() const { return tokens_; }

 private:
  std::vector<int32_t> WithUser(std::string_view user) const;
  bool IsStop(int32_t token) const;

  policy::Policy& policy_;
  const datasets::Tokenizer& tokenizer_;
  const datasets::ChatTemplate* chat_;
  ChatOptions options_;
  std::vector<int32_t> stop_token_ids_;
  std::vector<int32_t> tokens_;
  uint64_t turn_ = 0;  // counts on over Reset: the same question may get another answer
};

// Reads lines from `in` until its end or /quit and writes replies to `out` as they are
// sampled. /reset starts over, /help lists commands; to a document completer, only /quit is one.
// `interactive` adds prompts; Ctrl-C stops the running reply.
void RunChat(ChatSession& session, std::istream& in, std::ostream& out, bool interactive);

}  // namespace agon::judge
