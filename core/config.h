// Typed configuration: one table of keys that reads TOML, overrides, defaults and documents.
//
// A key is bound to a variable; the value that the variable holds when it is added is the
// key's default. Names are "group.key" as in TOML's [group] tables. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace agon {

class ConfigTable {
 public:
  // Bounds are inclusive; `unit` may be ""; `meaning` is one sentence without a full stop.
  // Keeps the pointer.
  void Add(std::string name, int* value, int64_t low, int64_t high, std::string unit,
           std::string meaning);
  void Add(std::string name, int64_t* value, int64_t low, int64_t high, std::string unit,
           std::string meaning);
  void Add(std::string name, uint64_t* value, std::string unit, std::string meaning);
  void Add(std::string name, float* value, double low, double high, std::string unit,
           std::string meaning);
  void Add(std::string name, bool* value, std::string meaning);
  void Add(std::string name, std::string* value, std::string meaning);
  void Add(std::string name, std::vector<std::string>* value, std::string meaning);
  // An enumeration: choices[i] stands for the value i.
  template <typename Enum>
  void AddChoice(std::string name, Enum* value, std::vector<std::string> choices,
                 std::string meaning) {
    AddChoice(
        std::move(name), [value] { return static_cast<int>(*value); },
        [value](int choice) { *value = static_cast<Enum>(choice); }, std::move(choices),
        std::move(meaning));
  }

  // Reads TOML; keys that it doesn't name keep their values. Throws Error: kCorrupt with
  // line and column where the text isn't TOML; kUsage naming `where`, the key and, for an
  // unknown key, the nearest known one; kUsage for a wrong type or a value out of range.
  void ReadToml(std::string_view text, std::string_view where);
  // "group.key=value", the value as in TOML; the quotes of a string may be left out.
  void Set(std::string_view assignment);

  // Every key with its value, in the order of the table. ReadToml gives the same values.
  std::string ToToml() const;
  // A table per group: key, default, unit, range, meaning.
  std::string ToMarkdown() const;

  size_t size() const { return keys_.size(); }

 private:
  struct Key {
    std::string name, unit, range, meaning, default_text;
    std::function<std::string()> print;  // the value as TOML
    // Takes a toml::node; returns what is wrong with it, "" if it was taken.
    std::function<std::string(const void* node)> read;
  };
  void AddChoice(std::string name, std::function<int()> get, std::function<void(int)> set,
                 std::vector<std::string> choices, std::string meaning);
  void AddKey(Key key);
  const Key& Find(std::string_view name, std::string_view where) const;

  std::vector<Key> keys_;
};

}  // namespace agon
