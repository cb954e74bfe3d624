#include "judge/model/model_judge.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"
#include "judge/model/verdict_text.h"
#include "judge/text.h"

namespace agon::judge {
namespace {

// What a judge that was cut had in mind to say isn't known, even if a mark stands there already.
constexpr const char* kCut = "the judge's reply was cut; raise max_tokens";

const std::vector<std::string> kPreferenceAnswers = {"A", "B", "C"};

// The probabilities of the answers among themselves; empty if none has any.
std::vector<double> Normalized(const std::vector<double>& logprobs) {
  const double largest = *std::max_element(logprobs.begin(), logprobs.end());
  if (!std::isfinite(largest)) return {};
  std::vector<double> shares;
  double sum = 0;
  for (const double logprob : logprobs) shares.push_back(std::exp(logprob - largest));
  for (const double share : shares) sum += share;
  for (double& share : shares) share /= sum;
  return shares;
}

class ModelJudge final : public Judge {
 public:
  ModelJudge(std::shared_ptr<Respondent> respondent, ModelJudgeOptions options,
             std::shared_ptr<VerdictCache> cache)
      : respondent_(std::move(respondent)),
        options_(std::move(options)),
        cache_(std::move(cache)),
        is_logprob_(options_.style == VerdictStyle::kLogprob) {
    options_.text.Check(options_.style, options_.name);
    const JudgeTemplate& text = options_.text;
    // A verdict by log-probability is not sampled.
    const Json identity = {respondent_->fingerprint(),
                           is_logprob_ ? "logprob" : "text",
                           is_logprob_ ? Json() : Json(options_.temperature),
                           is_logprob_ ? Json() : Json(options_.max_tokens),
                           is_logprob_ ? Json() : Json(options_.seed),
                           {text.system, text.score, text.score_reference, text.compare,
                            text.compare_reference, text.highest}};
    info_ = {options_.name, DumpJson(identity), 1, static_cast<double>(text.highest),
             /*sees_pairs=*/true};
    for (int rating = 1; is_logprob_ && rating <= text.highest; ++rating) {
      rating_answers_.push_back(std::to_string(rating));
    }
  }

  const JudgeInfo& info() const override { return info_; }

 protected:
  Verdict DoScore(const Question& question, std::string_view reply) const override {
    const Messages prompt = RenderScorePrompt(options_.text, question, reply);
    if (is_logprob_) return WeighScore(prompt, question.run);
    WrittenReply written = Ask(prompt, question.run);
    Verdict verdict;
    verdict.said = std::move(written.text);
    const ReadRating read = written.is_cut ? ReadRating{std::nullopt, kCut}
                                           : ParseRating(verdict.said, info_.lowest, info_.highest);
    if (!read.rating) {
      Verdict masked = MaskedVerdict("parse", read.problem);
      masked.said = std::move(verdict.said);
      return masked;
    }
    verdict.score = read.rating;
    verdict.parts = {{"rating", *read.rating}};
    verdict.reason = "rated by " + info_.name;
    return verdict;
  }

  OrderVerdict DoCompare(const Question& question, std::string_view first,
                         std::string_view second) const override {
    const Messages prompt = RenderComparePrompt(options_.text, question, first, second);
    if (is_logprob_) return WeighPair(prompt, question.run);
    WrittenReply written = Ask(prompt, question.run);
    OrderVerdict verdict;
    verdict.said = std::move(written.text);
    const ReadPreference read =
        written.is_cut ? ReadPreference{std::nullopt, kCut} : ParsePreference(verdict.said);
    if (!read.preference) {
      OrderVerdict masked = MaskedOrder("parse", read.problem);
      masked.said = std::move(verdict.said);
      return masked;
    }
    verdict.preference = read.preference;
    verdict.reason = "compared by " + info_.name;
    return verdict;
  }

