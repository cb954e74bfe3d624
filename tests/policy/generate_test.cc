// Sampling: which tokens can be drawn, how often, and when a row stops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "core/error.h"
#include "tests/policy/reference_model.h"
#include "tests/policy/tiny_policy.h"

namespace agon::policy {
namespace {

// Sampling with one field changed.
template <typename Field, typename Value>
Sampling With(Field field, Value value) {
  Sampling sampling;
  sampling.*field = value;
  return sampling;
}

constexpr RngKey kKey{.run_seed = 17, .stream = RngStream::kSample};

std::vector<Prompt> OnePrompt(int num_samples, int max_new_tokens) {
  Rng rng({.run_seed = 31, .stream = RngStream::kTest});
  Prompt prompt;
  prompt.tokens = RandomTokens(rng, 12, TinyConfig().vocab_size);
  prompt.max_new_tokens = max_new_tokens;
  prompt.task = 5;
  prompt.num_samples = num_samples;
  return {prompt};
}

// Log-probabilities of the first new token, by the fp64 reference.
std::vector<double> FirstTokenLogProbs(Policy& policy, double temperature) {
  return ReferenceModel(policy).LogProbs(OnePrompt(1, 1)[0].tokens, temperature).back();
}

std::map<int32_t, int> FirstTokenCounts(Policy& policy, const Sampling& sampling, int count) {
  std::map<int32_t, int> counts;
  for (const Completion& c : policy.Generate(OnePrompt(count, 1), sampling, kKey)) {
    ++counts[c.tokens.at(0)];
  }
  return counts;
}

TEST(Generate, FrequenciesFollowTheSoftmax) {
  auto policy = TinyPolicy(ComputeType::kFloat32);
  for (const float temperature : {0.7f, 1.0f, 1.5f}) {
    constexpr int kCount = 8000;
    const auto logprobs = FirstTokenLogProbs(*policy, static_cast<double>(temperature));
    auto counts = FirstTokenCounts(*policy, With(&Sampling::temperature, temperature), kCount);
    // Pearson's statistic over tokens expected at least 8 times, the rest as one.
    double statistic = 0, rest_expected = 0, rest_seen = 0;
    int cells = 0;
    for (size_t id = 0; id < logprobs.size(); ++id) {
      const double expected = kCount * std::exp(logprobs[id]);
      const double seen = counts[static_cast<int32_t>(id)];
      if (expected < 8) {
        rest_expected += expected, rest_seen += seen;
        continue;
      }
      statistic += (seen - expected) * (seen - expected) / expected;
      ++cells;
    }
    if (rest_expected > 0) {
      statistic += (rest_seen - rest_expected) * (rest_seen - rest_expected) / rest_expected;
    }
    // Five deviations above the mean of chi-square with `cells` degrees of freedom.
    EXPECT_LT(statistic, cells + 5 * std::sqrt(2.0 * cells)) << temperature;
  }
}

TEST(Generate, GreedyTakesTheMostProbable) {
  auto policy = TinyPolicy(ComputeType::kFloat32);
  const auto logprobs = FirstTokenLogProbs(*policy, 1.0);
  const auto best = std::max_element(logprobs.begin(), logprobs.end()) - logprobs.begin();
  const Completion c = policy->Generate(OnePrompt(1, 5), With(&Sampling::temperature, 0), kKey)[0];
  EXPECT_EQ(c.tokens[0], best);
  EXPECT_NEAR(c.rollout_logprobs[0], logprobs[static_cast<size_t>(best)], 2e-5);
  // top_k = 1 and a tiny top_p leave only that token.
  for (const Sampling& narrow : {With(&Sampling::top_k, 1), With(&Sampling::top_p, 1e-6f)}) {
    EXPECT_EQ(policy->Generate(OnePrompt(1, 5), narrow, kKey)[0].tokens, c.tokens);
  }
}

TEST(Generate, TopKAndTopPKeepTheLargest) {
  auto policy = TinyPolicy(ComputeType::kFloat32);
  const auto logprobs = FirstTokenLogProbs(*policy, 1.0);
  std::vector<size_t> order(logprobs.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return logprobs[a] > logprobs[b]; });
  const auto expect_only = [&](const Sampling& sampling, size_t kept) {
    const auto counts = FirstTokenCounts(*policy, sampling, 4000);
    EXPECT_EQ(counts.size(), kept);
    const std::set<size_t> allowed(order.begin(),
                                   order.begin() + static_cast<std::ptrdiff_t>(kept));
    for (const auto& [token, count] : counts) {
      EXPECT_TRUE(allowed.contains(static_cast<size_t>(token))) << token;
    }
  };
  expect_only(With(&Sampling::top_k, 3), 3);
  // The smallest set whose mass reaches p, strictly inside its last token.
  const double two = std::exp(logprobs[order[0]]) + std::exp(logprobs[order[1]]);
  const double three = two + std::exp(logprobs[order[2]]);
  expect_only(With(&Sampling::top_p, static_cast<float>(0.5 * (two + three))), 3);
}

TEST(Generate, RecordsTheFullSoftmaxUnderTruncation) {
  auto policy = TinyPolicy(ComputeType::kFloat32);
  const auto logprobs = FirstTokenLogProbs(*policy, 1.0);
  for (const Completion& c : policy->Generate(OnePrompt(20, 1), With(&Sampling::top_k, 5), kKey)) {
    EXPECT_NEAR(c.rollout_logprobs[0], logprobs[static_cast<size_t>(c.tokens[0])], 2e-5);
  }
}

TEST(Generate, StopTokenEndsARowAndIsKept) {
  auto policy = TinyPolicy(ComputeType::kAuto);
  std::vector<int32_t> stops;
  for (int32_t id = 0; id < 40; ++id) stops.push_back(id);
  int stopped = 0, limited = 0;
  for (const Completion& c :
       policy->Generate(OnePrompt(64, 4), With(&Sampling::stop_token_ids, stops), kKey)) {
    ASSERT_EQ(c.tokens.size(), c.rollout_logprobs.size());
    const bool ends_in_stop = c.tokens.back() < 40;
    for (size_t i = 0; i + 1 < c.tokens.size(); ++i) EXPECT_GE(c.tokens[i], 40);
    EXPECT_EQ(c.finish_reason, ends_in_stop ? FinishReason::kStop : FinishReason::kLength);
    EXPECT_TRUE(ends_in_stop || c.tokens.size() == 4u);
    ++(ends_in_stop ? stopped : limited);
  }
  EXPECT_GT(stopped, 0);
  EXPECT_GT(limited, 0);
}

// Prompts of several lengths and limits whose rows stop, run out, and are ended by the source,
// while more rows than places wait.
class EndingSource final : public PromptSource {
 public:
  std::optional<Prompt> Next(bool /*may_wait*/) override {
    if (num_given_ == 12) return std::nullopt;
    Rng rng({.run_seed = 40, .stream = RngStream::kTest, .task = num_given_});
    Prompt prompt;
    prompt.tokens =
        RandomTokens(rng, 2 + static_cast<int>(num_given_ % 5), TinyConfig().vocab_size);
    prompt.max_new_tokens = static_cast<int>(num_given_ * 7 % 23);
    prompt.task = (num_given_ << 40) + num_given_;
    prompt.first_sample = 3;
    prompt.num_samples = 1 + static_cast<int>(num_given_ % 3);
    ++num_given_;
    return prompt;
  }
  bool OnToken(const Completion& so_far) override { return so_far.tokens.back() % 19 != 5; }
  void Finish(Completion c) override { completions[{c.prompt_idx, c.sample}] = std::move(c); }

