// One request over HTTP/1.1.
#pragma once

#include <cstddef>
#include <string>

namespace agon::net {

struct HttpResponse {
  int status = 0;  // 200
  std::string body;
};

struct HttpLimits {
  int timeout_ms = 10000;  // for all of it
  size_t max_body_bytes = size_t{16} << 20;
};

// GET of "http://HOST:PORT/PATH", on a connection of its own; redirects are not followed. Any
// status is a response. Throws kUsage (no address), kUnsupported (https) or kFailed (nobody
// answers, too late, too long, not HTTP), naming the address. Thread-safe.
HttpResponse HttpGet(const std::string& url, const HttpLimits& limits = {});

}  // namespace agon::net
