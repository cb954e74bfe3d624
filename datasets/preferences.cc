#include "datasets/preferences.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/message_json.h"

namespace agon::datasets {
namespace {

[[noreturn]] void Refuse(const std::string& what, std::string_view where,
                         std::string_view hint = "") {
  throw Error(ErrorKind::kCorrupt, what, where, hint);
}

Messages ParseMessages(const Json& json, const char* key, std::string_view where) {
  if (json.is_string()) return {{Role::kUser, json.get<std::string>()}};
  if (!json.is_array()) {
    Refuse(std::string("field \"") + key + "\" is neither a text nor a list of messages", where);
  }
  return MessagesFromJson(json, where);
}

// A reply, or how a conversation goes on from its prompt, which the assistant begins and ends.
Messages ParseReply(const Json& json, const char* key, std::string_view where) {
  if (json.is_string()) return {{Role::kAssistant, json.get<std::string>()}};
  Messages messages = ParseMessages(json, key, where);
  if (messages.empty() || messages.front().role != Role::kAssistant ||
      messages.back().role != Role::kAssistant) {
    Refuse(std::string("field \"") + key + "\" doesn't begin and end with the assistant", where);
  }
  return messages;
}

void SetReplies(std::vector<Messages> replies, Preference& preference) {
  bool has_leads = false;
  for (Messages& reply : replies) {
    preference.completions.push_back(std::move(reply.back().content));
    reply.pop_back();
    has_leads |= !reply.empty();
  }
  if (has_leads) preference.leads = std::move(replies);
}

// Completion i with what leads to it, as a key.
std::string WholeReply(const Preference& preference, size_t i) {
  if (preference.leads.empty()) return preference.completions[i];
  return DumpJson(MessagesJson(preference.leads[i])) + preference.completions[i];
}

const Json& Field(const Json& object, const char* key, std::string_view where) {
  if (!object.contains(key)) Refuse(std::string("no field \"") + key + "\"", where);
  return object[key];
}

// Whole conversations: what they share is the prompt, and the assistant goes on from there.
void SplitConversations(const Json& json, std::string_view where, Preference& preference) {
  const Messages chosen = ParseMessages(Field(json, "chosen", where), "chosen", where);
  const Messages rejected = ParseMessages(Field(json, "rejected", where), "rejected", where);
  const auto [a, b] = std::mismatch(chosen.begin(), chosen.end(), rejected.begin(), rejected.end());
  const auto goes_on = [](auto from, const Messages& in) {
    return from != in.end() && from->role == Role::kAssistant && in.back().role == Role::kAssistant;
  };
  if (a == chosen.begin() || !goes_on(a, chosen) || !goes_on(b, rejected)) {
    Refuse("chosen and rejected don't share a prompt", where,
           "give \"prompt\", or conversations that go apart in what the assistant says");
  }
  preference.prompt.assign(chosen.begin(), a);
  SetReplies({{a, chosen.end()}, {b, rejected.end()}}, preference);
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
  if (!(preference.weight > 0 && preference.weight <= 1)) {
    Refuse("\"weight\" is not above 0 and at most 1", where);
  }
  const size_t count = preference.completions.size();
  if (count < 2 || count > kMaxRanked) {
    Refuse(std::to_string(count) + " completions; a preference ranks 2 to " +
               std::to_string(kMaxRanked),
           where);
  }
  std::set<std::string> different;
  for (size_t i = 0; i < count; ++i) different.insert(WholeReply(preference, i));
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
    SetReplies({ParseReply(Field(json, "chosen", where), "chosen", where),
                ParseReply(Field(json, "rejected", where), "rejected", where)},
               preference);
  } else {
    SplitConversations(json, where, preference);
  }
  if (!json.contains("completions")) ParseTruth(json, where, preference);
  if (json.contains("margin")) preference.margin = JsonField<double>(json, "margin", where);
  if (json.contains("weight")) preference.weight = JsonField<double>(json, "weight", where);
  Check(preference, where);
  return preference;
}

std::string PreferenceLine(const Preference& preference) {
  AGON_CHECK(preference.leads.empty(), "a ranking is of replies to its prompt");
  Json ranks = Json::array();
  for (size_t i = 1; i <= preference.completions.size(); ++i) ranks.push_back(i);
  Json json = {{"prompt", MessagesJson(preference.prompt)},
               {"completions", preference.completions},
               {"ranks", ranks}};
  if (preference.margin != 0) json["margin"] = preference.margin;
  if (preference.weight != 1) json["weight"] = preference.weight;
  if (!preference.gold.empty()) json["gold"] = preference.gold;
  if (preference.bayes_accuracy != 0) json["bayes_accuracy"] = preference.bayes_accuracy;
  return DumpJson(json);
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
    const auto& texts = preferences[i].completions;
    std::vector<std::string> completions;
    for (size_t k = 0; k < texts.size(); ++k) completions.push_back(WholeReply(preferences[i], k));
    for (size_t a = 0; a < completions.size(); ++a) {
      for (size_t b = a + 1; b < completions.size(); ++b) {
        const bool in_order = completions[a] < completions[b];
        const Key key{prompt, std::minmax(completions[a], completions[b])};
        const auto [it, is_new] = seen.try_emplace(key, Seen{i, in_order, false});
        if (is_new || it->second.in_order == in_order || it->second.reported) continue;
        it->second.reported = true;
        found.push_back({it->second.preference, i, texts[b], texts[a]});
      }
    }
  }
  return found;
}

}  // namespace agon::datasets
