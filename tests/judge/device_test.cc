// Judges compute where they are told: asked for a GPU that this build can't use, they say so.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file.h"
#include "judge/eval/benchmark.h"
#include "judge/judge.h"
#include "judge/judge_service.h"
#include "tests/error_of.h"
#include "tests/judge/tiny_reward_model.h"

namespace agon::judge {
namespace {

constexpr policy::Device kGpu{policy::Device::Kind::kCuda, 0};

class JudgeDeviceTest : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("AGON_CUDA_LIBRARY", "/nowhere/libagon_cuda.so", 1); }
  void TearDown() override { ::unsetenv("AGON_CUDA_LIBRARY"); }

  template <typename Make>
  static bool AsksForTheGpu(const Make& make) {
    return Contains(ErrorOf(make, ErrorKind::kUnsupported), "no CUDA backend");
  }

  const std::string reward_ = WriteTinyRewardModel("device_reward", 3).string();
  const std::string model_ = WriteTinyRewardModel("device_model", 4, false).string();
};

TEST_F(JudgeDeviceTest, EveryJudgeOfACheckpoint) {
  const fs::path file = fs::path(::testing::TempDir()) / "device_judge.toml";
  WriteFileAtomic(file, "[judge]\nmodel = \"model:" + model_ + "\"\n");
  for (const std::string& name :
       {"reward:" + reward_, "reward:" + reward_ + "," + reward_ + "(rule=worst)",
        "model:" + model_, "model:" + model_ + "(style=logprob)", file.string()}) {
    EXPECT_TRUE(AsksForTheGpu([&] { MakeJudge(name, kGpu); })) << name;
    EXPECT_TRUE(AsksForTheGpu([&] { MakeNamedJudge("it=" + name, kGpu); })) << name;
    EXPECT_NE(MakeJudge(name), nullptr) << name;
  }
}

TEST_F(JudgeDeviceTest, TheJudgesOfABenchmark) {
  BenchmarkSpec spec;
  spec.kind = BenchmarkKind::kGeneration;
  spec.file = (fs::path(::testing::TempDir()) / "device_questions.jsonl").string();
  WriteFileAtomic(spec.file, "{\"question\": \"Why?\", \"answer\": \"So.\"}\n");
  spec.extractors = {"judge:reward:" + reward_};
  EXPECT_TRUE(AsksForTheGpu([&] { MakeBenchmark(spec, kGpu); }));
  EXPECT_TRUE(MakeBenchmark(spec)->IsJudged());
}

}  // namespace
}  // namespace agon::judge
