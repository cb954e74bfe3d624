// An endpoint that speaks OpenAI's API as a Completer.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/message_json.h"
#include "core/utf8.h"
#include "net/http_client.h"
#include "serve/completer.h"

namespace agon::serve {
namespace {

constexpr int kLongestPauseMs = 30000;

// Keys that OpenAI's servers don't know are left out where they change nothing.
Json BodyOf(const CompletionRequest& request, const std::string& model) {
  Json body{{"model", model}};
  if (const auto* messages = std::get_if<Messages>(&request.prompt)) {
    body["messages"] = MessagesJson(*messages);
    if (request.wants_logprobs) body["logprobs"] = true;
  } else {
    if (const auto* text = std::get_if<std::string>(&request.prompt)) {
      body["prompt"] = *text;
    } else {
      body["prompt"] = std::get<std::vector<int32_t>>(request.prompt);
    }
    if (request.wants_logprobs) body["logprobs"] = 0;
  }
  body["max_tokens"] = request.max_new_tokens;
  body["temperature"] = request.temperature;
  body["top_p"] = request.top_p;
  if (request.top_k > 0) body["top_k"] = request.top_k;
  if (!request.stop.empty()) body["stop"] = request.stop;
  body["n"] = request.num_samples;
  body["seed"] = request.seed & 0x7FFFFFFFFFFFFFFFull;  // JSON's integers are signed elsewhere
  return body;
}

const Json* Find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

CompletionChoice ReadChoice(const Json& json, bool wants_logprobs, std::string_view where) {
  CompletionChoice choice;
  if (const Json* message = Find(json, "message")) {
    if (const Json* content = Find(*message, "content"); content && content->is_string()) {
      choice.text = content->get<std::string>();
    } else if (!Find(*message, "tool_calls") && !Find(*message, "reasoning_content")) {
      throw Error(ErrorKind::kCorrupt, "the reply's message has no content", where);
    }
  } else {
    choice.text = JsonField<std::string>(json, "text", where);
  }
  const Json* finish = Find(json, "finish_reason");
  if (finish && *finish == "length") choice.finish_reason = policy::FinishReason::kLength;
  if (Find(json, "token_ids")) {
    choice.tokens = JsonField<std::vector<int32_t>>(json, "token_ids", where);
  }
  const Json* logprobs = Find(json, "logprobs");
  if (!wants_logprobs || logprobs == nullptr) return choice;
  if (Find(*logprobs, "token_logprobs")) {
    choice.logprobs = JsonField<std::vector<float>>(*logprobs, "token_logprobs", where);
  } else if (const Json* content = Find(*logprobs, "content"); content && content->is_array()) {
    for (const Json& token : *content) {
      choice.logprobs.push_back(JsonField<float>(token, "logprob", where));
    }
  }
  return choice;
}

CompletionReply ReadReply(const std::string& body, const CompletionRequest& request,
                          std::string_view where) {
  const Json json = ParseJson(body, where);
  const Json* choices = Find(json, "choices");
  const auto wanted = static_cast<size_t>(request.num_samples);
  if (choices == nullptr || !choices->is_array() || choices->size() != wanted) {
    throw Error(ErrorKind::kCorrupt,
                "the reply has not the " + std::to_string(wanted) + " choices asked for", where);
  }
  CompletionReply reply;
  reply.choices.resize(wanted);
  std::vector<bool> is_there(wanted);
  for (size_t i = 0; i < wanted; ++i) {
    const Json& choice = (*choices)[i];
    const auto index = Find(choice, "index") ? JsonField<size_t>(choice, "index", where) : i;
    if (index >= wanted || is_there[index]) {
      throw Error(ErrorKind::kCorrupt, "a choice's index is too large, or there twice", where);
    }
    is_there[index] = true;
    reply.choices[index] = ReadChoice(choice, request.wants_logprobs, where);
  }
  if (const Json* usage = Find(json, "usage")) {
    if (Find(*usage, "prompt_tokens")) {
      reply.num_prompt_tokens = JsonField<int>(*usage, "prompt_tokens", where);
    }
    if (Find(*usage, "completion_tokens")) {
      reply.num_new_tokens = JsonField<int>(*usage, "completion_tokens", where);
    }
  }
  return reply;
}

bool MayTryAgain(int status) {
  return status == 408 || status == 409 || status == 429 || status >= 500;
}

int AskedPauseMs(const net::HttpResponse& response) {
  const std::string_view text = response.Header("Retry-After");
  int seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::clamp(seconds, 0, kLongestPauseMs / 1000) * 1000;
}

// What the endpoint says of a status that is an error.
std::string MessageOf(const net::HttpResponse& response) {
  std::string message = response.body.substr(0, 300);
  try {
    const Json json = ParseJson(response.body, "");
    const Json* error = Find(json, "error");
    const Json* text = error ? Find(*error, "message") : nullptr;
    if (text && text->is_string()) message = text->get<std::string>().substr(0, 1000);
  } catch (const Error&) {
    // Not JSON: its beginning is shown.
  }
  return "status " + std::to_string(response.status) + ": " + ReplaceBrokenUtf8(message);
}

class EndpointCompleter final : public Completer {
 public:
  explicit EndpointCompleter(EndpointOptions options) : options_(std::move(options)) {
    if (options_.url.ends_with('/')) options_.url.pop_back();
    const net::HttpClient checked(options_.url);  // throws for what is no address
    for (int i = 0; i < options_.num_connections; ++i) {
      threads_.emplace_back([this] { Work(); });
    }
  }

