// What a training step asks of a GPU besides its arithmetic: launches, and waits of the host.
#include "tests/cuda/backend_fixture.h"
#include "tests/cuda_emulator/runtime.h"

namespace agon::policy::cuda {
namespace {

using cuda_emulator::MachineCounts;

std::unique_ptr<Policy> WithLayers(int num_layers) {
  ModelConfig config = SmallestConfig(/*vocab_size=*/43, /*max_positions=*/32);
  config.num_layers = num_layers;
  auto policy = TinyPolicy(ComputeType::kBfloat16, 7, {policy::Device::Kind::kCuda, 0}, config);
  policy->ConfigureOptimizer({.weight_decay = 0.1f});
  return policy;
}

PackedBatch Sequence() {
  PackedBatch batch;
  AppendSequence({1, 2, 3, 4, 5, 6}, 2, batch);
  return batch;
}

TEST(CudaStep, TheOptimizerTakesAsManyLaunchesForAnyNumberOfTensors) {
  const PackedBatch batch = Sequence();
  for (const int num_layers : {1, 6}) {
    const auto policy = WithLayers(num_layers);
    policy->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), -0.1f));
    MachineCounts().launches = 0;
    policy->OptimizerStep(1e-3f);
    // Gains unfolded and their parts added up, the norm, AdamW, weights packed.
    EXPECT_EQ(MachineCounts().launches, 5) << num_layers;
  }
}

TEST(CudaStep, NobodyWaitsForABackwardPass) {
  const auto policy = WithLayers(2);
  const PackedBatch batch = Sequence();
  const std::vector<float> dlogprobs(batch.rows.size(), -0.1f);
  for (int step = 0; step < 2; ++step) {  // the first chooses algorithms
    policy->Score(batch);
    MachineCounts().waits = 0;
    policy->Backward(dlogprobs);
  }
  EXPECT_EQ(MachineCounts().waits, 0);
}

}  // namespace
}  // namespace agon::policy::cuda
