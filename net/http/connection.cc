#include "net/http/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <iterator>
#include <utility>

#include "net/http/request_id.h"

namespace agon::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

// Requests a client sends ahead of replies, and how long it has to see why it was cut off.
constexpr size_t kMaxAheadBytes = 64 << 10;
constexpr int kLingerMs = 1000;
// A client that is between two requests when the server begins to drain.
constexpr int kLastRequestMs = 300;
// nginx's name for a request whose client didn't wait.
constexpr int kClientClosedRequest = 499;

}  // namespace

HttpConnection::HttpConnection(tcp::socket socket, ConnectionHost& host)
    : host_(host), socket_(std::move(socket)), deadline_(socket_.get_executor()) {
  boost::system::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  const auto endpoint = socket_.remote_endpoint(ignored);
  peer_ = endpoint.address().to_string(ignored);
}

void HttpConnection::Start() {
  asio::dispatch(socket_.get_executor(), [self = shared_from_this()] { self->Next(); });
}

void HttpConnection::Refuse() {
  asio::dispatch(socket_.get_executor(), [self = shared_from_this()] {
    HttpResponse response = ErrorResponse(503, "too many connections, try again", "overloaded");
    response.headers.emplace_back("Retry-After", "1");
    self->AnswerAndClose(response);
    self->Read();
  });
}

void HttpConnection::AnswerSoon() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == Phase::kIdle) self->Arm(kLastRequestMs);
  });
}

void HttpConnection::Abort() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->Close(); });
}

bool HttpConnection::Push(std::string bytes, bool ends, bool closes) {
  const size_t unsent = unsent_bytes_.fetch_add(bytes.size()) + bytes.size();
  const bool is_stuck = !ends && unsent > host_.options().max_unsent_bytes;
  if (is_stuck) {
    Abort();
    return false;
  }
  asio::post(socket_.get_executor(),
             [self = shared_from_this(), bytes = std::move(bytes), ends, closes] {
               if (self->phase_ == Phase::kClosed) return;
               self->waiting_ += bytes;
               self->is_reply_whole_ = ends;
               self->closes_ = closes;
               if (!self->is_write_pending_) self->Write();
             });
  return true;
}

void HttpConnection::Next() {
  phase_ = Phase::kIdle;
  is_reply_whole_ = false;
  reader_.emplace(host_.options().max_header_bytes, host_.options().max_body_bytes);
  if (received_.empty()) {
    Arm(host_.is_draining() ? kLastRequestMs : host_.options().idle_ms);
  } else {
    Parse();
  }
  Read();
}

// Goes on while a handler works: that is how the client's end is noticed.
void HttpConnection::Read() {
  if (phase_ == Phase::kClosed || is_read_pending_ || has_ended_) return;
  if (phase_ == Phase::kReplying && received_.size() >= kMaxAheadBytes) return;
  is_read_pending_ = true;
  socket_.async_read_some(asio::buffer(chunk_),
                          [self = shared_from_this()](auto error, size_t num_bytes) {
                            self->OnRead(error, num_bytes);
                          });
}

void HttpConnection::OnRead(boost::system::error_code error, size_t num_bytes) {
  is_read_pending_ = false;
  if (phase_ == Phase::kClosed) return;
  if (error) {
    has_ended_ = true;
    // It may have closed its half only: a reply is still tried.
    if (const auto exchange = exchange_.lock()) exchange->ClientGone();
    if (phase_ != Phase::kReplying) Close();
    return;
  }
  if (phase_ != Phase::kLingering) received_.append(chunk_.data(), num_bytes);
  if (phase_ == Phase::kIdle || phase_ == Phase::kReading) Parse();
  Read();
}

void HttpConnection::Parse() {
  if (phase_ == Phase::kIdle) {
    phase_ = Phase::kReading;
    Arm(host_.options().request_ms);
  }
  const size_t used = reader_->Feed(received_);
  received_.erase(0, used);
  if (reader_->state() == HttpReader::State::kFailed) {
    return AnswerAndClose(ErrorResponse(reader_->status(), reader_->problem()));
  }
  if (reader_->state() == HttpReader::State::kDone) return BeginExchange();
  if (reader_->TakeExpectsContinue() && received_.empty()) {
    Push("HTTP/1.1 100 Continue\r\n\r\n", false, false);
  }
}

void HttpConnection::BeginExchange() {
  Disarm();
  phase_ = Phase::kReplying;
  HttpRequest request = reader_->Take();
  request.peer = peer_;
  const std::string_view wanted = request.Header("X-Request-Id");
  request.id = IsRequestId(wanted) ? std::string(wanted) : MakeRequestId();
  auto exchange = std::make_shared<ConnectionExchange>(
      shared_from_this(), host_, std::move(request), reader_->keep_alive(), reader_->is_http10());
  exchange_ = exchange;
  host_.Dispatch(std::move(exchange));
}

// For what came from the client and is no request.
void HttpConnection::AnswerAndClose(const HttpResponse& response) {
  phase_ = Phase::kReplying;
  host_.Replied("none", response.status, std::nullopt);
  Push(ComposeHead(response, MakeRequestId(),
                   "Content-Length: " + std::to_string(response.body.size()) + "\r\n", "close") +
           response.body,
       true, true);
}

void HttpConnection::Write() {
  if (waiting_.empty()) {
    if (is_reply_whole_) FinishReply();
    return;
  }
  is_write_pending_ = true;
  std::swap(writing_, waiting_);
  waiting_.clear();
  if (phase_ == Phase::kReplying) Arm(host_.options().write_ms);
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](auto error, size_t) { self->OnWritten(error); });
}

void HttpConnection::OnWritten(boost::system::error_code error) {
  is_write_pending_ = false;
  unsent_bytes_ -= writing_.size();
  if (phase_ == Phase::kClosed) return;
  if (error) return Close();
  if (phase_ == Phase::kReplying) Disarm();
  Write();
}

