// tokenizer.json as Hugging Face tokenizers reads and writes it (BPE model).
#include <algorithm>
#include <array>
#include <limits>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "datasets/pretokenize.h"
#include "datasets/tokenizer.h"
#include "datasets/tokenizer_impl.h"

namespace agon::datasets {
namespace {

// Sorted objects: ordered ones look up each key by a linear scan, which is quadratic in
// the size of a vocabulary.
using SortedJson = nlohmann::json;

constexpr size_t kMaxTokenizerBytes = size_t{1} << 28;
constexpr int kMaxJsonDepth = 16;

void AppendUtf8(uint32_t codepoint, std::string& out) {  // codepoint < 0x800
  if (codepoint < 0x80) {
    out += static_cast<char>(codepoint);
  } else {
    out += static_cast<char>(0xc0 | codepoint >> 6);
    out += static_cast<char>(0x80 | (codepoint & 0x3f));
  }
}

// GPT-2's map from bytes to printable characters: printable Latin-1 stands for itself,
// the rest follow from U+0100 on (openai/gpt-2 src/encoder.py).
const std::array<uint32_t, 256>& ByteCharacters() {
  static const std::array<uint32_t, 256> characters = [] {
    std::array<uint32_t, 256> map{};
    uint32_t next = 0x100;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
      map[byte] = printable ? byte : next++;
    }
    return map;
  }();
  return characters;
}

std::string ToCharacters(std::string_view bytes) {
  std::string text;
  for (char byte : bytes) AppendUtf8(ByteCharacters()[static_cast<uint8_t>(byte)], text);
  return text;
}

// nullopt if a character stands for no byte.
std::optional<std::string> FromCharacters(std::string_view text) {
  static const std::array<int, 0x200> bytes_of = [] {
    std::array<int, 0x200> map;
    map.fill(-1);
    for (int byte = 0; byte < 256; ++byte) map[ByteCharacters()[byte]] = byte;
    return map;
  }();
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t codepoint = static_cast<uint8_t>(text[i]);
    if (codepoint >= 0x80) {
      if (Utf8Length(text, i) != 2) return std::nullopt;
      codepoint = (codepoint & 0x1f) << 6 | (static_cast<uint8_t>(text[++i]) & 0x3f);
    }
    if (codepoint >= bytes_of.size() || bytes_of[codepoint] < 0) return std::nullopt;
    bytes += static_cast<char>(bytes_of[codepoint]);
  }
  return bytes;
}

class Reader {
 public:
  Reader(const SortedJson& root, const std::string& where) : root_(root), where_(where) {}

  TokenizerParts Read() {
    const SortedJson& model = Field(root_, "model", SortedJson::value_t::object);
    CheckPipeline(model);
    ReadVocabulary(Field(model, "vocab", SortedJson::value_t::object));
    ReadMerges(Field(model, "merges", SortedJson::value_t::array));
    if (const auto flag = model.find("ignore_merges"); flag != model.end()) {
      if (!flag->is_boolean()) Corrupt("model.ignore_merges is not true or false");
      parts_.ignore_merges = flag->get<bool>();
    }
    return std::move(parts_);
  }

 private:
  [[noreturn]] void Corrupt(const std::string& what) const {
    throw Error(ErrorKind::kCorrupt, what, where_, "write the tokenizer again");
  }
  [[noreturn]] void Unsupported(const std::string& what) const {
    throw Error(ErrorKind::kUnsupported, what, where_,
                "only byte-level BPE with Qwen2's split rule can be read");
  }

  const SortedJson& Field(const SortedJson& object, const char* key,
                          SortedJson::value_t type) const {
    if (!object.is_object()) Corrupt(std::string("no object holds \"") + key + "\"");
    const auto field = object.find(key);
    if (field == object.end()) Corrupt(std::string("missing field \"") + key + "\"");
    if (field->type() != type) Corrupt(std::string("field \"") + key + "\" has the wrong type");
    return *field;
  }

  int32_t Id(const SortedJson& value, const std::string& of) const {
    // Ids are dense, so none can exceed the number of bytes in the file.
    if (!value.is_number_unsigned() || value.get<uint64_t>() >= kMaxTokenizerBytes) {
      Corrupt("the id of " + of + " is not a token id");
    }
    return value.get<int32_t>();
  }

