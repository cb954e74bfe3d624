// Whole runs of a tiny recipe, in this process. tests/apps/rl_train_test.cc kills real ones.
#include "trainer/run.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "tests/tiny_recipe.h"
#include "tests/trainer/run_folder.h"
#include "tests/trainer/toy_env.h"
#include "trainer/run_directory.h"
#include "trainer/signature.h"

namespace agon::trainer {
namespace {

// Its prompts outgrow the model's context after as many as are looked at before a run.
class OutgrowingEnv : public ToyEnv {
 public:
  OutgrowingEnv() : ToyEnv("toy/outgrowing-v1", GradeLetter) {}
  envs::Task Get(envs::Split split, uint64_t seed, uint64_t index) const override {
    envs::Task task = ToyEnv::Get(split, seed, index);
    if (index >= kFirstTooLong) task.messages[0].content.append(600, 'x');
    return task;
  }

  static constexpr uint64_t kFirstTooLong = 1000000 + 256;  // RL's tasks begin at a million
};

std::unique_ptr<envs::Env> MakeOutgrowing(std::string_view) {
  return std::make_unique<OutgrowingEnv>();
}
const bool outgrowing_registered = envs::internal::Register("toy/outgrowing-v1", MakeOutgrowing);

const std::string kTiny = TinyRecipe(5, 2, "kl = \"k3\"\nkl_coef = 0.01\n");

class RunTest : public RunFolderTest {
 protected:
  RunTest() : RunFolderTest(kTiny) {}

  // A folder with the finished run of kTiny, which is trained once per process.
  void CopyFinished(const std::string& name) {
    static const fs::path finished = [this] {
      Train("finished");
      const fs::path kept = root_.string() + "-finished";
      fs::remove_all(kept);
      fs::rename(root_ / "finished", kept);
      return kept;
    }();
    fs::copy(finished, root_ / name, fs::copy_options::recursive);
  }

  static void TearDownTestSuite() { fs::remove_all(Root().string() + "-finished"); }

