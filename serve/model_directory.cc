#include "serve/model_directory.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "core/digest.h"
#include "core/error.h"
#include "core/json.h"

namespace agon::serve {
namespace {

// As Hugging Face keeps it: a key of tokenizer_config.json, or a file of its own.
bool HasTemplate(const std::filesystem::path& dir) {
  if (std::filesystem::exists(dir / "chat_template.jinja")) return true;
  const std::filesystem::path config = dir / "tokenizer_config.json";
  if (!std::filesystem::exists(config)) return false;
  return ReadJson(config.string()).contains("chat_template");
}

}  // namespace

datasets::Tokenizer LoadTokenizerOf(const std::filesystem::path& dir,
                                    const policy::ModelConfig& model) {
  const std::filesystem::path file = dir / "tokenizer.json";
  datasets::Tokenizer tokenizer = datasets::Tokenizer::Load(file);
  if (tokenizer.vocab_size() > model.vocab_size) {
    throw Error(ErrorKind::kCorrupt,
                "the tokenizer has " + std::to_string(tokenizer.vocab_size()) + " ids, the model " +
                    std::to_string(model.vocab_size),
                file.string(), "use the tokenizer that the model was trained with");
  }
  return tokenizer;
}

ModelDirectory LoadModelDirectory(const std::filesystem::path& dir, const policy::Device& device,
                                  const std::optional<policy::Workload>& workload) {
  auto loaded = policy::Policy::Load(dir, policy::ComputeType::kAuto, device,
                                     policy::Head::kLanguage, workload);
  datasets::Tokenizer tokenizer = LoadTokenizerOf(dir, loaded->config());
  ModelDirectory model{std::move(loaded), std::move(tokenizer), false};
  model.is_chat_model = model.tokenizer.SpecialId("<|im_start|>").has_value() && HasTemplate(dir);
  return model;
}

std::string HashModelDirectory(const std::filesystem::path& dir) {
  std::string digests;
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"}) {
    digests += Sha256OfFile(dir / name);
  }
  return Sha256(digests).substr(0, 16);
}

std::string ModelIdentity(const std::filesystem::path& dir, const policy::Device& device) {
  std::string arithmetic = policy::ArithmeticName(policy::ComputeType::kAuto, device);
  const auto is_odd = [](unsigned char c) { return !std::isalnum(c); };
  std::replace_if(arithmetic.begin(), arithmetic.end(), is_odd, '-');
  return HashModelDirectory(dir) + "-" + arithmetic;
}

}  // namespace agon::serve
