#include "datasets/preferences.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace agon::datasets {
namespace {

[[noreturn]] void Refuse(const std::string& what, std::string_view where,
                         std::string_view hint = "") {
  throw Error(ErrorKind::kCorrupt, what, where, hint);
}

Message ParseMessage(const Json& json, std::string_view where) {
  if (!json.is_object()) Refuse("a message is no object", where);
  const auto name = JsonField<std::string>(json, "role", where);
  const auto role = RoleFromName(name);
  if (!role) Refuse("no role is called \"" + name + "\"", where);
  return {*role, JsonField<std::string>(json, "content", where)};
}

Messages ParseMessages(const Json& json, const char* key, std::string_view where) {
  if (json.is_string()) return {{Role::kUser, json.get<std::string>()}};
  if (!json.is_array()) {
    Refuse(std::string("field \"") + key + "\" is neither a text nor a list of messages", where);
  }
  Messages messages;
  for (const Json& message : json) messages.push_back(ParseMessage(message, where));
  return messages;
}

// A reply as text: of a list of messages, the only one, which is the assistant's.
std::string ParseReply(const Json& json, const char* key, std::string_view where) {
  if (json.is_string()) return json.get<std::string>();
  const Messages messages = ParseMessages(json, key, where);
  if (messages.size() != 1 || messages[0].role != Role::kAssistant) {
    Refuse(std::string("field \"") + key + "\" is not one message of the assistant", where);
  }
  return messages[0].content;
}

const Json& Field(const Json& object, const char* key, std::string_view where) {
  if (!object.contains(key)) Refuse(std::string("no field \"") + key + "\"", where);
  return object[key];
}

// Whole conversations: what they share is the prompt, and each goes on with one reply.
void SplitConversations(const Json& json, std::string_view where, Preference& preference) {
  const char* hint = "give \"prompt\", or conversations that differ in their last message alone";
  const Messages chosen = ParseMessages(Field(json, "chosen", where), "chosen", where);
  const Messages rejected = ParseMessages(Field(json, "rejected", where), "rejected", where);
  if (chosen.size() < 2 || chosen.size() != rejected.size() ||
      !std::equal(chosen.begin(), chosen.end() - 1, rejected.begin()) ||
      chosen.back().role != Role::kAssistant || rejected.back().role != Role::kAssistant) {
    Refuse("chosen and rejected don't share a prompt", where, hint);
  }
  preference.prompt.assign(chosen.begin(), chosen.end() - 1);
  preference.completions = {chosen.back().content, rejected.back().content};
}

// Completion i, and its gold if that is known, to its place; every rank stands there once.
void SortByRank(const std::vector<int64_t>& ranks, std::string_view where, Preference& preference) {
  auto& completions = preference.completions;
  const size_t count = completions.size();
  if (ranks.size() != count) {
    Refuse(std::to_string(ranks.size()) + " ranks for " + std::to_string(count) + " completions",
           where);
  }
  std::vector<std::string> sorted(count);
  std::vector<double> gold(preference.gold.size());
  std::vector<bool> seen(count);
  for (size_t i = 0; i < count; ++i) {
    const int64_t rank = ranks[i];
    if (rank < 1 || rank > static_cast<int64_t>(count)) {
      Refuse("rank " + std::to_string(rank) + " is not in 1 to " + std::to_string(count), where);
    }
    const auto place = static_cast<size_t>(rank - 1);
    if (seen[place]) {
      Refuse("rank " + std::to_string(rank) + " is repeated", where,
             "each of 1 to " + std::to_string(count) + " once: ties can't be learned from");
    }
    seen[place] = true;
    sorted[place] = std::move(completions[i]);
    if (!gold.empty()) gold[place] = preference.gold[i];
  }
  completions = std::move(sorted);
  preference.gold = std::move(gold);
}

// What synthetic labelers know. REQUIRES: the completions are there.
void ParseTruth(const Json& json, std::string_view where, Preference& preference) {
  if (json.contains("gold")) {
    preference.gold = JsonField<std::vector<double>>(json, "gold", where);
    if (preference.gold.size() != preference.completions.size()) {
      Refuse("\"gold\" has not one number for each completion", where);
    }
  }
  if (json.contains("bayes_accuracy")) {
    preference.bayes_accuracy = JsonField<double>(json, "bayes_accuracy", where);
    if (!(preference.bayes_accuracy >= 0.5 && preference.bayes_accuracy <= 1.0)) {
      Refuse("\"bayes_accuracy\" is not in 0.5 to 1", where);
    }
  }
}

void Check(const Preference& preference, std::string_view where) {
  if (preference.prompt.empty()) Refuse("the prompt is empty", where);
  if (preference.prompt.back().role == Role::kAssistant) {
    Refuse("the prompt ends with the assistant", where);
  }
  const size_t count = preference.completions.size();
  if (count < 2 || count > kMaxRanked) {
    Refuse(std::to_string(count) + " completions; a preference ranks 2 to " +
               std::to_string(kMaxRanked),
           where);
  }
  const std::set<std::string> different(preference.completions.begin(),
                                        preference.completions.end());
  if (different.size() < count) Refuse("the same completion stands there twice", where);
}

}  // namespace

