#include "judge/eval/loglikelihood.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/judge/tiny_model.h"

namespace agon::judge {
namespace {

// One sequence, scored the plain way.
double Plain(policy::Policy& policy, std::vector<int32_t> context,
             const std::vector<int32_t>& continuation) {
  policy::PackedBatch batch;
  const auto length = static_cast<int32_t>(context.size() + continuation.size() - 1);
  for (size_t t = 0; t < continuation.size(); ++t) {
    batch.rows.push_back(static_cast<int32_t>(context.size() + t) - 1);
    batch.targets.push_back(continuation[t]);
  }
  context.insert(context.end(), continuation.begin(), continuation.end() - 1);
  batch.tokens = context;
  batch.segments = {{0, length, 0, 0}};
  double sum = 0;
  for (const float logprob : policy.Score(batch).logprobs) sum += logprob;
  return sum;
}

TEST(LogLikelihoodTest, IsTheSameBitsInAnyBatch) {
  const datasets::Tokenizer tokenizer = ByteTokenizer();
  const auto policy = TinyPolicy(tokenizer, 3);
  std::vector<ContinuationRequest> requests;
  for (int i = 0; i < 12; ++i) {
    ContinuationRequest request;
    request.context = tokenizer.Encode("What is " + std::string(static_cast<size_t>(3 * i), 'x'));
    for (const std::string choice : {"a", " twenty", "no, never"}) {
      request.continuations.push_back(tokenizer.Encode(choice + std::to_string(i)));
    }
    requests.push_back(std::move(request));
  }
  const auto sums = LogLikelihoods(*policy, requests);
  for (const int max_batch_tokens : {1, 30, 64, 500}) {
    EXPECT_EQ(LogLikelihoods(*policy, requests, max_batch_tokens), sums) << max_batch_tokens;
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    for (size_t j = 0; j < 3; ++j) {
      EXPECT_EQ(sums[i][j], Plain(*policy, requests[i].context, requests[i].continuations[j]));
    }
  }
}

TEST(EncodePairTest, TheContinuationTakesTheSpace) {
  const datasets::Tokenizer tokenizer = ByteTokenizer();
  const EncodedPair pair = EncodePair(tokenizer, "Answer: ", "yes");
  EXPECT_EQ(tokenizer.Decode(pair.context), "Answer:");
  EXPECT_EQ(tokenizer.Decode(pair.continuation), " yes");
  EXPECT_TRUE(EncodePair(tokenizer, "", "yes").context.empty());
}

// "th" is one token that the cut goes through: it stays whole, on the side of the context.
TEST(EncodePairTest, ACutThroughATokenLosesNothing) {
  const auto tokenizer =
      datasets::Tokenizer::FromMerges({{'t', 'h'}}, datasets::ChatSpecialTokens());
  const EncodedPair pair = EncodePair(tokenizer, "at", "he");
  EXPECT_EQ(tokenizer.Decode(pair.context) + tokenizer.Decode(pair.continuation), "athe");
  EXPECT_FALSE(pair.continuation.empty());
}

// lm-evaluation-harness' own examples (get_rolling_token_windows): tokens 0..9, prefix -100.
TEST(RollingWindowsTest, EachTokenIsPredictedOnce) {
  std::vector<int32_t> tokens(10);
  std::iota(tokens.begin(), tokens.end(), 0);
  const std::vector<std::pair<int, int>> sizes = {{4, 1}, {4, 2}, {4, 4}, {10, 1}, {12, 5}, {1, 1}};
  for (const auto& [window, context] : sizes) {
    std::vector<int32_t> predicted;
    for (const auto& request : RollingWindows(tokens, -100, window, context)) {
      ASSERT_EQ(request.continuations.size(), 1u);
      const auto& continuation = request.continuations[0];
      EXPECT_LE(request.context.size() + continuation.size() - 1, static_cast<size_t>(window));
      if (!predicted.empty()) {
        EXPECT_GE(request.context.size(), static_cast<size_t>(context));
        EXPECT_EQ(request.context.back(), predicted.back());
      } else {
        EXPECT_EQ(request.context, std::vector<int32_t>{-100});
      }
      predicted.insert(predicted.end(), continuation.begin(), continuation.end());
    }
    EXPECT_EQ(predicted, tokens);
  }
  EXPECT_TRUE(RollingWindows({}, -100, 4, 1).empty());
}

TEST(RollingWindowsTest, WindowsAreThoseOfLmEval) {
  std::vector<int32_t> tokens(10);
  std::iota(tokens.begin(), tokens.end(), 0);
  // max_seq_len 4, context_len 2: [-100 0 1 2] -> 0..3, [2 3 4 5] -> 4 5 6, [5 6 7 8] -> 7 8 9,
  // with each input's last tokens being predictions.
  const auto windows = RollingWindows(tokens, -100, 4, 2);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows[0].continuations[0], (std::vector<int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(windows[1].context, (std::vector<int32_t>{2, 3}));
  EXPECT_EQ(windows[1].continuations[0], (std::vector<int32_t>{4, 5, 6}));
  EXPECT_EQ(windows[2].context, (std::vector<int32_t>{5, 6}));
  EXPECT_EQ(windows[2].continuations[0], (std::vector<int32_t>{7, 8, 9}));
}

}  // namespace
}  // namespace agon::judge
