#include "serve/model_directory.h"

#include <algorithm>
#include <cctype>
#include <string>

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

ModelDirectory LoadModelDirectory(const std::filesystem::path& dir, const policy::Device& device,
                                  const std::optional<policy::Workload>& workload) {
  const std::filesystem::path tokenizer_file = dir / "tokenizer.json";
  ModelDirectory model{policy::Policy::Load(dir, policy::ComputeType::kAuto, device,
                                            policy::Head::kLanguage, workload),
                       datasets::Tokenizer::Load(tokenizer_file), false};
  // A model may have spare rows (a padded vocabulary), never too few.
  const int rows = model.policy->config().vocab_size;
  if (model.tokenizer.vocab_size() > rows) {
    throw Error(ErrorKind::kCorrupt,
                "the tokenizer has " + std::to_string(model.tokenizer.vocab_size()) +
                    " ids, the model " + std::to_string(rows),
                tokenizer_file.string(), "use the tokenizer that the model was trained with");
  }
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
