// Votes in the formats of lm-sys/FastChat: serve/gradio_block_arena_anony.py writes the raw
// log, serve/monitor/clean_battle_data.py the cleaned battles.
#include <cmath>
#include <istream>
#include <map>
#include <ostream>

#include "arena/store/impl.h"
#include "arena/store/lines.h"
#include "core/digest.h"
#include "core/error.h"

namespace agon::arena {
namespace {

struct Winner {
  const char* raw;
  const char* clean;
  Outcome outcome;
};
constexpr Winner kWinners[] = {{"leftvote", "model_a", Outcome::kWinA},
                               {"rightvote", "model_b", Outcome::kWinB},
                               {"tievote", "tie", Outcome::kTie},
                               {"bothbad_vote", "tie (bothbad)", Outcome::kBothBad}};

std::string TextOr(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Seconds, whole or not, as a time that the log can hold.
std::optional<int64_t> MillisecondsOf(const Json& line) {
  const auto found = line.find("tstamp");
  if (found == line.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!(seconds >= 0 && seconds < 1e11)) return std::nullopt;
  return std::llround(seconds * 1000);
}

// [["USER", "..."], ["ASSISTANT", "..."]] or [{"role": "user", "content": "..."}, ...].
void ReadConversation(const Json& messages, size_t side, FastChatVote& vote,
                      const std::string& where) {
  const auto refuse = [&](const char* what) { throw Error(ErrorKind::kCorrupt, what, where); };
  if (!messages.is_array()) refuse("a conversation is no list");
  for (const Json& message : messages) {
    std::string role, content;
    if (message.is_array() && message.size() == 2 && message[0].is_string()) {
      role = message[0].get<std::string>();
      if (message[1].is_string()) content = message[1].get<std::string>();
    } else if (message.is_object()) {
      role = TextOr(message, "role");
      content = TextOr(message, "content");
    } else {
      refuse("a message has neither form of FastChat's");
    }
    const bool is_user = role == "user" || role == "USER" || role == "Human";
    const bool is_system = role == "system" || role == "SYSTEM";
    if (is_system) continue;
    if (!is_user) {
      vote.replies[side].push_back(content);
    } else if (side == 0) {
      vote.turns.push_back(content);
    }
  }
}

void ReadRaw(const Json& line, FastChatVote& vote, const std::string& where) {
  const auto states = JsonField<std::vector<Json>>(line, "states", where);
  const auto models = JsonField<std::vector<std::string>>(line, "models", where);
  if (states.size() != 2 || models.size() != 2) {
    throw Error(ErrorKind::kCorrupt, "a vote has two models and two states", where);
  }
  // In blind battles the names stand in the states only.
  const auto name = [&](size_t side) {
    return models[side].empty() ? JsonField<std::string>(states[side], "model_name", where)
                                : models[side];
  };
  vote.model_a = name(0);
  vote.model_b = name(1);
  vote.voter = TextOr(line, "ip");
  for (size_t side = 0; side < 2; ++side) {
    ReadConversation(JsonField<Json>(states[side], "messages", where), side, vote, where);
  }
}

void ReadClean(const Json& line, FastChatVote& vote, const std::string& where) {
  vote.model_a = JsonField<std::string>(line, "model_a", where);
  vote.model_b = JsonField<std::string>(line, "model_b", where);
  vote.voter = TextOr(line, "judge");
  vote.category = TextOr(line, "language");
  const char* keys[] = {"conversation_a", "conversation_b"};
  for (size_t side = 0; side < 2; ++side) {
    if (line.contains(keys[side])) ReadConversation(line[keys[side]], side, vote, where);
  }
}

// Adds what an imported vote brings, as if the arena had minted its battle.
class FastChatImport {
 public:
  FastChatImport(Arena::Impl& arena, LogTransaction& log) : arena_(arena), log_(log) {}

  void Add(const FastChatVote& vote, const std::string& line, const std::string& where) {
    // Named by its content, so that a second import passes over it; a line that comes again is
    // another vote.
    std::string id = Sha256("fastchat\n" + line).substr(0, 32);
    const int repeat = num_seen_[id]++;
    if (repeat > 0) id = Sha256("fastchat " + std::to_string(repeat) + "\n" + line).substr(0, 32);
    // The voter by his first vote in the file: the same in every arena, so that leaderboards
    // are the same bits, and nothing that tells his address.
    const std::string first = first_votes_.try_emplace(vote.voter, id).first->second;
    const std::string voter = Sha256("fastchat voter\n" + first).substr(0, 32);
    if (arena_.projection.Holds("vote", Json::object({{"battle", id}}), where)) return;
    for (const std::string& name : {vote.model_a, vote.model_b}) {
      if (arena_.projection.ModelId(name)) continue;
      Append("model",
             {{"name", name},
              {"weights", ""},
              {"location", ""},
              {"parent", ""},
              {"stage", "external"},
              {"step", 0},
              {"private", false}},
             vote, where);
    }
    // Without its text each battle is a prompt of its own.
    const std::string prompt = vote.turns.empty() ? "(battle " + id + ")" : vote.turns[0];
    Append("battle",
           {{"id", id},
            {"prompt", prompt},
            {"category", vote.category},
            {"a", vote.model_a},
            {"b", vote.model_b},
            {"session", voter}},
           vote, where);
    for (size_t turn = 1; turn < vote.turns.size(); ++turn) {
      Append("turn", {{"battle", id}, {"turn", turn}, {"text", vote.turns[turn]}}, vote, where);
    }
    for (size_t side = 0; side < 2; ++side) {
      for (size_t turn = 0; turn < vote.replies[side].size(); ++turn) {
        Append("reply",
               {{"battle", id},
                {"side", side},
                {"turn", turn},
                {"text", vote.replies[side][turn]},
                {"finish", "stop"},
                {"tokens", 0},
                {"ms", 0}},
               vote, where);
      }
    }
    Append("vote",
           {{"battle", id}, {"choice", ChoiceName(vote.choice)}, {"voter", voter}, {"address", ""}},
           vote, where);
  }

 private:
  void Append(const char* kind, const Json& body, const FastChatVote& vote,
              const std::string& where) {
    log_.Append(kind, body, where, vote.at_ms);
  }

  Arena::Impl& arena_;
  LogTransaction& log_;
  std::map<std::string, int> num_seen_;             // by a line's name
  std::map<std::string, std::string> first_votes_;  // by voter
};

Json ConversationJson(const BattleRecord& record, int side) {
  Json messages = Json::array();
  for (size_t turn = 0; turn < record.turns.size(); ++turn) {
    messages.push_back({{"role", "user"}, {"content", record.turns[turn]}});
    for (const Reply& reply : record.replies) {
      if (reply.side != side || reply.turn != static_cast<int>(turn)) continue;
      messages.push_back({{"role", "assistant"}, {"content", reply.text}});
    }
  }
  return messages;
}

}  // namespace

std::optional<FastChatVote> ParseFastChatVote(const Json& line, const std::string& where) {
  if (!line.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
  const std::string type = TextOr(line, "type"), winner = TextOr(line, "winner");
  for (const Winner& known : kWinners) {
    FastChatVote vote;
    vote.choice = known.outcome;
    vote.at_ms = MillisecondsOf(line);
    if (type == known.raw) {
      ReadRaw(line, vote, where);
    } else if (winner == known.clean) {
      ReadClean(line, vote, where);
    } else {
      continue;
    }
    if (vote.model_a == vote.model_b) return std::nullopt;  // says nothing
    return vote;
  }
  if (!winner.empty() || type.ends_with("vote")) {
    throw Error(ErrorKind::kCorrupt, "unknown winner \"" + winner + type + "\"", where);
  }
  return std::nullopt;
}

int64_t Arena::ImportFastChat(std::istream& in, const std::string& name) {
  LogTransaction log(*impl_);
  const int64_t before = log.num_rows();
  FastChatImport import(*impl_, log);
  ForEachLine(in, name, [&](const Json& line, const std::string& where) {
    if (const auto vote = ParseFastChatVote(line, where)) {
      // An address is guessed from a hash when all else is known, so it isn't hashed.
      Json content = line;
      content.erase("ip");
      import.Add(*vote, CanonicalText(content), where);
    }
  });
  const int64_t added = log.num_rows() - before;
  log.Commit();
  return added;
}

void Arena::ExportFastChat(std::ostream& out) {
  ForEachVote([&](const BattleRecord& record) {
    const char* winner = nullptr;
    for (const Winner& known : kWinners) {
      if (known.outcome == record.choice) winner = known.clean;
    }
    const Json line = {{"question_id", record.battle.id},
                       {"model_a", record.battle.model_a},
                       {"model_b", record.battle.model_b},
                       {"winner", winner},
                       {"judge", "arena_user_" + record.voter},
                       {"conversation_a", ConversationJson(record, 0)},
                       {"conversation_b", ConversationJson(record, 1)},
                       {"turn", record.turns.size()},
                       {"anony", true},
                       {"language", record.battle.category},
                       {"tstamp", static_cast<double>(record.voted_ms) / 1000}};
    out << CanonicalText(line) << "\n";
  });
  if (!out) throw Error(ErrorKind::kIo, "the export can't be written");
}

}  // namespace agon::arena
