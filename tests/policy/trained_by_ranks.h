// A policy that threads train as ranks, and what is left of it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "tests/policy/tiny_policy.h"
#include "tests/trainer/thread_ranks.h"

namespace agon::policy {

struct Trained {
  std::vector<float> weights, norms;
  std::string model_file, optimizer_file;
  std::string way;  // in which ranks exchanged

  // Whatever the way.
  bool HasBitsOf(const Trained& other) const {
    return weights == other.weights && norms == other.norms && model_file == other.model_file &&
           optimizer_file == other.optimizer_file;
  }
};

struct RanksToTrain {
  static constexpr int kShards = 4;  // of a batch

  std::filesystem::path dir;  // where the model is saved
  OptimizerConfig optimizer;
  ComputeType compute = ComputeType::kFloat32;
  ModelConfig model = TinyConfig();
  std::function<Device(int rank)> device = [](int) { return Device{}; };
  bool is_planned = false;  // a GPU's memory: taken at once

  std::optional<Workload> WorkloadOf(const Communicator& ranks) const {
    if (!is_planned) return std::nullopt;
    return Workload{.batch_tokens = 32,
                    .optimizers = {optimizer},
                    .rank = ranks.rank(),
                    .num_ranks = ranks.size(),
                    .num_shards = kShards};
  }

  PackedBatch ShardOf(int step, int shard) const {
    Rng rng({.run_seed = 9,
             .stream = RngStream::kTest,
             .step = static_cast<uint64_t>(step),
             .task = static_cast<uint64_t>(shard)});
    PackedBatch batch;
    AppendSequence(RandomTokens(rng, 12 + shard, model.vocab_size), 1, batch);
    return batch;
  }

  // Steps [first, first + count): from the start, or from what lies in `dir`; saved there.
  Trained Train(int num_ranks, int first, int count) const {
    Trained trained;
    std::mutex mutex;
    trainer::ThreadRanks(num_ranks).Run([&](Communicator& ranks) {
      const Device mine = device(ranks.rank());
      const auto workload = WorkloadOf(ranks);
      const auto policy = first == 0 ? TinyPolicy(compute, 7, mine, model, workload)
                                     : Policy::Load(dir, compute, mine, Head::kLanguage, workload);
      policy->Join(ranks);
      policy->ConfigureOptimizer(optimizer);
      if (first > 0) policy->LoadOptimizer(dir / "optimizer.safetensors");
      ranks.Barrier();  // all have read before the leader writes
      std::vector<float> norms;
      for (int step = first; step < first + count; ++step) {
        for (int shard = ranks.rank(); shard < kShards; shard += num_ranks) {
          const PackedBatch batch = ShardOf(step, shard);
          policy->ScoreAndBackward(batch, std::vector<float>(batch.rows.size(), -0.2f));
          policy->AddShard(shard + num_ranks >= kShards);
        }
        norms.push_back(policy->OptimizerStep(1e-2f));
      }
      policy->SaveOptimizer(dir / "optimizer.safetensors");
      if (ranks.is_leader()) policy->Save(dir);
      std::vector<float> weights;
      for (const std::string& name : policy->TensorNames()) {
        const auto w = policy->Weight(name);
        weights.insert(weights.end(), w.begin(), w.end());
      }
      const std::lock_guard lock(mutex);
      if (trained.weights.empty()) trained.weights = weights, trained.norms = norms;
      EXPECT_TRUE(trained.weights == weights && trained.norms == norms) << "ranks differ";
      trained.way = policy->DescribeExchange().way;
    });
    trained.model_file = ReadFile(dir / "model.safetensors");
    trained.optimizer_file = ReadFile(dir / "optimizer.safetensors");
    return trained;
  }
};

}  // namespace agon::policy
