#include "arena/preferences.h"

#include <array>
#include <optional>
#include <ostream>
#include <set>

#include "arena/leaderboard.h"
#include "core/error.h"
#include "core/message_json.h"
#include "core/rng.h"

namespace agon::arena {
namespace {

enum class Flaw { kTie, kBothBad, kOutlier, kHasty, kNoReplies, kSame, kCount };
constexpr const char* kFlaws[] = {
    "a tie",
    "both bad",
    "by a voter whose votes contradict everyone else's",
    "voted sooner than anyone can read",
    "a reply was cut, or isn't known",
    "both replies are the same",
};
static_assert(std::size(kFlaws) == static_cast<size_t>(Flaw::kCount));

struct Pair {
  Messages prompt, chosen, rejected;
  std::string id, chosen_model, rejected_model;
  double weight = 1;
};

class PairWriter {
 public:
  PairWriter(const PreferenceOptions& options, std::ostream& out) : options_(options), out_(out) {}

  void LeaveOut(Flaw flaw) { ++num_flawed_[static_cast<size_t>(flaw)]; }

  void Write(const Pair& pair) {
    if (pair.chosen == pair.rejected) return LeaveOut(Flaw::kSame);
    Json line = {{"prompt", MessagesJson(pair.prompt)},
                 {"chosen", MessagesJson(pair.chosen)},
                 {"rejected", MessagesJson(pair.rejected)}};
    if (pair.weight != 1) line["weight"] = pair.weight;
    line["source"] = options_.source;
    line["id"] = pair.id;
    line["chosen_model"] = pair.chosen_model;
    line["rejected_model"] = pair.rejected_model;
    out_ << DumpJson(line) << "\n";
    ++num_pairs_;
    prompts_.insert(Hash64(OpeningOf(pair.prompt)));
  }

  PreferenceCounts Counts() const {
    if (!out_) throw Error(ErrorKind::kIo, "the export can't be written");
    PreferenceCounts counts{num_pairs_, static_cast<int64_t>(prompts_.size()), {}};
    for (size_t flaw = 0; flaw < num_flawed_.size(); ++flaw) {
      if (num_flawed_[flaw] > 0) counts.left_out.emplace_back(kFlaws[flaw], num_flawed_[flaw]);
    }
    return counts;
  }

 private:
  const PreferenceOptions& options_;
  std::ostream& out_;
  int64_t num_pairs_ = 0;
  std::set<uint64_t> prompts_;
  std::array<int64_t, static_cast<size_t>(Flaw::kCount)> num_flawed_{};
};

// What both sides said, by turn; nullopt where a reply is missing or isn't whole.
using Sides = std::array<std::vector<std::string>, 2>;
std::optional<Sides> WholeReplies(const BattleRecord& record) {
  Sides sides;
  for (const Reply& reply : record.replies) {
    auto& said = sides[static_cast<size_t>(reply.side)];
    if (reply.finish != "stop" || reply.turn != static_cast<int>(said.size())) return std::nullopt;
    said.push_back(reply.text);
  }
  for (const auto& said : sides) {
    if (said.size() != record.turns.size()) return std::nullopt;
  }
  return sides;
}

void WriteVote(const BattleRecord& record, const std::set<uint64_t>& outliers, PairWriter& writer) {
  if (record.choice == Outcome::kTie) return writer.LeaveOut(Flaw::kTie);
  if (record.choice == Outcome::kBothBad) return writer.LeaveOut(Flaw::kBothBad);
  if (outliers.contains(Hash64(record.voter))) return writer.LeaveOut(Flaw::kOutlier);
  Pair pair;
  pair.weight = DwellWeight(record.dwell_ms);
  if (!(pair.weight > 0)) return writer.LeaveOut(Flaw::kHasty);
  const auto sides = WholeReplies(record);
  if (!sides) return writer.LeaveOut(Flaw::kNoReplies);
  const std::vector<std::string>& turns = record.turns;
  // The turn in which they first said different things.
  size_t parted = 0;
  while (parted + 1 < turns.size() && (*sides)[0][parted] == (*sides)[1][parted]) ++parted;
  for (size_t turn = 0; turn < parted; ++turn) {
    pair.prompt.push_back({Role::kUser, turns[turn]});
    pair.prompt.push_back({Role::kAssistant, (*sides)[0][turn]});
  }
  pair.prompt.push_back({Role::kUser, turns[parted]});
  const auto said_from_there = [&](size_t side) {
    Messages messages = {{Role::kAssistant, (*sides)[side][parted]}};
    for (size_t turn = parted + 1; turn < turns.size(); ++turn) {
      messages.push_back({Role::kUser, turns[turn]});
      messages.push_back({Role::kAssistant, (*sides)[side][turn]});
    }
    return messages;
  };
  const size_t winner = record.choice == Outcome::kWinA ? 0 : 1;
  const std::string* models[] = {&record.battle.model_a, &record.battle.model_b};
  pair.chosen = said_from_there(winner);
  pair.rejected = said_from_there(1 - winner);
  pair.chosen_model = *models[winner];
  pair.rejected_model = *models[1 - winner];
  pair.id = record.battle.id;
  writer.Write(pair);
}

// A match's detail is its decider's own, and may be anything.
void WriteMatch(const Match& match, PairWriter& writer) {
  if (match.score == 0.5) return writer.LeaveOut(Flaw::kTie);
  Pair pair;
  std::vector<std::string> replies;
  try {
    const Json detail = ParseJson(match.detail, "detail");
    pair.prompt = MessagesFromJson(JsonField<Json>(detail, "messages", "detail"), "detail");
    replies = JsonField<std::vector<std::string>>(detail, "replies", "detail");
  } catch (const Error&) {
  }
  if (pair.prompt.empty() || pair.prompt.back().role == Role::kAssistant || replies.size() != 2) {
    return writer.LeaveOut(Flaw::kNoReplies);
  }
  const bool a_won = match.score == 1;
  pair.chosen = {{Role::kAssistant, replies[a_won ? 0 : 1]}};
  pair.rejected = {{Role::kAssistant, replies[a_won ? 1 : 0]}};
  pair.chosen_model = a_won ? match.model_a : match.model_b;
  pair.rejected_model = a_won ? match.model_b : match.model_a;
  pair.id = match.task;
  writer.Write(pair);
}

}  // namespace

PreferenceCounts ExportPreferences(Arena& arena, const PreferenceOptions& options,
                                   std::ostream& out) {
  PairWriter writer(options, out);
  if (options.source != "vote") {
    arena.ForEachMatch(options.source, [&](const Match& match) { WriteMatch(match, writer); });
    return writer.Counts();
  }
  const Leaderboard board = ReadLeaderboard(
      arena, {.filter = {.decider = "vote"}, .outlier_alpha = options.outlier_alpha});
  const std::set<uint64_t> outliers(board.voters_set_aside.begin(), board.voters_set_aside.end());
  arena.ForEachVote([&](const BattleRecord& record) { WriteVote(record, outliers, writer); });
  return writer.Counts();
}

}  // namespace agon::arena
