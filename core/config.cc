#include "core/config.h"

#include <toml++/toml.h>
#include <charconv>
#include <cstdio>
#include <sstream>

#include "core/error.h"
#include "core/names.h"

namespace agon {
namespace {

const toml::node& AsNode(const void* node) { return *static_cast<const toml::node*>(node); }

// A TOML basic string.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') quoted += '\\';
    if (byte >= 0x20 && byte != 0x7f) {
      quoted += c;
      continue;
    }
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\u%04X", byte);
    quoted += escape;
  }
  return quoted + "\"";
}

// The shortest text that reads back as the same float, with a point so that it stays one.
std::string FloatText(float value) {
  char text[32];
  const std::string digits(text, std::to_chars(text, text + sizeof text, value).ptr);
  return digits.find_first_of(".e") == std::string::npos ? digits + ".0" : digits;
}

std::string NumberText(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string GroupOf(const std::string& name) { return name.substr(0, name.find('.')); }

std::string TypeName(const toml::node& node) {
  std::ostringstream out;
  out << node.type();
  return out.str();
}

std::string WrongType(const toml::node& node, const char* wanted) {
  return std::string("is of type ") + TypeName(node) + ", wanted " + wanted;
}

// Reads an integer into a variable of another width.
template <typename T>
std::function<std::string(const void*)> IntegerReader(T* value, int64_t low, int64_t high) {
  return [value, low, high](const void* node) -> std::string {
    if (!AsNode(node).is_integer()) return WrongType(AsNode(node), "a whole number");
    const int64_t read = AsNode(node).as_integer()->get();
    if (read < low || read > high) return "is out of range: " + std::to_string(read);
    *value = static_cast<T>(read);
    return "";
  };
}

std::string RangeText(int64_t low, int64_t high) {
  if (high == INT64_MAX) return "≥ " + std::to_string(low);
  return std::to_string(low) + " to " + std::to_string(high);
}

template <typename T>
std::function<std::string()> IntegerPrinter(T* value) {
  return [value] { return std::to_string(*value); };
}

}  // namespace

void ConfigTable::AddKey(Key key) {
  AGON_CHECK(key.name.find('.') != std::string::npos, key.name);
  key.default_text = key.print();
  keys_.push_back(std::move(key));
}

void ConfigTable::Add(std::string name, int* value, int64_t low, int64_t high, std::string unit,
                      std::string meaning) {
  AddKey({std::move(name), std::move(unit), RangeText(low, high), std::move(meaning), "",
          IntegerPrinter(value), IntegerReader(value, low, high)});
}

void ConfigTable::Add(std::string name, int64_t* value, int64_t low, int64_t high, std::string unit,
                      std::string meaning) {
  AddKey({std::move(name), std::move(unit), RangeText(low, high), std::move(meaning), "",
          IntegerPrinter(value), IntegerReader(value, low, high)});
}

void ConfigTable::Add(std::string name, uint64_t* value, std::string unit, std::string meaning) {
  // TOML's integers are signed.
  AddKey({std::move(name), std::move(unit), RangeText(0, INT64_MAX), std::move(meaning), "",
          IntegerPrinter(value), IntegerReader(value, 0, INT64_MAX)});
}

void ConfigTable::Add(std::string name, float* value, double low, double high, std::string unit,
                      std::string meaning) {
  AddKey({std::move(name), std::move(unit), NumberText(low) + " to " + NumberText(high),
          std::move(meaning), "", [value] { return FloatText(*value); },
          [value, low, high](const void* node) -> std::string {
            const auto read = AsNode(node).value<double>();
            if (!read || !AsNode(node).is_number()) return WrongType(AsNode(node), "a number");
            if (!(*read >= low && *read <= high)) return "is out of range: " + NumberText(*read);
            *value = static_cast<float>(*read);
            return "";
          }});
}

void ConfigTable::Add(std::string name, bool* value, std::string meaning) {
  AddKey({std::move(name), "", "true, false", std::move(meaning), "",
          [value] { return *value ? "true" : "false"; },
          [value](const void* node) -> std::string {
            if (!AsNode(node).is_boolean()) return WrongType(AsNode(node), "true or false");
            *value = AsNode(node).as_boolean()->get();
            return "";
          }});
}

void ConfigTable::Add(std::string name, std::string* value, std::string meaning) {
  AddKey({std::move(name), "", "text", std::move(meaning), "", [value] { return Quoted(*value); },
          [value](const void* node) -> std::string {
            if (!AsNode(node).is_string()) return WrongType(AsNode(node), "text");
            *value = AsNode(node).as_string()->get();
            return "";
          }});
}

