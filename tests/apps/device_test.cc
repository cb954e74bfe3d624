// --device of the commands: what is said where a device can't be had, and a whole command on the
// emulated one.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/apps/command.h"
#include "tests/apps/tiny_model.h"
#include "tests/paths.h"

namespace agon {
namespace {

class DeviceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = fs::path(::testing::TempDir()) / ("agon_device_" + std::to_string(::getpid()));
    SaveTinyModel(model_);
  }
  void TearDown() override {
    ::unsetenv("AGON_CUDA_LIBRARY");
    fs::remove_all(model_);
  }

  CommandResult Chat(const std::string& device) const {
    return RunCommand(
        "rl-chat", {"--model", model_.string(), "--max-tokens", "4", "--device", device}, "hi\n");
  }

  fs::path model_;
};

TEST_F(DeviceTest, ABadDeviceIsBadUsage) {
  for (const auto& [command, arguments] :
       std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"rl-chat", {"--model", model_.string()}},
           {"rl-eval", {"--model", model_.string(), "--suite", "math/shop", "--out", "/nowhere"}},
           {"rl-train", {"quickstart", "--dry-run"}}}) {
    auto all = arguments;
    all.insert(all.end(), {"--device", "gpu"});
    const CommandResult result = RunCommand(command, all);
    EXPECT_EQ(result.exit_status, 2) << command << result.err;
    EXPECT_NE(result.err.find("\"gpu\" is no device"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("cuda:N"), std::string::npos) << result.err;
  }
}

TEST_F(DeviceTest, ABuildWithoutCudaSaysSo) {
  ::setenv("AGON_CUDA_LIBRARY", "/nowhere/libagon_cuda.so", 1);
  const CommandResult result = Chat("cuda");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_NE(result.err.find("has no CUDA backend"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("nvcc"), std::string::npos) << result.err;
  EXPECT_EQ(Chat("auto").exit_status, 0);  // on the CPU
}

TEST_F(DeviceTest, TrainingRefusesADeviceBeforeItDoesAnything) {
  ::setenv("AGON_CUDA_LIBRARY", "/nowhere/libagon_cuda.so", 1);
  const std::string run = (model_ / "run").string();
  const CommandResult result =
      RunCommand("rl-train", {"quickstart", "--device", "cuda", "--out", run});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_NE(result.err.find("has no CUDA backend"), std::string::npos) << result.err;
  EXPECT_FALSE(fs::exists(run));
}

TEST_F(DeviceTest, AFileThatIsNoBackendIsRefused) {
  const std::string text = (model_ / "config.json").string();
  ::setenv("AGON_CUDA_LIBRARY", text.c_str(), 1);
  const CommandResult result = Chat("cuda");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_NE(result.err.find("can't be loaded"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
}

TEST_F(DeviceTest, TheEmulatedGpuTalks) {
  const std::string library = kBinaryDir + "/tests/libagon_cuda_emulated.so";
  if (!fs::exists(library)) GTEST_SKIP() << "no Boost.Context";
  ::setenv("AGON_CUDA_LIBRARY", library.c_str(), 1);
  const CommandResult talked = Chat("cuda");
  EXPECT_EQ(talked.exit_status, 0) << talked.err;
  const CommandResult absent = Chat("cuda:3");
  EXPECT_EQ(absent.exit_status, 2);
  EXPECT_NE(absent.err.find("no GPU 3: this machine has 1"), std::string::npos) << absent.err;
}

}  // namespace
}  // namespace agon
