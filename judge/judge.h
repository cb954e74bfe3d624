// Judges: what a finished reply is worth, which of two is better, how several rank.
//
// A judge that fails says so: its verdict is masked with a reason and has no score. It is
// never a score of 0, and a number that isn't finite or leaves the judge's range is a failure,
// too. Transcripts are untrusted bytes.
//
// Judges are immutable and may be used by many threads at once; those that ask a model batch
// what is asked at the same time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/message.h"
#include "envs/env.h"
#include "policy/policy.h"

namespace agon::judge {

// What was asked, as far as it is known: each kind of judge says what it needs.
struct Question {
  Messages messages;                 // the conversation up to the reply
  std::string reference;             // a right answer, "" if none is known
  std::optional<envs::TaskId> task;  // for graders of environments; `env` "" is the judge's own
  // A judge that samples draws other numbers in another run. Others don't look at it.
  uint64_t run = 0;
};

struct ScorePart {
  std::string name;
  double value = 0;
  double weight = 1;
};

// Exactly one of `score` and `masked` is there.
struct Verdict {
  std::optional<double> score;  // within JudgeInfo's range
  std::vector<ScorePart> parts;
  std::string reason;  // one short line for a person
  std::optional<envs::Mask>
      masked;        // kinds: "parse", "range", "judge", "unfinished", "grader", ...
  std::string said;  // what a model judge wrote; untrusted
};

enum class Preference { kA, kB, kTie };
const char* PreferenceName(Preference preference);  // "a", "b", "tie"

// Two replies, shown in one order. Exactly one of `preference` and `masked` is there.
struct OrderVerdict {
  std::optional<Preference> preference;  // kA: the one that was shown first
  // A model judge's probability that the first is better (a tie counts half), if it gives one.
  std::optional<double> probability;
  std::string reason, said;
  std::optional<envs::Mask> masked;
};

// Two replies, shown in both orders. Exactly one of `preference` and `masked` is there.
struct PairVerdict {
  // What both orders say; a tie where they disagree or one of them sees a tie (the rule of
  // MT-Bench: Zheng et al. 2023, arXiv 2306.05685, section 3.4).
  std::optional<Preference> preference;
  bool flipped = false;                // the orders disagree: the judge looks at places
  std::array<OrderVerdict, 2> orders;  // [0] a first, [1] b first; kA and probability are of a
  std::string reason;
  std::optional<envs::Mask> masked;  // if either order is
};

struct JudgeInfo {
  std::string name;         // as MakeJudge takes it
  std::string fingerprint;  // changes with whatever may change a verdict: weights, rubric, template
  double lowest = 0, highest = 1;  // of scores; may be infinite
  // Compares two replies by looking at both, so the order may matter. Others compare scores.
  bool sees_pairs = false;
};

class Judge {
 public:
  virtual ~Judge() = default;
  virtual const JudgeInfo& info() const = 0;

  // Throws Error(kUsage) if the question lacks what this judge needs; any other failure is a
  // masked verdict.
  Verdict Score(const Question& question, std::string_view reply) const;
  // Always asks in both orders, unless the judge compares scores. Throws as Score does.
  PairVerdict Compare(const Question& question, std::string_view a, std::string_view b) const;

 protected:
  virtual Verdict DoScore(const Question& question, std::string_view reply) const = 0;
  // For judges that see pairs.
  virtual OrderVerdict DoCompare(const Question& question, std::string_view first,
                                 std::string_view second) const;

 private:
  OrderVerdict CheckedCompare(const Question& question, std::string_view first,
                              std::string_view second) const;
  PairVerdict CompareScores(const Question& question, std::string_view a, std::string_view b) const;
};

struct RankedReply {
  size_t index = 0;             // in `replies`
  int rank = 0;                 // from 1; equals share it; 0 if masked
  std::optional<double> score;  // of the judge, or the share of comparisons won (ties count half)
  std::string reason;
  std::optional<envs::Mask> masked;
};

inline constexpr size_t kMaxRankedReplies = 32;

// Best first, masked last; among equals in the order of `replies`. Judges that see pairs compare
// every pair, in both orders; a reply none of whose comparisons succeeded is masked. Throws
// Error(kUsage) for no reply or more than kMaxRankedReplies, and as Score does.
std::vector<RankedReply> Rank(const Judge& judge, const Question& question,
                              std::span<const std::string> replies);

// Masked verdicts.
Verdict MaskedVerdict(std::string kind, std::string reason);
OrderVerdict MaskedOrder(std::string kind, std::string reason);

// A judge by its name (docs/judging.md): "rubric:FILE", "reference", "env:ID", "reward:DIR",
// "reward:URL", "model:DIR", "endpoint:URL#NAME", some with settings in parentheses; or a TOML file
// of a judge ("judge.toml"). Checkpoints compute on `device`. Throws Error(kUsage) with the nearest
// name, or what is wrong with the file, and what loading a checkpoint throws.
std::shared_ptr<const Judge> MakeJudge(const std::string& name, const policy::Device& device = {});

}  // namespace agon::judge