Preference ParsePreference(std::string_view line, std::string_view where) {
  const Json json = ParseJson(line, where);
  if (!json.is_object()) Refuse("not a JSON object", where);
  Preference preference;
  if (json.contains("prompt")) {
    preference.prompt = ParseMessages(json["prompt"], "prompt", where);
  }
  if (json.contains("completions")) {
    Field(json, "prompt", where);
    preference.completions = JsonField<std::vector<std::string>>(json, "completions", where);
    ParseTruth(json, where, preference);
    SortByRank(JsonField<std::vector<int64_t>>(json, "ranks", where), where, preference);
  } else if (json.contains("prompt")) {
    preference.completions = {ParseReply(Field(json, "chosen", where), "chosen", where),
                              ParseReply(Field(json, "rejected", where), "rejected", where)};
  } else {
    SplitConversations(json, where, preference);
  }
  if (!json.contains("completions")) ParseTruth(json, where, preference);
  if (json.contains("margin")) preference.margin = JsonField<double>(json, "margin", where);
  Check(preference, where);
  return preference;
}

std::string PreferenceLine(const Preference& preference) {
  Json messages = Json::array(), ranks = Json::array();
  for (const Message& message : preference.prompt) {
    messages.push_back({{"role", RoleName(message.role)}, {"content", message.content}});
  }
  for (size_t i = 1; i <= preference.completions.size(); ++i) ranks.push_back(i);
  Json json = {{"prompt", messages}, {"completions", preference.completions}, {"ranks", ranks}};
  if (preference.margin != 0) json["margin"] = preference.margin;
  if (!preference.gold.empty()) json["gold"] = preference.gold;
  if (preference.bayes_accuracy != 0) json["bayes_accuracy"] = preference.bayes_accuracy;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<Preference> ReadPreferences(const std::filesystem::path& file) {
  const std::string text = ReadFile(file);
  std::vector<Preference> preferences;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    preferences.push_back(ParsePreference(line, file.string() + ":" + std::to_string(number)));
  }
  if (preferences.empty()) {
    Refuse("holds no preference", file.string(),
           "one JSON object a line: docs/formats/preferences.md");
  }
  return preferences;
}

std::vector<Contradiction> FindContradictions(std::span<const Preference> preferences) {
  // Prompt, then the two completions in order of bytes.
  using Key = std::pair<std::string, std::pair<std::string, std::string>>;
  struct Seen {
    size_t preference;
    bool in_order;
    bool reported;
  };
  std::map<Key, Seen> seen;
  std::vector<Contradiction> found;
  for (size_t i = 0; i < preferences.size(); ++i) {
    std::string prompt;
    for (const Message& message : preferences[i].prompt) {
      prompt += std::string(RoleName(message.role)) + '\0' + message.content + '\0';
    }
    const auto& completions = preferences[i].completions;
    for (size_t a = 0; a < completions.size(); ++a) {
      for (size_t b = a + 1; b < completions.size(); ++b) {
        const bool in_order = completions[a] < completions[b];
        const Key key{prompt, std::minmax(completions[a], completions[b])};
        const auto [it, is_new] = seen.try_emplace(key, Seen{i, in_order, false});
        if (is_new || it->second.in_order == in_order || it->second.reported) continue;
        it->second.reported = true;
        found.push_back({it->second.preference, i, completions[b], completions[a]});
      }
    }
  }
  return found;
}

}  // namespace agon::datasets
