#include "envs/code/plain_value.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "envs/code/plain_value_json.h"
#include "envs/code/plain_value_key.h"

namespace agon::envs {
namespace {

using Kind = PlainValue::Kind;

constexpr std::array<std::pair<Kind, const char*>, 4> kSequenceTags = {
    {{Kind::kTuple, "$tuple"},
     {Kind::kSet, "$set"},
     {Kind::kFrozenSet, "$frozenset"},
     {Kind::kDict, "$dict"}}};
constexpr std::array<std::string_view, 11> kTypeNames = {
    "int", "float", "bool", "str", "bytes", "complex", "list", "tuple", "dict", "set", "frozenset"};

PlainValue Text(Kind kind, std::string text) {
  PlainValue value;
  value.kind = kind;
  value.text = std::move(text);
  return value;
}

class Reader {
 public:
  explicit Reader(std::string_view where) : where_(where) {}

  PlainValue Read(const Json& json) const {
    PlainValue value;
    switch (json.type()) {
      case Json::value_t::null:
        return value;
      case Json::value_t::boolean:
        value.kind = Kind::kBool;
        value.boolean = json.get<bool>();
        return value;
      case Json::value_t::number_integer:
      case Json::value_t::number_unsigned:
        return ReadInteger(json);
      case Json::value_t::number_float:
        value.kind = Kind::kFloat;
        value.number = json.get<double>();
        return value;
      case Json::value_t::string:
        return Text(Kind::kStr, json.get_ref<const std::string&>());
      case Json::value_t::array:
        value.kind = Kind::kList;
        ReadItems(json, value.items);
        return value;
      default:
        return ReadObject(json);
    }
  }

 private:
  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorKind::kCorrupt, what, where_);
  }

  PlainValue ReadInteger(const Json& json) const {
    constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
    if (json.is_number_unsigned() && json.get<uint64_t>() > kMax) {
      char digits[24];
      std::snprintf(digits, sizeof(digits), "0x%llx",
                    static_cast<unsigned long long>(json.get<uint64_t>()));
      return Text(Kind::kInt, digits);
    }
    PlainValue value;
    value.kind = Kind::kInt;
    value.integer = json.get<int64_t>();
    return value;
  }

  void ReadItems(const Json& array, std::vector<PlainValue>& items) const {
    items.reserve(array.size());
    for (const Json& item : array) items.push_back(Read(item));
  }

  PlainValue ReadObject(const Json& json) const {
    const bool is_tagged = json.size() == 1 && json.begin().key().starts_with('$');
    if (is_tagged) return ReadTagged(json.begin().key(), json.begin().value());
    PlainValue value;
    value.kind = Kind::kDict;
    for (const auto& [key, item] : json.items()) {
      if (key.starts_with('$')) Fail("key \"" + key.substr(0, 20) + "\" needs {\"$dict\": ...}");
      value.items.push_back(Text(Kind::kStr, key));
      value.items.push_back(Read(item));
    }
    CheckKeys(value, 2);
    return value;
  }

  PlainValue ReadTagged(const std::string& tag, const Json& body) const {
    for (const auto& [kind, name] : kSequenceTags) {
      if (tag == name) return ReadSequence(kind, tag, body);
    }
    if (tag == "$complex") return ReadComplex(body);
    if (!body.is_string()) Fail(tag.substr(0, 20) + " needs a string");
    const auto& text = body.get_ref<const std::string&>();
    if (tag == "$int") return ReadBigInteger(text);
    if (tag == "$float") {
      PlainValue value;
      value.kind = Kind::kFloat;
      value.number = Special(text);
      return value;
    }
    if (tag == "$bytes") {
      if (text.size() % 2 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
        Fail("$bytes needs pairs of 0-9 and a-f");
      }
      return Text(Kind::kBytes, text);
    }
    if (tag == "$type") {
      if (std::find(kTypeNames.begin(), kTypeNames.end(), text) == kTypeNames.end()) {
        Fail("no such type: \"" + text.substr(0, 20) + "\"");
      }
      return Text(Kind::kType, text);
    }
    Fail("unknown tag \"" + tag.substr(0, 20) + "\"");
  }

  PlainValue ReadSequence(Kind kind, const std::string& tag, const Json& body) const {
    if (!body.is_array()) Fail(tag + " needs an array");
    PlainValue value;
    value.kind = kind;
    if (kind != Kind::kDict) {
      ReadItems(body, value.items);
      if (kind != Kind::kTuple) CheckKeys(value, 1);
      return value;
    }
    for (const Json& pair : body) {
      if (!pair.is_array() || pair.size() != 2) Fail("$dict needs [key, value] pairs");
      ReadItems(pair, value.items);
    }
    CheckKeys(value, 2);
    return value;
  }

