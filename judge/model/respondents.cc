#include "judge/model/respondents.h"

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "datasets/chat.h"
#include "judge/model/answer_scorer.h"
#include "serve/model_directory.h"

namespace agon::judge {
namespace {

class TextRespondent final : public Respondent {
 public:
  explicit TextRespondent(std::unique_ptr<serve::Completer> completer)
      : completer_(std::move(completer)) {}

  std::string fingerprint() const override { return completer_->identity(); }

  WrittenReply Reply(const Messages& prompt, const ReplyOptions& options) override {
    serve::CompletionRequest request;
    request.prompt = prompt;
    request.max_new_tokens = options.max_tokens;
    request.temperature = options.temperature;
    request.seed = options.seed;
    try {
      auto choice = serve::CompleteAll(*completer_, {&request, 1}).at(0).choices.at(0);
      return {std::move(choice.text), choice.finish_reason == policy::FinishReason::kLength};
    } catch (const Error& error) {
      // The prompt is the judge's own, so that none of this is the caller's mistake.
      throw Error(ErrorKind::kFailed, error.what());
    }
  }

  std::vector<double> AnswerLogprobs(const Messages&, std::span<const std::string>) override {
    throw Error(ErrorKind::kUnsupported, "only text is asked of this model");
  }

 private:
  const std::unique_ptr<serve::Completer> completer_;
};

class LogprobRespondent final : public Respondent {
 public:
  LogprobRespondent(const std::filesystem::path& dir, const policy::Device& device)
      : dir_(dir),
        fingerprint_(serve::ModelIdentity(dir, device)),
        model_(serve::LoadModelDirectory(dir, device)),
        chat_(model_.tokenizer),
        scorer_(*model_.policy) {}

  std::string fingerprint() const override { return fingerprint_; }

  WrittenReply Reply(const Messages&, const ReplyOptions&) override {
    throw Error(ErrorKind::kUnsupported, "only log-probabilities are asked of this model");
  }

  std::vector<double> AnswerLogprobs(const Messages& prompt,
                                     std::span<const std::string> answers) override {
    std::vector<int32_t> ids;
    for (const std::string& answer : answers) {
      const std::vector<int32_t> encoded = model_.tokenizer.Encode(answer);
      if (encoded.size() != 1) {
        throw Error(ErrorKind::kUnsupported, "\"" + answer + "\" is not one token of the model",
                    dir_.string());
      }
      ids.push_back(encoded[0]);
    }
    const std::vector<float> logprobs = scorer_.Logprobs(chat_.EncodePrompt(prompt), ids);
    return {logprobs.begin(), logprobs.end()};
  }

 private:
  const std::filesystem::path dir_;
  const std::string fingerprint_;
  serve::ModelDirectory model_;
  const datasets::ChatTemplate chat_;
  AnswerScorer scorer_;  // last: its thread uses the model
};

}  // namespace

std::shared_ptr<Respondent> MakeTextRespondent(std::unique_ptr<serve::Completer> completer) {
  return std::make_shared<TextRespondent>(std::move(completer));
}

std::shared_ptr<Respondent> MakeLogprobRespondent(const std::filesystem::path& dir,
                                                  const policy::Device& device) {
  return std::make_shared<LogprobRespondent>(dir, device);
}

}  // namespace agon::judge
