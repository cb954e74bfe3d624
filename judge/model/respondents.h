// Who answers a model judge: text from any completer, log-probabilities from a checkpoint here.
#pragma once

#include <filesystem>
#include <memory>

#include "judge/model/respondent.h"
#include "policy/policy.h"
#include "serve/completer.h"

namespace agon::judge {

// Replies only.
std::shared_ptr<Respondent> MakeTextRespondent(std::unique_ptr<serve::Completer> completer);

// AnswerLogprobs only, of a model directory. Throws as serve::LoadModelDirectory does.
std::shared_ptr<Respondent> MakeLogprobRespondent(const std::filesystem::path& dir,
                                                  const policy::Device& device);

}  // namespace agon::judge
