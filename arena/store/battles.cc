#include <algorithm>
#include <cmath>
#include <utility>

#include "arena/store/impl.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/rng.h"

namespace agon::arena {
namespace {

std::vector<PairCount> VotesAmong(Database& database, const std::vector<int64_t>& ids) {
  std::vector<PairCount> pairs;
  Statement rows = database.Prepare("SELECT low, high, low_wins, high_wins, ties FROM pair");
  const auto place = [&](int64_t id) {
    const auto found = std::find(ids.begin(), ids.end(), id);
    return found == ids.end() ? -1 : static_cast<int>(found - ids.begin());
  };
  while (rows.Step()) {
    const int a = place(rows.Int(0)), b = place(rows.Int(1));
    if (a < 0 || b < 0) continue;
    pairs.push_back({a, b, rows.Real(2), rows.Real(3), rows.Real(4)});
  }
  return pairs;
}

// Two of `ids`: the more a vote on them would tell, the likelier.
std::pair<int64_t, int64_t> DrawPair(Database& database, const std::vector<int64_t>& ids,
                                     Rng& rng) {
  const auto n = static_cast<int>(ids.size());
  const Fit fit = FitBradleyTerry(n, VotesAmong(database, ids), {.prior_sd = kBoardPriorSd});
  const std::vector<uint8_t> all(ids.size(), 1);
  std::vector<NextPair> pairs = MostInformativePairs(fit, all, n * n);
  // Where nothing links two models, nothing else is as urgent.
  if (std::isinf(pairs[0].gain)) {
    std::erase_if(pairs, [](const NextPair& pair) { return !std::isinf(pair.gain); });
    for (NextPair& pair : pairs) pair.gain = 1;
  }
  double total = 0;
  for (const NextPair& pair : pairs) total += pair.gain;
  double left = rng.Uniform() * total;
  size_t drawn = 0;
  while (drawn + 1 < pairs.size() && left >= pairs[drawn].gain) left -= pairs[drawn++].gain;
  const int64_t a = ids[static_cast<size_t>(pairs[drawn].a)];
  const int64_t b = ids[static_cast<size_t>(pairs[drawn].b)];
  return rng.Below(2) == 0 ? std::pair(a, b) : std::pair(b, a);
}

std::string NameOf(Database& database, int64_t id) {
  Statement row = database.Prepare("SELECT name FROM model WHERE id = ?");
  row.Bind(id);
  AGON_CHECK(row.Step());
  return std::string(row.Text(0));
}

}  // namespace

Battle Arena::NewBattle(const std::string& prompt, const std::string& category,
                        const std::string& session, std::span<const std::string> candidates) {
  if (prompt.empty() || prompt.size() > kMaxPromptBytes) {
    throw Error(ErrorKind::kUsage, "a prompt has " + std::to_string(prompt.size()) +
                                       " bytes; 1 to " + std::to_string(kMaxPromptBytes) +
                                       " are allowed");
  }
  LogTransaction log(*impl_);
  std::vector<int64_t> ids;
  Statement rows =
      impl_->database.Prepare("SELECT id, name FROM model WHERE retired_ms IS NULL ORDER BY id");
  while (rows.Step()) {
    const bool is_candidate = candidates.empty() || std::find(candidates.begin(), candidates.end(),
                                                              rows.Text(1)) != candidates.end();
    if (is_candidate) ids.push_back(rows.Int(0));
  }
  if (ids.size() < 2) {
    throw Error(ErrorKind::kUsage,
                "a battle needs two models, there are " + std::to_string(ids.size()),
                impl_->database.path(), "add some with: rl-arena add");
  }
  Battle battle;
  battle.id = RandomHex(16);
  Rng rng({.run_seed = Hash64(battle.id), .stream = RngStream::kSample});
  const auto [a, b] = DrawPair(impl_->database, ids, rng);
  battle.prompt = prompt;
  battle.category = category;
  battle.model_a = NameOf(impl_->database, a);
  battle.model_b = NameOf(impl_->database, b);
  const std::string voter = impl_->KeyedHash("session", session);
  log.Append("battle",
             {{"id", battle.id},
              {"prompt", prompt},
              {"category", category},
              {"a", battle.model_a},
              {"b", battle.model_b},
              {"session", voter}},
             "battle");
  battle.at_ms = log.last_ms();
  battle.token = impl_->TokenFor(battle.id, voter);
  log.Commit();
  return battle;
}

void Arena::AddTurn(const std::string& battle, int turn, const std::string& text) {
  LogTransaction log(*impl_);
  const Json body = {{"battle", battle}, {"turn", turn}, {"text", text}};
  if (impl_->projection.Holds("turn", ParseJson(CanonicalText(body), "turn"), "turn")) {
    throw Error(ErrorKind::kUsage, "battle " + battle + " has turn " + std::to_string(turn));
  }
  log.Append("turn", body, "turn");
  log.Commit();
}

void Arena::AddReply(const std::string& battle, const Reply& reply) {
  LogTransaction log(*impl_);
  const Json body = {{"battle", battle},        {"side", reply.side},
                     {"turn", reply.turn},      {"text", reply.text},
                     {"finish", reply.finish},  {"tokens", reply.num_tokens},
                     {"ms", reply.milliseconds}};
  if (impl_->projection.Holds("reply", ParseJson(CanonicalText(body), "reply"), "reply")) {
    throw Error(ErrorKind::kUsage, "battle " + battle + " has this reply already");
  }
  log.Append("reply", body, "reply");
  log.Commit();
}

std::optional<BattleRecord> Arena::FindBattle(const std::string& id) {
  Statement row = impl_->database.Prepare(
      "SELECT battle.id, prompt.text, prompt.category, a.name, b.name, battle.at_ms, vote.choice, "
      "comment.tags, comment.comment, vote.gain_a, vote.voter, vote.dwell_ms, vote.at_ms "
      "FROM battle JOIN prompt ON prompt.id = "
      "battle.prompt "
      "JOIN model a ON a.id = model_a JOIN model b ON b.id = model_b "
      "LEFT JOIN vote ON vote.battle = battle.id LEFT JOIN comment ON comment.battle = battle.id "
      "WHERE battle.id = ?");
  row.Bind(id);
  if (!row.Step()) return std::nullopt;
  BattleRecord record;
  record.battle = {.id = std::string(row.Text(0)),
                   .token = "",
                   .prompt = std::string(row.Text(1)),
                   .category = std::string(row.Text(2)),
                   .model_a = std::string(row.Text(3)),
                   .model_b = std::string(row.Text(4)),
                   .at_ms = row.Int(5)};
  if (const auto choice = row.OptionalText(6)) record.choice = ChoiceFromName(*choice);
  if (const auto tags = row.OptionalText(7)) {
    record.tags = ParseJson(*tags, "tags").get<std::vector<std::string>>();
  }
  record.comment = row.OptionalText(8).value_or("");
  record.gain_a = row.OptionalReal(9).value_or(0);
  record.voter = row.OptionalText(10).value_or("");
  record.dwell_ms = row.OptionalInt(11);
  record.voted_ms = row.OptionalInt(12).value_or(0);

  record.turns.push_back(record.battle.prompt);
  Statement turns = impl_->database.Prepare("SELECT text FROM turn WHERE battle = ? ORDER BY turn");
  turns.Bind(id);
  while (turns.Step()) record.turns.emplace_back(turns.Text(0));
  Statement replies = impl_->database.Prepare(
      "SELECT side, turn, text, finish, num_tokens, milliseconds FROM reply WHERE battle = ? "
      "ORDER BY turn, side");
  replies.Bind(id);
  while (replies.Step()) {
    record.replies.push_back({static_cast<int>(replies.Int(0)), static_cast<int>(replies.Int(1)),
                              std::string(replies.Text(2)), std::string(replies.Text(3)),
                              replies.Int(4), replies.Int(5)});
  }
  return record;
}

std::optional<std::string> Arena::TokenOf(const std::string& battle, const std::string& session) {
  const std::string voter = impl_->KeyedHash("session", session);
  Statement row = impl_->database.Prepare("SELECT 1 FROM battle WHERE id = ? AND session = ?");
  if (!row.Bind(battle, voter).Step()) return std::nullopt;
  return impl_->TokenFor(battle, voter);
}

std::string Arena::FormToken(const std::string& session) const {
  return impl_->KeyedHash("form", session);
}

std::vector<std::string> Arena::Categories() {
  std::vector<std::string> categories;
  Statement rows = impl_->database.Prepare(
      "SELECT DISTINCT category FROM prompt WHERE category <> '' ORDER BY category");
  while (rows.Step()) categories.emplace_back(rows.Text(0));
  return categories;
}

void Arena::ForEachVote(const std::function<void(const BattleRecord&)>& take) {
  const ReadTransaction moment(impl_->database);
  Statement rows = impl_->database.Prepare("SELECT battle FROM vote ORDER BY id");
  while (rows.Step()) {
    if (const auto record = FindBattle(std::string(rows.Text(0)))) take(*record);
  }
}

std::vector<BattleRecord> Arena::LatestBattles(const std::string& model, int max_battles) {
  Statement rows = impl_->database.Prepare(
      "SELECT vote.battle FROM vote JOIN battle ON battle.id = vote.battle "
      "WHERE ?1 IS NULL OR model_a = ?1 OR model_b = ?1 ORDER BY vote.id DESC LIMIT ?2");
  std::optional<int64_t> id;
  if (!model.empty()) {
    id = impl_->projection.ModelId(model);
    if (!id) return {};
  }
  rows.Bind(id, max_battles);
  std::vector<BattleRecord> records;
  while (rows.Step()) {
    if (auto record = FindBattle(std::string(rows.Text(0)))) records.push_back(*std::move(record));
  }
  return records;
}

}  // namespace agon::arena
