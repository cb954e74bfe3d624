#include "net/http/reader.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

#include "core/error.h"

namespace agon::net {

namespace http = boost::beast::http;

struct HttpReader::Parser {
  http::request_parser<http::string_body> http;
  boost::beast::error_code error;
  size_t max_body_bytes = 0;
};

HttpReader::HttpReader(size_t max_header_bytes, size_t max_body_bytes)
    : parser_(std::make_unique<Parser>()) {
  parser_->http.header_limit(static_cast<uint32_t>(max_header_bytes));
  parser_->http.body_limit(max_body_bytes);
  parser_->max_body_bytes = max_body_bytes;
}

HttpReader::~HttpReader() = default;
HttpReader::HttpReader(HttpReader&&) noexcept = default;
HttpReader& HttpReader::operator=(HttpReader&&) noexcept = default;

void HttpReader::Fail(int status, std::string problem) {
  state_ = State::kFailed;
  status_ = status;
  problem_ = std::move(problem);
  keep_alive_ = false;
}

void HttpReader::FailAsParsed() {
  const auto& error = parser_->error;
  if (error == http::error::header_limit) {
    Fail(431, "the request's header is too long");
  } else if (error == http::error::body_limit) {
    Fail(413, "the body is longer than " + std::to_string(parser_->max_body_bytes) + " bytes");
  } else if (error == http::error::bad_version) {
    Fail(505, "this server speaks HTTP/1.1 and HTTP/1.0");
  } else {
    Fail(400, "not an HTTP request: " + error.message());
  }
}

size_t HttpReader::Feed(std::string_view bytes) {
  AGON_CHECK(state_ == State::kHeader || state_ == State::kBody);
  size_t used = 0;
  auto& parser = parser_->http;
  while (state_ == State::kHeader || state_ == State::kBody) {
    if (used == bytes.size()) return used;
    parser_->error = {};
    used +=
        parser.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), parser_->error);
    if (parser_->error == http::error::need_more) return used;
    if (parser_->error) {
      FailAsParsed();
      return used;
    }
    if (state_ == State::kHeader && parser.is_header_done()) CheckHeader();
    if (state_ != State::kFailed && parser.is_done()) state_ = State::kDone;
  }
  return used;
}

void HttpReader::CheckHeader() {
  auto& parser = parser_->http;
  const auto& message = parser.get();
  if (message.version() != 10 && message.version() != 11) {
    return Fail(505, "this server speaks HTTP/1.1 and HTTP/1.0");
  }
  is_http10_ = message.version() == 10;
  keep_alive_ = message.keep_alive();
  std::string_view target(message.target().data(), message.target().size());
  if (target.starts_with("http://")) {  // as sent to a proxy
    target.remove_prefix(7);
    target.remove_prefix(std::min(target.find('/'), target.size()));
    if (target.empty()) target = "/";
  }
  query_ = target.find('?') == target.npos ? "" : target.substr(target.find('?') + 1);
  const bool is_path = target.starts_with('/') || target == "*";
  if (!is_path || !PercentDecode(target.substr(0, target.find('?')), &path_)) {
    return Fail(400, "the request's target is no path");
  }
  if (!is_http10_ && message.count(http::field::host) != 1) {
    return Fail(400, "the request needs one Host header");
  }
  const auto length = parser.content_length();
  if (length.value_or(0) > parser_->max_body_bytes) {
    return Fail(413, "the body of " + std::to_string(*length) + " bytes is longer than " +
                         std::to_string(parser_->max_body_bytes) + " bytes");
  }
  const bool has_coding = message.count(http::field::transfer_encoding) > 0;
  if (has_coding && !parser.chunked()) {
    return Fail(501, "the transfer coding is not supported, chunked is");
  }
  const bool needs_body = message.method() == http::verb::post ||
                          message.method() == http::verb::put ||
                          message.method() == http::verb::patch;
  if (needs_body && !length && !parser.chunked()) {
    return Fail(411, "a body needs a Content-Length or the chunked transfer coding");
  }
  if (message.count(http::field::expect) > 0 && !is_http10_) {
    const std::string_view expected(message[http::field::expect].data(),
                                    message[http::field::expect].size());
    if (expected != "100-continue") return Fail(417, "only 100-continue can be expected");
    expects_continue_ = true;
  }
  state_ = State::kBody;
}

bool HttpReader::TakeExpectsContinue() {
  return state_ == State::kBody && std::exchange(expects_continue_, false);
}

HttpRequest HttpReader::Take() {
  AGON_CHECK(state_ == State::kDone);
  auto& message = parser_->http.get();
  HttpRequest request;
  request.method.assign(message.method_string().data(), message.method_string().size());
  request.path = std::move(path_);
  request.query = std::move(query_);
  for (const auto& field : message) {
    request.headers.emplace_back(
        std::string(field.name_string().data(), field.name_string().size()),
        std::string(field.value().data(), field.value().size()));
  }
  request.body = std::move(message.body());
  return request;
}

}  // namespace agon::net
