// A policy that says what a test tells it to, over byte tokens.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "datasets/chat.h"
#include "policy/policy.h"

namespace agon::judge {

// Bytes are ids 0..255, the chat tokens follow.
inline datasets::Tokenizer ByteTokenizer() {
  return datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
}

class ScriptedPolicy : public policy::Policy {
 public:
  // Text of the prompt and sample number to reply.
  using Script = std::function<std::string(const std::string& prompt, uint32_t sample)>;

  ScriptedPolicy(const datasets::Tokenizer& tokenizer, Script script, int max_positions = 512)
      : tokenizer_(tokenizer), script_(std::move(script)) {
    config_.vocab_size = tokenizer.vocab_size();
    config_.max_positions = max_positions;
  }

  void Stream(policy::PromptSource& source, int max_tokens, const policy::Sampling& sampling,
              const RngKey& key) override {
    last_sampling = sampling;
    int32_t prompt_idx = 0;
    for (; const auto prompt = source.Next(/*may_wait=*/true); ++prompt_idx) {
      prompts.push_back(*prompt);
      AGON_CHECK(static_cast<int>(prompt->tokens.size()) + prompt->max_new_tokens <= max_tokens);
      for (int s = 0; s < prompt->num_samples; ++s) {
        const uint32_t sample = prompt->first_sample + static_cast<uint32_t>(s);
        policy::Completion completion = Reply(*prompt, sample, key);
        completion.prompt_idx = prompt_idx;
        policy::Completion so_far = completion;
        so_far.tokens.clear();
        for (const int32_t token : completion.tokens) {
          so_far.tokens.push_back(token);
          source.OnToken(so_far);
        }
        source.Finish(std::move(completion));
      }
    }
  }

  const policy::ModelConfig& config() const override { return config_; }
  policy::ComputeType compute() const override { return policy::ComputeType::kFloat32; }
  uint64_t version() const override { return 7; }

  void Save(const std::filesystem::path&) const override {}
  policy::TokenScores Score(const policy::PackedBatch&) override { return {}; }
  void Backward(std::span<const float>) override {}
  policy::TokenScores ScoreAndBackward(const policy::PackedBatch&,
                                       std::span<const float>) override {
    return {};
  }
  void ConfigureOptimizer(const policy::OptimizerConfig&) override {}
  float OptimizerStep(float) override { return 0; }
  void Join(policy::Communicator&) override {}
  void AddShard(bool) override {}
  void SaveOptimizer(const std::filesystem::path&) const override {}
  void LoadOptimizer(const std::filesystem::path&) override {}
  std::span<float> Weight(std::string_view) override { return {}; }
  std::span<const float> Gradient(std::string_view) override { return {}; }
  std::vector<std::string> TensorNames() const override { return {}; }
  void WeightsChanged() override {}
  std::vector<policy::MemoryUse> Memory() const override { return {}; }

  std::vector<policy::Prompt> prompts;  // all that were asked, in order
  policy::Sampling last_sampling;

 private:
  policy::Completion Reply(const policy::Prompt& prompt, uint32_t sample, const RngKey& key) const {
    policy::Completion completion;
    completion.sample = sample;
    completion.policy_version = version();
    completion.tokens = tokenizer_.Encode(script_(tokenizer_.Decode(prompt.tokens), sample));
    completion.tokens.push_back(*tokenizer_.SpecialId("<|im_end|>"));
    completion.finish_reason = policy::FinishReason::kStop;
    if (static_cast<int>(completion.tokens.size()) > prompt.max_new_tokens) {
      completion.tokens.resize(static_cast<size_t>(prompt.max_new_tokens));
      completion.finish_reason = policy::FinishReason::kLength;
    }
    // The draws that a real policy would make, kept where a test can see them.
    for (size_t t = 0; t < completion.tokens.size(); ++t) {
      const RngKey drawn = key.WithTask(prompt.task).WithSample(sample);
      completion.rollout_logprobs.push_back(-1 - drawn.Uniform(static_cast<uint32_t>(t)));
    }
    return completion;
  }

  const datasets::Tokenizer& tokenizer_;
  Script script_;
  policy::ModelConfig config_;
};

}  // namespace agon::judge
