// A model that plays the other seats of a game.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "judge/rollout.h"
#include "serve/model_directory.h"

namespace agon::judge {

class FrozenOpponent {
 public:
  // Loads a model directory to where the policy computes; "": nobody, the policy plays every seat.
  // At most `max_rows` of its seats decode at once.
  FrozenOpponent(const std::string& dir, const policy::Device& device, int max_rows) {
    if (dir.empty()) return;
    model_.emplace(serve::LoadModelDirectory(dir, device, Asked(max_rows)));
    chat_.emplace(model_->tokenizer);
  }

  // What is asked of it.
  static policy::Workload Asked(int max_rows) { return {.decoded_rows = max_rows}; }

  std::optional<Player> get() const {
    if (!model_) return std::nullopt;
    return Player{model_->policy.get(), &*chat_};
  }

 private:
  std::optional<serve::ModelDirectory> model_;
  std::optional<datasets::ChatTemplate> chat_;
};

}  // namespace agon::judge
