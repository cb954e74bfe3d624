#include "arena/store/projection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "arena/online.h"
#include "core/digest.h"
#include "core/error.h"

namespace agon::arena {
namespace {

constexpr size_t kMaxNameBytes = 200, kMaxLocationBytes = 4096, kMaxCommentBytes = 4000;
constexpr size_t kMaxTags = 16, kMaxTagBytes = 40, kMaxDetailBytes = 1 << 20;

std::string TextField(const Json& body, const char* key, size_t max_bytes, std::string_view where) {
  std::string text = JsonField<std::string>(body, key, where);
  if (text.size() > max_bytes) {
    throw Error(ErrorKind::kUsage,
                std::string("\"") + key + "\" has " + std::to_string(text.size()) +
                    " bytes, at most " + std::to_string(max_bytes) + " are kept",
                where);
  }
  return text;
}

std::string NameField(const Json& body, const char* key, std::string_view where) {
  std::string name = TextField(body, key, kMaxNameBytes, where);
  const bool has_control =
      std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (name.empty() || has_control) {
    throw Error(ErrorKind::kUsage, std::string("\"") + key + "\" is empty or not one line", where);
  }
  return name;
}

std::string HexField(const Json& body, const char* key, size_t digits, std::string_view where) {
  std::string text = JsonField<std::string>(body, key, where);
  if (text.size() != digits || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw Error(
        ErrorKind::kCorrupt,
        std::string("\"") + key + "\" is not " + std::to_string(digits) + " hexadecimal digits",
        where);
  }
  return text;
}

int64_t CountField(const Json& body, const char* key, std::string_view where) {
  const auto value = JsonField<int64_t>(body, key, where);
  if (value < 0)
    throw Error(ErrorKind::kCorrupt, std::string("\"") + key + "\" is negative", where);
  return value;
}

constexpr std::pair<const char*, Outcome> kChoices[] = {{"a", Outcome::kWinA},
                                                        {"b", Outcome::kWinB},
                                                        {"tie", Outcome::kTie},
                                                        {"both_bad", Outcome::kBothBad}};

}  // namespace

std::string RowHash(std::string_view previous, int64_t at_ms, std::string_view kind,
                    std::string_view body) {
  std::string bytes(previous);
  bytes.append("\n").append(std::to_string(at_ms)).append("\n");
  bytes.append(kind).append("\n").append(body);
  return Sha256(bytes);
}

const char* ChoiceName(Outcome choice) { return kChoices[static_cast<size_t>(choice)].first; }

std::optional<Outcome> ChoiceFromName(std::string_view name) {
  for (const auto& [text, choice] : kChoices) {
    if (name == text) return choice;
  }
  return std::nullopt;
}

Statement& Projection::Sql(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second;
  return statements_.emplace(sql, database_.Prepare(sql)).first->second;
}

bool Projection::Exists(const char* sql, const std::string& key) {
  Statement& statement = Sql(sql).Bind(key);
  const bool exists = statement.Step();
  statement.Reset();
  return exists;
}

std::optional<int64_t> Projection::ModelId(const std::string& name) {
  Statement& statement = Sql("SELECT id FROM model WHERE name = ?").Bind(name);
  std::optional<int64_t> id;
  if (statement.Step()) id = statement.Int(0);
  statement.Reset();
  return id;
}

int64_t Projection::KnownModel(const Json& body, const char* key, std::string_view where) {
  const std::string name = NameField(body, key, where);
  const std::optional<int64_t> id = ModelId(name);
  if (!id) throw Error(ErrorKind::kUsage, "no model is called \"" + name + "\"", where);
  return *id;
}

void Projection::Apply(int64_t at_ms, std::string_view kind, const Json& body,
                       std::string_view where) {
  if (kind == "model") {
    ApplyModel(at_ms, body, where);
  } else if (kind == "retire") {
    ApplyRetire(at_ms, body, where);
  } else if (kind == "battle") {
    ApplyBattle(at_ms, body, where);
  } else if (kind == "turn") {
    ApplyTurn(body, where);
  } else if (kind == "reply") {
    ApplyReply(body, where);
  } else if (kind == "vote") {
    ApplyVote(at_ms, body, where);
  } else if (kind == "comment") {
    ApplyComment(body, where);
  } else if (kind == "match") {
    ApplyMatch(at_ms, body, where);
  } else {
    throw Error(ErrorKind::kCorrupt, "unknown kind \"" + std::string(kind.substr(0, 40)) + "\"",
                where, "a newer build may have written it");
  }
}

void Projection::ApplyModel(int64_t at_ms, const Json& body, std::string_view where) {
  const std::string name = NameField(body, "name", where);
  if (ModelId(name)) {
    throw Error(ErrorKind::kUsage, "a model is called \"" + name + "\" already", where,
                "give it another name: models are never replaced");
  }
  std::string weights = JsonField<std::string>(body, "weights", where);
  if (!weights.empty()) weights = HexField(body, "weights", 64, where);
  std::optional<int64_t> parent;
  if (!JsonField<std::string>(body, "parent", where).empty()) {
    parent = KnownModel(body, "parent", where);
  }
  Sql("INSERT INTO model(name, weights, location, parent, stage, step, is_private, added_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .Bind(name, weights, TextField(body, "location", kMaxLocationBytes, where), parent,
            TextField(body, "stage", kMaxNameBytes, where), CountField(body, "step", where),
            JsonField<bool>(body, "private", where), at_ms)
      .Run();
}

void Projection::ApplyRetire(int64_t at_ms, const Json& body, std::string_view where) {
  Sql("UPDATE model SET retired_ms = ?, retired_why = ? WHERE id = ?")
      .Bind(at_ms, TextField(body, "why", kMaxCommentBytes, where), KnownModel(body, "name", where))
      .Run();
}

void Projection::ApplyBattle(int64_t at_ms, const Json& body, std::string_view where) {
  const std::string text = TextField(body, "prompt", kMaxPromptBytes, where);
  const std::string category = TextField(body, "category", kMaxNameBytes, where);
  Sql("INSERT INTO prompt(text, category) VALUES (?, ?) ON CONFLICT DO NOTHING")
      .Bind(text, category)
      .Run();
  Sql("INSERT INTO battle(id, prompt, model_a, model_b, session, at_ms) "
      "VALUES (?, (SELECT id FROM prompt WHERE text = ? AND category = ?), ?, ?, ?, ?)")
      .Bind(HexField(body, "id", 32, where), text, category, KnownModel(body, "a", where),
            KnownModel(body, "b", where), TextField(body, "session", kMaxNameBytes, where), at_ms)
      .Run();
}

void Projection::RequireOpenBattle(const std::string& battle, std::string_view where) {
  if (!Exists("SELECT 1 FROM battle WHERE id = ?", battle)) {
    throw Error(ErrorKind::kUsage, "no battle is called \"" + battle + "\"", where);
  }
  if (Exists("SELECT 1 FROM vote WHERE battle = ?", battle)) {
    throw Error(ErrorKind::kUsage, "battle " + battle + " has its vote already", where);
  }
}

void Projection::ApplyTurn(const Json& body, std::string_view where) {
  const std::string battle = HexField(body, "battle", 32, where);
  RequireOpenBattle(battle, where);
  Sql("INSERT INTO turn(battle, turn, text) VALUES (?, ?, ?)")
      .Bind(battle, CountField(body, "turn", where),
            TextField(body, "text", kMaxPromptBytes, where))
      .Run();
}

void Projection::ApplyReply(const Json& body, std::string_view where) {
  const std::string battle = HexField(body, "battle", 32, where);
  RequireOpenBattle(battle, where);
  Sql("INSERT INTO reply(battle, side, turn, text, finish, num_tokens, milliseconds) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)")
      .Bind(battle, CountField(body, "side", where), CountField(body, "turn", where),
            TextField(body, "text", kMaxReplyBytes, where),
            TextField(body, "finish", kMaxNameBytes, where), CountField(body, "tokens", where),
            CountField(body, "ms", where))
      .Run();
}

void Projection::ApplyVote(int64_t at_ms, const Json& body, std::string_view where) {
  const std::string battle = HexField(body, "battle", 32, where);
  const std::string name = JsonField<std::string>(body, "choice", where);
  const std::optional<Outcome> choice = ChoiceFromName(name);
  if (!choice) throw Error(ErrorKind::kCorrupt, "unknown choice \"" + name + "\"", where);
  RequireOpenBattle(battle, where);
  std::optional<int64_t> dwell_ms;
  if (body.contains("dwell_ms")) dwell_ms = CountField(body, "dwell_ms", where);

  Statement& sides =
      Sql("SELECT a.id, a.elo, b.id, b.elo FROM battle JOIN model a ON a.id = model_a "
          "JOIN model b ON b.id = model_b WHERE battle.id = ?")
          .Bind(battle);
  AGON_CHECK(sides.Step());
  const int64_t a = sides.Int(0), b = sides.Int(2);
  const double gain = EloGain(sides.Real(1), sides.Real(3), ScoreOfA(*choice), kLiveEloK);
  sides.Reset();
  Sql("INSERT INTO vote(battle, choice, voter, address, dwell_ms, gain_a, at_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)")
      .Bind(battle, name, TextField(body, "voter", kMaxNameBytes, where),
            TextField(body, "address", kMaxNameBytes, where), dwell_ms, gain, at_ms)
      .Run();
  Statement& move = Sql("UPDATE model SET elo = elo + ?, num_votes = num_votes + 1 WHERE id = ?");
  move.Bind(gain, a).Run();
  move.Bind(-gain, b).Run();
  const bool is_tie = *choice == Outcome::kTie || *choice == Outcome::kBothBad;
  const bool low_won = !is_tie && (*choice == Outcome::kWinA) == (a < b);
  Sql("INSERT INTO pair(low, high, low_wins, high_wins, ties) VALUES (?, ?, ?, ?, ?) "
      "ON CONFLICT DO UPDATE SET low_wins = low_wins + excluded.low_wins, "
      "high_wins = high_wins + excluded.high_wins, ties = ties + excluded.ties")
      .Bind(std::min(a, b), std::max(a, b), low_won, !is_tie && !low_won, is_tie)
      .Run();
}

void Projection::ApplyComment(const Json& body, std::string_view where) {
  const auto tags = JsonField<std::vector<std::string>>(body, "tags", where);
  const bool fits = tags.size() <= kMaxTags && std::all_of(tags.begin(), tags.end(), [](auto& tag) {
                      return tag.size() <= kMaxTagBytes;
                    });
  if (!fits) throw Error(ErrorKind::kUsage, "too many tags, or one is too long", where);
  const std::string battle = HexField(body, "battle", 32, where);
  if (!Exists("SELECT 1 FROM vote WHERE battle = ?", battle)) {
    throw Error(ErrorKind::kUsage, "battle " + battle + " has no vote yet", where);
  }
  Sql("INSERT INTO comment(battle, tags, comment) VALUES (?, ?, ?)")
      .Bind(battle, Json(tags).dump(), TextField(body, "comment", kMaxCommentBytes, where))
      .Run();
}

void Projection::ApplyMatch(int64_t at_ms, const Json& body, std::string_view where) {
  Sql("INSERT INTO match(decider, subject, task, model_a, model_b, score, detail, at_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .Bind(NameField(body, "decider", where), NameField(body, "subject", where),
            NameField(body, "task", where), KnownModel(body, "a", where),
            KnownModel(body, "b", where), JsonField<double>(body, "score", where),
            TextField(body, "detail", kMaxDetailBytes, where), at_ms)
      .Run();
}

bool Projection::Holds(std::string_view kind, const Json& body, std::string_view where) {
  const auto key = [&](const char* name) { return JsonField<std::string>(body, name, where); };
  if (kind == "model") {
    Statement& row = Sql("SELECT weights FROM model WHERE name = ?").Bind(key("name"));
    if (!row.Step()) return false;
    const std::string weights(row.Text(0));
    row.Reset();
    if (weights == key("weights")) return true;
    throw Error(ErrorKind::kUsage,
                "a model \"" + key("name") + "\" with other weights is in the arena", where,
                "give it another name: models are never replaced");
  }
  if (kind == "retire") {
    return Exists("SELECT 1 FROM model WHERE name = ? AND retired_ms IS NOT NULL", key("name"));
  }
  if (kind == "battle") return Exists("SELECT 1 FROM battle WHERE id = ?", key("id"));
  if (kind == "vote") return Exists("SELECT 1 FROM vote WHERE battle = ?", key("battle"));
  if (kind == "comment") return Exists("SELECT 1 FROM comment WHERE battle = ?", key("battle"));
  Statement* row = nullptr;
  if (kind == "turn") {
    row = &Sql("SELECT 1 FROM turn WHERE battle = ? AND turn = ?")
               .Bind(key("battle"), CountField(body, "turn", where));
  } else if (kind == "reply") {
    row =
        &Sql("SELECT 1 FROM reply WHERE battle = ? AND turn = ? AND side = ?")
             .Bind(key("battle"), CountField(body, "turn", where), CountField(body, "side", where));
  } else if (kind == "match") {
    row = &Sql("SELECT 1 FROM match WHERE decider = ? AND subject = ? AND task = ? AND "
               "model_a = (SELECT id FROM model WHERE name = ?) AND "
               "model_b = (SELECT id FROM model WHERE name = ?)")
               .Bind(key("decider"), key("subject"), key("task"), key("a"), key("b"));
  }
  const bool holds = row != nullptr && row->Step();
  if (row != nullptr) row->Reset();
  return holds;
}

}  // namespace agon::arena
