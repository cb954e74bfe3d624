// Tokens that are masked count nowhere, whatever the loss.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/rng.h"
#include "trainer/losses.h"

namespace agon::trainer {
namespace {

struct Tokens {
  std::vector<float> logprobs, rollout, ref, advantages;
  std::vector<uint8_t> mask;
  std::vector<int32_t> offsets{0};

  void Add(float logprob, float rollout_logprob, float ref_logprob, float advantage, bool counts) {
    logprobs.push_back(logprob);
    rollout.push_back(rollout_logprob);
    ref.push_back(ref_logprob);
    advantages.push_back(advantage);
    mask.push_back(counts);
  }
  void End() { offsets.push_back(static_cast<int32_t>(logprobs.size())); }
};

// Rollouts with masked tokens among the others, and the same without them. One is masked whole,
// as a reward that is no number makes it.
struct MaskedExample {
  Tokens masked, compact;

  MaskedExample() {
    Rng rng({.run_seed = 21, .stream = RngStream::kTest});
    const auto logprob = [&] { return static_cast<float>(-1.0 + 0.3 * rng.Normal()); };
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    for (const auto& counts : std::vector<std::vector<bool>>{
             {true, false, true, true, false}, {true, true}, {false, true, false}}) {
      const auto advantage = static_cast<float>(rng.Normal());
      for (const bool counted : counts) {
        if (!counted) {
          masked.Add(-90.0f, -1e-3f, -45.0f, advantage, false);
          continue;
        }
        const float now = logprob(), then = logprob(), ref = logprob();
        masked.Add(now, then, ref, advantage, true);
        compact.Add(now, then, ref, advantage, true);
      }
      masked.End();
      compact.End();
    }
    for (int i = 0; i < 3; ++i) masked.Add(kNan, kNan, kNan, kNan, false);
    masked.End();
  }
};

TEST(MaskedTokens, CountNowhereWhateverTheLoss) {
  const MaskedExample example;
  const LossNormalizer normalizer{6, 3};
  for (const LossKind kind : {LossKind::kGrpo, LossKind::kDapo, LossKind::kGspo, LossKind::kCispo,
                              LossKind::kReinforce}) {
    for (const KlEstimator kl :
         {KlEstimator::kNone, KlEstimator::kK1, KlEstimator::kK2, KlEstimator::kK3}) {
      const LossConfig config{.kind = kind, .kl = kl, .kl_coef = 0.2f};
      const auto run = [&](const Tokens& t, std::vector<float>& d) {
        d.resize(t.logprobs.size());
        return PolicyLoss({t.logprobs, t.rollout, t.ref, t.advantages, t.mask, t.offsets}, config,
                          normalizer, d);
      };
      std::vector<float> all, expected, counted;
      const LossStats got = run(example.masked, all), want = run(example.compact, expected);
      for (size_t t = 0; t < all.size(); ++t) {
        if (example.masked.mask[t]) {
          counted.push_back(all[t]);
        } else {
          EXPECT_EQ(all[t], 0.0f) << static_cast<int>(kind) << " token " << t;
        }
      }
      EXPECT_EQ(counted, expected) << static_cast<int>(kind);
      EXPECT_EQ(got.loss, want.loss) << static_cast<int>(kind);
      EXPECT_NE(got.loss, 0.0);
      EXPECT_EQ(got.num_tokens, 6);
      EXPECT_EQ(got.num_clipped, want.num_clipped);
      EXPECT_EQ(got.ratio_max, want.ratio_max);
      EXPECT_EQ(got.logprob_diff_max, want.logprob_diff_max);
    }
  }
}

}  // namespace
}  // namespace agon::trainer