  void CheckPipeline(const SortedJson& model) const {
    if (const std::string type = model.value("type", SortedJson("BPE")).dump(); type != "\"BPE\"") {
      Unsupported("model.type is " + type.substr(0, 40));
    }
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
      const SortedJson value = model.value(key, SortedJson());
      if (!value.is_null() && value != "" && value != 0) {
        Unsupported(std::string("model.") + key + " is set");
      }
    }
    if (model.value("byte_fallback", SortedJson(false)) != false) {
      Unsupported("model.byte_fallback is set");
    }
    if (!root_.value("normalizer", SortedJson()).is_null()) {
      Unsupported("normalizer is set, which would change the text");
    }
    CheckSplit(root_.value("pre_tokenizer", SortedJson()));
  }

  // Sequence[Split(pattern, Isolated), ByteLevel].
  void CheckSplit(const SortedJson& pre_tokenizer) const {
    const auto text = [](const SortedJson& object, const char* key) {
      return object.is_object() ? object.value(key, SortedJson()) : SortedJson();
    };
    const SortedJson steps = text(pre_tokenizer, "pretokenizers");
    if (text(pre_tokenizer, "type") != "Sequence" || !steps.is_array() || steps.size() != 2) {
      Unsupported("pre_tokenizer is not a Sequence of Split and ByteLevel");
    }
    if (text(steps[0], "type") != "Split" ||
        text(text(steps[0], "pattern"), "Regex") != kSplitPattern ||
        text(steps[0], "behavior") != "Isolated" || text(steps[0], "invert") == true) {
      Unsupported("pre_tokenizer doesn't split by Qwen2's rule");
    }
    if (text(steps[1], "type") != "ByteLevel" || text(steps[1], "use_regex") != false ||
        text(steps[1], "add_prefix_space") == true) {
      Unsupported("pre_tokenizer's ByteLevel splits or adds a space");
    }
  }

  void ReadAdded() {
    const auto tokens = root_.find("added_tokens");
    if (tokens == root_.end() || tokens->is_null()) return;
    if (!tokens->is_array()) Corrupt("field \"added_tokens\" has the wrong type");
    for (const SortedJson& token : *tokens) {
      AddedToken added;
      added.content =
          Field(token, "content", SortedJson::value_t::string).get_ref<const std::string&>();
      if (added.content.empty()) Corrupt("an added token is empty");
      added.id = Id(token.value("id", SortedJson()), "added token \"" + added.content + "\"");
      added.special = token.value("special", SortedJson(false)) == true;
      parts_.added.push_back(std::move(added));
    }
    std::sort(parts_.added.begin(), parts_.added.end(),
              [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  }

  void ReadVocabulary(const SortedJson& vocab) {
    ReadAdded();
    const size_t limit = vocab.size() + parts_.added.size();
    std::vector<bool> seen(limit, false);
    parts_.bytes.resize(limit);
    size_t num_tokens = 0;
    for (const AddedToken& token : parts_.added) {
      if (static_cast<size_t>(token.id) >= limit) HoleBelow(token.id);
      if (seen[token.id]) Corrupt("id " + std::to_string(token.id) + " is used twice");
      seen[token.id] = true;
      parts_.bytes[token.id] = token.content;
      ++num_tokens;
    }
    const std::vector<bool> from_added = seen;
    for (const auto& [characters, value] : vocab.items()) {
      const int32_t id = Id(value, "\"" + characters.substr(0, 40) + "\"");
      if (static_cast<size_t>(id) >= limit) HoleBelow(id);
      if (seen[id]) {
        if (from_added[id] && parts_.bytes[id] == characters) continue;  // listed in both places
        Corrupt("id " + std::to_string(id) + " is used twice");
      }
      const std::optional<std::string> bytes = FromCharacters(characters);
      if (!bytes) Corrupt("token " + std::to_string(id) + " is not made of byte characters");
      seen[id] = true;
      parts_.bytes[id] = *bytes;
      ids_.emplace(characters, id);
      ++num_tokens;
    }
    parts_.bytes.resize(num_tokens);
    for (size_t id = 0; id < num_tokens; ++id) {
      if (!seen[id]) Corrupt("no token has id " + std::to_string(id));
    }
  }

  [[noreturn]] void HoleBelow(int32_t id) const {
    Corrupt("id " + std::to_string(id) + " exceeds the number of tokens: ids must have no holes");
  }

  // "a b" or ["a", "b"].
  std::pair<std::string, std::string> MergeTexts(const SortedJson& merge, size_t rank) const {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      return {merge[0].get<std::string>(), merge[1].get<std::string>()};
    }
    if (merge.is_string()) {
      const std::string& text = merge.get_ref<const std::string&>();
      const size_t space = text.find(' ');
      if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
        return {text.substr(0, space), text.substr(space + 1)};
      }
    }
    Corrupt("merge " + std::to_string(rank) + " is not a pair of tokens");
  }

  void ReadMerges(const SortedJson& merges) {
    for (size_t rank = 0; rank < merges.size(); ++rank) {
      const auto [left, right] = MergeTexts(merges[rank], rank);
      const auto id = [&](const std::string& token) {
        const auto found = ids_.find(token);
        if (found == ids_.end()) {
          Corrupt("merge " + std::to_string(rank) + " needs the unknown token \"" +
                  token.substr(0, 40) + "\"");
        }
        return found->second;
      };
      parts_.merges.emplace_back(id(left), id(right));
      parts_.merged_ids.push_back(id(left + right));
    }
  }

  const SortedJson& root_;
  const std::string where_;
  TokenizerParts parts_;
  std::unordered_map<std::string, int32_t> ids_;  // byte characters to id
};

