#include "net/websocket.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "core/error.h"
#include "net/url.h"

namespace agon::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using std::chrono::milliseconds;

// The event loop of all connections, on a thread that starts with the first of them.
class EventLoop {
 public:
  EventLoop() : work_(context_.get_executor()), thread_([this] { context_.run(); }) {}
  ~EventLoop() {
    context_.stop();
    thread_.join();
  }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  asio::io_context& context() { return context_; }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

EventLoop& SharedLoop() {
  static EventLoop loop;
  return loop;
}

}  // namespace

// Everything but the state under the mutex is touched on the loop's thread only.
class WebSocket::Connection : public std::enable_shared_from_this<WebSocket::Connection> {
 public:
  Connection(const std::string& url, const WebSocketLimits& limits)
      : name_(url),
        url_(ParseUrl(url, "ws")),
        limits_(limits),
        resolver_(SharedLoop().context()),
        stream_(SharedLoop().context()) {}

  void Open() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] { self->Resolve(); });
    std::unique_lock lock(mutex_);
    const bool is_in_time = changed_.wait_for(lock, milliseconds(limits_.connect_ms),
                                              [&] { return is_open_ || !problem_.empty(); });
    if (is_open_) return;
    const std::string problem = is_in_time ? problem_ : NoAnswer();
    lock.unlock();
    Abandon();
    throw Error(ErrorKind::kFailed, "can't connect: " + problem, name_, "is the server running?");
  }

  void Send(std::string_view text) {
    {
      const std::lock_guard lock(mutex_);
      ThrowIfGone();
    }
    asio::post(stream_.get_executor(), [self = shared_from_this(), message = std::string(text)] {
      self->outbox_.push_back(message);
      if (self->outbox_.size() == 1) self->Write();
    });
  }

  std::optional<std::string> Receive(int timeout_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, milliseconds(timeout_ms),
                      [&] { return !inbox_.empty() || !problem_.empty(); });
    if (inbox_.empty()) {
      ThrowIfGone();
      return std::nullopt;
    }
    std::string message = std::move(inbox_.front());
    inbox_.pop_front();
    return message;
  }

  void Close() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      if (!self->stream_.is_open()) return;
      // Waits for what is being written; its answer ends the read that is always on.
      self->stream_.async_close(websocket::close_code::normal,
                                [self](beast::error_code) { self->Fail("closed"); });
    });
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, milliseconds(limits_.close_ms), [&] { return !problem_.empty(); });
    lock.unlock();
    Abandon();
  }

 private:
  // The caller holds the mutex.
  void ThrowIfGone() const {
    if (!problem_.empty()) throw Error(ErrorKind::kFailed, "connection lost: " + problem_, name_);
  }

  void Abandon() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      self->resolver_.cancel();
      beast::get_lowest_layer(self->stream_).close();
    });
  }

  void Fail(const std::string& problem) {
    const std::lock_guard lock(mutex_);
    if (problem_.empty()) problem_ = problem;
    changed_.notify_all();
  }

  void Resolve() {
    resolver_.async_resolve(url_.host, url_.port,
                            [self = shared_from_this()](beast::error_code error, auto endpoints) {
                              if (error) return self->Fail(error.message());
                              self->Connect(endpoints);
                            });
  }

  void Connect(const asio::ip::tcp::resolver::results_type& endpoints) {
    auto& socket = beast::get_lowest_layer(stream_);
    socket.expires_after(milliseconds(limits_.connect_ms));
    socket.async_connect(endpoints, [self = shared_from_this()](beast::error_code error, auto) {
      if (error) return self->Fail(self->WhyNotOpen(error));
      self->Handshake();
    });
  }

  void Handshake() {
    auto& socket = beast::get_lowest_layer(stream_);
    socket.expires_never();  // the stream has timers of its own
    beast::error_code ignored;
    socket.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    websocket::stream_base::timeout timeout;
    timeout.handshake_timeout = milliseconds(limits_.connect_ms);
    timeout.idle_timeout = milliseconds(limits_.idle_ms);
    timeout.keep_alive_pings = true;
    stream_.set_option(timeout);
    stream_.read_message_max(limits_.max_message_bytes);
    stream_.auto_fragment(false);  // a message is a frame: what the simplest server reads
    stream_.async_handshake(url_.Authority(), url_.target,
                            [self = shared_from_this()](beast::error_code error) {
                              if (error) return self->Fail(self->WhyNotOpen(error));
                              {
                                const std::lock_guard lock(self->mutex_);
                                self->is_open_ = true;
                                self->changed_.notify_all();
                              }
                              self->Read();
                            });
  }

  void Read() {
    stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, size_t) {
      if (error) return self->Fail(self->ReasonOf(error));
      bool is_flooded = false;
      {
        const std::lock_guard lock(self->mutex_);
        self->inbox_.push_back(beast::buffers_to_string(self->buffer_.data()));
        is_flooded = self->inbox_.size() > self->limits_.max_waiting_messages;
        self->changed_.notify_all();
      }
      self->buffer_.consume(self->buffer_.size());
      if (is_flooded) return self->Fail("the server sends more than it was asked for");
      self->Read();
    });
  }

  std::string NoAnswer() const {
    return "no answer within " + std::to_string(limits_.connect_ms) + " ms";
  }

  // The stream's timer and that of Open() run equally long: either may be first.
  std::string WhyNotOpen(beast::error_code error) const {
    return error == beast::error::timeout ? NoAnswer() : error.message();
  }

  std::string ReasonOf(beast::error_code error) const {
    if (error != websocket::error::closed) return error.message();
    const auto& reason = stream_.reason();
    std::string text = "closed by the server with code " + std::to_string(reason.code);
    if (!reason.reason.empty()) text.append(": ").append(reason.reason.c_str());
    return text;
  }

  void Write() {
    stream_.text(true);
    stream_.async_write(asio::buffer(outbox_.front()),
                        [self = shared_from_this()](beast::error_code error, size_t) {
                          if (error) return self->Fail(error.message());
                          self->outbox_.pop_front();
                          if (!self->outbox_.empty()) self->Write();
                        });
  }

  const std::string name_;
  const Url url_;
  const WebSocketLimits limits_;
  asio::ip::tcp::resolver resolver_;
  websocket::stream<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  std::deque<std::string> outbox_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
  std::string problem_;  // why the connection is gone; "" while it isn't
  std::deque<std::string> inbox_;
};

WebSocket::WebSocket(const std::string& url, const WebSocketLimits& limits)
    : connection_(std::make_shared<Connection>(url, limits)) {
  connection_->Open();
}

WebSocket::~WebSocket() { connection_->Close(); }

void WebSocket::Send(std::string_view text) { connection_->Send(text); }

std::optional<std::string> WebSocket::Receive(int timeout_ms) {
  return connection_->Receive(timeout_ms);
}

}  // namespace agon::net
