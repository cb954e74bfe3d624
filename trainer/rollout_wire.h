// Groups of rollouts from rank to rank.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/pack.h"

namespace agon::trainer {

// What training needs of each rollout: tokens, masks, log-probabilities, what ended it, its
// rewards. Of the outcome only this seat's reward and whether it is masked stay; task and text
// don't travel.
std::string EncodeGroups(std::span<const Group> groups);
// Throws Error(kCorrupt).
std::vector<Group> DecodeGroups(std::string_view bytes);

}  // namespace agon::trainer
