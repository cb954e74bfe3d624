#include "policy/hf_config.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace agon::policy {
namespace {

int ReadInt(const Json& json, const char* key, int64_t low, int64_t high,
            const std::string& where) {
  const auto value = JsonField<int64_t>(json, key, where);
  if (value < low || value > high) {
    throw Error(ErrorKind::kCorrupt,
                std::string("field \"") + key + "\" is " + std::to_string(value) + ", expected " +
                    std::to_string(low) + " to " + std::to_string(high),
                where);
  }
  return static_cast<int>(value);
}

void CheckSupported(const Json& json, const ModelConfig& c, const std::string& where) {
  const auto unsupported = [&](const std::string& what) {
    throw Error(ErrorKind::kUnsupported, what, where,
                "Qwen3 models with tied embeddings, head sizes 32, 64 or 128 and widths that are "
                "multiples of 32 can be loaded");
  };
  if (json.value("model_type", "") != "qwen3") {
    unsupported("model_type \"" + json.value("model_type", "") + "\"");
  }
  if (!json.value("tie_word_embeddings", false)) unsupported("an untied head");
  if (json.contains("rope_scaling") && !json["rope_scaling"].is_null()) {
    unsupported("rotary scaling");
  }
  if (json.value("attention_bias", false)) unsupported("attention biases");
  if (c.head_dim != 32 && c.head_dim != 64 && c.head_dim != 128) {
    unsupported("head_dim " + std::to_string(c.head_dim));
  }
  if (c.hidden_size % 32 || c.intermediate_size % 32) unsupported("a width off multiples of 32");
  if (c.num_heads % c.num_kv_heads) unsupported("query heads that don't divide among kv heads");
}

// Whether the model ends in a head for one score.
bool IsRewardModel(const Json& json, const std::string& where) {
  const Json architectures = json.value("architectures", Json::array());
  if (!architectures.is_array() || architectures.empty() || !architectures[0].is_string() ||
      !architectures[0].get<std::string>().ends_with("ForSequenceClassification")) {
    return false;
  }
  const size_t labels = json.contains("id2label") ? json["id2label"].size() : 2;
  if (labels == 1) return true;
  throw Error(ErrorKind::kUnsupported, "a classifier of " + std::to_string(labels) + " labels",
              where, "reward models have one");
}

}  // namespace

void WriteConfig(const std::filesystem::path& dir, const ModelConfig& c) {
  const char* architecture =
      c.has_score_head ? "Qwen3ForSequenceClassification" : "Qwen3ForCausalLM";
  Json config = {{"architectures", {architecture}},
                 {"model_type", "qwen3"},
                 {"vocab_size", c.vocab_size},
                 {"hidden_size", c.hidden_size},
                 {"num_hidden_layers", c.num_layers},
                 {"num_attention_heads", c.num_heads},
                 {"num_key_value_heads", c.num_kv_heads},
                 {"head_dim", c.head_dim},
                 {"intermediate_size", c.intermediate_size},
                 {"max_position_embeddings", c.max_positions},
                 {"rope_theta", c.rope_theta},
                 {"rms_norm_eps", c.rms_norm_eps},
                 {"hidden_act", "silu"},
                 {"attention_bias", false},
                 {"attention_dropout", 0.0},
                 {"tie_word_embeddings", true},
                 {"use_cache", true},
                 {"eos_token_id", c.eos_token_id},
                 {"torch_dtype", "float32"}};
  if (c.has_score_head) {
    config["id2label"] = {{"0", "reward"}};
    config["label2id"] = {{"reward", 0}};
    config["problem_type"] = "regression";
  }
  WriteFileAtomic(dir / "config.json", config.dump(2) + "\n");
  const Json generation = {
      {"eos_token_id", c.eos_token_id}, {"do_sample", true}, {"temperature", 1.0}};
  WriteFileAtomic(dir / "generation_config.json", generation.dump(2) + "\n");
}

ModelConfig ReadConfig(const std::filesystem::path& dir) {
  const std::string where = (dir / "config.json").string();
  const Json json = ReadJson(where);
  if (!json.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
  ModelConfig c;
  c.vocab_size = ReadInt(json, "vocab_size", 1, 1 << 22, where);
  c.hidden_size = ReadInt(json, "hidden_size", 32, 1 << 16, where);
  c.num_layers = ReadInt(json, "num_hidden_layers", 1, 1024, where);
  c.num_heads = ReadInt(json, "num_attention_heads", 1, 1024, where);
  c.num_kv_heads = ReadInt(json, "num_key_value_heads", 1, 1024, where);
  c.head_dim = ReadInt(json, "head_dim", 1, 1024, where);
  c.intermediate_size = ReadInt(json, "intermediate_size", 32, 1 << 18, where);
  c.max_positions = ReadInt(json, "max_position_embeddings", 1, 1 << 22, where);
  c.rope_theta = static_cast<float>(JsonField<double>(json, "rope_theta", where));
  c.rms_norm_eps = static_cast<float>(JsonField<double>(json, "rms_norm_eps", where));
  if (json.contains("eos_token_id") && json["eos_token_id"].is_number_integer()) {
    c.eos_token_id = json["eos_token_id"].get<int32_t>();
  }
  CheckSupported(json, c, where);
  c.has_score_head = IsRewardModel(json, where);
  return c;
}

}  // namespace agon::policy
