// Addresses of servers. Private to net.
#pragma once

#include <string>
#include <string_view>

namespace agon::net {

struct Url {
  std::string scheme;  // "http" or "ws"
  std::string host;    // without the brackets of an IPv6 address
  std::string port;
  std::string target;  // path and query, "/" at least

  std::string Authority() const;  // "host:port", as a Host header says it
};

// Reads "ws://127.0.0.1:8000/ws". Throws kUsage for what is no address of `scheme`, and
// kUnsupported for the encrypted form of it ("wss", "https").
Url ParseUrl(std::string_view text, std::string_view scheme);

}  // namespace agon::net
