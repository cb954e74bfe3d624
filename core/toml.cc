#include "core/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/names.h"

namespace agon {
namespace {

constexpr int kMaxDepth = 64;

template <typename T>
std::string Printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

// toml++ sorts a table by name; the file's order is that of the keys' places.
std::vector<const toml::key*> KeysInOrder(const toml::table& table) {
  std::vector<const toml::key*> keys;
  for (auto it = table.begin(); it != table.end(); ++it) keys.push_back(&it->first);
  std::stable_sort(keys.begin(), keys.end(), [](const toml::key* a, const toml::key* b) {
    const auto x = a->source().begin, y = b->source().begin;
    return x.line != y.line ? x.line < y.line : x.column < y.column;
  });
  return keys;
}

Json ToJson(const toml::node& node, std::string_view where, int depth) {
  if (depth > kMaxDepth) throw Error(ErrorKind::kCorrupt, "nested too deeply", where);
  if (const auto* table = node.as_table()) {
    Json object = Json::object();
    for (const toml::key* key : KeysInOrder(*table)) {
      object[std::string(key->str())] = ToJson(*table->get(key->str()), where, depth + 1);
    }
    return object;
  }
  if (const auto* array = node.as_array()) {
    Json list = Json::array();
    for (const toml::node& item : *array) list.push_back(ToJson(item, where, depth + 1));
    return list;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* date = node.as_date()) return Printed(date->get());
  if (const auto* time = node.as_time()) return Printed(time->get());
  return Printed(node.as_date_time()->get());
}

}  // namespace

Json ParseToml(std::string_view text, std::string_view where) {
  try {
    return ToJson(toml::parse(text), where, 0);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    throw Error(ErrorKind::kCorrupt,
                "line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " +
                    std::string(error.description()),
                where);
  }
}

void CheckKeys(const Json& object, std::span<const std::string_view> known,
               std::string_view where) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::vector<std::string> names(known.begin(), known.end());
    const std::string nearest = NearestName(key, names);
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    throw Error(ErrorKind::kUsage, "unknown key \"" + key + "\"", where,
                nearest.empty() ? "known are " + list : "did you mean \"" + nearest + "\"?");
  }
}

}  // namespace agon
