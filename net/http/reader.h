// Bytes of a connection to one request: the only place that parses what clients send.
// Private to net.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"

namespace agon::net {

class HttpReader {
 public:
  enum class State {
    kHeader,  // not all of the header is there yet
    kBody,    // the header is fine, the body isn't whole
    kDone,
    kFailed,  // status() and problem() say why; the connection can't go on
  };

  HttpReader(size_t max_header_bytes, size_t max_body_bytes);
  ~HttpReader();
  HttpReader(HttpReader&&) noexcept;
  HttpReader& operator=(HttpReader&&) noexcept;

  // Takes what it can from the front of `bytes` and returns how many that was. What it left
  // comes again, with more behind it.
  size_t Feed(std::string_view bytes);

  State state() const { return state_; }
  // The client waits for "100 Continue" before it sends the body. True once.
  bool TakeExpectsContinue();
  // REQUIRES: kDone. `peer` and `id` are left empty.
  HttpRequest Take();
  bool keep_alive() const { return keep_alive_; }
  bool is_http10() const { return is_http10_; }

  int status() const { return status_; }  // 400, 411, 413, 417, 431, 501 or 505
  const std::string& problem() const { return problem_; }

 private:
  struct Parser;
  void Fail(int status, std::string problem);
  void FailAsParsed();
  void CheckHeader();

  std::unique_ptr<Parser> parser_;
  State state_ = State::kHeader;
  bool expects_continue_ = false;
  bool keep_alive_ = false, is_http10_ = false;
  std::string path_, query_;
  int status_ = 0;
  std::string problem_;
};

}  // namespace agon::net
