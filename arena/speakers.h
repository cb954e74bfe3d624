// Who answers for the arena's models: checkpoints loaded here, and endpoints.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "arena/arena.h"
#include "arena/endpoint_speaker.h"
#include "arena/page.h"
#include "serve/local_model.h"

namespace agon::arena {

struct SpeakerOptions {
  // Loads a model directory; throws Error.
  std::function<std::shared_ptr<serve::LocalModel>(const std::string& dir)> load;
  int max_new_tokens = 256;
  float temperature = 1.0f;
};

// Thread-safe.
class ModelSpeakers final : public Speakers {
 public:
  explicit ModelSpeakers(SpeakerOptions options) : options_(std::move(options)) {}

  // Makes `model` ready by its location. Throws what loading throws, and kUnsupported for a
  // model that holds no conversations (a base model) or has no location.
  void Enter(const Model& model);

  bool CanSpeak(const std::string& model) const override;
  std::function<void()> Speak(const std::string& model, const Messages& conversation, uint64_t seed,
                              SpeakCallbacks callbacks) override;

 private:
  struct Ready {
    std::shared_ptr<serve::LocalModel> local;  // or
    std::shared_ptr<EndpointSpeaker> endpoint;
  };
  std::function<void()> Generate(serve::LocalModel& model, const Messages& conversation,
                                 uint64_t seed, SpeakCallbacks callbacks) const;

  const SpeakerOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, Ready> ready_;  // by the model's name; never removed
};

}  // namespace agon::arena
