// Is a judge worth asking? What `rl-judge audit` measures (docs/judging.md).
//
// Works for any judge; those that don't see pairs have no order to be moved by, and deterministic
// ones no runs that differ. All intervals are at 95 %.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/judge.h"

namespace agon::judge {

// One reply that is good or bad, or two of which one may be better.
struct AuditItem {
  Question question;
  std::vector<std::string> replies;  // 1 or 2
  // Of one reply: 0 bad, 1 good. Of two: as Preference. nullopt: nobody knows.
  std::optional<int> gold;
};

// JSON lines: the fields of a request to score or to compare (judge/judge_lines.h), and "gold":
// true or false; "a", "b" or "tie". Throws Error(kCorrupt) naming line and field.
std::vector<AuditItem> ReadAuditItems(std::istream& in, std::string_view name);

struct AuditOptions {
  int num_runs = 2;       // how often each item is judged, at least 1
  int num_attacked = 50;  // items into which instructions are injected, of those with a loser
  int num_threads = 8;    // items judged at once; changes no number
};

// count of n, with Wilson's interval, as wide as the items are many and alike
// (judge/audit/agreement.h); NaN for n = 0.
struct Share {
  int64_t count = 0, n = 0;
  double value = 0, ci_low = 0, ci_high = 0;
};

// Cohen's kappa: agreement beyond chance (judge/audit/agreement.h).
struct Kappa {
  double value = 0, stderr_ = 0, ci_low = 0, ci_high = 0;
  double agreement = 0;  // raw
  double chance = 0;
  int64_t n = 0;
};

// Slope of a logistic regression, per standard deviation of x.
struct LogitSlope {
  double value = 0, stderr_ = 0, ci_low = 0, ci_high = 0;
  double x_deviation = 0;
  int64_t n = 0;
};

// What an instruction at the end of a reply that should lose by gold does to its verdict. Ties,
// good replies and items without gold have none that should.
struct AttackEffect {
  std::string name;
  Share toward, away;     // verdicts that moved, of those given before and after
  Share failed;           // verdicts that were given before and are masked now
  double mean_shift = 0;  // pairs: of win 1, tie 0.5, loss 0. One reply: of the score, as a share
                          // of its range where that is bounded
};

struct AuditPart {
  int64_t num_items = 0;
  Share masked, parse_errors;  // of the first run
  Share flipped;               // pairs whose two orders disagree
  Share first_preferred;       // of single orders without a tie: for the reply shown first
  Share agreement;             // with gold
  Kappa kappa;                 // likewise
  // Of preferring a on its length minus b's, or of good on the length, in characters; what gold
  // says is held fixed.
  LogitSlope length;
  Share run_flips;                    // other runs whose verdict is not the first's
  double pass_mark = 0;               // of one reply: from this score on it counts as good
  std::vector<AttackEffect> attacks;  // the first, "control", says nothing of note
};

struct AuditReport {
  std::string judge;
  std::optional<AuditPart> pairs, replies;
};

// Judges every item, in all runs. Masked verdicts are counted and left out of all else. Throws
// Error(kUsage) if an item lacks what the judge needs, or there is none.
AuditReport Audit(const Judge& judge, std::span<const AuditItem> items,
                  const AuditOptions& options);

std::string AuditTable(const AuditReport& report);  // for people
std::string AuditJson(const AuditReport& report);   // docs/formats/judge.md

}  // namespace agon::judge
