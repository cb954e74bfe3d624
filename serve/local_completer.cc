// A checkpoint in this process as a Completer.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "serve/completer.h"
#include "serve/text_stream.h"

namespace agon::serve {
namespace {

std::vector<int32_t> Encode(const LocalModel& model, const CompletionPrompt& prompt) {
  if (const auto* messages = std::get_if<Messages>(&prompt)) {
    return model.RequireChat().EncodePrompt(*messages);
  }
  if (const auto* tokens = std::get_if<std::vector<int32_t>>(&prompt)) return *tokens;
  return model.EncodeText(std::get<std::string>(prompt));
}

// What one request gathers until its end.
struct Gathered {
  CompletionReply reply;
  std::vector<TextStream> streams;  // by sample
  std::vector<std::string> texts;
  int num_ended = 0;
};

class LocalCompleter final : public Completer {
 public:
  explicit LocalCompleter(std::shared_ptr<LocalModel> model) : model_(std::move(model)) {}

  // Callbacks hold no share of the model: the last one must not go on the engine's own thread.
  ~LocalCompleter() override {
    std::unique_lock lock(mutex_);
    for (const auto& [number, ticket] : tickets_) ticket->Cancel();
    changed_.wait(lock, [&] { return tickets_.empty(); });
  }

  std::string identity() const override { return "local:" + model_->identity(); }

  void Complete(CompletionRequest request, CompletionCallback callback) override {
    try {
      Submit(request, callback);
    } catch (const Error&) {
      callback({}, std::current_exception());
    }
  }

 private:
  void Submit(const CompletionRequest& request, const CompletionCallback& callback) {
    GenerateRequest generate;
    generate.prompt = Encode(*model_, request.prompt);
    const int room = model_->engine().context_tokens() - static_cast<int>(generate.prompt.size());
    generate.max_new_tokens = std::min(request.max_new_tokens, std::max(room, 1));
    generate.sampling.temperature = request.temperature;
    generate.sampling.top_k = request.top_k;
    generate.sampling.top_p = request.top_p;
    generate.sampling.stop_token_ids = model_->stop_token_ids();
    generate.seed = request.seed;
    generate.num_samples = request.num_samples;
    auto gathered = std::make_shared<Gathered>();
    const auto num_samples = static_cast<size_t>(std::max(0, request.num_samples));
    gathered->reply.choices.resize(num_samples);
    gathered->reply.num_prompt_tokens = static_cast<int>(generate.prompt.size());
    gathered->streams.assign(num_samples, TextStream(request.stop));
    gathered->texts.resize(num_samples);

    GenerateCallbacks callbacks;
    callbacks.on_token = [model = model_.get(), gathered](const policy::Completion& so_far) {
      const int32_t token = so_far.tokens.back();
      if (model->IsStop(token)) return true;
      TextStream& stream = gathered->streams[so_far.sample];
      gathered->texts[so_far.sample] += stream.Add(model->Bytes(token));
      return !stream.is_stopped();
    };
    callbacks.on_completion = [gathered,
                               wants_logprobs = request.wants_logprobs](policy::Completion done) {
      CompletionChoice& choice = gathered->reply.choices[done.sample];
      choice.text = gathered->texts[done.sample] + gathered->streams[done.sample].Finish();
      gathered->reply.num_new_tokens += static_cast<int>(done.tokens.size());
      choice.tokens = std::move(done.tokens);
      if (wants_logprobs) choice.logprobs = std::move(done.rollout_logprobs);
      choice.finish_reason = done.finish_reason;
      ++gathered->num_ended;
    };
    const std::lock_guard lock(mutex_);
    const uint64_t number = num_asked_++;
    callbacks.on_end = [this, number, gathered, callback](std::exception_ptr error) {
      const bool is_whole = gathered->num_ended == static_cast<int>(gathered->streams.size());
      if (!error && !is_whole) error = Failure(ErrorKind::kInterrupted, "given up");
      error ? callback({}, error) : callback(std::move(gathered->reply), nullptr);
      Forget(number);
    };
    Remember(number, model_->engine().Generate(std::move(generate), std::move(callbacks)));
  }

  std::exception_ptr Failure(ErrorKind kind, std::string_view what) const {
    return std::make_exception_ptr(Error(kind, what, model_->name()));
  }

  // The caller holds the mutex, so that the end can't come first.
  void Remember(uint64_t number, std::shared_ptr<EngineTicket> ticket) {
    if (!ticket) throw Error(ErrorKind::kFailed, "too many requests wait", model_->name());
    tickets_.emplace(number, std::move(ticket));
  }
  void Forget(uint64_t number) {
    const std::lock_guard lock(mutex_);
    tickets_.erase(number);
    changed_.notify_all();
  }

  const std::shared_ptr<LocalModel> model_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<uint64_t, std::shared_ptr<EngineTicket>> tickets_;  // of what isn't answered
  uint64_t num_asked_ = 0;
};

}  // namespace

std::unique_ptr<Completer> MakeLocalCompleter(std::shared_ptr<LocalModel> model) {
  return std::make_unique<LocalCompleter>(std::move(model));
}

}  // namespace agon::serve