  std::map<CompletionId, Completion> completions;

 private:
  uint64_t num_given_ = 0;
};

TEST(Stream, TokensAtOnceDontChangeAnything) {
  for (const ComputeType compute : {ComputeType::kFloat32, ComputeType::kAuto}) {
    const auto policy = TinyPolicy(compute);
    Sampling sampling;
    sampling.stop_token_ids = {3, 11, 60};
    sampling.temperature = 1.2f;
    EndingSource one;
    policy->Stream(one, 40, sampling, kKey);
    ASSERT_EQ(one.completions.size(), 24u);
    int stopped = 0;
    for (const int rows : {1, 4, 9}) {
      for (const int at_once : {2, 5, 64}) {
        EndingSource many;
        sampling.max_rows = rows;
        sampling.tokens_at_once = at_once;
        policy->Stream(many, 40, sampling, kKey);
        ASSERT_EQ(many.completions.size(), one.completions.size());
        for (const auto& [id, expected] : one.completions) {
          const Completion& got = many.completions.at(id);
          EXPECT_EQ(got.tokens, expected.tokens) << rows << " " << at_once;
          EXPECT_EQ(got.rollout_logprobs, expected.rollout_logprobs) << rows << " " << at_once;
          EXPECT_EQ(got.finish_reason, expected.finish_reason);
          stopped += got.finish_reason == FinishReason::kStop;
        }
      }
    }
    EXPECT_GT(stopped, 0);
  }
}

TEST(Generate, CallbackSeesEveryTokenInOrder) {
  auto policy = TinyPolicy(ComputeType::kAuto);
  std::map<size_t, std::vector<int32_t>> seen;
  const auto completions =
      policy->Generate(OnePrompt(9, 7), With(&Sampling::max_rows, 4), kKey,
                       [&](size_t idx, int32_t token) { seen[idx].push_back(token); });
  for (size_t i = 0; i < completions.size(); ++i) EXPECT_EQ(seen[i], completions[i].tokens);
}

// Gives one prompt at first, the next ones only as earlier completions end, as turns do.
class LateSource final : public PromptSource {
 public:
  explicit LateSource(std::vector<Prompt> prompts) : prompts_(std::move(prompts)) {}
  std::optional<Prompt> Next(bool may_wait) override {
    if (next_ == prompts_.size() || (!may_wait && next_ > completions.size() / 2)) {
      return std::nullopt;
    }
    return prompts_[next_++];
  }
  void Finish(Completion completion) override { completions.push_back(std::move(completion)); }

