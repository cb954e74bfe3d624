#include "net/http/request_id.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <random>

namespace agon::net {

std::string MakeRequestId() {
  // The one place without a key: an id names a request and reaches no result.
  static const uint64_t process = std::random_device{}();
  static std::atomic<uint32_t> number{0};
  char text[32];
  std::snprintf(text, sizeof text, "req-%08llx%08x",
                static_cast<unsigned long long>(process & 0xFFFFFFFF), number.fetch_add(1));
  return text;
}

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace agon::net
