#include "serve/completer.h"

#include <condition_variable>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <utility>

#include "core/error.h"

namespace agon::serve {
namespace {

// Waits for `count` answers, which come in any order on any thread.
class Answers {
 public:
  explicit Answers(size_t count) : replies_(count), num_missing_(count) {}

  auto CallbackOf(size_t place) {
    return [this, place](CompletionReply reply, std::exception_ptr error) {
      const std::lock_guard lock(mutex_);
      replies_[place] = std::move(reply);
      if (error && (!error_ || place < error_place_)) {
        error_ = std::move(error);
        error_place_ = place;
      }
      if (--num_missing_ == 0) changed_.notify_all();
    };
  }

  std::vector<CompletionReply> Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return num_missing_ == 0; });
    if (error_) std::rethrow_exception(error_);
    return std::move(replies_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<CompletionReply> replies_;
  size_t num_missing_;
  std::exception_ptr error_;
  size_t error_place_ = 0;
};

}  // namespace

std::vector<CompletionReply> CompleteAll(Completer& completer,
                                         std::span<const CompletionRequest> requests) {
  Answers answers(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    completer.Complete(requests[i], answers.CallbackOf(i));
  }
  return answers.Take();
}

bool IsEndpoint(std::string_view where) { return where.find("://") != std::string_view::npos; }

std::unique_ptr<Completer> OpenCompleter(const std::string& where, EndpointOptions options,
                                         const policy::Device& device) {
  if (!IsEndpoint(where)) {
    EngineOptions engine;
    engine.max_waiting = std::numeric_limits<size_t>::max();
    engine.name = where;
    return MakeLocalCompleter(std::make_shared<LocalModel>(where, engine, device));
  }
  const size_t hash = where.rfind('#');
  if (hash == std::string::npos || hash + 1 == where.size()) {
    throw Error(ErrorKind::kUsage, "the endpoint's model is missing", where,
                "write it behind a #: http://127.0.0.1:8000/v1#nano");
  }
  options.url = where.substr(0, hash);
  options.model = where.substr(hash + 1);
  if (const char* key = std::getenv("OPENAI_API_KEY")) options.api_key = key;
  return MakeEndpointCompleter(std::move(options));
}

}  // namespace agon::serve
