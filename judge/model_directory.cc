#include "judge/model_directory.h"

#include <string>

#include "core/error.h"

namespace agon::judge {

ModelDirectory LoadModelDirectory(const std::filesystem::path& dir) {
  const std::filesystem::path tokenizer_file = dir / "tokenizer.json";
  ModelDirectory model{policy::Policy::Load(dir), datasets::Tokenizer::Load(tokenizer_file)};
  // A model may have spare rows (a padded vocabulary), never too few.
  const int rows = model.policy->config().vocab_size;
  if (model.tokenizer.vocab_size() > rows) {
    throw Error(ErrorKind::kCorrupt,
                "the tokenizer has " + std::to_string(model.tokenizer.vocab_size()) +
                    " ids, the model " + std::to_string(rows),
                tokenizer_file.string(), "use the tokenizer that the model was trained with");
  }
  return model;
}

}  // namespace agon::judge
