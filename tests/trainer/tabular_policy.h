// A policy whose logits are a table by the previous token: exact gradients, plain gradient
// descent, and small enough that a test sees it learn in milliseconds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "datasets/tokenizer.h"
#include "policy/communicator.h"
#include "policy/policy.h"

namespace agon::trainer {

// Bytes are ids 0..255, the chat tokens follow.
inline datasets::Tokenizer ByteTokenizer() {
  return datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
}

class TabularPolicy : public policy::Policy {
 public:
  explicit TabularPolicy(int vocab_size, int max_positions = 256) {
    config_.vocab_size = vocab_size;
    config_.max_positions = max_positions;
    logits.resize(static_cast<size_t>(vocab_size * vocab_size));
    gradient.resize(logits.size());
  }

  float& Logit(int32_t previous, int32_t next) { return logits[Index(previous, next)]; }
  double Probability(int32_t previous, int32_t next) const {
    return std::exp(static_cast<double>(Distribution(previous, 1.0f)[Id(next)]));
  }

  void Stream(policy::PromptSource& source, int /*max_tokens*/, const policy::Sampling& sampling,
              const RngKey& key) override {
    int32_t prompt_idx = 0;
    for (; const auto prompt = source.Next(/*may_wait=*/true); ++prompt_idx) {
      for (int s = 0; s < prompt->num_samples; ++s) {
        auto completion =
            Complete(*prompt, prompt->first_sample + static_cast<uint32_t>(s), sampling, key);
        completion.prompt_idx = prompt_idx;
        source.Finish(std::move(completion));
      }
    }
  }

  policy::TokenScores Score(const policy::PackedBatch& batch) override {
    FailIfDue();
    last_batch_ = batch;
    policy::TokenScores scores;
    for (size_t i = 0; i < batch.rows.size(); ++i) {
      const auto logprobs = Distribution(ContextOf(batch, i), batch.temperature);
      scores.logprobs.push_back(logprobs[Id(batch.targets[i])]);
      float entropy = 0.0f;
      for (const float lp : logprobs) entropy -= std::exp(lp) * lp;
      scores.entropies.push_back(entropy);
    }
    return scores;
  }

  void Backward(std::span<const float> dlogprobs) override {
    AGON_CHECK(dlogprobs.size() == last_batch_.rows.size());
    for (size_t i = 0; i < dlogprobs.size(); ++i) {
      const int32_t previous = ContextOf(last_batch_, i);
      const auto logprobs = Distribution(previous, last_batch_.temperature);
      for (int32_t next = 0; next < config_.vocab_size; ++next) {
        const float hit = next == last_batch_.targets[i] ? 1.0f : 0.0f;
        gradient[Index(previous, next)] +=
            dlogprobs[i] * (hit - std::exp(logprobs[Id(next)])) / last_batch_.temperature;
      }
    }
  }

  policy::TokenScores ScoreAndBackward(const policy::PackedBatch& batch,
                                       std::span<const float> dlogprobs) override {
    auto scores = Score(batch);
    Backward(dlogprobs);
    return scores;
  }

  // The value after a token is the diagonal of the table: a value model has no other use for it.
  std::vector<float> Values(const policy::PackedBatch& batch) override {
    FailIfDue();
    last_batch_ = batch;
    std::vector<float> values;
    for (size_t i = 0; i < batch.rows.size(); ++i) {
      const int32_t token = ContextOf(batch, i);
      values.push_back(logits[Index(token, token)]);
    }
    return values;
  }
  void BackwardValues(std::span<const float> dvalues) override {
    for (size_t i = 0; i < dvalues.size(); ++i) {
      const int32_t token = ContextOf(last_batch_, i);
      gradient[Index(token, token)] += dvalues[i];
    }
  }

