#include "judge/eval/items.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/rng.h"
#include "judge/eval/benchmark.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxItemsBytes = size_t{1} << 30;
constexpr size_t kMaxChoices = 26;

// Texts as they are, numbers and truth values as JSON writes them; nullopt of the rest.
std::optional<std::string> ScalarText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

// The first of `names` that the line has, or nullptr.
const Json* FirstOf(const Json& line, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (line.contains(name)) return &line.at(name);
  }
  return nullptr;
}

// A list, as most have it, or ARC's {"text": [...], "label": [...]}.
void ReadChoices(const Json& line, Item& item, std::vector<std::string>& labels,
                 const std::string& where) {
  const Json* choices = FirstOf(line, {"choices", "endings", "options"});
  if (choices == nullptr) {
    throw Error(ErrorKind::kCorrupt, "missing field \"choices\"", where,
                "a list of texts, of which the field \"answer\" names the right one");
  }
  if (choices->is_object()) {
    item.choices = JsonField<std::vector<std::string>>(*choices, "text", where);
    labels = JsonField<std::vector<std::string>>(*choices, "label", where);
  } else if (choices->is_array() && std::all_of(choices->begin(), choices->end(),
                                                [](const Json& c) { return c.is_string(); })) {
    item.choices = choices->get<std::vector<std::string>>();
  }
  const bool has_empty = std::any_of(item.choices.begin(), item.choices.end(),
                                     [](const std::string& c) { return c.empty(); });
  if (item.choices.size() < 2 || item.choices.size() > kMaxChoices || has_empty) {
    throw Error(ErrorKind::kCorrupt, "the choices are no list of 2 to 26 texts", where);
  }
}

// The right choice: its place from 0 (a number, also as text), its label or letter, or itself.
void ReadGold(const Json& line, Item& item, const std::vector<std::string>& labels,
              const std::string& where) {
  const Json* answer = FirstOf(line, {"answer", "answerKey", "label", "gold"});
  const std::optional<std::string> text = answer ? ScalarText(*answer) : std::nullopt;
  const size_t size = item.choices.size();
  item.gold = size;
  for (size_t i = 0; text && i < size; ++i) {
    const bool has_label = i < labels.size() && labels[i] == *text;
    const bool is_place =
        labels.empty() && (*text == std::to_string(i) || *text == ChoiceLetter(i));
    if (has_label || is_place) item.gold = i;
  }
  for (size_t i = 0; text && item.gold == size && i < size; ++i) {
    if (item.choices[i] == *text) item.gold = i;
  }
  if (item.gold == size) {
    throw Error(ErrorKind::kCorrupt,
                "the answer names none of the " + std::to_string(size) + " choices" +
                    (text ? ": " + text->substr(0, 60) : ""),
                where, "give its number from 0, its letter from A, or its text");
  }
  item.answer = item.choices[item.gold];
}

// A text, a number, GSM8K's worked answer, whose result stands behind "####", or none.
void ReadAnswer(const Json& line, Item& item, const std::string& where) {
  const Json* answer = FirstOf(line, {"answer", "target", "gold"});
  if (answer == nullptr) return;
  const std::optional<std::string> text = ScalarText(*answer);
  if (!text) throw Error(ErrorKind::kCorrupt, "the answer is neither text nor number", where);
  const size_t mark = text->rfind("#### ");
  item.answer = mark == std::string::npos ? *text : text->substr(mark + 5);
}

Item ReadItem(const Json& line, BenchmarkKind kind, const std::string& where) {
  if (!line.is_object()) throw Error(ErrorKind::kCorrupt, "the line is no JSON object", where);
  Item item;
  for (const auto& [name, value] : line.items()) {
    if (auto text = ScalarText(value)) item.fields[name] = *std::move(text);
  }
  if (const Json* family = FirstOf(line, {"family", "subject"})) {
    item.family = ScalarText(*family).value_or("");
  }
  if (line.contains("difficulty")) item.difficulty = JsonField<int>(line, "difficulty", where);
  if (kind == BenchmarkKind::kChoice) {
    std::vector<std::string> labels;
    ReadChoices(line, item, labels, where);
    ReadGold(line, item, labels, where);
  } else if (kind == BenchmarkKind::kGeneration) {
    ReadAnswer(line, item, where);
  } else if (!item.fields.contains("text")) {
    throw Error(ErrorKind::kCorrupt, "missing field \"text\"", where);
  }
  return item;
}

const char* DefaultTemplate(const BenchmarkSpec& spec) {
  if (spec.letters) return "Question: {question}\n{choices}\nAnswer:";
  const bool is_chat = spec.prompting == Prompting::kChat;
  return is_chat ? "{question}" : "Question: {question}\nAnswer:";
}

}  // namespace

