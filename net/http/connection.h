// One client's connection: reads requests, writes replies, one after another. Private to net.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/http/reader.h"
#include "net/http_server.h"

namespace agon::net {

class HttpConnection;
class ConnectionExchange;

// What connections need of the server.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  virtual const HttpServerOptions& options() const = 0;
  virtual bool is_draining() const = 0;
  // A request is whole. On an io thread: must not block.
  virtual void Dispatch(std::shared_ptr<ConnectionExchange> exchange) = 0;
  // Each exchange begins, is answered (or can't be any more), and ends: nobody holds it then.
  virtual void ExchangeBegun() = 0;
  virtual void ExchangeAnswered() = 0;
  virtual void ExchangeEnded() = 0;
  // `seconds` from a whole request to the reply's end, where there were both.
  virtual void Replied(const std::string& route, int status, std::optional<double> seconds) = 0;
  virtual void ConnectionEnded(HttpConnection* connection) = 0;
};

// All but Push, Abort, AnswerSoon and Start runs on the connection's strand.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(boost::asio::ip::tcp::socket socket, ConnectionHost& host);

  void Start();
  // Says that the server is full, instead of reading.
  void Refuse();
  // The server drains: an idle client has a moment left for a request it is about to send.
  void AnswerSoon();
  void Abort();

  // More of the reply; with `ends` the last of it, after which `closes` ends the connection.
  // False if too much waits for a client that doesn't read: the connection is aborted then.
  bool Push(std::string bytes, bool ends, bool closes);

 private:
  enum class Phase { kIdle, kReading, kReplying, kLingering, kClosed };

  void Next();
  void Read();
  void OnRead(boost::system::error_code error, size_t num_bytes);
  void Parse();
  void BeginExchange();
  void AnswerAndClose(const HttpResponse& response);
  void Write();
  void OnWritten(boost::system::error_code error);
  void FinishReply();
  void Linger();
  void Close();
  void Arm(int milliseconds);
  void Disarm();
  void OnDeadline();

  ConnectionHost& host_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_;
  uint64_t deadline_number_ = 0;  // an older deadline doesn't count
  Phase phase_ = Phase::kIdle;
  std::array<char, 16384> chunk_;
  bool is_read_pending_ = false, has_ended_ = false;  // the client's side
  std::string received_;                              // not yet parsed
  std::optional<HttpReader> reader_;
  std::weak_ptr<ConnectionExchange> exchange_;
  std::string writing_, waiting_;
  bool is_write_pending_ = false, is_reply_whole_ = false, closes_ = false;
  std::atomic<size_t> unsent_bytes_{0};
  std::string peer_;
};

class ConnectionExchange final : public HttpExchange {
 public:
  ConnectionExchange(std::shared_ptr<HttpConnection> connection, ConnectionHost& host,
                     HttpRequest request, bool keep_alive, bool is_http10);
  ~ConnectionExchange() override;

  const HttpRequest& request() const override { return request_; }
  void Reply(HttpResponse response) override;
  void BeginStream(HttpResponse head) override;
  bool Write(std::string_view piece) override;
  void EndStream() override;
  bool IsOpen() const override;
  void OnClose(std::function<void()> callback) override;

  // By the connection.
  void ClientGone();
  // By the host, before the handler sees it: what metrics call it.
  void set_route(std::string route) { route_ = std::move(route); }

 private:
  enum class State { kWaiting, kStreaming, kEnded };

  // The caller holds the mutex.
  std::string Head(const HttpResponse& response, bool is_stream);
  void End();
  // What metrics call the reply.
  int CountedStatus() const;

  std::shared_ptr<HttpConnection> connection_;
  ConnectionHost& host_;
  const HttpRequest request_;
  const bool keep_alive_, is_http10_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::string route_ = "none";

  mutable std::mutex mutex_;
  State state_ = State::kWaiting;
  int status_ = 0;
  bool is_client_gone_ = false, closes_ = false;
  std::function<void()> on_close_;
};

// Status line and headers of a response.
std::string ComposeHead(const HttpResponse& response, std::string_view request_id,
                        std::string_view framing, std::string_view connection);

}  // namespace agon::net
