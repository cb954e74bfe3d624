// Names of requests, by which a client's log and a server's are matched. Private to net.
#pragma once

#include <string>
#include <string_view>

namespace agon::net {

// "req-" and 16 random hexadecimal digits. Thread-safe.
std::string MakeRequestId();
// 1 to 64 letters, digits, ".", "_" and "-": safe to send back and to log.
bool IsRequestId(std::string_view text);

}  // namespace agon::net