 private:
  Verdict WeighScore(const Messages& prompt, uint64_t run) const {
    const std::vector<double> shares = Normalized(Logprobs(prompt, rating_answers_, run));
    if (shares.empty()) return MaskedVerdict("parse", "no rating has any probability");
    double mean = 0;
    for (size_t i = 0; i < shares.size(); ++i) mean += static_cast<double>(i + 1) * shares[i];
    Verdict verdict;
    // Rounding may leave the mean of equal numbers outside their range.
    verdict.score = std::clamp(mean, info_.lowest, info_.highest);
    verdict.parts = {{"rating", *verdict.score}};
    const auto best = std::max_element(shares.begin(), shares.end()) - shares.begin();
    verdict.reason = rating_answers_[static_cast<size_t>(best)] + " with " +
                     FormatPercent(shares[static_cast<size_t>(best)], 0);
    return verdict;
  }

  OrderVerdict WeighPair(const Messages& prompt, uint64_t run) const {
    const std::vector<double> shares = Normalized(Logprobs(prompt, kPreferenceAnswers, run));
    if (shares.empty()) return MaskedOrder("parse", "no verdict has any probability");
    OrderVerdict verdict;
    verdict.probability = std::min(1.0, shares[0] + shares[2] / 2);
    // Where the first two are equally likely, none of them is better.
    if (shares[2] >= std::max(shares[0], shares[1]) || shares[0] == shares[1]) {
      verdict.preference = Preference::kTie;
    } else {
      verdict.preference = shares[0] > shares[1] ? Preference::kA : Preference::kB;
    }
    verdict.reason = "A " + FormatPercent(shares[0], 0) + ", B " + FormatPercent(shares[1], 0) +
                     ", tie " + FormatPercent(shares[2], 0);
    return verdict;
  }

  // All that decides the answer to `prompt`. The run is part of it whatever the temperature:
  // servers differ from themselves at 0, too, and an audit wants to see it.
  std::string Key(const Messages& prompt, uint64_t run) const {
    Json key = {info_.fingerprint, run, Json::array()};
    for (const Message& message : prompt) {
      key[2].push_back({RoleName(message.role), message.content});
    }
    return DumpJson(key);
  }

  // A reply that was cut is a failure and not kept.
  WrittenReply Ask(const Messages& prompt, uint64_t run) const {
    const std::string key = Key(prompt, run);
    if (cache_) {
      if (auto found = cache_->Find(key)) return {*std::move(found)};
    }
    ReplyOptions asked{options_.temperature, options_.max_tokens, Hash64(key, options_.seed)};
    WrittenReply written = respondent_->Reply(prompt, asked);
    if (cache_ && !written.is_cut) cache_->Insert(key, written.text);
    return written;
  }

  std::vector<double> Logprobs(const Messages& prompt, const std::vector<std::string>& answers,
                               uint64_t run) const {
    if (!cache_) return respondent_->AnswerLogprobs(prompt, answers);
    const std::string key = Key(prompt, run);
    if (const auto found = cache_->Find(key)) {
      std::vector<double> logprobs;
      for (const Json& value : ParseJson(*found, "verdict cache")) {
        logprobs.push_back(value.is_null() ? -INFINITY : value.get<double>());
      }
      if (logprobs.size() == answers.size()) return logprobs;
    }
    const std::vector<double> logprobs = respondent_->AnswerLogprobs(prompt, answers);
    cache_->Insert(key, DumpJson(Json(logprobs)));  // infinities become null
    return logprobs;
  }

  const std::shared_ptr<Respondent> respondent_;
  ModelJudgeOptions options_;
  const std::shared_ptr<VerdictCache> cache_;
  const bool is_logprob_;
  std::vector<std::string> rating_answers_;
  JudgeInfo info_;
};

}  // namespace

std::unique_ptr<Judge> MakeModelJudge(std::shared_ptr<Respondent> respondent,
                                      ModelJudgeOptions options,
                                      std::shared_ptr<VerdictCache> cache) {
  return std::make_unique<ModelJudge>(std::move(respondent), std::move(options), std::move(cache));
}

}  // namespace agon::judge
