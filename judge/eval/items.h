// Lines of a benchmark's file, and the prompts that are made of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/eval.h"

namespace agon::judge {

// One task of a file.
struct Item {
  std::map<std::string, std::string> fields;  // of the line, texts and numbers as text
  std::string answer;                         // to a question; of choices the right one's text
  std::vector<std::string> choices;           // of kChoice: two or more
  size_t gold = 0;                            // the right choice
  std::string family;                         // field "family" or "subject", if there is one
  int difficulty = 0;                         // field "difficulty", if there is one

  bool operator==(const Item&) const = default;
};

// Reads a JSON lines file for a benchmark of `kind`; for kText also any other file, which is one
// document. What each kind needs, and the shapes of well-known data sets that are taken as they
// are, is in docs/formats/suite.md. Throws kNotFound, and kCorrupt naming file and line; a file
// without tasks is kCorrupt, too.
std::vector<Item> ReadItems(const std::filesystem::path& file, BenchmarkKind kind);

// `text` with {name} replaced by the item's field, {choices} by its lettered choices; "{{" and
// "}}" are braces. Throws Error(kUsage) naming `where`, the name and the fields that exist.
std::string RenderTemplate(std::string_view text, const Item& item, const std::string& where);

// "A", "B", ...: the letter of a choice. REQUIRES: index < 26.
std::string ChoiceLetter(size_t index);

// How the tasks of a file are put to a model: templates and few-shot examples. Immutable.
class ItemPrompts {
 public:
  // Of `spec` over its `items`; reads spec.few_shot_file. Keeps the pointers' targets. Throws
  // Error(kUsage) if there are fewer examples than asked for.
  ItemPrompts(const BenchmarkSpec& spec, std::span<const Item> items);

  // The conversation up to the answer: examples as turns, then the task.
  Messages Chat(size_t index) const;
  // The same as one text, examples set off by blank lines; an answer follows after one space.
  std::string Plain(size_t index) const;
  // See Benchmark::TaskHash.
  uint64_t TaskHash(size_t index) const;
  // The task alone, for reports.
  std::string Task(size_t index) const { return Render(items_[index]); }

 private:
  std::string Render(const Item& item) const;
  std::string AnswerOf(const Item& item) const;
  std::vector<const Item*> Examples(size_t index) const;

  const BenchmarkSpec& spec_;
  std::span<const Item> items_;
  std::vector<Item> pool_;  // few-shot examples of a file of their own
};

}  // namespace agon::judge
