// The arena: which model is better, by people's blind votes and by matches, in one SQLite file.
//
// Every change is a line of an append-only log whose hashes are chained; all tables follow
// from the log (docs/formats/arena.md), so a leaderboard can be computed again, bit for bit,
// from an export. Models are never deleted, only retired.
//
// A battle: NewBattle -> AddReply for both sides -> CastVotes -> AddComment. Only who holds the
// battle's token, from the session that it was minted for, can vote, and only once: vote and
// log line are one transaction.
//
// Threads: an Arena belongs to one thread at a time; any number of them, in any threads and
// processes, may be open on one file. Failures are Errors that name the file; what a visitor
// may do wrong is a value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arena/ratings.h"

namespace agon::arena {

struct Model {
  std::string name{};       // unique, 1..200 bytes without control characters
  std::string weights{};    // SHA-256 of model.safetensors; "" where only an endpoint is known
  std::string location{};   // model directory, or URL of an OpenAI-compatible endpoint; may be ""
  std::string parent{};     // name of the model that it was trained from, "" if none is known
  std::string stage{};      // "pretrain", "sft", "rl", "external"; what it was made by
  int64_t step = 0;         // of that stage
  bool is_private = false;  // takes part, but is marked on every leaderboard
  // Set by the arena, milliseconds since 1970.
  int64_t added_ms = 0;
  std::optional<int64_t> retired_ms{};
  std::string retired_why{};
  // The live trace, for display only: Elo after all of its votes, and their number.
  double elo = kMeanPoints;
  int64_t num_votes = 0;
};

// What a page needs to run a battle. `model_a` and `model_b` are secret until the vote.
struct Battle {
  std::string id{};  // 32 hexadecimal digits
  std::string
      token;  // proves that this arena minted the battle for this session; "" from FindBattle
  std::string prompt{}, category{};
  std::string model_a{}, model_b{};
  int64_t at_ms = 0;
};

struct Reply {
  int side = 0;  // 0: A, 1: B
  int turn = 0;  // from 0
  std::string text{};
  // "stop" or "length"; "error" where it failed and "leak" where it names its model: then the
  // battle can't be voted on.
  std::string finish = "stop";
  int64_t num_tokens = 0;
  int64_t milliseconds = 0;  // until it was whole
};

struct Ballot {
  std::string battle{}, token{};
  std::string session{};  // the voter's, as given to NewBattle; only its keyed hash is kept
  Outcome choice = Outcome::kTie;
  // From when both replies were there to the vote; hasty votes weigh less (DwellWeight).
  std::optional<int64_t> dwell_ms{};
  std::string address{};  // the voter's network address; only its keyed hash is kept
};

enum class VoteStatus {
  kCounted,
  kAlreadyVoted,  // this battle has its vote; nothing changed
  kBadToken,      // not minted here for this session
  kUnknownBattle,
  kNotFinished,  // a reply is missing or failed
  kExpired,      // older than kTokenLifetimeMs
};
inline constexpr int64_t kTokenLifetimeMs = 24 * 3600 * 1000;

struct VoteReceipt {
  VoteStatus status = VoteStatus::kUnknownBattle;
  // With kCounted and kAlreadyVoted: who they were, and their live Elo before and after.
  std::string model_a{}, model_b{};
  double elo_a = 0, elo_b = 0, gain_a = 0;  // after the vote; b's gain is -gain_a
};

// Everything about one battle, for a model's page and for exports.
struct BattleRecord {
  Battle battle;
  std::vector<std::string> turns{};  // the user's, the prompt first
  std::vector<Reply> replies{};      // by turn, then side
  std::optional<Outcome> choice{};
  double gain_a = 0;    // of live Elo, by the vote; b's is -gain_a
  std::string voter{};  // keyed hash of the session that voted, "" without a vote
  std::optional<int64_t> dwell_ms{};
  int64_t voted_ms = 0;
  std::vector<std::string> tags{};
  std::string comment{};
};

// A comparison that no person made.
struct Match {
  std::string decider{};             // "game", "grader", "judge"
  std::string subject{};             // environment or judge, with its version: "game/connect4-v1"
  std::string task{};                // "test 42/17": what both were asked
  std::string model_a{}, model_b{};  // in a game a moves first
  double score = 0.5;                // points of a: 1, 0.5 or 0
  std::string detail{};              // JSON of the decider's own: transcript, rewards, verdicts
  int64_t at_ms = 0;                 // set by the arena
};

// Weight of a vote cast this long after both replies were there: 0 up to half a second, which
// nobody can read in, 1 from three seconds on, linear between; 1 if unknown.
double DwellWeight(std::optional<int64_t> dwell_ms);

// A set of comparisons with the models that they are about.
struct Comparisons {
  std::vector<Model> models;            // contestant i is models[i]
  std::vector<Comparison> comparisons;  // votes, then matches, each in the order of the log
  std::string head{};                   // of the log that they were read from, all at one moment
};

// Which comparisons; empty fields let all through.
struct Filter {
  std::string decider{};   // "vote", "game", "grader", "judge"
  std::string subject{};   // of matches
  std::string stage{};     // both models are of this stage
  std::string category{};  // of a vote's prompt
};

struct ArenaOptions {
  bool must_exist = false;
  std::function<int64_t()> now_ms{};  // milliseconds since 1970; the system's clock if empty
};

class Arena {
 public:
  // Opens or creates. Throws what Database throws; kUnsupported for a newer schema.
  explicit Arena(const std::filesystem::path& file, const ArenaOptions& options = {});
  ~Arena();
  Arena(Arena&&) noexcept;