  std::vector<Completion> completions;

 private:
  std::vector<Prompt> prompts_;
  size_t next_ = 0;
};

TEST(Stream, APromptThatComesLateGetsTheSameBits) {
  const auto policy = TinyPolicy(ComputeType::kFloat32);
  Rng rng({.run_seed = 32, .stream = RngStream::kTest});
  std::vector<Prompt> prompts;
  for (uint64_t p = 0; p < 9; ++p) {
    Prompt& prompt = prompts.emplace_back();
    prompt.tokens = RandomTokens(rng, 3 + static_cast<int>(p), TinyConfig().vocab_size);
    prompt.max_new_tokens = 2 + static_cast<int>(p % 4);
    prompt.task = p;
    prompt.num_samples = 1 + static_cast<int>(p % 3);
  }
  const auto together = policy->Generate(prompts, {}, kKey);
  for (const int at_once : {1, 2, 3, 8}) {
    LateSource source(prompts);
    Sampling sampling;
    sampling.max_rows = 3;
    sampling.tokens_at_once = at_once;
    policy->Stream(source, 20, sampling, kKey);
    ASSERT_EQ(source.completions.size(), together.size()) << "none lost, none twice";
    for (const Completion& expected : together) {
      const auto same = [&](const Completion& c) {
        return c.prompt_idx == expected.prompt_idx && c.sample == expected.sample;
      };
      const auto found = std::find_if(source.completions.begin(), source.completions.end(), same);
      ASSERT_NE(found, source.completions.end());
      EXPECT_EQ(found->tokens, expected.tokens) << at_once;
      EXPECT_EQ(found->rollout_logprobs, expected.rollout_logprobs) << at_once;
    }
  }
}

// Conversations of three turns: after each completion the other side adds some tokens. Some
// end early. `keeps` lets the stream keep what it computed.
// Fifteen rows decode for long and one ends at once: its place goes to a prompt that comes then,
// after few steps, though a prefill of one alone isn't worth much.
TEST(Stream, APromptDoesNotWaitForLong) {
  class Source final : public PromptSource {
   public:
    std::optional<Prompt> Next(bool /*may_wait*/) override {
      if (next == 2) return std::nullopt;
      Prompt prompt = OnePrompt(next == 0 ? 16 : 1, next == 0 ? 60 : 1)[0];
      ++next;
      return prompt;
    }
    bool OnToken(const Completion& so_far) override {
      if (so_far.prompt_idx == 1) steps_at_late = steps;
      if (so_far.prompt_idx == 0 && so_far.sample == 1) ++steps;
      return so_far.sample > 0 || so_far.prompt_idx == 1;  // sample 0 ends with its first token
    }
    void Finish(Completion) override {}
    int next = 0, steps = 0, steps_at_late = -1;
  };
  Source source;
  TinyPolicy(ComputeType::kFloat32)
      ->Stream(source, TinyConfig().max_positions, With(&Sampling::max_rows, 16), kKey);
  EXPECT_EQ(source.steps, 60);
  EXPECT_GT(source.steps_at_late, 0);
  EXPECT_LE(source.steps_at_late, 10);
}

class ConversationSource final : public PromptSource {
 public:
  ConversationSource(int num_conversations, bool keeps) : keeps_(keeps) {
    Rng rng({.run_seed = 33, .stream = RngStream::kTest});
    for (int i = 0; i < num_conversations; ++i) {
      texts.push_back(RandomTokens(rng, 3 + i % 5, TinyConfig().vocab_size));
      ready_.push_back(static_cast<size_t>(i));
    }
    logprobs.resize(texts.size());
    turns_.resize(texts.size());
    last_.resize(texts.size());
  }