void ConfigTable::Add(std::string name, std::vector<std::string>* value, std::string meaning) {
  const auto print = [value] {
    std::string text = "[";
    for (const std::string& item : *value) text += (text.size() > 1 ? ", " : "") + Quoted(item);
    return text + "]";
  };
  const auto read = [value](const void* node) -> std::string {
    const toml::array* array = AsNode(node).as_array();
    if (!array) return WrongType(AsNode(node), "a list of texts");
    std::vector<std::string> items;
    for (const toml::node& item : *array) {
      if (!item.is_string()) return WrongType(item, "a list of texts");
      items.push_back(item.as_string()->get());
    }
    *value = std::move(items);
    return "";
  };
  AddKey({std::move(name), "", "list of texts", std::move(meaning), "", print, read});
}

void ConfigTable::AddChoice(std::string name, std::function<int()> get,
                            std::function<void(int)> set, std::vector<std::string> choices,
                            std::string meaning) {
  std::string range;
  for (const std::string& choice : choices) range += (range.empty() ? "" : ", ") + choice;
  const auto print = [get, choices] { return Quoted(choices[static_cast<size_t>(get())]); };
  const auto read = [set, choices, range](const void* node) -> std::string {
    if (!AsNode(node).is_string()) return WrongType(AsNode(node), "text");
    const std::string& text = AsNode(node).as_string()->get();
    for (size_t i = 0; i < choices.size(); ++i) {
      if (choices[i] != text) continue;
      set(static_cast<int>(i));
      return "";
    }
    return "can't be \"" + text + "\", choose one of: " + range;
  };
  AddKey({std::move(name), "", range, std::move(meaning), "", print, read});
}

const ConfigTable::Key& ConfigTable::Find(std::string_view name, std::string_view where) const {
  std::vector<std::string> names;
  for (const Key& key : keys_) {
    if (key.name == name) return key;
    names.push_back(key.name);
  }
  const std::string nearest = NearestName(name, names);
  throw Error(ErrorKind::kUsage, "unknown key " + std::string(name), where,
              nearest.empty() ? "docs/config.md lists the keys" : "did you mean " + nearest + "?");
}

void ConfigTable::ReadToml(std::string_view text, std::string_view where) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    std::ostringstream place;
    place << where << ":" << error.source().begin.line << ":" << error.source().begin.column;
    throw Error(ErrorKind::kCorrupt, "this is not TOML: " + std::string(error.description()),
                place.str());
  }
  const auto read = [&](const std::string& name, const toml::node& node) {
    const std::string wrong = Find(name, where).read(&node);
    if (wrong.empty()) return;
    const Key& key = Find(name, where);
    throw Error(ErrorKind::kUsage, name + " " + wrong, where,
                "it takes " + key.range + " (" + key.meaning + ")");
  };
  for (const auto& [group, node] : root) {
    const std::string group_name(group.str());
    const toml::table* table = node.as_table();
    if (!table) {
      read(group_name, node);
      continue;
    }
    for (const auto& [key, value] : *table) read(group_name + "." + std::string(key.str()), value);
  }
}

void ConfigTable::Set(std::string_view assignment) {
  const size_t equals = assignment.find('=');
  const std::string_view name = assignment.substr(0, equals);
  const size_t dot = name.find('.');
  if (equals == std::string_view::npos || dot == std::string_view::npos) {
    throw Error(ErrorKind::kUsage, "\"" + std::string(assignment) + "\" is no key=value", "--set",
                "write for example --set rl.num_steps=60");
  }
  const Key& key = Find(name, "--set");
  std::string value(assignment.substr(equals + 1));
  // A bare word where the key holds text.
  if (key.default_text.starts_with('"') && !value.starts_with('"') && !value.starts_with('\'')) {
    value = Quoted(value);
  }
  const std::string text = "[" + std::string(name.substr(0, dot)) + "]\n" +
                           std::string(name.substr(dot + 1)) + " = " + value + "\n";
  if (value.find('\n') != std::string::npos) {
    throw Error(ErrorKind::kUsage, "a value has one line", "--set " + std::string(name));
  }
  try {
    ReadToml(text, "--set " + std::string(assignment));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    throw Error(ErrorKind::kUsage, std::string(name) + " can't be " + value, "--set",
                "it takes " + key.range + " (" + key.meaning + ")");
  }
}

std::string ConfigTable::ToToml() const {
  std::string text, group;
  for (const Key& key : keys_) {
    if (GroupOf(key.name) != group) {
      if (!group.empty()) text += "\n";
      group = GroupOf(key.name);
      text += "[" + group + "]\n";
    }
    text += key.name.substr(group.size() + 1) + " = " + key.print() + "\n";
  }
  return text;
}

std::string ConfigTable::ToMarkdown() const {
  std::string text, group;
  for (const Key& key : keys_) {
    if (GroupOf(key.name) != group) {
      group = GroupOf(key.name);
      text += "\n## " + group +
              "\n| Key | Default | Unit | Values | Meaning |\n|---|---|---|---|---|\n";
    }
    text += "| `" + key.name + "` | `" + key.default_text + "` | " + key.unit + " | " + key.range +
            " | " + key.meaning + " |\n";
  }
  return text;
}

}  // namespace agon
