#include "serve/openai_call.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <utility>

#include "core/utf8.h"

namespace agon::serve {
namespace {

constexpr std::string_view kCallOpen = "<tool_call>";

// For a client that named none: the one number here that isn't a function of the request.
uint64_t AnySeed() {
  thread_local std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

// Bytes of `text` that surely come before a call.
size_t BytesBeforeCall(const std::string& text) {
  const size_t found = text.find(kCallOpen);
  if (found != std::string::npos) return found;
  for (size_t length = std::min(kCallOpen.size() - 1, text.size()); length > 0; --length) {
    if (std::string_view(text).ends_with(kCallOpen.substr(0, length))) return text.size() - length;
  }
  return text.size();
}

}  // namespace

ApiCall::ApiCall(net::HttpExchangePtr exchange, LocalModel& model, ApiCallSpec spec,
                 int64_t created)
    : exchange_(std::move(exchange)),
      model_(model),
      spec_(std::move(spec)),
      seed_(spec_.sampling.seed ? *spec_.sampling.seed : AnySeed()),
      format_(model, spec_.sampling, spec_.is_chat, spec_.echo, exchange_->request().id, created),
      prompt_scores_(spec_.prompts.size()) {
  for (size_t p = 0; p < spec_.prompts.size(); ++p) {
    for (int s = 0; s < spec_.sampling.n; ++s) {
      ApiChoice choice;
      choice.index = static_cast<int>(choices_.size());
      choice.prompt = &spec_.prompts[p];
      if (spec_.echo) choice.prompt_scores = &prompt_scores_[p];
      choices_.push_back(std::move(choice));
      progress_.push_back({TextStream(spec_.sampling.stop)});
    }
    usage_.num_prompt_tokens += static_cast<int64_t>(spec_.prompts[p].size());
  }
}

// As many as were asked for and fit.
int ApiCall::NewTokens(size_t num_prompt_tokens) const {
  const int room = model_.engine().context_tokens() - static_cast<int>(num_prompt_tokens);
  return std::min(spec_.sampling.max_tokens.value_or(room), std::max(room, 0));
}

GenerateRequest ApiCall::MakeRequest(size_t prompt) const {
  const ApiSampling& sampling = spec_.sampling;
  GenerateRequest request;
  request.prompt = spec_.prompts[prompt];
  request.max_new_tokens = NewTokens(request.prompt.size());
  request.sampling.temperature = sampling.temperature;
  request.sampling.top_k = sampling.top_k;
  request.sampling.top_p = sampling.top_p;
  request.sampling.num_top = sampling.num_top;
  request.sampling.stop_token_ids = model_.stop_token_ids();
  // With a seed, a prompt's completions don't depend on those beside it; without one, equal
  // prompts of a batch must differ.
  request.seed = sampling.seed ? seed_ : seed_ + prompt;
  request.num_samples = sampling.n;
  return request;
}

void ApiCall::CheckContext() const {
  const int context = model_.engine().context_tokens();
  for (const auto& prompt : spec_.prompts) {
    const bool wants_more = spec_.sampling.max_tokens.value_or(1) > 0;
    const auto length = static_cast<int64_t>(prompt.size());
    if (length + (wants_more ? 1 : 0) <= context) continue;
    throw ApiError(400,
                   "this model's context has " + std::to_string(context) +
                       " tokens, and the prompt has " + std::to_string(length) +
                       (wants_more ? " with none left for a completion" : ""),
                   spec_.is_chat ? "messages" : "prompt", "context_length_exceeded");
  }
}

void ApiCall::Start() {
  CheckContext();
  EngineWork work;
  for (size_t p = 0; p < spec_.prompts.size(); ++p) {
    if (NewTokens(spec_.prompts[p].size()) > 0) work.generations.push_back(Generation(p));
    if (spec_.echo && spec_.sampling.wants_logprobs && spec_.prompts[p].size() > 1) {
      work.scorings.push_back(Scoring(p));
    }
  }
  if (work.size() > model_.engine().max_waiting()) {
    throw ApiError(400,
                   "the prompts are more than this server's queue holds, which is " +
                       std::to_string(model_.engine().max_waiting()) +
                       " (with echo and logprobs, half of it)",
                   "prompt");
  }
  for (ApiChoice& choice : choices_) {
    if (spec_.sampling.is_stream) opening_ += format_.Opening(choice);
    if (NewTokens(choice.prompt->size()) > 0) continue;
    choice.finish_reason = "length";
    if (spec_.sampling.is_stream) opening_ += format_.Piece(choice, {}, "", 0, 0);
  }
  // From the moment that it is submitted the engine counts down.
  num_pending_ = static_cast<int>(work.size());
  if (num_pending_ == 0) return Finish();
  const auto ticket = model_.engine().Submit(std::move(work));
  if (!ticket) throw ApiError(429, "too many requests wait, try again", "", "queue_full");
  exchange_->OnClose([ticket] { ticket->Cancel(); });
}

EngineWork::Generation ApiCall::Generation(size_t prompt) {
  const auto self = shared_from_this();
  GenerateCallbacks callbacks;
  // Without either, the text is made once, at the end.
  if (spec_.sampling.is_stream || !spec_.sampling.stop.empty()) {
    callbacks.on_token = [self, prompt](const policy::Completion& so_far) {
      return self->OnToken(self->PlaceOf(prompt, so_far.sample), so_far);
    };
  }
  callbacks.on_completion = [self, prompt](policy::Completion completion) {
    const size_t place = self->PlaceOf(prompt, completion.sample);
    self->OnCompletion(place, std::move(completion));
  };
  callbacks.on_end = [self](const std::exception_ptr& error) { self->OnEnd(error); };
  return {MakeRequest(prompt), std::move(callbacks)};
}

EngineWork::Scoring ApiCall::Scoring(size_t prompt) {
  ScoreRequest request;
  request.tokens = spec_.prompts[prompt];
  request.temperature = spec_.sampling.temperature > 0 ? spec_.sampling.temperature : 1.0f;
  request.num_top = spec_.sampling.num_top;
  return {std::move(request), [self = shared_from_this(), prompt](policy::TokenScores scores,
                                                                  const std::exception_ptr& error) {
            self->prompt_scores_[prompt] = std::move(scores);
            self->OnEnd(error);
          }};
}

// The status is sent with the first piece: until then an error can be one.
void ApiCall::Send(std::string_view event) {
  if (!is_streaming_) {
    is_streaming_ = true;
    exchange_->BeginStream(
        {200, opening_, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}}});
  }
  exchange_->Write(event);
}