  std::optional<Prompt> Next(bool /*may_wait*/) override {
    if (ready_.empty()) return std::nullopt;
    const size_t i = ready_.front();
    ready_.erase(ready_.begin());
    Prompt prompt;
    prompt.tokens = texts[i];
    prompt.max_new_tokens = 4;
    prompt.task = i * 10 + static_cast<uint64_t>(turns_[i]);
    prompt.num_samples = 1;
    prompt.may_continue = keeps_;
    if (keeps_ && turns_[i] > 0) prompt.continues = last_[i];
    given_.push_back(i);
    return prompt;
  }
  void Finish(Completion completion) override {
    const size_t i = given_[static_cast<size_t>(completion.prompt_idx)];
    last_[i] = {completion.prompt_idx, completion.sample};
    texts[i].insert(texts[i].end(), completion.tokens.begin(), completion.tokens.end());
    logprobs[i].insert(logprobs[i].end(), completion.rollout_logprobs.begin(),
                       completion.rollout_logprobs.end());
    if (++turns_[i] == 3 || texts[i].back() % 5 == 0) {
      ended_.push_back(last_[i]);
      return;
    }
    for (int k = 0; k < 1 + turns_[i]; ++k) texts[i].push_back(7 * k % 70);
    ready_.push_back(i);
  }
  std::vector<CompletionId> TakeEnded() override { return std::exchange(ended_, {}); }

  std::vector<std::vector<int32_t>> texts;
  std::vector<std::vector<float>> logprobs;

 private:
  bool keeps_;
  std::vector<size_t> ready_, given_;
  std::vector<int> turns_;
  std::vector<CompletionId> last_, ended_;
};

TEST(Stream, AConversationGoesOnWithTheSameBits) {
  for (const ComputeType compute : {ComputeType::kFloat32, ComputeType::kAuto}) {
    const auto policy = TinyPolicy(compute);
    ConversationSource again(20, /*keeps=*/false);
    policy->Stream(again, 60, {}, kKey);
    // With few rows, conversations that wait hold every one of them.
    for (const int rows : {1, 2, 7, 64}) {
      for (const int at_once : {1, 4}) {
        ConversationSource kept(20, /*keeps=*/true);
        Sampling sampling;
        sampling.max_rows = rows;
        sampling.tokens_at_once = at_once;
        policy->Stream(kept, 60, sampling, kKey);
        EXPECT_EQ(kept.texts, again.texts) << rows << " " << at_once;
        EXPECT_EQ(kept.logprobs, again.logprobs) << rows << " " << at_once;
      }
    }
  }
}

TEST(Stream, RefusesAPromptAboveItsOwnBound) {
  const auto policy = TinyPolicy(ComputeType::kFloat32);
  LateSource source(OnePrompt(1, 5));
  EXPECT_THROW(policy->Stream(source, 16, {}, kKey), Error);
  EXPECT_EQ(policy->Generate(OnePrompt(2, 2), {}, kKey).size(), 2u) << "usable afterwards";
}

TEST(Generate, EdgesOfTheContext) {
  auto policy = TinyPolicy(ComputeType::kAuto);
  EXPECT_TRUE(policy->Generate({}, {}, kKey).empty());
  EXPECT_TRUE(policy->Generate(OnePrompt(0, 5), {}, kKey).empty());
  EXPECT_TRUE(policy->Generate(OnePrompt(1, 0), {}, kKey)[0].tokens.empty());
  const int room = TinyConfig().max_positions - 12;
  EXPECT_EQ(policy->Generate(OnePrompt(1, room), {}, kKey)[0].tokens.size(),
            static_cast<size_t>(room));
  EXPECT_THROW(policy->Generate(OnePrompt(1, room + 1), {}, kKey), Error);
}

TEST(Generate, RefusesSamplingOutOfRange) {
  auto policy = TinyPolicy(ComputeType::kAuto);
  for (const Sampling& bad :
       {With(&Sampling::temperature, -1), With(&Sampling::temperature, NAN),
        With(&Sampling::temperature, INFINITY), With(&Sampling::temperature, 1e-5f),
        With(&Sampling::top_k, -1), With(&Sampling::top_p, 0), With(&Sampling::top_p, NAN),
        With(&Sampling::top_p, 1.5f), With(&Sampling::max_rows, 0),
        With(&Sampling::tokens_at_once, -1)}) {
    EXPECT_THROW(policy->Generate(OnePrompt(1, 1), bad, kKey), Error);
  }
}

}  // namespace
}  // namespace agon::policy
