#include "judge/chat_session.h"

#include <algorithm>
#include <csignal>
#include <istream>
#include <ostream>
#include <utility>

#include "core/error.h"
#include "judge/text.h"

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

// Bytes at the end of `text` that may be the beginning of a character.
size_t UnfinishedBytes(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

ChatSession::ChatSession(policy::Policy& policy, const datasets::Tokenizer& tokenizer,
                         const datasets::ChatTemplate& chat, ChatOptions options)
    : policy_(policy), tokenizer_(tokenizer), chat_(chat), options_(std::move(options)) {}

void ChatSession::Reset() { tokens_.clear(); }

std::vector<int32_t> ChatSession::WithUser(std::string_view user) const {
  Messages messages;
  const bool first = tokens_.empty();
  if (first && !options_.system.empty()) messages.push_back({Role::kSystem, options_.system});
  messages.push_back({Role::kUser, std::string(user)});
  std::vector<int32_t> tokens = tokens_;
  const auto added = first ? chat_.EncodePrompt(messages) : chat_.EncodeContinuation(messages);
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
  sampling.stop_token_ids = {chat_.stop_token_id(), chat_.document_token_id()};
  std::vector<int32_t> sampled;
  std::string reply, pending;
  const auto emit = [&](size_t keep) {
    const std::string piece = CleanText(std::string_view(pending).substr(0, pending.size() - keep));
    pending.erase(0, pending.size() - keep);
    reply += piece;
    return piece.empty() || !on_text || on_text(piece);
  };
  const auto on_token = [&](size_t, int32_t token) {
    sampled.push_back(token);
    if (token == chat_.stop_token_id() || token == chat_.document_token_id()) return;
    pending += tokenizer_.Bytes(token);
    if (!emit(UnfinishedBytes(pending))) throw ReplyStopped{};
  };
  try {
    policy_.Generate({&prompt, 1}, sampling, RngKey{options_.seed, RngStream::kSample, turn_++},
                     on_token);
  } catch (const ReplyStopped&) {
    // What was said so far counts as the reply.
  }
  emit(0);
  tokens_ = std::move(prompt.tokens);
  tokens_.insert(tokens_.end(), sampled.begin(), sampled.end());
  if (tokens_.back() != chat_.stop_token_id()) tokens_.push_back(chat_.stop_token_id());
  return reply;
}

void RunChat(ChatSession& session, std::istream& in, std::ostream& out, bool interactive) {
  const std::string commands = "/reset starts over, /quit leaves, Ctrl-C stops a reply";
  if (interactive) out << commands << "\n";
  std::string line;
  while (true) {
    if (interactive) out << "\nyou> " << std::flush;
    if (!std::getline(in, line)) break;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    if (line == "/quit" || line == "/exit") return;
    if (line == "/reset") {
      session.Reset();
      if (interactive) out << "(a fresh conversation)\n";
    } else if (line.front() == '/') {
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
