// The one place where JSON enters. Include from .cc files only: no public header
// of another folder shows a third-party type.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace agon {

// Keeps the order in which keys were added, so that what we write is stable.
using Json = nlohmann::ordered_json;

// Parses one value from untrusted bytes. Throws Error(kCorrupt) naming `where` and the
// byte offset; nesting deeper than 64 is refused (the parser recurses).
Json ParseJson(std::string_view text, std::string_view where);

// Reads and parses a file.
Json ReadJson(const std::string& path);

// `json` as text, on one line or indented: valid UTF-8, in which bytes that aren't
// become U+FFFD.
std::string DumpJson(const Json& json, int indent = -1);

// JSON has no infinity and no NaN: they are null.
Json NumberOrNull(double value);

// `object.at(key)` as T. A missing key, a wrong type or an integer that T can't hold
// throws Error(kCorrupt) that names `where` and the key.
template <typename T>
T JsonField(const Json& object, const char* key, std::string_view where);

}  // namespace agon

#include "core/json_inl.h"
