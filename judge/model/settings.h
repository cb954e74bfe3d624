// The settings of a model judge, from parentheses behind its name or from a TOML file
// (docs/formats/judge.md).
#pragma once

#include <string>

#include "core/config.h"
#include "judge/judge.h"
#include "judge/model/judge_template.h"

namespace agon::judge {

struct ModelJudgeSettings {
  std::string model;  // "model:DIR" or "endpoint:URL#NAME"
  VerdictStyle style = VerdictStyle::kText;
  float temperature = 0;
  int max_tokens = 1024;
  uint64_t seed = 0;
  std::string cache;  // file, "" for none
  int timeout_ms = 60000, retries = 4, max_concurrent = 16;
  // "" keeps the built-in text of the style; 0 its highest rating.
  std::string system, score, score_reference, compare, compare_reference;
  int highest = 0;
};

// Every setting, bound to `settings`.
ConfigTable SettingsTable(ModelJudgeSettings& settings);

// The judge that `settings` describe; a checkpoint computes on `device`. Throws as MakeJudge does.
std::shared_ptr<const Judge> MakeModelJudgeFrom(const std::string& name,
                                                const ModelJudgeSettings& settings,
                                                const policy::Device& device);

}  // namespace agon::judge