void HttpConnection::FinishReply() {
  exchange_.reset();
  if (closes_ || has_ended_) return Linger();
  Next();
}

// Closing at once while the client still sends would reset the connection and could destroy the
// reply on its way.
void HttpConnection::Linger() {
  boost::system::error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error || has_ended_) return Close();
  phase_ = Phase::kLingering;
  received_.clear();
  Arm(kLingerMs);
  Read();
}

void HttpConnection::Close() {
  if (std::exchange(phase_, Phase::kClosed) == Phase::kClosed) return;
  Disarm();
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (const auto exchange = exchange_.lock()) exchange->ClientGone();
  host_.ConnectionEnded(this);
}

void HttpConnection::Arm(int ms) {
  const uint64_t number = ++deadline_number_;
  deadline_.expires_after(milliseconds(ms));
  deadline_.async_wait([self = shared_from_this(), number](auto error) {
    if (!error && number == self->deadline_number_) self->OnDeadline();
  });
}

void HttpConnection::Disarm() {
  ++deadline_number_;
  deadline_.cancel();
}

void HttpConnection::OnDeadline() {
  if (phase_ != Phase::kReading) return Close();
  AnswerAndClose(ErrorResponse(408, "the request did not arrive within " +
                                        std::to_string(host_.options().request_ms) + " ms"));
}

ConnectionExchange::ConnectionExchange(std::shared_ptr<HttpConnection> connection,
                                       ConnectionHost& host, HttpRequest request, bool keep_alive,
                                       bool is_http10)
    : connection_(std::move(connection)),
      host_(host),
      request_(std::move(request)),
      keep_alive_(keep_alive),
      is_http10_(is_http10) {
  host_.ExchangeBegun();
}

ConnectionExchange::~ConnectionExchange() {
  const State state = state_;
  if (state == State::kWaiting) Reply(ErrorResponse(500, "the request was dropped"));
  if (state == State::kStreaming) {
    connection_->Abort();  // the client must not take what it got for all
    host_.Replied(route_, CountedStatus(), std::nullopt);
    host_.ExchangeAnswered();
  }
  connection_.reset();  // it uses what the host may destroy after the next line
  host_.ExchangeEnded();
}

std::string ComposeHead(const HttpResponse& response, std::string_view request_id,
                        std::string_view framing, std::string_view connection) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(StatusName(response.status)).append("\r\n");
  const auto add = [&head](std::string_view name, std::string_view value) {
    // A line break would begin another header.
    for (const std::string_view part : {name, std::string_view(": "), value}) {
      std::copy_if(part.begin(), part.end(), std::back_inserter(head),
                   [](char c) { return c != '\r' && c != '\n' && c != '\0'; });
    }
    head += "\r\n";
  };
  for (const auto& [name, value] : response.headers) add(name, value);
  if (response.Header("Content-Type").empty()) add("Content-Type", "application/json");
  add("X-Request-Id", request_id);
  if (!connection.empty()) add("Connection", connection);
  return head.append(framing).append("\r\n");
}

std::string ConnectionExchange::Head(const HttpResponse& response, bool is_stream) {
  status_ = response.status;
  const bool has_body = response.status >= 200 && response.status != 204 && response.status != 304;
  closes_ = !keep_alive_ || host_.is_draining() || (is_stream && is_http10_);
  std::string framing;
  if (is_stream) {
    if (!is_http10_) framing = "Transfer-Encoding: chunked\r\n";
  } else if (has_body) {
    framing = "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  }
  return ComposeHead(response, request_.id, framing,
                     closes_      ? "close"
                     : is_http10_ ? "keep-alive"
                                  : "");
}

int ConnectionExchange::CountedStatus() const {
  const bool failed = status_ >= 500 || state_ == State::kStreaming;
  return is_client_gone_ && failed ? kClientClosedRequest : status_;
}

void ConnectionExchange::End() {
  state_ = State::kEnded;
  on_close_ = {};
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin_;
  host_.Replied(route_, CountedStatus(), seconds.count());
  host_.ExchangeAnswered();
}

void ConnectionExchange::Reply(HttpResponse response) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kWaiting) return;
  std::string text = Head(response, false);
  if (request_.method != "HEAD") text += response.body;
  End();
  connection_->Push(std::move(text), true, closes_);
}

void ConnectionExchange::BeginStream(HttpResponse head) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kWaiting) return;
    state_ = State::kStreaming;
    connection_->Push(Head(head, true), false, false);
  }
  if (!head.body.empty()) Write(head.body);
}

bool ConnectionExchange::Write(std::string_view piece) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kStreaming || is_client_gone_) return false;
  if (piece.empty() || request_.method == "HEAD") return true;
  std::string chunk;
  if (is_http10_) {
    chunk = piece;
  } else {
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    chunk.append(size).append(piece).append("\r\n");
  }
  return connection_->Push(std::move(chunk), false, false);
}

void ConnectionExchange::EndStream() {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kStreaming) return;
  End();
  const bool is_chunked = !is_http10_ && request_.method != "HEAD";
  connection_->Push(is_chunked ? "0\r\n\r\n" : "", true, closes_);
}

bool ConnectionExchange::IsOpen() const {
  const std::lock_guard lock(mutex_);
  return !is_client_gone_;
}

void ConnectionExchange::OnClose(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kEnded) return;
    if (!is_client_gone_) {
      on_close_ = std::move(callback);
      return;
    }
  }
  callback();
}

void ConnectionExchange::ClientGone() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_client_gone_, true)) return;
    callback = std::move(on_close_);
    on_close_ = {};
  }
  if (callback) callback();
}

}  // namespace agon::net
