#include "serve/local_model.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace agon::serve {
namespace {

// What an engine asks of its policy.
policy::Workload Asked(const EngineOptions& options) {
  return {.batch_tokens = options.score_tokens,
          .decoded_rows = options.max_rows,
          .context_tokens = options.context_tokens,
          .num_top = kMaxTop};
}

}  // namespace

LocalModel::LocalModel(const std::filesystem::path& dir, EngineOptions options,
                       const policy::Device& device)
    : LocalModel({LoadModelDirectory(dir, device, Asked(options)), ModelIdentity(dir, device)},
                 std::move(options)) {}

LocalModel::LocalModel(std::pair<ModelDirectory, std::string> loaded, EngineOptions options)
    : LocalModel(std::move(loaded.first.policy), std::move(loaded.first.tokenizer),
                 std::move(loaded.second), std::move(options)) {}

LocalModel::LocalModel(std::unique_ptr<policy::Policy> policy, datasets::Tokenizer tokenizer,
                       std::string identity, EngineOptions options)
    : name_(options.name), identity_(std::move(identity)), tokenizer_(std::move(tokenizer)) {
  const bool has_chat = tokenizer_.SpecialId("<|im_start|>") &&
                        tokenizer_.SpecialId("<|im_end|>") && tokenizer_.SpecialId("<|endoftext|>");
  if (has_chat) chat_.emplace(tokenizer_);
  for (const char* token : {"<|im_end|>", "<|endoftext|>"}) {
    if (const auto id = tokenizer_.SpecialId(token)) stop_token_ids_.push_back(*id);
  }
  // A model made elsewhere may end with another token.
  const int32_t eos = policy->config().eos_token_id;
  const bool is_token = eos >= 0 && eos < tokenizer_.vocab_size();
  if (stop_token_ids_.empty() && is_token && tokenizer_.IsSpecial(eos)) {
    stop_token_ids_.push_back(eos);
  }
  engine_ = std::make_unique<Engine>(std::move(policy), std::move(options));
}

const datasets::ChatTemplate& LocalModel::RequireChat() const {
  if (chat_) return *chat_;
  throw Error(ErrorKind::kUnsupported, "the model has no chat tokens", name_,
              "give it a plain prompt");
}

std::vector<int32_t> LocalModel::EncodeText(std::string_view text) const {
  std::vector<int32_t> tokens = tokenizer_.Encode(text);
  // The last of them ends a document, and so begins the next.
  if (tokens.empty() && !stop_token_ids_.empty()) tokens.push_back(stop_token_ids_.back());
  return tokens;
}

bool LocalModel::IsStop(int32_t token) const {
  return std::find(stop_token_ids_.begin(), stop_token_ids_.end(), token) != stop_token_ids_.end();
}

std::string LocalModel::Decode(const std::vector<int32_t>& tokens) const {
  std::string bytes;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool ends = i + 1 == tokens.size() && IsStop(tokens[i]);
    if (!ends) bytes += Bytes(tokens[i]);
  }
  return bytes;
}

}  // namespace agon::serve