  // Adds a model. The same name with the same weights again changes nothing and returns
  // false; with other weights it is an Error(kUsage), as is a parent that isn't there.
  bool AddModel(const Model& model);
  // Keeps all that is known of it, but draws it no more. Throws kUsage for an unknown name.
  void RetireModel(const std::string& name, const std::string& why);
  std::vector<Model> Models();  // in the order in which they came
  std::optional<Model> FindModel(const std::string& name);

  // Mints a battle on `prompt` between the two models of `candidates` (all active ones if
  // empty) that are drawn: pairs with a chance proportional to how much one more vote would
  // tell, sides by a coin. Throws kUsage with fewer than two models or a prompt that is empty
  // or longer than kMaxPromptBytes.
  Battle NewBattle(const std::string& prompt, const std::string& category,
                   const std::string& session, std::span<const std::string> candidates = {});
  // The user's next message, turn >= 1. AddTurn and AddReply throw kUsage if the battle is
  // unknown, has its vote, or has that turn already.
  void AddTurn(const std::string& battle, int turn, const std::string& text);
  void AddReply(const std::string& battle, const Reply& reply);
  // All in one transaction, which has reached the disk when this returns: so a server gathers
  // ballots that wait. Receipts are in the order of ballots.
  std::vector<VoteReceipt> CastVotes(std::span<const Ballot> ballots);
  // Tags and words after the vote, once a battle. Checks the token; false if it doesn't fit, or
  // there is no vote yet or a comment already.
  bool AddComment(const std::string& battle, const std::string& token, const std::string& session,
                  const std::vector<std::string>& tags, const std::string& comment);
  std::optional<BattleRecord> FindBattle(const std::string& id);
  // The battle's token again, for the session that it was minted for; nullopt for any other.
  std::optional<std::string> TokenOf(const std::string& battle, const std::string& session);
  // What a form made for `session` carries, so that no other site can send it.
  std::string FormToken(const std::string& session) const;
  // Of prompts, in order.
  std::vector<std::string> Categories();
  // Each battle that has its vote, in the order of votes, all of one moment.
  void ForEachVote(const std::function<void(const BattleRecord&)>& take);
  // The latest battles that `model` (any if "") took part in and that have their vote.
  std::vector<BattleRecord> LatestBattles(const std::string& model, int max_battles);

  // Records matches in one transaction; those known already (same decider, subject, task and
  // models in this order) are left alone. Returns how many were new. Throws kUsage for unknown
  // models or a score other than 0, 0.5 and 1.
  int64_t AddMatches(std::span<const Match> matches);
  // Each match of a decider, in the order of the log, all of one moment.
  void ForEachMatch(const std::string& decider, const std::function<void(const Match&)>& take);
  // The latest matches of a decider ("game") between any models, or those of one.
  std::vector<Match> LatestMatches(const std::string& decider, const std::string& model,
                                   int max_matches);

  // `with_style` reads all replies to tell their style; without it styles are 0.
  Comparisons Compare(const Filter& filter, bool with_style = false);
  // Hash of the log's last line: note it down, and `rl-arena verify --head` proves later that
  // nothing before it has changed.
  std::string Head();
  int64_t NumLogRows();

  // JSON lines, see docs/formats/arena.md. Import returns the number of new log rows; it may be
  // repeated. All of it or, if a line is wrong, an Error(kCorrupt) naming the line, nothing.
  void Export(std::ostream& out);
  int64_t Import(std::istream& in, const std::string& name);
  // Votes in FastChat's format: its raw log or its cleaned battles.
  void ExportFastChat(std::ostream& out);
  int64_t ImportFastChat(std::istream& in, const std::string& name);

  struct Impl;  // private to arena

 private:
  std::unique_ptr<Impl> impl_;
};

inline constexpr size_t kMaxPromptBytes = 64 << 10, kMaxReplyBytes = 1 << 20;

struct VerifyResult {
  int64_t num_rows = 0;
  std::string head;
  std::vector<std::string> problems;  // empty: all is as the log says; at most kMaxProblems
};
inline constexpr size_t kMaxProblems = 20;
// Checks the chain of hashes, naming rows that were edited, removed, moved or put in; then
// builds all tables anew from the log and names rows that differ. `known_head`: a hash that
// must be in the chain ("" for none). Writes nothing.
VerifyResult VerifyArena(const std::filesystem::path& file, const std::string& known_head = "");

}  // namespace agon::arena
