// Preferences: which of several completions of one prompt people like better.
//
// A preference ranks K completions; a pair is a ranking of two. Files are JSON lines (TRL's
// formats, and rankings), docs/formats/preferences.md. All functions are pure but for files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/message.h"

namespace agon::datasets {

struct Preference {
  Messages prompt;                       // at least one message; the last isn't the assistant's
  std::vector<std::string> completions;  // (K) what the assistant said, best first, K >= 2
  double margin = 0;                     // of a pair: by how much the better one should win
  double weight = 1;                     // in (0, 1]: how much its loss counts
  // (K) of conversations that went apart earlier: what stands between the prompt and each
  // completion, the assistant first, the last isn't the assistant's. Empty where all answer the
  // prompt.
  std::vector<Messages> leads = {};
  // Of synthetic labelers, whose truth is known: what each completion is worth, and the highest
  // accuracy on these pairs that anyone can expect. Empty and 0 where they aren't known.
  std::vector<double> gold = {};  // (K)
  double bayes_accuracy = 0;      // in [0.5, 1]
};

inline constexpr size_t kMaxRanked = 32;  // completions of one preference

// One JSON object:
//   {"prompt": TEXT, "chosen": TEXT, "rejected": TEXT}
//   {"prompt": MESSAGES, "chosen": MESSAGES, "rejected": MESSAGES}
//   {"chosen": MESSAGES, "rejected": MESSAGES}            the prompt is what both begin with
// Where chosen and rejected are messages, they may be several, of a conversation that goes on.
//   {"prompt": TEXT or MESSAGES, "completions": [TEXT, ...], "ranks": [2, 1, 3, ...]}
// A pair may have "margin"; any form "weight", "gold" and "bayes_accuracy"
// (docs/formats/preferences.md); other fields are passed over.
// ranks[i] is the rank of completions[i], 1 the best: each of 1..K once.
// Throws Error(kCorrupt) at `where` for anything else, saying what: a rank that is repeated or
// missing, no reply or the same reply twice, more than kMaxRanked, a weight outside (0, 1].
Preference ParsePreference(std::string_view line, std::string_view where);

// As a line of the last form, without its end. REQUIRES: no leads, which that form has no place
// for.
std::string PreferenceLine(const Preference& preference);

// All lines of a file; empty lines are passed over. Throws as ParsePreference does, with the
// line's number, and kCorrupt for a file without any preference.
std::vector<Preference> ReadPreferences(const std::filesystem::path& file);

// Two completions of one prompt that preferences order both ways.
struct Contradiction {
  size_t first = 0, second = 0;  // preferences, `first` the earlier
  std::string better, worse;     // as `first` has them
};

// Each unordered pair of completions at most once, where it is first contradicted. People do
// disagree, so it is reported and not refused.
std::vector<Contradiction> FindContradictions(std::span<const Preference> preferences);

}  // namespace agon::datasets
