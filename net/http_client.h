// A client of HTTP/1.1 servers.
//
// Plain http only: a server behind https is reached through a TLS proxy on this machine.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"

namespace agon::net {

struct HttpLimits {
  // From Send to the last byte of the response, a second try included; looking up a name isn't.
  int timeout_ms = 10000;
  size_t max_body_bytes = size_t{16} << 20;
};

// Receives a response's body as it arrives, in pieces of any size. False: enough, the rest is
// not read.
using HttpBodyCallback = std::function<bool(std::string_view piece)>;

// One server and one connection to it, kept open between requests. Belongs to one thread at a
// time.
class HttpClient {
 public:
  // `url` is "http://HOST:PORT" and perhaps the beginning of a path, which is put before each
  // target. Throws kUsage (no address) or kUnsupported (https).
  explicit HttpClient(const std::string& url, const HttpLimits& limits = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  // Any status is a response; redirects are not followed. `target` is "/v1/score". A body is sent
  // as application/json unless `headers` say otherwise. With `on_body`, the body of the response
  // goes there, not into it. A connection that the server closed meanwhile is opened again.
  // Throws kFailed (nobody answers, too late, too long, not HTTP), naming the address.
  HttpResponse Send(std::string_view method, std::string_view target, std::string_view body = "",
                    const HttpHeaders& headers = {}, const HttpBodyCallback& on_body = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// One request on a connection of its own, to "http://HOST:PORT/PATH". Throw as HttpClient does.
// Thread-safe.
HttpResponse HttpGet(const std::string& url, const HttpLimits& limits = {});
HttpResponse HttpPost(const std::string& url, std::string_view json,
                      const HttpHeaders& headers = {}, const HttpLimits& limits = {});

}  // namespace agon::net
