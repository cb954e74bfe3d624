#include "envs/plugin/process_wire.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "envs/plugin/wire.h"

namespace agon::envs {
namespace {

constexpr std::string_view kWhereFrom = "a line from the program";

Reply ReplyFromJson(const Json& json) {
  Reply reply;
  reply.id = JsonField<uint64_t>(json, "id", kWhereFrom);
  const auto type = JsonField<std::string>(json, "type", kWhereFrom);
  const auto data = json.find("data");
  if (type == "error") {
    const Json fields = data == json.end() ? Json::object() : *data;
    reply.code = JsonField<std::string>(fields, "code", kWhereFrom);
    reply.message = JsonField<std::string>(fields, "message", kWhereFrom);
  } else if (type == "result") {
    if (data != json.end()) reply.data = *data;
  } else {
    throw Error(ErrorKind::kCorrupt, "no reply has the type \"" + Shown(type) + "\"", kWhereFrom);
  }
  return reply;
}

}  // namespace

std::string RequestText(uint64_t id, std::string_view type, int deadline_ms, const Json& data) {
  std::string text = "{\"id\":" + std::to_string(id) + ",\"type\":\"";
  text.append(type).append("\",\"deadline_ms\":").append(std::to_string(deadline_ms));
  return text.append(",\"data\":").append(DumpJson(data)).append("}");
}

std::string RequestLine(const std::vector<std::string>& requests) {
  const std::string version = "{\"version\":" + std::to_string(kProcessProtocol) + ",";
  if (requests.size() == 1) return version + requests[0].substr(1) + "\n";
  std::string line = version + "\"batch\":[";
  for (const std::string& request : requests) line.append(request).append(",");
  line.back() = ']';
  return line.append("}\n");
}

std::vector<Reply> ParseReplies(std::string_view line) {
  const Json json = ParseJson(line, kWhereFrom);
  std::vector<Reply> replies;
  if (json.is_object() && json.contains("batch")) {
    if (!json.at("batch").is_array()) {
      throw Error(ErrorKind::kCorrupt, "\"batch\" is not an array", kWhereFrom);
    }
    for (const Json& item : json.at("batch")) replies.push_back(ReplyFromJson(item));
  } else {
    replies.push_back(ReplyFromJson(json));
  }
  return replies;
}

std::optional<uint64_t> GuessReplyId(std::string_view line) {
  constexpr std::string_view kKey = "\"id\"";
  const size_t found = line.find(kKey);
  if (found == std::string_view::npos) return std::nullopt;
  line.remove_prefix(found + kKey.size());
  line.remove_prefix(std::min(line.find_first_not_of(" :"), line.size()));
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), id);
  return error == std::errc() ? std::optional(id) : std::nullopt;
}

ErrorKind KindOfCode(std::string_view code) {
  if (code == "usage") return ErrorKind::kUsage;
  if (code == "corrupt") return ErrorKind::kCorrupt;
  if (code == "unsupported") return ErrorKind::kUnsupported;
  return ErrorKind::kFailed;
}

std::string Shown(std::string_view text) {
  constexpr size_t kMaxBytes = 200;
  std::string shown(text.substr(0, kMaxBytes));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  // Through JSON and back: invalid UTF-8 becomes U+FFFD.
  shown = ParseJson(DumpJson(Json(shown)), kWhereFrom).get<std::string>();
  return text.size() > kMaxBytes ? shown + "..." : shown;
}

}  // namespace agon::envs
