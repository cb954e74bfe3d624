// Layers that run again before their backward: the same bits in less memory.
#include "tests/policy/recompute.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/contains.h"
#include "tests/error_of.h"

namespace agon::policy {
namespace {

TEST(Recompute, ChangesNoBit) {
  for (const ComputeType compute : {ComputeType::kFloat32, ComputeType::kAuto}) {
    for (const bool has_score_head : {false, true}) {
      ModelConfig config = ThreeLayers(TinyConfig());
      config.has_score_head = has_score_head;
      const auto plain = TinyPolicy(compute, 7, {}, config);
      const auto again = TinyPolicy(compute, 7, {}, config, kRecomputes);
      const auto a = Learned(*plain), b = Learned(*again);
      ASSERT_EQ(a.size(), b.size());
      for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i] == b[i]) << i;
    }
  }
}

TEST(Recompute, TakesTheMemoryOfOneLayerAndTheInputsOfAll) {
  ModelConfig config = TinyConfig();
  config.num_layers = 8;
  PackedBatch batch;
  Rng rng({.run_seed = 16, .stream = RngStream::kTest});
  for (int i = 0; i < 20; ++i) {
    AppendSequence(RandomTokens(rng, 100, config.vocab_size), 99, batch);
  }
  const auto bytes = [&](const std::optional<Workload>& workload) {
    const auto policy = TinyPolicy(ComputeType::kFloat32, 7, {}, config, workload);
    policy->Score(batch);
    return BytesFor("activations", policy->Memory());
  };
  // Floats of a token in one layer: 2 C + 2 (norms), 2 (H + KV) d + KV d, H d + H (attention), 3 F.
  constexpr int64_t kLayer = 130 + 448 + 132 + 288, kInput = 64, kTokens = 2000;
  constexpr int64_t kRounding = 2 << 20;  // to whole pages of 2 MiB, and what isn't a layer's
  const int64_t plain = bytes(std::nullopt), again = bytes(kRecomputes);
  EXPECT_NEAR(static_cast<double>(plain - again), (7 * kLayer - 8 * kInput) * kTokens * 4.0,
              kRounding);
}

TEST(Recompute, NumbersThatAreNoneAreTracedAsEver) {
  const auto policy = TinyPolicy(ComputeType::kFloat32, 7, {}, TinyConfig(), kRecomputes);
  policy->Weight("model.layers.0.mlp.up_proj.weight")[0] = NAN;
  policy->WeightsChanged();
  const std::string error =
      ErrorOf([&] { policy->Score(SharedAndAlone(TinyConfig().vocab_size)); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "LinearSwiGlu (gate, up) in layer 0 of 2")) << error;
}

}  // namespace
}  // namespace agon::policy
