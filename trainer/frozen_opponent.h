// Who plays the other seats of a game while the policy learns.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "judge/model_directory.h"
#include "judge/rollout.h"

namespace agon::trainer {

class FrozenOpponent {
 public:
  // Loads a model directory; "": nobody, the policy plays every seat.
  explicit FrozenOpponent(const std::string& dir) {
    if (dir.empty()) return;
    model_.emplace(judge::LoadModelDirectory(dir));
    chat_.emplace(model_->tokenizer);
  }

  std::optional<judge::Player> get() const {
    if (!model_) return std::nullopt;
    return judge::Player{model_->policy.get(), &*chat_};
  }

 private:
  std::optional<judge::ModelDirectory> model_;
  std::optional<datasets::ChatTemplate> chat_;
};

}  // namespace agon::trainer
