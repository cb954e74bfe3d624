// A model behind OpenAI's API that speaks as it writes: its stream, piece by piece.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "arena/page.h"

namespace agon::arena {

struct EndpointSpeech {
  int max_new_tokens = 256;
  float temperature = 1.0f;
  uint64_t seed = 0;
};

// One try for each reply: a battle that fails is drawn anew sooner than a retry is waited for.
// Thread-safe; a thread for each reply under way.
class EndpointSpeaker {
 public:
  // "http://HOST/v1#MODEL"; the key is the environment variable OPENAI_API_KEY, if set. Throws
  // kUsage without a model, and what net::HttpClient throws for an address.
  explicit EndpointSpeaker(const std::string& where);
  // Waits until the endpoint has answered, or kEndpointMs have passed.
  ~EndpointSpeaker();
  EndpointSpeaker(const EndpointSpeaker&) = delete;
  EndpointSpeaker& operator=(const EndpointSpeaker&) = delete;

  // As Speakers::Speak. Ended early, nothing more is said, at once.
  std::function<void()> Speak(const Messages& conversation, const EndpointSpeech& speech,
                              SpeakCallbacks callbacks);

  static constexpr int kEndpointMs = 60000;  // for one reply

 private:
  struct Reply;
  void Run(const std::string& body, Reply& reply) const;
  void JoinEnded();

  std::string url_, model_, key_;
  std::mutex mutex_;
  struct Thread {
    std::thread thread;
    std::shared_ptr<Reply> reply;
  };
  std::vector<Thread> threads_;
};

}  // namespace agon::arena