std::vector<Item> ReadItems(const std::filesystem::path& file, BenchmarkKind kind) {
  const std::string text = ReadFile(file, kMaxItemsBytes);
  std::vector<Item> items;
  if (kind == BenchmarkKind::kText && file.extension() != ".jsonl") {
    if (!text.empty()) items.emplace_back().fields["text"] = text;
  } else {
    int64_t line_number = 0;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string where = file.string() + " line " + std::to_string(++line_number);
      const std::string_view line = std::string_view(text).substr(begin, end - begin);
      if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
        items.push_back(ReadItem(ParseJson(line, where), kind, where));
      }
      begin = end + 1;
    }
  }
  if (items.empty()) throw Error(ErrorKind::kCorrupt, "the file holds no task", file.string());
  return items;
}

std::string ChoiceLetter(size_t index) {
  AGON_CHECK(index < kMaxChoices);
  return std::string(1, static_cast<char>('A' + index));
}

std::string RenderTemplate(std::string_view text, const Item& item, const std::string& where) {
  std::string rendered;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_double = i + 1 < text.size() && text[i + 1] == text[i];
    if ((text[i] == '{' || text[i] == '}') && is_double) {
      rendered += text[i++];
      continue;
    }
    if (text[i] != '{') {
      rendered += text[i];
      continue;
    }
    const size_t end = std::min(text.find('}', i), text.size());
    const std::string name(text.substr(i + 1, end - i - 1));
    if (const auto field = item.fields.find(name); field != item.fields.end()) {
      rendered += field->second;
    } else if (name == "choices" && !item.choices.empty()) {
      for (size_t choice = 0; choice < item.choices.size(); ++choice) {
        rendered += (choice == 0 ? "" : "\n") + ChoiceLetter(choice) + ". " + item.choices[choice];
      }
    } else {
      std::string known;
      for (const auto& [field_name, value] : item.fields) known += " {" + field_name + "}";
      throw Error(ErrorKind::kUsage, "the prompt asks for {" + name + "}, which a line lacks",
                  where, "this line has" + known);
    }
    i = end;
  }
  return rendered;
}

ItemPrompts::ItemPrompts(const BenchmarkSpec& spec, std::span<const Item> items)
    : spec_(spec), items_(items) {
  if (spec.num_few_shot == 0) return;
  if (!spec.few_shot_file.empty()) pool_ = ReadItems(spec.few_shot_file, spec.kind);
  // One more than wanted where the task itself may be drawn.
  const size_t available = pool_.empty() ? items.size() - 1 : pool_.size();
  if (available < static_cast<size_t>(spec.num_few_shot)) {
    throw Error(ErrorKind::kUsage,
                std::to_string(spec.num_few_shot) + " few-shot examples, but there are only " +
                    std::to_string(available),
                "benchmark " + spec.name, "lower num_few_shot or give a larger few_shot_file");
  }
}

std::string ItemPrompts::Render(const Item& item) const {
  const std::string text = spec_.prompt.empty() ? DefaultTemplate(spec_) : spec_.prompt;
  return RenderTemplate(text, item, "benchmark " + spec_.name);
}

std::string ItemPrompts::AnswerOf(const Item& item) const {
  return spec_.letters ? ChoiceLetter(item.gold) : spec_.prefill + item.answer;
}

// Drawn by the task's own random key, never the task itself nor one that asks the same: what
// else is evaluated, and in which order, changes nothing.
std::vector<const Item*> ItemPrompts::Examples(size_t index) const {
  std::vector<const Item*> examples;
  const std::span<const Item> pool = pool_.empty() ? items_ : std::span<const Item>(pool_);
  std::vector<size_t> order(pool.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  Rng rng(RngKey{spec_.seed, RngStream::kData, 0, index, 0});
  for (size_t i = 0; i < order.size(); ++i) {
    if (examples.size() == static_cast<size_t>(spec_.num_few_shot)) break;
    std::swap(order[i], order[i + rng.Below(order.size() - i)]);
    const Item& example = pool[order[i]];
    if (&example == &items_[index] || example.fields == items_[index].fields) continue;
    examples.push_back(&example);
  }
  return examples;
}

Messages ItemPrompts::Chat(size_t index) const {
  Messages messages;
  for (const Item* example : Examples(index)) {
    messages.push_back({Role::kUser, Render(*example)});
    messages.push_back({Role::kAssistant, AnswerOf(*example)});
  }
  messages.push_back({Role::kUser, Render(items_[index])});
  return messages;
}

uint64_t ItemPrompts::TaskHash(size_t index) const {
  const Item& item = items_[index];
  const std::string prompt = Plain(index), difficulty = std::to_string(item.difficulty);
  std::vector<std::string_view> texts = {prompt, item.answer, item.family, difficulty};
  texts.insert(texts.end(), item.choices.begin(), item.choices.end());
  return HashTexts(texts);
}

std::string ItemPrompts::Plain(size_t index) const {
  std::string text;
  for (const Item* example : Examples(index)) {
    text += Render(*example) + " " + AnswerOf(*example) + "\n\n";
  }
  return text + Render(items_[index]);
}

}  // namespace agon::judge
