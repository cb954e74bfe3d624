#include "arena/endpoint_speaker.h"

#include <atomic>
#include <cstdlib>
#include <utility>

#include "core/error.h"
#include "core/message_json.h"
#include "core/utf8.h"
#include "net/http_client.h"

namespace agon::arena {
namespace {

constexpr size_t kMaxEventBytes = 1 << 20;

}  // namespace

// What one reply is made of, and whether anybody still waits for it.
struct EndpointSpeaker::Reply {
  explicit Reply(SpeakCallbacks wanted) : callbacks(std::move(wanted)) {}

  void Say(const std::string& text) {
    const std::lock_guard lock(mutex);
    if (has_ended || text.empty()) return;
    ++end.num_tokens;  // endpoints send about a token at a time
    callbacks.on_text(text);
  }
  void End(const std::string& error) {
    const std::lock_guard lock(mutex);
    if (std::exchange(has_ended, true)) return;
    end.error = error;
    callbacks.on_end(end);
  }
  bool IsWanted() {
    const std::lock_guard lock(mutex);
    return !has_ended;
  }

  // One line of the stream. False after the last one.
  bool Take(const std::string& line) {
    constexpr std::string_view kData = "data: ";
    if (!line.starts_with(kData)) return true;  // a comment, or the gap between events
    if (line.starts_with("data: [DONE]")) {
      is_whole = true;
      return false;
    }
    const Json event = ParseJson(std::string_view(line).substr(kData.size()), "stream");
    if (event.contains("error")) throw Error(ErrorKind::kFailed, event["error"].dump(), "stream");
    if (!event.contains("choices") || !event["choices"].is_array()) return true;
    for (const Json& choice : event["choices"]) {
      if (!choice.is_object()) continue;
      if (choice.contains("delta") && choice["delta"].is_object()) {
        const Json& delta = choice["delta"];
        if (delta.contains("content") && delta["content"].is_string()) {
          Say(ReplaceBrokenUtf8(delta["content"].get<std::string>()));
        }
      }
      if (choice.contains("finish_reason") && choice["finish_reason"].is_string()) {
        is_whole = true;
        end.is_cut = choice["finish_reason"] == "length";
      }
    }
    return true;
  }

  std::mutex mutex;
  bool has_ended = false;
  SpeakEnd end;
  bool is_whole = false;
  std::atomic<bool> is_done{false};  // its thread has nothing left to do
  const SpeakCallbacks callbacks;
};

EndpointSpeaker::EndpointSpeaker(const std::string& where) {
  const size_t hash = where.rfind('#');
  if (hash == std::string::npos || hash + 1 == where.size()) {
    throw Error(ErrorKind::kUsage, "the endpoint's model is missing", where,
                "write it behind a #: http://127.0.0.1:8000/v1#nano");
  }
  url_ = where.substr(0, hash);
  model_ = where.substr(hash + 1);
  if (const char* key = std::getenv("OPENAI_API_KEY")) key_ = key;
  net::HttpClient{url_};  // refuses what is no address
}

EndpointSpeaker::~EndpointSpeaker() {
  for (Thread& one : threads_) one.thread.join();
}

void EndpointSpeaker::JoinEnded() {
  std::erase_if(threads_, [](Thread& one) {
    if (!one.reply->is_done) return false;
    one.thread.join();
    return true;
  });
}

std::function<void()> EndpointSpeaker::Speak(const Messages& conversation,
                                             const EndpointSpeech& speech,
                                             SpeakCallbacks callbacks) {
  const Json body = {{"model", model_},
                     {"messages", MessagesJson(conversation)},
                     {"max_tokens", speech.max_new_tokens},
                     {"temperature", speech.temperature},
                     {"seed", speech.seed & 0x7FFFFFFFFFFFFFFFull},  // signed elsewhere
                     {"stream", true}};
  auto reply = std::make_shared<Reply>(std::move(callbacks));
  const std::lock_guard lock(mutex_);
  JoinEnded();
  threads_.push_back(
      {std::thread([this, text = DumpJson(body), reply] { Run(text, *reply); }), reply});
  return [reply] { reply->End("given up after too long a time"); };
}

void EndpointSpeaker::Run(const std::string& body, Reply& reply) const {
  std::string failure;
  try {
    net::HttpClient client(url_, {.timeout_ms = kEndpointMs});
    net::HttpHeaders headers = {{"Accept", "text/event-stream"}};
    if (!key_.empty()) headers.emplace_back("Authorization", "Bearer " + key_);
    std::string pending;
    const auto take = [&](std::string_view piece) {
      pending += piece;
      for (size_t end = pending.find('\n'); end != pending.npos; end = pending.find('\n')) {
        std::string line = pending.substr(0, end);
        if (line.ends_with('\r')) line.pop_back();
        pending.erase(0, end + 1);
        if (!reply.Take(line)) return false;
      }
      return reply.IsWanted() && pending.size() < kMaxEventBytes;
    };
    const auto response = client.Send("POST", "/chat/completions", body, headers, take);
    if (response.status != 200)
      failure = "status " + std::to_string(response.status) + " of " + url_;
    if (failure.empty() && !reply.is_whole) failure = "the stream broke off at " + url_;
  } catch (const std::exception& error) {
    failure = error.what();
  }
  reply.End(failure);
  reply.is_done = true;
}

}  // namespace agon::arena
