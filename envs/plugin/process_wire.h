// The lines between agon and a program that serves environments
// (docs/formats/env-protocol.md). Private to envs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/json.h"

namespace agon::envs {

inline constexpr int kProcessProtocol = 1;
inline constexpr size_t kMaxLineBytes = size_t{64} << 20;

// One request without its line: {"id", "type", "deadline_ms", "data"}. An id of 0 asks for
// no reply.
std::string RequestText(uint64_t id, std::string_view type, int deadline_ms, const Json& data);

// The line that carries `requests`: one as it is, several as a batch; with the protocol's
// version and the line's end.
std::string RequestLine(const std::vector<std::string>& requests);

struct Reply {
  uint64_t id = 0;
  Json data;  // of a result
  // Of an error: one of "usage", "corrupt", "unsupported", "failed", "timeout", and why.
  std::optional<std::string> code;
  std::string message;
};

// The replies in one line from the program, untrusted bytes. Throws Error(kCorrupt).
std::vector<Reply> ParseReplies(std::string_view line);

// The request that a line which isn't JSON means to answer, as far as one can tell:
// the number behind the first "id". nullopt if there is none.
std::optional<uint64_t> GuessReplyId(std::string_view line);

ErrorKind KindOfCode(std::string_view code);

// `text` on one line for a person: at most 200 bytes, control bytes as spaces, valid UTF-8.
std::string Shown(std::string_view text);

}  // namespace agon::envs