  ~EndpointCompleter() override {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
      changed_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
    for (const Job& job : jobs_) {
      job.fail(std::make_exception_ptr(
          Error(ErrorKind::kInterrupted, "given up before it was asked", options_.url)));
    }
  }

  std::string identity() const override { return options_.url + "#" + options_.model; }

  void Complete(CompletionRequest request, CompletionCallback callback) override {
    const bool is_chat = std::holds_alternative<Messages>(request.prompt);
    Job job;
    job.target = is_chat ? "/chat/completions" : "/completions";
    job.body = DumpJson(BodyOf(request, options_.model));
    job.fail = [callback](std::exception_ptr error) { callback({}, std::move(error)); };
    job.read = [this, request, callback](const std::string& body) {
      CompletionReply reply = ReadReply(body, request, options_.url);
      callback(std::move(reply), nullptr);
    };
    Add(std::move(job));
  }

 private:
  struct Job {
    std::string target, body;
    std::function<void(const std::string& body)> read;  // may throw before it calls back
    std::function<void(std::exception_ptr)> fail;
  };

  void Add(Job job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    changed_.notify_all();  // one alone may be in Pause(), which this doesn't end
  }

  void Work() {
    net::HttpClient client(options_.url, {.timeout_ms = options_.timeout_ms});
    while (true) {
      Job job;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return is_over_ || !jobs_.empty(); });
        if (is_over_) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      std::exception_ptr error;
      try {
        job.read(Ask(client, job));
      } catch (const std::exception&) {
        error = std::current_exception();
      }
      if (error) job.fail(std::move(error));
    }
  }

  // The body of a reply with status 200.
  std::string Ask(net::HttpClient& client, const Job& job) {
    net::HttpHeaders headers;
    if (!options_.api_key.empty()) {
      headers.emplace_back("Authorization", "Bearer " + options_.api_key);
    }
    int pause_ms = options_.first_pause_ms;
    for (int num_tries = 1;; ++num_tries) {
      std::string problem;
      int asked_ms = 0;
      try {
        net::HttpResponse response = client.Send("POST", job.target, job.body, headers);
        if (response.status == 200) return std::move(response.body);
        problem = MessageOf(response);
        if (!MayTryAgain(response.status)) {
          throw Error(ErrorKind::kUsage, problem, options_.url + job.target);
        }
        asked_ms = AskedPauseMs(response);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kFailed) throw;
        problem = error.what();
      }
      if (num_tries >= options_.max_tries || !Pause(std::max(pause_ms, asked_ms))) {
        throw Error(ErrorKind::kFailed,
                    "no answer after " + std::to_string(num_tries) + " tries; the last: " + problem,
                    options_.url + job.target);
      }
      pause_ms = std::min(2 * pause_ms, kLongestPauseMs);
    }
  }

  // False if the completer ends meanwhile.
  bool Pause(int milliseconds) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                              [&] { return is_over_; });
  }

  EndpointOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Completer> MakeEndpointCompleter(EndpointOptions options) {
  return std::make_unique<EndpointCompleter>(std::move(options));
}

}  // namespace agon::serve