  // The text of the Error that a run ends in.
  std::string Failure(const std::string& name, bool resume, ErrorKind kind,
                      const std::vector<std::string>& overrides = {}) {
    try {
      Train(name, resume, overrides);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "the run went well";
    return "";
  }

  void ExpectSameResult(const std::string& a, const std::string& b) {
    for (const char* file :
         {"log.jsonl", "recipe.toml", "checkpoints/sft-000005/model.safetensors",
          "checkpoints/rl-000005/model.safetensors",
          "checkpoints/rl-000005/trainer_state/optimizer.safetensors", "eval/sft/results.json",
          "eval/rl/results.json", "eval/rl/samples.jsonl"}) {
      EXPECT_TRUE(ReadFile(root_ / a / file) == ReadFile(root_ / b / file)) << file;
    }
  }
};

TEST_F(RunTest, WritesWhatTheFormatPromises) {
  const std::string summary = Train("a");
  for (const char* file :
       {"recipe.toml", "log.jsonl", "timing.jsonl", "events.log", "report.html", "report.md",
        "results.json", "samples.jsonl", "eval/sft/results.json", "eval/rl/samples.jsonl",
        "checkpoints/rl-000005/tokenizer_config.json"}) {
    EXPECT_TRUE(fs::exists(root_ / "a" / file)) << file;
  }
  for (const char* part : {"memory: ", " reserved in rl, the most of all stages", "  activations ",
                           "the rest ", "eval sft", "eval rl", "pass@1", "paired by task",
                           "report.html", "rl-chat --model", "rl-000005"}) {
    EXPECT_NE(summary.find(part), std::string::npos) << part << " in\n" << summary;
  }
  std::istringstream lines(ReadFile(root_ / "a/log.jsonl"));
  std::string steps;
  bool trained = false;
  for (std::string line; std::getline(lines, line);) {
    const Json record = ParseJson(line, "log");
    steps += record["stage"].get<std::string>() + record["step"].dump() + " ";
    trained |= record["stage"] == "rl" && record["grad_norm"].get<double>() > 0;
  }
  EXPECT_EQ(steps, "sft1 sft2 sft3 sft4 sft5 rl1 rl2 rl3 rl4 rl5 ");
  EXPECT_TRUE(trained) << "no group had any variance: the tests of resuming would prove nothing";
}

// What a kill leaves: some checkpoints, a log that is ahead of them and torn at its end.
TEST_F(RunTest, AKilledRunGoesOnWithTheSameBits) {
  Train("b", false, {"run.save_every=1"});
  const auto kill_after = [&](const std::string& last_checkpoint) {
    fs::remove_all(root_ / "c");
    fs::copy(root_ / "b", root_ / "c", fs::copy_options::recursive);
    std::ofstream(root_ / "c/log.jsonl", std::ios::app) << "{\"stage\":\"rl\",\"st";
    for (const auto& entry : fs::directory_iterator(root_ / "b/checkpoints")) {
      const std::string name = entry.path().filename().string();
      if (name == last_checkpoint || name.starts_with("sft")) continue;
      fs::remove_all(root_ / "c/checkpoints" / name);
    }
    fs::remove_all(root_ / "c/eval/rl");
    Train("c", true, {"run.save_every=1"});
    ExpectSameResult("b", "c");
  };
  kill_after("rl-000004");
  kill_after("");  // in the first step of RL
}

TEST_F(RunTest, AValueModelGoesOnWithTheSameBits) {
  const std::vector<std::string> ppo = {"rl.advantage=gae", "run.save_every=2"};
  Train("d", false, ppo);
  fs::copy(root_ / "d", root_ / "e", fs::copy_options::recursive);
  fs::remove_all(root_ / "e/checkpoints/rl-000005");
  fs::remove_all(root_ / "e/eval/rl");
  Train("e", true, ppo);
  ExpectSameResult("d", "e");
  for (const char* file : {"value/model.safetensors", "value_optimizer.safetensors"}) {
    const fs::path state = fs::path("checkpoints/rl-000005/trainer_state") / file;
    EXPECT_TRUE(ReadFile(root_ / "d" / state) == ReadFile(root_ / "e" / state)) << file;
  }
  EXPECT_NE(ReadFile(root_ / "d/log.jsonl").find("explained_variance"), std::string::npos);
}

TEST_F(RunTest, RecomputeGivesTheSameBitsFromTheStartAndHalfWay) {
  CopyFinished("a");
  CopyFinished("b");
  fs::remove_all(root_ / "b/checkpoints/rl-000005");
  fs::remove_all(root_ / "b/eval/rl");
  for (const bool resumes : {true, false}) {
    const std::string name = resumes ? "b" : "c";
    Train(name, resumes, {"run.recompute=layer"});
    fs::copy_file(root_ / "a/recipe.toml", root_ / name / "recipe.toml",
                  fs::copy_options::overwrite_existing);  // where alone it shows
    ExpectSameResult("a", name);
  }
}

TEST_F(RunTest, ResumingBeforeTheFirstCheckpointStartsAnew) {
  CopyFinished("a");
  CopyFinished("b");
  fs::remove_all(root_ / "b/checkpoints");
  fs::remove_all(root_ / "b/eval");
  Train("b", true);
  ExpectSameResult("a", "b");
  Train("c", true);  // nothing there at all
  ExpectSameResult("a", "c");
}

TEST_F(RunTest, AFinishedRunOnlyWritesItsReportAgain) {
  CopyFinished("a");
  const auto time = fs::last_write_time(root_ / "a/checkpoints/rl-000005/model.safetensors");
  fs::remove(root_ / "a/report.html");
  const std::string summary = Train("a", true);
  EXPECT_NE(summary.find("earlier"), std::string::npos) << summary;
  EXPECT_TRUE(fs::exists(root_ / "a/report.html"));
  EXPECT_EQ(fs::last_write_time(root_ / "a/checkpoints/rl-000005/model.safetensors"), time);
}

TEST_F(RunTest, ADamagedEvaluationIsDoneAgain) {
  CopyFinished("a");
  const std::string before = ReadFile(root_ / "a/eval/sft/samples.jsonl");
  WriteFileAtomic(root_ / "a/eval/sft/samples.jsonl", before.substr(0, before.size() / 2));
  Train("a", true);
  EXPECT_EQ(ReadFile(root_ / "a/eval/sft/samples.jsonl"), before);
}

TEST_F(RunTest, AStopSavesAndSaysHowToGoOn) {
  CopyFinished("a");
  std::thread signal([&] {
    std::error_code absent;
    while (!(fs::file_size(root_ / "b/log.jsonl", absent) > 0 && !absent)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    RequestStop();
  });
  const std::string message = Failure("b", false, ErrorKind::kInterrupted);
  signal.join();
  EXPECT_NE(message.find("rl-train tiny.toml --resume"), std::string::npos) << message;
  EXPECT_FALSE(fs::is_empty(root_ / "b/checkpoints"));
  Train("b", true);
  ExpectSameResult("a", "b");
}

TEST_F(RunTest, APromptThatIsTooLongMidwayIsNamedAndNothingIsLost) {
  ASSERT_TRUE(outgrowing_registered);
  const std::vector<std::string> overrides = {"rl.env=toy/outgrowing", "rl.tasks_per_step=130",
                                              "rl.group_size=2",       "rl.max_new_tokens=2",
                                              "rl.overlong=zero",      "run.save_every=1"};
  const std::string message = Failure("a", false, ErrorKind::kUsage, overrides);
  for (const char* part : {"rl step 2", "toy/outgrowing-v1 train task 1000256", "context of 512"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
  const fs::path weights = root_ / "a/checkpoints/rl-000001/model.safetensors";
  const std::string log = ReadFile(root_ / "a/log.jsonl"), saved = ReadFile(weights);
  EXPECT_NE(log.find("{\"stage\":\"rl\",\"step\":1,"), std::string::npos) << log;
  EXPECT_EQ(log.find("{\"stage\":\"rl\",\"step\":2,"), std::string::npos) << log;
  EXPECT_EQ(Failure("a", true, ErrorKind::kUsage, overrides), message);
  EXPECT_EQ(ReadFile(root_ / "a/log.jsonl"), log);
  EXPECT_EQ(ReadFile(weights), saved);
}

TEST_F(RunTest, RefusesAFolderThatIsntEmpty) {
  fs::create_directories(root_ / "a");
  WriteFileAtomic(root_ / "a/notes.txt", "mine");
  const std::string message = Failure("a", false, ErrorKind::kUsage);
  EXPECT_NE(message.find("--resume"), std::string::npos) << message;
  EXPECT_EQ(ReadFile(root_ / "a/notes.txt"), "mine");
  EXPECT_FALSE(fs::exists(root_ / "a/recipe.toml"));
}

TEST_F(RunTest, RefusesAChangedRecipe) {
  CopyFinished("a");
  const std::string message =
      Failure("a", true, ErrorKind::kUsage, {"rl.group_size=8", "run.threads=2"});
  EXPECT_NE(message.find("rl.group_size (8, was 4)"), std::string::npos) << message;
  EXPECT_EQ(message.find("threads"), std::string::npos) << message;
}

TEST_F(RunTest, RefusesASecondProcess) {
  const Recipe recipe = ParseRecipe(kTiny, "tiny");
  const RunDirectory first(root_ / "a", recipe, false);
  const std::string message = Failure("a", true, ErrorKind::kUsage);
  EXPECT_NE(message.find("another process"), std::string::npos) << message;
}

TEST_F(RunTest, ARunWithOneStageHasNothingToCompare) {
  const std::string summary = Train("a", false, {"rl.num_steps=0"});
  EXPECT_EQ(summary.find("paired"), std::string::npos) << summary;
  EXPECT_NE(summary.find("sft-000005"), std::string::npos) << summary;
  const Json results = ReadJson((root_ / "a/results.json").string());
  EXPECT_TRUE(results["comparisons"].empty());
}

TEST_F(RunTest, PretrainsOnItsOwnCorpus) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += "{\"text\": \"Line " + std::to_string(i * i) + " of a text about the number " +
            std::to_string(i) + ", which is followed by its successor.\"}\n";
  }
  WriteFileAtomic(root_ / "lines.jsonl", text);
  const std::vector<std::string> overrides = {
      "data.sources=[\"lines=jsonl:" + (root_ / "lines.jsonl").string() + "\"]",
      "data.vocab_size=300",
      "data.val_fraction=0.1",
      "pretrain.num_steps=3",
      "pretrain.tokens_per_step=256",
      "pretrain.max_tokens=64",
      "sft.num_steps=1",
      "rl.num_steps=0"};
  const std::string summary = Train("a", false, overrides);
  EXPECT_NE(summary.find("vocabulary 300"), std::string::npos) << summary;
  EXPECT_NE(summary.find("val_bpb"), std::string::npos) << summary;
  EXPECT_TRUE(fs::exists(root_ / "a/checkpoints/pretrain-000003/model.safetensors"));
  // A kill between the stages: the corpus and pretraining are there, SFT isn't.
  const std::string log = ReadFile(root_ / "a/log.jsonl");
  fs::remove_all(root_ / "a/checkpoints/sft-000001");
  fs::remove_all(root_ / "a/eval");
  Train("a", true, overrides);
  EXPECT_EQ(ReadFile(root_ / "a/log.jsonl"), log);
}

TEST_F(RunTest, AMissingSourceIsNamed) {
  const std::string message = Failure("a", false, ErrorKind::kNotFound,
                                      {"data.sources=[\"mine=text:/nonexistent/*.txt\"]",
                                       "data.vocab_size=300", "pretrain.num_steps=1"});
  EXPECT_NE(message.find("/nonexistent/*.txt"), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(root_ / "a/corpus"));
}

TEST_F(RunTest, TheSignatureIsStable) { EXPECT_EQ(TrainingSignature(), TrainingSignature()); }

}  // namespace
}  // namespace agon::trainer
