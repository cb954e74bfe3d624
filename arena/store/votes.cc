#include <algorithm>

#include "arena/store/impl.h"
#include "core/digest.h"
#include "core/error.h"

namespace agon::arena {
namespace {

// What decides over a ballot, read inside the transaction that stores its vote.
class Polls {
 public:
  explicit Polls(Arena::Impl& arena)
      : arena_(arena),
        battle_(arena.database.Prepare(
            "SELECT session, battle.at_ms, a.name, b.name, a.elo, b.elo, vote.gain_a FROM battle "
            "JOIN model a ON a.id = model_a JOIN model b ON b.id = model_b "
            "LEFT JOIN vote ON vote.battle = battle.id WHERE battle.id = ?")),
        whole_replies_(arena.database.Prepare(
            "SELECT COUNT(*) FROM reply WHERE battle = ?1 AND finish IN ('stop', 'length') AND "
            "turn = (SELECT COUNT(*) FROM turn WHERE battle = ?1)")) {}

  // Everything but the vote itself; kCounted if there may be one.
  VoteReceipt Examine(const Ballot& ballot, int64_t now_ms) {
    VoteReceipt receipt;
    if (!battle_.Bind(ballot.battle).Step()) return receipt;
    const std::string session = arena_.KeyedHash("session", ballot.session);
    const bool fits = battle_.Text(0) == session &&
                      SameSecret(ballot.token, arena_.TokenFor(ballot.battle, session));
    if (!fits) {
      receipt.status = VoteStatus::kBadToken;
    } else if (!battle_.IsNull(6)) {
      receipt.status = VoteStatus::kAlreadyVoted;
      Reveal(receipt);
    } else if (now_ms - battle_.Int(1) > kTokenLifetimeMs) {
      receipt.status = VoteStatus::kExpired;
    } else if (!IsFinished(ballot.battle)) {
      receipt.status = VoteStatus::kNotFinished;
    } else {
      receipt.status = VoteStatus::kCounted;
    }
    battle_.Reset();
    return receipt;
  }

  // After the vote was stored.
  void Reveal(const std::string& battle, VoteReceipt& receipt) {
    AGON_CHECK(battle_.Bind(battle).Step());
    Reveal(receipt);
    battle_.Reset();
  }

 private:
  void Reveal(VoteReceipt& receipt) {
    receipt.model_a = battle_.Text(2);
    receipt.model_b = battle_.Text(3);
    receipt.elo_a = battle_.Real(4);
    receipt.elo_b = battle_.Real(5);
    receipt.gain_a = battle_.Real(6);
  }

  bool IsFinished(const std::string& battle) {
    const bool has_row = whole_replies_.Bind(battle).Step();
    const bool is_finished = has_row && whole_replies_.Int(0) == 2;
    whole_replies_.Reset();
    return is_finished;
  }

  Arena::Impl& arena_;
  Statement battle_, whole_replies_;
};

}  // namespace

double DwellWeight(std::optional<int64_t> dwell_ms) {
  constexpr double kNobodyReadsMs = 500, kReadMs = 3000;
  if (!dwell_ms) return 1;
  const auto dwell = static_cast<double>(*dwell_ms);
  return std::clamp((dwell - kNobodyReadsMs) / (kReadMs - kNobodyReadsMs), 0.0, 1.0);
}

std::vector<VoteReceipt> Arena::CastVotes(std::span<const Ballot> ballots) {
  LogTransaction log(*impl_);
  Polls polls(*impl_);
  std::vector<VoteReceipt> receipts;
  for (const Ballot& ballot : ballots) {
    const int64_t now = std::max(impl_->now_ms(), log.last_ms());
    VoteReceipt receipt = polls.Examine(ballot, now);
    if (receipt.status == VoteStatus::kCounted) {
      Json body = {{"battle", ballot.battle},
                   {"choice", ChoiceName(ballot.choice)},
                   {"voter", impl_->KeyedHash("session", ballot.session)},
                   {"address", impl_->KeyedHash("address", ballot.address)}};
      if (ballot.dwell_ms) body["dwell_ms"] = std::max<int64_t>(0, *ballot.dwell_ms);
      log.Append("vote", body, "vote");
      polls.Reveal(ballot.battle, receipt);
    }
    receipts.push_back(std::move(receipt));
  }
  log.Commit();
  return receipts;
}

bool Arena::AddComment(const std::string& battle, const std::string& token,
                       const std::string& session, const std::vector<std::string>& tags,
                       const std::string& comment) {
  const std::string voter = impl_->KeyedHash("session", session);
  LogTransaction log(*impl_);
  Statement row = impl_->database.Prepare(
      "SELECT 1 FROM battle JOIN vote ON vote.battle = battle.id WHERE battle.id = ? AND "
      "session = ? AND NOT EXISTS (SELECT 1 FROM comment WHERE comment.battle = battle.id)");
  row.Bind(battle, voter);
  if (!SameSecret(token, impl_->TokenFor(battle, voter)) || !row.Step()) return false;
  row.Reset();
  log.Append("comment", {{"battle", battle}, {"tags", tags}, {"comment", comment}}, "comment");
  log.Commit();
  return true;
}

}  // namespace agon::arena
