// A model directory that is loaded and runs: its engine, tokenizer and chat template.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/message.h"
#include "datasets/chat.h"
#include "datasets/tokenizer.h"
#include "serve/engine.h"
#include "serve/model_directory.h"

namespace agon::serve {

// Thread-safe.
class LocalModel {
 public:
  // Throws what LoadModelDirectory throws. The engine's metrics are labelled options.name.
  LocalModel(const std::filesystem::path& dir, EngineOptions options,
             const policy::Device& device = {});
  // A policy that is there already, for tests. `identity` is what identity() says.
  LocalModel(std::unique_ptr<policy::Policy> policy, datasets::Tokenizer tokenizer,
             std::string identity, EngineOptions options);
  LocalModel(const LocalModel&) = delete;
  LocalModel& operator=(const LocalModel&) = delete;

  const std::string& name() const { return name_; }
  // ModelIdentity of the directory.
  const std::string& identity() const { return identity_; }
  const datasets::Tokenizer& tokenizer() const { return tokenizer_; }
  // Null for a tokenizer without ChatML's tokens.
  const datasets::ChatTemplate* chat() const { return chat_ ? &*chat_ : nullptr; }
  // The template, or kUnsupported with the model's name.
  const datasets::ChatTemplate& RequireChat() const;
  Engine& engine() { return *engine_; }

  // Plain text to go on from; of none, a document's beginning, if the model has one.
  std::vector<int32_t> EncodeText(std::string_view text) const;
  // Ids that end a completion: those that end a turn or a document.
  const std::vector<int32_t>& stop_token_ids() const { return stop_token_ids_; }
  bool IsStop(int32_t token) const;
  std::string_view Bytes(int32_t token) const { return tokenizer_.Bytes(token); }
  // Of sampled tokens, without the stop token that may end them.
  std::string Decode(const std::vector<int32_t>& tokens) const;

 private:
  LocalModel(std::pair<ModelDirectory, std::string> loaded, EngineOptions options);

  std::string name_, identity_;
  datasets::Tokenizer tokenizer_;
  std::optional<datasets::ChatTemplate> chat_;
  std::vector<int32_t> stop_token_ids_;
  std::unique_ptr<Engine> engine_;  // last: its thread ends first
};

}  // namespace agon::serve