SortedJson ParseSorted(std::string_view text, const std::string& where) {
  const auto limit_depth = [&](int depth, SortedJson::parse_event_t, SortedJson&) {
    if (depth > kMaxJsonDepth) throw Error(ErrorKind::kCorrupt, "JSON nested too deep", where);
    return true;
  };
  try {
    return SortedJson::parse(text, limit_depth);
  } catch (const SortedJson::exception& error) {
    throw Error(ErrorKind::kCorrupt, std::string("not valid JSON: ") + error.what(), where,
                "the file may be truncated: write it again");
  }
}

Json ByteLevel() {
  return Json{{"type", "ByteLevel"},
              {"add_prefix_space", false},
              {"trim_offsets", false},
              {"use_regex", false}};
}

Json AddedTokensJson(const TokenizerParts& parts) {
  Json tokens = Json::array();
  for (const AddedToken& token : parts.added) {
    tokens.push_back(Json{{"id", token.id},
                          {"content", token.content},
                          {"single_word", false},
                          {"lstrip", false},
                          {"rstrip", false},
                          {"normalized", false},
                          {"special", token.special}});
  }
  return tokens;
}

Json ModelJson(const TokenizerParts& parts, const std::vector<bool>& is_added) {
  Json vocab = Json::object();
  // Appending past the object's own insertion, which scans for the key each time.
  auto& entries = vocab.get_ref<Json::object_t&>();
  for (size_t id = 0; id < parts.bytes.size(); ++id) {
    if (!is_added[id]) entries.push_back({ToCharacters(parts.bytes[id]), id});
  }
  Json merges = Json::array();
  for (const auto& [left, right] : parts.merges) {
    merges.push_back(
        Json::array({ToCharacters(parts.bytes[left]), ToCharacters(parts.bytes[right])}));
  }
  return Json{{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", nullptr},
              {"continuing_subword_prefix", nullptr},
              {"end_of_word_suffix", nullptr},
              {"fuse_unk", false},
              {"byte_fallback", false},
              {"ignore_merges", parts.ignore_merges},
              {"vocab", std::move(vocab)},
              {"merges", std::move(merges)}};
}

}  // namespace

Tokenizer Tokenizer::Load(const fs::path& file) {
  const std::string where = file.string();
  const SortedJson root = ParseSorted(ReadFile(file, kMaxTokenizerBytes), where);
  return Tokenizer(std::make_unique<Impl>(Reader(root, where).Read(), where));
}

void Tokenizer::Save(const fs::path& file) const {
  const Json split{{"type", "Split"},
                   {"pattern", {{"Regex", kSplitPattern}}},
                   {"behavior", "Isolated"},
                   {"invert", false}};
  const Json root{{"version", "1.0"},
                  {"truncation", nullptr},
                  {"padding", nullptr},
                  {"added_tokens", AddedTokensJson(impl_->parts)},
                  {"normalizer", nullptr},
                  {"pre_tokenizer",
                   {{"type", "Sequence"}, {"pretokenizers", Json::array({split, ByteLevel()})}}},
                  {"post_processor", ByteLevel()},
                  {"decoder", ByteLevel()},
                  {"model", ModelJson(impl_->parts, impl_->is_added)}};
  WriteFileAtomic(file, root.dump(1) + "\n");
}

}  // namespace agon::datasets
