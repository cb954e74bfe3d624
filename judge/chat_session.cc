#include "judge/chat_session.h"

#include <algorithm>
#include <csignal>
#include <istream>
#include <ostream>
#include <utility>

#include "core/error.h"
#include "judge/text.h"
#include "serve/text_stream.h"

namespace agon::judge {
namespace {

volatile std::sig_atomic_t interrupted = 0;

// While it lives, Ctrl-C sets `interrupted` instead of ending the process.
class InterruptScope {
 public:
  InterruptScope() {
    interrupted = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { interrupted = 1; };
    sigaction(SIGINT, &action, &previous_);
  }
  ~InterruptScope() { sigaction(SIGINT, &previous_, nullptr); }
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  struct sigaction previous_ = {};
};

struct ReplyStopped {};  // leaves Generate early; never escapes Reply

}  // namespace

ChatSession::ChatSession(policy::Policy& policy, const datasets::Tokenizer& tokenizer,
                         const datasets::ChatTemplate* chat, ChatOptions options)
    : policy_(policy), tokenizer_(tokenizer), chat_(chat), options_(std::move(options)) {
  for (const char* token : {"<|im_end|>", "<|endoftext|>"}) {
    if (const auto id = tokenizer.SpecialId(token)) stop_token_ids_.push_back(*id);
  }
}

bool ChatSession::IsStop(int32_t token) const {
  return std::find(stop_token_ids_.begin(), stop_token_ids_.end(), token) != stop_token_ids_.end();
}

void ChatSession::Reset() { tokens_.clear(); }

std::vector<int32_t> ChatSession::WithUser(std::string_view user) const {
  if (is_plain()) return tokenizer_.Encode(user);
  Messages messages;
  const bool first = tokens_.empty();
  if (first && !options_.system.empty()) messages.push_back({Role::kSystem, options_.system});
  messages.push_back({Role::kUser, std::string(user)});
  std::vector<int32_t> tokens = tokens_;
  const auto added = first ? chat_->EncodePrompt(messages) : chat_->EncodeContinuation(messages);
  tokens.insert(tokens.end(), added.begin(), added.end());
  return tokens;
}

std::string ChatSession::Reply(std::string_view user, const TextCallback& on_text) {
  policy::Prompt prompt;
  prompt.tokens = WithUser(user);
  const int length = static_cast<int>(prompt.tokens.size());
  const int context = policy_.config().max_positions;
  if (length >= context) {
    throw Error(ErrorKind::kUsage,
                "the conversation would have " + std::to_string(length) +
                    " tokens and leave no room in the model's context of " +
                    std::to_string(context),
                "", tokens_.empty() ? "say it shorter" : "say it shorter, or /reset to start over");
  }
  prompt.max_new_tokens = std::min(options_.max_new_tokens, context - length);
  policy::Sampling sampling;
  sampling.temperature = options_.temperature;
  sampling.stop_token_ids = stop_token_ids_;
  std::vector<int32_t> sampled;
  std::string reply;
  serve::TextStream stream;
  const auto emit = [&](const std::string& text) {
    const std::string piece = CleanText(text);
    reply += piece;
    return piece.empty() || !on_text || on_text(piece);
  };
  const auto on_token = [&](size_t, int32_t token) {
    sampled.push_back(token);
    if (IsStop(token)) return;
    if (!emit(stream.Add(tokenizer_.Bytes(token)))) throw ReplyStopped{};
  };
  try {
    policy_.Generate({&prompt, 1}, sampling, RngKey{options_.seed, RngStream::kSample, turn_++},
                     on_token);
  } catch (const ReplyStopped&) {
    // What was said so far counts as the reply.
  }
  emit(stream.Finish());
  if (is_plain()) return reply;
  tokens_ = std::move(prompt.tokens);
  tokens_.insert(tokens_.end(), sampled.begin(), sampled.end());
  if (tokens_.back() != chat_->stop_token_id()) tokens_.push_back(chat_->stop_token_id());
  return reply;
}

void RunChat(ChatSession& session, std::istream& in, std::ostream& out, bool interactive) {
  const bool is_plain = session.is_plain();
  const std::string commands =
      is_plain ? "a document completer: each line is continued; /quit leaves, Ctrl-C stops"
               : "/reset starts over, /quit leaves, Ctrl-C stops a reply";
  if (interactive) out << commands << "\n";
  std::string line;
  while (true) {
    if (interactive) out << (is_plain ? "\ntext> " : "\nyou> ") << std::flush;
    if (!std::getline(in, line)) break;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    if (line == "/quit" || line == "/exit") return;
    if (line == "/reset" && !is_plain) {
      session.Reset();
      if (interactive) out << "(a fresh conversation)\n";
    } else if (line.front() == '/' && !is_plain) {
      out << commands << "\n";
    } else {
      const InterruptScope scope;
      try {
        session.Reply(line, [&](std::string_view piece) {
          out << piece << std::flush;
          return interrupted == 0;
        });
        out << (interrupted ? " (stopped)\n" : "\n") << std::flush;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kUsage) throw;
        out << error.what() << "\n";
      }
    }
  }
  if (interactive) out << "\n";
}

}  // namespace agon::judge