  void Join(policy::Communicator& ranks) override { ranks_ = &ranks; }
  void AddShard(bool is_last) override {
    shard_sum_.resize(gradient.size());
    const std::string mine(reinterpret_cast<const char*>(gradient.data()),
                           gradient.size() * sizeof(float));
    for (const std::string& shard : ranks_ ? ranks_->AllGather(mine) : std::vector{mine}) {
      std::memcpy(gradient.data(), shard.data(), shard.size());
      for (size_t i = 0; i < gradient.size(); ++i) shard_sum_[i] += gradient[i];
    }
    std::fill(gradient.begin(), gradient.end(), 0.0f);
    if (is_last) shard_sum_.swap(gradient);
  }

  float OptimizerStep(float learning_rate) override {
    double squares = 0.0;
    for (size_t i = 0; i < logits.size(); ++i) {
      squares += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
      logits[i] -= learning_rate * gradient[i];
      gradient[i] = 0.0f;
    }
    ++version_;
    return static_cast<float>(std::sqrt(squares));
  }

  const policy::ModelConfig& config() const override { return config_; }
  policy::ComputeType compute() const override { return policy::ComputeType::kFloat32; }
  uint64_t version() const override { return version_; }
  void Save(const std::filesystem::path&) const override {}
  void ConfigureOptimizer(const policy::OptimizerConfig&) override {}
  void SaveOptimizer(const std::filesystem::path&) const override {}
  void LoadOptimizer(const std::filesystem::path&) override {}
  std::span<float> Weight(std::string_view) override { return logits; }
  std::span<const float> Gradient(std::string_view) override { return gradient; }
  std::vector<std::string> TensorNames() const override { return {"table"}; }
  void WeightsChanged() override {}
  std::vector<policy::MemoryUse> Memory() const override { return {}; }

  std::vector<float> logits, gradient;  // (V, V)
  float sampler_error = 0.0f;           // added to what the sampler records
  int scores_to_failure = 0;            // the Score or Values of that number, from 1, throws

 private:
  void FailIfDue() {
    if (--scores_to_failure != 0) return;
    throw Error(ErrorKind::kFailed, "a result is not a number", "Attention in layer 0 of 4");
  }
  static size_t Id(int32_t token) { return static_cast<size_t>(token); }
  size_t Index(int32_t previous, int32_t next) const {
    return Id(previous) * static_cast<size_t>(config_.vocab_size) + Id(next);
  }
  static int32_t ContextOf(const policy::PackedBatch& batch, size_t i) {
    return batch.tokens[Id(batch.rows[i])];
  }

  std::vector<float> Distribution(int32_t previous, float temperature) const {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(Index(previous, 0));
    std::vector<float> logprobs(row, row + config_.vocab_size);
    double sum = 0.0;
    for (float& x : logprobs) sum += std::exp(static_cast<double>(x /= temperature));
    for (float& x : logprobs) x = static_cast<float>(static_cast<double>(x) - std::log(sum));
    return logprobs;
  }

  policy::Completion Complete(const policy::Prompt& prompt, uint32_t sample,
                              const policy::Sampling& sampling, const RngKey& key) const {
    policy::Completion completion;
    completion.sample = sample;
    completion.policy_version = version_;
    int32_t previous = prompt.tokens.back();
    const RngKey drawn = key.WithTask(prompt.task).WithSample(sample);
    for (int t = 0; t < prompt.max_new_tokens; ++t) {
      const auto logprobs = Distribution(previous, sampling.temperature);
      double left = static_cast<double>(drawn.Uniform(static_cast<uint32_t>(t)));
      int32_t next = 0;
      while (next + 1 < config_.vocab_size &&
             (left -= std::exp(static_cast<double>(logprobs[Id(next)]))) >= 0) {
        ++next;
      }
      completion.tokens.push_back(next);
      completion.rollout_logprobs.push_back(logprobs[Id(next)] + sampler_error);
      previous = next;
      if (std::find(sampling.stop_token_ids.begin(), sampling.stop_token_ids.end(), next) !=
          sampling.stop_token_ids.end()) {
        completion.finish_reason = policy::FinishReason::kStop;
        break;
      }
    }
    return completion;
  }

  policy::ModelConfig config_;
  policy::PackedBatch last_batch_;
  policy::Communicator* ranks_ = nullptr;
  std::vector<float> shard_sum_;
  uint64_t version_ = 0;
};

}  // namespace agon::trainer
