#include "net/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <utility>

#include "core/error.h"
#include "net/url.h"

namespace agon::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

// Steps of one request, each run to its end on an event loop of its own.
class Request {
 public:
  Request(const std::string& url, const HttpLimits& limits)
      : name_(url), url_(ParseUrl(url, "http")), limits_(limits), stream_(loop_) {
    stream_.expires_after(std::chrono::milliseconds(limits.timeout_ms));
  }

  HttpResponse Get() {
    // Names are looked up without a limit; addresses in figures aren't looked up at all.
    asio::ip::tcp::resolver resolver(loop_);
    beast::error_code error;
    const auto endpoints = resolver.resolve(url_.host, url_.port, error);
    Check(error);
    Run([&](auto done) {
      stream_.async_connect(endpoints, [done](auto status, const auto&) { done(status); });
    });
    http::request<http::empty_body> request(http::verb::get, url_.target, 11);
    request.set(http::field::host, url_.Authority());
    request.set(http::field::accept, "application/json");
    Run([&](auto done) {
      http::async_write(stream_, request, [done](auto status, size_t) { done(status); });
    });
    http::response_parser<http::string_body> parser;
    parser.body_limit(limits_.max_body_bytes);
    beast::flat_buffer buffer;
    Run([&](auto done) {
      http::async_read_header(stream_, buffer, parser,
                              [done](auto status, size_t) { done(status); });
    });
    // Beast 1.74 holds only bodies of unknown length to the limit.
    if (parser.content_length().value_or(0) > limits_.max_body_bytes)
      Check(http::error::body_limit);
    Run([&](auto done) {
      http::async_read(stream_, buffer, parser, [done](auto status, size_t) { done(status); });
    });
    return {static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
  }

 private:
  template <typename Start>
  void Run(const Start& start) {
    beast::error_code error;
    start([&error](beast::error_code status) { error = status; });
    loop_.restart();
    loop_.run();
    Check(error);
  }

  void Check(beast::error_code error) const {
    if (!error) return;
    if (error == beast::error::timeout) {
      throw Error(ErrorKind::kFailed,
                  "no answer within " + std::to_string(limits_.timeout_ms) + " ms", name_);
    }
    throw Error(ErrorKind::kFailed, "no answer: " + error.message(), name_,
                "is the server running?");
  }

  const std::string name_;
  const Url url_;
  const HttpLimits limits_;
  asio::io_context loop_{1};
  beast::tcp_stream stream_;
};

}  // namespace

HttpResponse HttpGet(const std::string& url, const HttpLimits& limits) {
  return Request(url, limits).Get();
}

}  // namespace agon::net