  void CheckKeys(const PlainValue& value, size_t stride) const {
    std::vector<std::string> keys;
    keys.reserve(value.items.size() / stride);
    for (size_t i = 0; i < value.items.size(); i += stride) {
      auto key = PlainValueKey(value.items[i]);
      if (!key) Fail("a member of a set, or a key, that can't be hashed");
      keys.push_back(std::move(*key));
    }
    std::sort(keys.begin(), keys.end());
    if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) {
      Fail("a member of a set, or a key, is there twice");
    }
  }

  PlainValue ReadComplex(const Json& body) const {
    if (!body.is_array() || body.size() != 2) Fail("$complex needs [real, imaginary]");
    const PlainValue real = Read(body[0]), imaginary = Read(body[1]);
    if (real.kind != Kind::kFloat || imaginary.kind != Kind::kFloat) Fail("$complex needs floats");
    PlainValue value;
    value.kind = Kind::kComplex;
    value.number = real.number;
    value.imaginary = imaginary.number;
    return value;
  }

  double Special(const std::string& text) const {
    if (text == "nan") return std::nan("");
    if (text == "inf") return HUGE_VAL;
    if (text == "-inf") return -HUGE_VAL;
    Fail("$float needs nan, inf or -inf");
  }

  PlainValue ReadBigInteger(const std::string& text) const {
    const bool is_negative = text.starts_with('-');
    std::string_view digits = std::string_view(text).substr(is_negative);
    if (!digits.starts_with("0x")) Fail("$int needs 0x and hexadecimal digits");
    digits.remove_prefix(2);
    if (digits.empty() || digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
      Fail("$int needs hexadecimal digits in lower case");
    }
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
    const bool fits = digits.size() < 16 || (digits.size() == 16 && digits[0] < '8');
    const bool is_lowest = is_negative && digits == "8000000000000000";
    if (!fits && !is_lowest) {
      return Text(Kind::kInt, (is_negative ? "-0x" : "0x") + std::string(digits));
    }
    const uint64_t magnitude = std::stoull(std::string(digits), nullptr, 16);
    PlainValue value;
    value.kind = Kind::kInt;
    value.integer = static_cast<int64_t>(is_negative ? 0 - magnitude : magnitude);
    return value;
  }

  const std::string_view where_;
};

Json FloatJson(double number) {
  if (std::isfinite(number)) return number;
  return {{"$float", std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf"}};
}

Json ItemsJson(const PlainValue& value) {
  Json array = Json::array();
  for (const PlainValue& item : value.items) array.push_back(PlainValueToJson(item));
  return array;
}

Json DictJson(const PlainValue& value) {
  bool is_plain = value.items.size() <= 2 * kMaxObjectKeys;
  for (size_t i = 0; i < value.items.size(); i += 2) {
    is_plain &= value.items[i].kind == Kind::kStr && !value.items[i].text.starts_with('$');
  }
  Json json = is_plain ? Json::object() : Json::array();
  for (size_t i = 0; i < value.items.size(); i += 2) {
    Json item = PlainValueToJson(value.items[i + 1]);
    if (is_plain) {
      json[value.items[i].text] = std::move(item);
    } else {
      json.push_back(Json::array({PlainValueToJson(value.items[i]), std::move(item)}));
    }
  }
  if (is_plain) return json;
  Json tagged = Json::object();
  tagged["$dict"] = std::move(json);
  return tagged;
}

}  // namespace

PlainValue PlainValueFromJson(const Json& json, std::string_view where) {
  return Reader(where).Read(json);
}

Json ParseBoxJson(std::string_view bytes, std::string_view where) {
  // ParseJson bounds the depth; counting colons per level is enough to bound the keys.
  constexpr size_t kMaxDepth = 64;
  std::array<size_t, kMaxDepth + 1> num_keys{};
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if ((c == '[' || c == '{') && depth < kMaxDepth) {
      num_keys[++depth] = 0;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    } else if (c == ':' && ++num_keys[depth] > kMaxObjectKeys) {
      throw Error(ErrorKind::kCorrupt, "an object with too many keys", where);
    }
  }
  return ParseJson(bytes, where);
}

PlainValue ParsePlainValue(std::string_view json, std::string_view where) {
  return PlainValueFromJson(ParseBoxJson(json, where), where);
}

Json PlainValueToJson(const PlainValue& value) {
  switch (value.kind) {
    case Kind::kNone:
      return nullptr;
    case Kind::kBool:
      return value.boolean;
    case Kind::kInt:
      if (value.text.empty()) return value.integer;
      return {{"$int", value.text}};
    case Kind::kFloat:
      return FloatJson(value.number);
    case Kind::kComplex:
      return {{"$complex", Json::array({FloatJson(value.number), FloatJson(value.imaginary)})}};
    case Kind::kStr:
      return value.text;
    case Kind::kBytes:
      return {{"$bytes", value.text}};
    case Kind::kType:
      return {{"$type", value.text}};
    case Kind::kList:
      return ItemsJson(value);
    case Kind::kDict:
      return DictJson(value);
    default:
      break;
  }
  for (const auto& [kind, name] : kSequenceTags) {
    if (value.kind != kind) continue;
    Json tagged = Json::object();
    tagged[name] = ItemsJson(value);
    return tagged;
  }
  AGON_CHECK(false, "a kind without a form");
  return nullptr;
}

std::string PlainValueJson(const PlainValue& value) { return PlainValueToJson(value).dump(); }

std::string ShowPlainValue(const PlainValue& value, size_t max_bytes) {
  std::string text = PlainValueToJson(value).dump(-1, ' ', /*ensure_ascii=*/true);
  if (text.size() > max_bytes) text = text.substr(0, max_bytes) + "...";
  return text;
}

}  // namespace agon::envs
