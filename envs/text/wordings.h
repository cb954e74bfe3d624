// Ways to ask one thing, split so that a way of asking in one split is in no other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/rng.h"
#include "envs/env.h"

namespace agon::envs {

// One of `cores` ("Where was {} born?") in a frame ("Excuse me: ... Thanks."). Six of eight pairs
// of core and frame are the train split's, one is val's and one test's; each core and each frame is
// in every split, so that a test asks in ways that were never seen, of words that were.
std::string DrawWording(Rng& rng, Split split, std::span<const std::string_view> cores);

// How many wordings the splits have together.
int64_t NumWordings(size_t num_cores);

// `text` with `value` in place of its first "{}". REQUIRES: it has one.
std::string Filled(std::string_view text, std::string_view value);

// First names that people have, each once.
std::span<const std::string_view> FirstNames();

}  // namespace agon::envs
