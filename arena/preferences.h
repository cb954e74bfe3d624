// Votes as preference pairs: what the next reward model is trained on.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "arena/arena.h"

namespace agon::arena {

struct PreferenceOptions {
  std::string source = "vote";   // who preferred: "vote", "judge" or "grader"
  double outlier_alpha = 0.001;  // as LeaderboardOptions has it; 0: no voter is left out
};

struct PreferenceCounts {
  int64_t num_pairs = 0, num_prompts = 0;
  // Why verdicts make no pair ("a tie"), and how many; each verdict counts once.
  std::vector<std::pair<std::string, int64_t>> left_out;
};

// JSON lines in TRL's form with chat messages (docs/formats/preferences.md), in the order of the
// log, with a vote's weight (DwellWeight) where it isn't 1. The prompt goes to where both sides
// first said different things; chosen and rejected are the rest of their conversations. Left out
// are ties, votes of weight 0 and of voters whom a leaderboard of votes alone sets aside, and
// conversations with a reply that was cut, or that are the same. Of matches, those whose detail has
// "messages" (judge/contest.h). Throws kIo if `out` can't be written.
PreferenceCounts ExportPreferences(Arena& arena, const PreferenceOptions& options,
                                   std::ostream& out);

}  // namespace agon::arena
