// Hugging Face directories: what is written can be read, what is damaged is refused.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "policy/safetensors.h"
#include "tests/policy/tiny_policy.h"

namespace agon::policy {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    policy_ = TinyPolicy(ComputeType::kAuto);
    policy_->Save(dir_);
  }

  // The error of loading, "" if it loads.
  std::string LoadError() const {
    try {
      Policy::Load(dir_);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }
  void EditConfig(const std::function<void(Json&)>& edit) const {
    Json config = ReadJson((dir_ / "config.json").string());
    edit(config);
    WriteFileAtomic(dir_ / "config.json", config.dump());
  }

  fs::path dir_;
  std::unique_ptr<Policy> policy_;
};

TEST_F(CheckpointTest, RoundTripsBitForBit) {
  const auto loaded = Policy::Load(dir_);
  EXPECT_EQ(loaded->config().NumParameters(), policy_->config().NumParameters());
  for (const std::string& name : policy_->TensorNames()) {
    const auto a = policy_->Weight(name), b = loaded->Weight(name);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << name;
  }
}

TEST_F(CheckpointTest, ParameterCountIsTheSumOfTheTensors) {
  int64_t sum = 0;
  for (const std::string& name : policy_->TensorNames()) {
    sum += static_cast<int64_t>(policy_->Weight(name).size());
  }
  EXPECT_EQ(sum, policy_->config().NumParameters());
}

TEST_F(CheckpointTest, ConfigIsAQwen3Config) {
  const Json config = ReadJson((dir_ / "config.json").string());
  EXPECT_EQ(config["architectures"][0], "Qwen3ForCausalLM");
  EXPECT_EQ(config["tie_word_embeddings"], true);
  EXPECT_EQ(config["head_dim"], 32);
}

TEST_F(CheckpointTest, MissingFilesAreNamed) {
  fs::remove(dir_ / "model.safetensors");
  EXPECT_NE(LoadError().find("model.safetensors"), std::string::npos);
  fs::remove(dir_ / "config.json");
  EXPECT_NE(LoadError().find("config.json"), std::string::npos);
}

TEST_F(CheckpointTest, EveryTruncationIsRefused) {
  const std::string bytes = ReadFile(dir_ / "model.safetensors");
  for (const double share : {0.0, 0.0001, 0.001, 0.01, 0.5, 0.999}) {
    const auto size = static_cast<size_t>(static_cast<double>(bytes.size()) * share);
    WriteFileAtomic(dir_ / "model.safetensors", bytes.substr(0, size));
    EXPECT_NE(LoadError(), "") << size;
  }
}

TEST_F(CheckpointTest, DamagedHeadersAreRefused) {
  const std::string bytes = ReadFile(dir_ / "model.safetensors");
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  const std::string header = bytes.substr(8, length), data = bytes.substr(8 + length);
  const auto load_with = [&](const std::string& changed) {
    std::string file(8, '\0');
    const uint64_t size = changed.size();
    std::memcpy(file.data(), &size, 8);
    WriteFileAtomic(dir_ / "model.safetensors", file + changed + data);
    return LoadError();
  };
  EXPECT_EQ(load_with(header), "");
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string changed = header;
    const size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos);
    return changed.replace(at, from.size(), to);
  };
  EXPECT_NE(load_with(replaced("[75,64]", "[-75,64]")).find("embed_tokens"), std::string::npos);
  EXPECT_NE(load_with(replaced("[75,64]", "[75,9223372036854775807]")), "");
  EXPECT_NE(load_with(replaced("[75,64]", "[64,75]")).find("config.json asks"), std::string::npos);
  EXPECT_NE(load_with(replaced("\"F32\"", "\"I64\"")), "");
  EXPECT_NE(load_with(replaced("\"data_offsets\":[0,", "\"data_offsets\":[64,")), "");
  EXPECT_NE(load_with("[]"), "");
  EXPECT_NE(load_with("{"), "");
  EXPECT_NE(load_with(std::string(1000, '[')), "");
}

TEST_F(CheckpointTest, ConfigsWeCannotRunAreRefusedByName) {
  const std::pair<const char*, Json> bad[] = {
      {"model_type", "llama"},    {"head_dim", 48},
      {"num_key_value_heads", 3}, {"hidden_size", 33},
      {"vocab_size", -1},         {"num_hidden_layers", "two"},
      {"hidden_size", 1 << 30},   {"rope_scaling", {{"type", "yarn"}}},
      {"attention_bias", true}};
  for (const auto& [key, value] : bad) {
    policy_->Save(dir_);
    EditConfig([&, k = key, v = value](Json& config) { config[k] = v; });
    EXPECT_NE(LoadError(), "") << key;
  }
}

TEST_F(CheckpointTest, APolicyThatIsntTrainedHasNoGradients) {
  policy_->Save(dir_);
  const auto loaded = Policy::Load(dir_, ComputeType::kFloat32);
  const auto bytes = [&](std::string_view purpose) {
    for (const MemoryUse& use : loaded->Memory()) {
      if (use.purpose == purpose) return use.bytes;
    }
    return int64_t{0};
  };
  const Prompt prompt{.tokens = {1, 2, 3}, .max_new_tokens = 4};
  loaded->Generate({&prompt, 1}, {}, {.run_seed = 1, .stream = RngStream::kSample});
  PackedBatch batch;
  AppendSequence({1, 2, 3, 4}, 1, batch);
  loaded->Score(batch);
  EXPECT_EQ(bytes("gradients (fp32)"), 0);
  EXPECT_EQ(bytes("head's gradient"), 0);
  loaded->Backward(std::vector<float>(batch.rows.size(), 1.0f));
  EXPECT_GE(bytes("gradients (fp32)"), 4 * TinyConfig().NumParameters());
}

TEST(ArithmeticNameTest, AutoIsWhatAPolicyComputesIn) {
  EXPECT_EQ(ArithmeticName(ComputeType::kFloat32, {}), "fp32");
  EXPECT_EQ(ArithmeticName(ComputeType::kAuto, {Device::Kind::kCuda, 99}), "bf16 on cuda");
  const auto policy = Policy::Create(TinyConfig(), ComputeType::kAuto, 1);
  EXPECT_EQ(ArithmeticName(ComputeType::kAuto, {}),
            ArithmeticName(policy->compute(), policy->device()));
}

TEST_F(CheckpointTest, ReadsBf16AndF16) {
  // 1.5 and -2 in both; 2^-24 is F16's smallest positive number.
  const auto write = [&](const std::string& dtype, const std::vector<uint16_t>& values) {
    const std::string header = "{\"x\":{\"dtype\":\"" + dtype + "\",\"shape\":[" +
                               std::to_string(values.size()) + "],\"data_offsets\":[0," +
                               std::to_string(values.size() * 2) + "]}}";
    std::string file(8, '\0');
    const uint64_t size = header.size();
    std::memcpy(file.data(), &size, 8);
    file += header;
    file.append(reinterpret_cast<const char*>(values.data()), values.size() * 2);
    WriteFileAtomic(dir_ / "x.safetensors", file);
    std::vector<float> out(values.size());
    SafetensorsFile(dir_ / "x.safetensors").Read("x", {static_cast<int64_t>(values.size())}, out);
    return out;
  };
  EXPECT_EQ(write("BF16", {0x3fc0, 0xc000}), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(write("F16", {0x3e00, 0xc000, 0x0001, 0x8001}),
            (std::vector<float>{1.5f, -2.0f, 0x1p-24f, -0x1p-24f}));
}

}  // namespace
}  // namespace agon::policy
