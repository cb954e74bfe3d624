#include "arena/speakers.h"

#include <algorithm>
#include <utility>

#include "arena/command.h"
#include "core/error.h"
#include "serve/completer.h"
#include "serve/text_stream.h"

namespace agon::arena {
namespace {

std::string WhatOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& what) {
    return what.what();
  }
}

// One reply under way, on the engine's thread.
struct Speech {
  SpeakCallbacks callbacks;
  serve::TextStream stream{};
  SpeakEnd end{};
  bool is_whole = false;

  void Say(const std::string& text) {
    if (!text.empty()) callbacks.on_text(text);
  }
};

}  // namespace

void ModelSpeakers::Enter(const Model& model) {
  if (CanSpeak(model.name)) return;
  Ready ready;
  if (model.location.empty()) {
    throw Error(ErrorKind::kUnsupported, "where it is isn't known", model.name,
                "add it again with rl-arena add");
  }
  if (serve::IsEndpoint(model.location)) {
    ready.endpoint = std::make_shared<EndpointSpeaker>(model.location);
  } else {
    ready.local = options_.load(model.location);
    ready.local->RequireChat();
  }
  const std::lock_guard lock(mutex_);
  ready_.emplace(model.name, std::move(ready));
}

bool ModelSpeakers::CanSpeak(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  return ready_.contains(model);
}

std::function<void()> ModelSpeakers::Speak(const std::string& model, const Messages& conversation,
                                           uint64_t seed, SpeakCallbacks callbacks) {
  Ready ready;
  {
    const std::lock_guard lock(mutex_);
    const auto found = ready_.find(model);
    if (found != ready_.end()) ready = found->second;
  }
  try {
    if (ready.local) return Generate(*ready.local, conversation, seed, callbacks);
    if (!ready.endpoint) throw Error(ErrorKind::kNotFound, "nobody speaks for it", model);
    const EndpointSpeech speech = {options_.max_new_tokens, options_.temperature, seed};
    return ready.endpoint->Speak(conversation, speech, callbacks);
  } catch (const Error& error) {
    callbacks.on_end({.error = error.what()});
    return [] {};
  }
}

std::function<void()> ModelSpeakers::Generate(serve::LocalModel& model,
                                              const Messages& conversation, uint64_t seed,
                                              SpeakCallbacks callbacks) const {
  serve::GenerateRequest request;
  request.prompt = model.RequireChat().EncodePrompt(conversation);
  const int room = model.engine().context_tokens() - static_cast<int>(request.prompt.size());
  if (room < 1) {
    throw Error(ErrorKind::kUsage, "the conversation is longer than the model's context",
                model.name());
  }
  request.max_new_tokens = std::min(options_.max_new_tokens, room);
  request.sampling.temperature = options_.temperature;
  request.sampling.stop_token_ids = model.stop_token_ids();
  request.seed = seed;

  auto speech = std::make_shared<Speech>();
  speech->callbacks = std::move(callbacks);
  serve::GenerateCallbacks told;
  told.on_token = [speech, &model](const auto& so_far) {
    const int32_t token = so_far.tokens.back();
    if (!model.IsStop(token)) speech->Say(speech->stream.Add(model.Bytes(token)));
    return true;
  };
  told.on_completion = [speech](const auto& done) {
    speech->Say(speech->stream.Finish());
    speech->end.num_tokens = static_cast<int64_t>(done.tokens.size());
    speech->end.is_cut = done.finish_reason == decltype(done.finish_reason)::kLength;
    speech->is_whole = true;
  };
  told.on_end = [speech](const std::exception_ptr& error) {
    if (error) {
      speech->end.error = WhatOf(error);
    } else if (!speech->is_whole) {
      speech->end.error = "given up after too long a time";
    }
    speech->callbacks.on_end(speech->end);
  };
  auto ticket = model.engine().Generate(std::move(request), std::move(told));
  if (!ticket) throw Error(ErrorKind::kFailed, "too many requests wait", model.name());
  return [ticket = std::move(ticket)] { ticket->Cancel(); };
}

}  // namespace agon::arena
