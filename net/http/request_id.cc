#include "net/http/request_id.h"

#include <algorithm>

#include "core/digest.h"

namespace agon::net {

std::string MakeRequestId() { return "req-" + RandomHex(8); }

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace agon::net
