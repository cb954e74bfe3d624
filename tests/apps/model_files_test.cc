// Model directories that are missing, cut short or garbled: a clear error that names the
// file, exit status 1, never a crash.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>

#include "core/json.h"
#include "tests/apps/command.h"
#include "tests/apps/tiny_model.h"

namespace agon {
namespace {

class ModelFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = fs::path(::testing::TempDir()) / ("agon_model_" + std::to_string(::getpid()));
    SaveTinyModel(model_);
  }
  void TearDown() override { fs::remove_all(model_); }

  CommandResult Chat() const {
    return RunCommand("rl-chat", {"--model", model_.string(), "--max-tokens", "4"}, "hi\n");
  }

  void ExpectRefused(const std::string& file) const {
    const CommandResult result = Chat();
    EXPECT_EQ(result.exit_status, 1) << result.err;
    EXPECT_EQ(result.err.rfind("error: ", 0), 0u) << result.err;
    EXPECT_NE(result.err.find((model_ / file).string()), std::string::npos) << result.err;
  }

  std::string Bytes(const std::string& file) const { return ReadFile(model_ / file); }
  void Replace(const std::string& file, const std::string& bytes) const {
    WriteFileAtomic(model_ / file, bytes);
  }
  void EditJson(const std::string& file, const std::function<void(Json&)>& edit) const {
    Json json = ReadJson((model_ / file).string());
    edit(json);
    Replace(file, json.dump());
  }

  fs::path model_;
};

TEST_F(ModelFilesTest, AWholeModelTalks) {
  const CommandResult result = Chat();
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.err.find("error:"), std::string::npos) << result.err;
}

TEST_F(ModelFilesTest, AMissingDirectoryIsNamed) {
  fs::remove_all(model_);
  ExpectRefused("");
}

TEST_F(ModelFilesTest, EachMissingFileIsNamed) {
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json"}) {
    const std::string bytes = Bytes(file);
    fs::remove(model_ / file);
    ExpectRefused(file);
    Replace(file, bytes);
  }
}

TEST_F(ModelFilesTest, EachFileCutShortIsNamed) {
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json"}) {
    const std::string bytes = Bytes(file);
    for (size_t size : {size_t{0}, size_t{5}, bytes.size() / 2, bytes.size() - 2}) {
      SCOPED_TRACE(std::string(file) + " of " + std::to_string(size) + " bytes");
      Replace(file, bytes.substr(0, size));
      ExpectRefused(file);
    }
    Replace(file, bytes);
  }
}

TEST_F(ModelFilesTest, GarbledWeightsAreRefused) {
  const std::string bytes = Bytes("model.safetensors");
  std::string huge_header = bytes;
  std::memset(huge_header.data(), 0xff, 8);
  Replace("model.safetensors", huge_header);
  ExpectRefused("model.safetensors");
  std::string broken_json = bytes;
  broken_json[8] = '[';
  Replace("model.safetensors", broken_json);
  ExpectRefused("model.safetensors");
  std::string renamed = bytes;
  renamed.replace(renamed.find("embed_tokens"), 5, "xmbed");
  Replace("model.safetensors", renamed);
  ExpectRefused("model.safetensors");
}

TEST_F(ModelFilesTest, AConfigurationOutOfRangeIsRefused) {
  const std::string bytes = Bytes("config.json");
  const std::pair<const char*, Json> edits[] = {
      {"hidden_size", 0},          {"hidden_size", -32},
      {"hidden_size", "64"},       {"hidden_size", 1099511627776},
      {"num_hidden_layers", -1},   {"num_hidden_layers", 2000000000},
      {"num_attention_heads", 0},  {"num_key_value_heads", 3},
      {"vocab_size", 2000000000},  {"head_dim", 7},
      {"intermediate_size", 1e30},
  };
  for (const auto& [key, value] : edits) {
    SCOPED_TRACE(std::string(key) + " = " + value.dump());
    EditJson("config.json", [&](Json& config) { config[key] = value; });
    const CommandResult result = Chat();
    EXPECT_EQ(result.exit_status, 1) << result.err;
    EXPECT_EQ(result.err.rfind("error: ", 0), 0u) << result.err;
    Replace("config.json", bytes);
  }
}

TEST_F(ModelFilesTest, AnotherArchitectureIsNotMisread) {
  EditJson("config.json", [](Json& config) {
    config["architectures"] = {"GPT2LMHeadModel"};
    config["model_type"] = "gpt2";
  });
  ExpectRefused("config.json");
}

TEST_F(ModelFilesTest, GarbledTokenizersAreRefused) {
  const std::string bytes = Bytes("tokenizer.json");
  const std::function<void(Json&)> edits[] = {
      [](Json& json) { json = Json::array(); },
      [](Json& json) { json["model"]["type"] = "Unigram"; },
      [](Json& json) { json["model"]["vocab"] = 7; },
      [](Json& json) { json["model"]["vocab"]["A"] = 1000000000; },
      [](Json& json) { json["model"]["vocab"]["A"] = -1; },
      [](Json& json) { json["model"]["merges"] = {"no-space"}; },
      [](Json& json) { json["model"]["merges"] = {"A Unknown"}; },
      [](Json& json) {
        json["added_tokens"] = {{{"id", "x"}, {"content", 5}}};
      },
  };
  for (size_t i = 0; i < std::size(edits); ++i) {
    SCOPED_TRACE("edit " + std::to_string(i));
    EditJson("tokenizer.json", edits[i]);
    ExpectRefused("tokenizer.json");
    Replace("tokenizer.json", bytes);
  }
}

TEST_F(ModelFilesTest, ATokenizerOfAnotherModelIsRefused) {
  const auto tokenizer = datasets::Tokenizer::FromMerges({{'a', 'b'}, {'c', 'd'}, {'e', 'f'}},
                                                         datasets::ChatSpecialTokens());
  tokenizer.Save(model_ / "tokenizer.json");
  ExpectRefused("tokenizer.json");
}

TEST_F(ModelFilesTest, EvalNamesTheBaselineThatIsMissing) {
  const std::string out = (model_ / "report").string();
  const CommandResult result =
      RunCommand("rl-eval", {"--model", model_.string(), "--compare", "/no/such/model", "--suite",
                             "math/shop", "--tasks", "2", "--out", out});
  EXPECT_EQ(result.exit_status, 1) << result.err;
  EXPECT_NE(result.err.find("/no/such/model"), std::string::npos) << result.err;
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(ModelFilesTest, EvalSuggestsTheNearestSuite) {
  const CommandResult result = RunCommand(
      "rl-eval",
      {"--model", model_.string(), "--suite", "math/shp", "--out", (model_ / "report").string()});
  EXPECT_EQ(result.exit_status, 2) << result.err;
  EXPECT_NE(result.err.find("math/shop"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace agon
