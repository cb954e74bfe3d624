#include "core/json.h"

#include <cmath>

#include "core/error.h"
#include "core/file.h"

namespace agon {

Json ParseJson(std::string_view text, std::string_view where) {
  constexpr int kMaxDepth = 64;
  int depth = 0;
  bool in_string = false, escaped = false;
  for (char c : text) {
    if (in_string) {
      if (escaped) {
        escaped = false;
      } else if (c == '\\') {
        escaped = true;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) {
        throw Error(ErrorKind::kCorrupt, "JSON nested deeper than 64", where);
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(ErrorKind::kCorrupt, "not valid JSON at byte " + std::to_string(error.byte), where,
                "the file may be truncated: write it again");
  } catch (const nlohmann::json::out_of_range&) {
    throw Error(ErrorKind::kCorrupt, "JSON number out of range", where);
  }
}

std::string DumpJson(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

Json NumberOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json ReadJson(const std::string& path) { return ParseJson(ReadFile(path), path); }

}  // namespace agon