bool ApiCall::OnToken(size_t place, const policy::Completion& so_far) {
  ApiChoice& choice = choices_[place];
  Progress& progress = progress_[place];
  const int32_t token = so_far.tokens.back();
  if (!model_.IsStop(token)) {
    choice.text += progress.stream.Add(model_.Bytes(token));
  }
  if (spec_.sampling.is_stream) SendPiece(choice, progress, so_far);
  return !progress.stream.is_stopped();
}

void ApiCall::OnCompletion(size_t place, policy::Completion completion) {
  ApiChoice& choice = choices_[place];
  Progress& progress = progress_[place];
  const bool is_silent = !spec_.sampling.is_stream && spec_.sampling.stop.empty();
  choice.text +=
      is_silent ? ReplaceBrokenUtf8(model_.Decode(completion.tokens)) : progress.stream.Finish();
  usage_.num_new_tokens += static_cast<int64_t>(completion.tokens.size());
  choice.finish_reason =
      completion.finish_reason == policy::FinishReason::kLength ? "length" : "stop";
  std::string content = choice.text;
  if (!spec_.tools.empty()) {
    choice.calls = TakeToolCalls(choice.text, spec_.tools, &content);
    if (!choice.calls.empty()) choice.finish_reason = "tool_calls";
  }
  if (spec_.sampling.is_stream) {
    SendPiece(choice, progress, completion);
  } else {
    choice.text = std::move(content);
    choice.completion = std::move(completion);
  }
}

void ApiCall::SendPiece(ApiChoice& choice, Progress& progress, const policy::Completion& so_far) {
  const bool is_end = !choice.finish_reason.empty();
  size_t limit = choice.text.size();
  // What may be a call waits for its end, and stays unsaid if it is one.
  if (!spec_.tools.empty() && (!is_end || !choice.calls.empty())) {
    limit = BytesBeforeCall(choice.text);
  }
  limit = std::max(limit, progress.num_sent_bytes);
  const std::string_view text =
      std::string_view(choice.text)
          .substr(progress.num_sent_bytes, limit - progress.num_sent_bytes);
  const bool shows_tokens = spec_.sampling.wants_logprobs || spec_.sampling.wants_token_ids;
  if (text.empty() && !is_end && !shows_tokens) return;
  Send(format_.Piece(choice, so_far, text, progress.num_sent_tokens, progress.num_sent_characters));
  progress.num_sent_bytes = limit;
  for (size_t i = progress.num_sent_tokens; i < so_far.tokens.size(); ++i) {
    progress.num_sent_characters += CountUtf8(model_.Bytes(so_far.tokens[i]));
  }
  progress.num_sent_tokens = so_far.tokens.size();
}

void ApiCall::OnEnd(const std::exception_ptr& error) {
  if (error && !error_) error_ = error;
  if (--num_pending_ == 0) Finish();
}

net::HttpResponse ApiCall::Failure() const {
  try {
    if (error_) std::rethrow_exception(error_);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", exchange_->request().id.c_str(), error.what());
    return net::ErrorResponse(
        500, "internal error; the server's log has it as " + exchange_->request().id);
  }
  return net::ErrorResponse(503, "the server is shutting down", "overloaded");
}

void ApiCall::Finish() {
  const bool is_whole = std::all_of(choices_.begin(), choices_.end(), [](const ApiChoice& choice) {
    return !choice.finish_reason.empty();
  });
  if (error_ || !is_whole) {
    net::HttpResponse failure = Failure();
    if (!is_streaming_) return exchange_->Reply(std::move(failure));
    failure.body.pop_back();  // its line break
    Send("data: " + failure.body + "\n\n");
    return exchange_->EndStream();
  }
  if (!spec_.sampling.is_stream) {
    return exchange_->Reply({200, format_.Whole(choices_, usage_)});
  }
  Send((spec_.sampling.wants_usage ? format_.Usage(usage_) : "") + ApiFormat::Closing());
  exchange_->EndStream();
}

}  // namespace agon::serve
