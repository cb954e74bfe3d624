// An HTTP/1.1 server: routes, limits, streaming, a graceful end.
//
//   HttpServer server({.port = 8000});
//   server.Route("POST", "/v1/score", [](const HttpRequest& request) {
//     return HttpResponse{200, ScoreJson(request.body)};
//   });
//   server.Start();                  // returns; threads of its own serve
//   ...                              // until a signal
//   server.Drain(30000);
//
// Connections cost memory, no thread: one thread does all reading and writing. Handlers that
// compute or wait run on a bounded pool; those that pass their exchange on and reply later from
// elsewhere (AsyncRoute) hold no thread either.
//
// What the server answers by itself, as JSON in the form of ErrorResponse: 400 (not HTTP), 401,
// 404, 405 with Allow, 408 (the request doesn't arrive in time), 411, 413, 415 (a body that isn't
// application/json), 417, 431, 501, 503 with Retry-After (too many connections, or too many
// requests that wait for a handler) and 505; OPTIONS with Allow; HEAD where there is a GET.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"
#include "net/metrics.h"

namespace agon::net {

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // an address; "0.0.0.0" or "::" for all interfaces
  int port = 0;                    // 0: any that is free
  std::string bearer_token = {};   // if not "", "Authorization: Bearer TOKEN" or 401
  int num_handler_threads = 8;
  size_t max_waiting_requests = 1024;  // for a handler; more get 503
  size_t max_connections = 8192;       // more get 503
  size_t max_header_bytes = 16 << 10;
  size_t max_body_bytes = size_t{8} << 20;
  size_t max_unsent_bytes = size_t{4} << 20;  // of a stream whose client doesn't read: cut off
  int request_ms = 15000;                     // from a request's first byte to its last
  int idle_ms = 75000;                        // between requests
  int write_ms = 30000;                       // for the client to take what was written
  // Gets agon_http_...; must outlive the server. A request that failed because its client had gone
  // counts as status 499.
  Metrics* metrics = nullptr;
};

// A request and the way back. Thread-safe. The reply is given once, in one of two forms; letting
// go of an exchange without a reply answers 500.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual const HttpRequest& request() const = 0;
  virtual void Reply(HttpResponse response) = 0;

  // A reply in pieces: status and headers of `head` (its body is the first piece), then pieces,
  // then the end.
  virtual void BeginStream(HttpResponse head) = 0;
  // Doesn't wait. False if the client is gone or doesn't read: nobody will see more.
  virtual bool Write(std::string_view piece) = 0;
  virtual void EndStream() = 0;

  // False once the client is gone.
  virtual bool IsOpen() const = 0;
  // `callback` is called once, on a thread of the server, if the client goes before the reply
  // has ended (at once if it is gone already). It must not block. Replaces an earlier one.
  virtual void OnClose(std::function<void()> callback) = 0;
};
using HttpExchangePtr = std::shared_ptr<HttpExchange>;

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;
using HttpAsyncHandler = std::function<void(HttpExchangePtr)>;

struct HttpRouteOptions {
  bool is_public = false;  // no bearer token needed: /health
  bool is_json = true;     // a body must be application/json
};

class HttpServer {
 public:
  explicit HttpServer(HttpServerOptions options);
  // Cuts off what Drain left, and waits until handlers have let go of all exchanges.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `path` is exact, or ends in "/*": a prefix; the longest that matches wins. Called before
  // Start. What a handler throws becomes a reply: kUsage and kCorrupt 400, kNotFound 404,
  // kUnsupported 501, any other 500 (its text goes to stderr, not to the client).
  void Route(std::string_view method, std::string_view path, HttpHandler handler,
             HttpRouteOptions options = {});
  // `handler` runs on the pool, too, and may keep the exchange beyond its return.
  void AsyncRoute(std::string_view method, std::string_view path, HttpAsyncHandler handler,
                  HttpRouteOptions options = {});

  // Listens. Throws kUsage (no address) or kIo (the port is taken, or not allowed).
  void Start();
  int port() const;  // after Start

  // Stops accepting, answers what has arrived or is under way, closes. Returns the number of
  // requests that weren't answered within `timeout_ms` and were cut off: 0 if none was lost.
  int Drain(int timeout_ms);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agon::net
