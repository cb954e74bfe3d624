// The loops of the trainer with a small model on CUDA.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string_view>
#include <vector>

#include "tests/policy/tiny_policy.h"
#include "tests/trainer/loop_fixture.h"

namespace agon::trainer {

inline std::unique_ptr<envs::Env> MakeSpelling(std::string_view) {
  return std::make_unique<ToyEnv>("toy/spelling-v1", GradeLetter);
}
inline const bool registered = envs::internal::Register("toy/spelling-v1", MakeSpelling);

class CudaTraining : public LoopTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(registered);
    device_ = policy::ParseDevice("auto");
    if (device_.kind != policy::Device::Kind::kCuda) GTEST_SKIP() << "no CUDA device";
    LoopTest::SetUp();
    std::vector<datasets::Document> documents(8, {"letters", "abcabcabcabcabcabc"});
    datasets::IngestReport report;
    datasets::WriteCorpus(dir_ / "corpus", documents, tokenizer_, report);
  }

  policy::ModelConfig Model() const { return policy::SmallestConfig(tokenizer_.vocab_size(), 64); }

  void Pretrain(const StageContext& context) {
    PretrainConfig config;
    config.num_steps = 3;
    config.tokens_per_step = 64;
    config.max_tokens = 32;
    config.optimizer.kind = policy::OptimizerConfig::Kind::kMuon;
    config.schedule = {1e-2f, 0, 1.0f};
    config.val_every = 0;
    config.val_tokens = 64;
    const datasets::Corpus corpus(dir_ / "corpus");
    context.policy.ConfigureOptimizer(config.optimizer);
    RunPretrain(config, corpus, corpus, context);
  }

  void Tune(const StageContext& context) {
    SftConfig config;
    config.env = "toy/spelling";
    config.num_steps = 2;
    config.tasks_per_step = 2;
    config.schedule = {1e-2f, 0, 1.0f};
    config.val_every = 0;
    config.val_tasks = 2;
    context.policy.ConfigureOptimizer(config.optimizer);
    RunSft(config, context);
  }

  static RlConfig Rl(int num_steps) {
    RlConfig config;
    config.env = "toy/spelling";
    config.num_steps = num_steps;
    config.tasks_per_step = 2;
    config.group_size = 4;
    config.max_new_tokens = 3;
    config.schedule = {1e-2f, 0, 1.0f};
    return config;
  }

  // What all three loops ask of a policy.
  static policy::Workload Asked() {
    return {.batch_tokens = 256,
            .prefix_sharers = 4,
            .optimizers = {{.kind = policy::OptimizerConfig::Kind::kMuon}, Rl(1).optimizer},
            .decoded_rows = 8};
  }

  policy::Device device_;
};

}  // namespace agon::trainer
