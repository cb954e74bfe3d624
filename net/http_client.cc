#include "net/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "core/error.h"
#include "net/url.h"

namespace agon::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;

}  // namespace

// Steps of a request, each run to its end on an event loop of its own.
class HttpClient::Impl {
 public:
  Impl(const std::string& url, const HttpLimits& limits)
      : name_(url), url_(ParseUrl(url, "http")), limits_(limits) {}

  HttpResponse Send(std::string_view method, std::string_view target, std::string_view body,
                    const HttpHeaders& headers, const HttpBodyCallback& on_body) {
    const auto request = MakeRequest(method, target, body, headers);
    deadline_ = Clock::now() + std::chrono::milliseconds(limits_.timeout_ms);
    timed_out_ = false;
    const bool was_open = stream_.has_value();
    if (!was_open) Open();
    stream_->expires_at(deadline_);
    bool has_answer = false;
    try {
      return Exchange(request, on_body, &has_answer);
    } catch (const Error&) {
      Close();
      // Between two requests a server may close a connection; it then did nothing with this one.
      if (!was_open || has_answer || timed_out_) throw;
    } catch (...) {
      Close();
      throw;
    }
    Open();
    try {
      return Exchange(request, on_body, &has_answer);
    } catch (...) {
      Close();
      throw;
    }
  }

 private:
  using Message = http::request<http::string_body>;

  Message MakeRequest(std::string_view method, std::string_view target, std::string_view body,
                      const HttpHeaders& headers) const {
    std::string whole = url_.target;
    if (whole.ends_with('/') && target.starts_with('/')) whole.pop_back();
    whole += target;
    Message request;
    request.version(11);
    request.method_string({method.data(), method.size()});
    request.target({whole.data(), whole.size()});
    request.set(http::field::host, url_.Authority());
    request.set(http::field::accept, "application/json");
    if (!body.empty()) request.set(http::field::content_type, "application/json");
    for (const auto& [name, value] : headers) request.set(name, value);
    request.body() = body;
    if (!body.empty() || method == "POST" || method == "PUT") request.prepare_payload();
    return request;
  }

  void Open() {
    stream_.emplace(loop_);
    buffer_.clear();
    stream_->expires_at(deadline_);
    // Names are looked up without a limit; addresses in figures aren't looked up at all.
    asio::ip::tcp::resolver resolver(loop_);
    beast::error_code error;
    const auto endpoints = resolver.resolve(url_.host, url_.port, error);
    if (error) Close();
    Check(error);
    try {
      Run([&](auto done) {
        stream_->async_connect(endpoints, [done](auto status, const auto&) { done(status); });
      });
    } catch (...) {
      Close();
      throw;
    }
    beast::error_code ignored;
    stream_->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  }

  void Close() { stream_.reset(); }

  HttpResponse Exchange(const Message& request, const HttpBodyCallback& on_body, bool* has_answer) {
    Run([&](auto done) {
      http::async_write(*stream_, request, [done](auto status, size_t) { done(status); });
    });
    http::response_parser<http::string_body> parser;
    parser.body_limit(limits_.max_body_bytes);
    if (request.method() == http::verb::head) parser.skip(true);
    Run([&](auto done) {
      http::async_read_header(*stream_, buffer_, parser,
                              [done](auto status, size_t) { done(status); });
    });
    *has_answer = true;
    // Beast 1.74 holds only bodies of unknown length to the limit.
    if (parser.content_length().value_or(0) > limits_.max_body_bytes)
      Check(http::error::body_limit);
    const bool is_whole = ReadBody(parser, on_body);
    HttpResponse response{static_cast<int>(parser.get().result_int()), {}, {}};
    for (const auto& field : parser.get()) {
      response.headers.emplace_back(field.name_string().to_string(), field.value().to_string());
    }
    response.body = std::move(parser.get().body());
    if (!is_whole || !parser.get().keep_alive()) Close();
    return response;
  }

  // False if the callback had enough before the end.
  bool ReadBody(http::response_parser<http::string_body>& parser, const HttpBodyCallback& on_body) {
    if (!on_body) {
      if (parser.is_done()) return true;
      Run([&](auto done) {
        http::async_read(*stream_, buffer_, parser, [done](auto status, size_t) { done(status); });
      });
      return true;
    }
    while (true) {
      std::string& body = parser.get().body();
      if (!body.empty() && !on_body(body)) {
        body.clear();
        return false;
      }
      body.clear();
      if (parser.is_done()) return true;
      Run([&](auto done) {
        http::async_read_some(*stream_, buffer_, parser,
                              [done](auto status, size_t) { done(status); });
      });
    }
  }

  template <typename Start>
  void Run(const Start& start) {
    beast::error_code error;
    start([&error](beast::error_code status) { error = status; });
    loop_.restart();
    loop_.run();
    Check(error);
  }

  void Check(beast::error_code error) {
    if (!error) return;
    if (error == beast::error::timeout) {
      timed_out_ = true;
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
  std::optional<beast::tcp_stream> stream_;  // while connected
  beast::flat_buffer buffer_;
  Clock::time_point deadline_;  // of the request under way
  bool timed_out_ = false;
};

HttpClient::HttpClient(const std::string& url, const HttpLimits& limits)
    : impl_(std::make_unique<Impl>(url, limits)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

HttpResponse HttpClient::Send(std::string_view method, std::string_view target,
                              std::string_view body, const HttpHeaders& headers,
                              const HttpBodyCallback& on_body) {
  return impl_->Send(method, target, body, headers, on_body);
}

HttpResponse HttpGet(const std::string& url, const HttpLimits& limits) {
  return HttpClient(url, limits).Send("GET", "");
}

HttpResponse HttpPost(const std::string& url, std::string_view json, const HttpHeaders& headers,
                      const HttpLimits& limits) {
  return HttpClient(url, limits).Send("POST", "", json, headers);
}

}  // namespace agon::net
