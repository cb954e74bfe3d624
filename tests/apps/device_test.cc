// --device of the commands: what is said where a device can't be had, and each command on the
// emulated one.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "core/file.h"
#include "net/http_client.h"
#include "tests/apps/command.h"
#include "tests/apps/running_command.h"
#include "tests/apps/tiny_model.h"
#include "tests/judge/tiny_reward_model.h"
#include "tests/paths.h"
#include "tests/tiny_recipe.h"

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
           {"rl-judge", {"score", "--judge", "reference", "--reference", "1", "--reply", "1"}},
           {"rl-judge", {"serve", "--port", "0"}},
           {"rl-arena", {"serve", "--db", "/nowhere/a.db", "--port", "0"}},
           {"rl-arena", {"match", "--db", "/nowhere/a.db", "--env", "math/shop"}},
           {"rl-arena", {"gate", "a", "b", "--env", "math/shop"}},
           {"rl-serve", {"--model", model_.string(), "--port", "0"}},
           {"rl-data", {"preferences", "--model", model_.string(), "--out", "/nowhere/pairs"}},
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

// Every command that loads a model, on the emulated GPU.
class EmulatedGpu : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    const std::string library = kBinaryDir + "/tests/libagon_cuda_emulated.so";
    if (!fs::exists(library)) GTEST_SKIP() << "no Boost.Context";
    ::setenv("AGON_CUDA_LIBRARY", library.c_str(), 1);
  }

  // It works there, and that is where it works: a GPU that isn't there is missed.
  static void ExpectWorks(const std::string& command, std::vector<std::string> arguments,
                          const std::string& input = "") {
    const CommandResult result = RunOn("cuda", command, arguments, input);
    EXPECT_EQ(result.exit_status, 0) << command << result.err;
    ExpectMissed(command, std::move(arguments), input);
  }

  static void ExpectMissed(const std::string& command, std::vector<std::string> arguments,
                           const std::string& input = "") {
    const CommandResult absent = RunOn("cuda:3", command, std::move(arguments), input);
    EXPECT_EQ(absent.exit_status, 2) << command << absent.out;
    EXPECT_NE(absent.err.find("no GPU 3: this machine has 1"), std::string::npos) << absent.err;
  }

  static CommandResult RunOn(const std::string& device, const std::string& command,
                             std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.end(), {"--device", device});
    return RunCommand(command, arguments, input);
  }

  std::string In(const std::string& name) const { return (model_ / name).string(); }
};

TEST_F(EmulatedGpu, Chats) {
  ExpectWorks("rl-chat", {"--model", model_.string(), "--max-tokens", "4"}, "hi\n");
}

TEST_F(EmulatedGpu, Evaluates) {
  ExpectWorks("rl-eval",
              {"--model", model_.string(), "--suite", "math/shop", "--tasks", "1", "--samples", "1",
               "--max-tokens", "4", "--rows", "1", "--no-cache", "--out", In("report")});
}

TEST_F(EmulatedGpu, Judges) {
  const std::string reward = judge::WriteTinyRewardModel("device_judge", 3).string();
  for (const std::string& name :
       {"reward:" + reward, "model:" + model_.string() + "(style=logprob)"}) {
    ExpectWorks("rl-judge", {"score", "--judge", name, "--prompt", "Why?", "--reply", "So."});
  }
}

TEST_F(EmulatedGpu, ServesJudges) {
  const std::string judge = "it=model:" + model_.string() + "(style=logprob)";
  ExpectMissed("rl-judge", {"serve", "--port", "0", "--judge", judge});
}

TEST_F(EmulatedGpu, LetsModelsMeet) {
  const std::string reward = judge::WriteTinyRewardModel("device_arena", 3).string();
  SaveTinyModel(In("other"), /*seed=*/2);
  const std::string db = In("arena.db");
  ASSERT_EQ(RunCommand("rl-arena", {"add", model_.string(), In("other"), "--db", db}).exit_status,
            0);
  std::vector<std::string> match = {"match",     "--db",      db,  "--env",
                                    "math/shop", "--tasks",   "1", "--max-tokens",
                                    "4",         "--matches", "1"};
  ExpectWorks("rl-arena", match);
  match.insert(match.end(), {"--judge", "reward:" + reward});
  ExpectWorks("rl-arena", match);
}

TEST_F(EmulatedGpu, Serves) {
  RunningCommand server("rl-serve", {"--port", "0", "--model", model_.string(), "--max-rows", "2",
                                     "--device", "cuda"});
  const std::string line = server.first_line();
  ASSERT_NE(line.find("http://"), std::string::npos) << line;
  net::HttpClient client(line.substr(line.find("http://")), {.timeout_ms = 60000});
  const auto response = client.Send("POST", "/completions", R"({"prompt":"x","max_tokens":4})");
  EXPECT_EQ(response.status, 200) << response.body;
  server.Signal(SIGTERM);
  EXPECT_EQ(server.ExitStatus(), 0);
}

// What a model says that was never trained is worth no label.
TEST_F(EmulatedGpu, LabelsCompletions) {
  const std::vector<std::string> arguments = {
      "preferences",      "--model", model_.string(), "--tasks",  "1", "--completions", "2",
      "--max-new-tokens", "4",       "--out",         In("pairs")};
  const CommandResult result = RunOn("cuda", "rl-data", arguments);
  EXPECT_NE(result.err.find("2 different completions"), std::string::npos) << result.err;
  ExpectMissed("rl-data", arguments);
}

TEST_F(EmulatedGpu, SlowTrains) {
  WriteFileAtomic(In("tiny.toml"), TinyRecipe(1, 1));
  ExpectWorks("rl-train", {In("tiny.toml"), "--quiet", "--out", In("run"), "--set",
                           "rl.max_new_tokens=4", "--set", "rl.overlong_buffer=4", "--set",
                           "eval.num_tasks=1", "--set", "eval.max_new_tokens=4"});
}

}  // namespace
}  // namespace agon
