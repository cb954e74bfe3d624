// A WebSocket client (RFC 6455) of text messages.
//
// Reading goes on in the background, so that a server's pings are answered while the caller
// is busy elsewhere, and a peer that is gone without a word is noticed: after half of
// `idle_ms` without a sign of it a ping is sent, after all of it the connection has failed.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agon::net {

struct WebSocketLimits {
  int connect_ms = 10000;  // to the end of the handshake
  int close_ms = 1000;     // for the farewell
  int idle_ms = 60000;
  size_t max_message_bytes = size_t{100} << 20;
  size_t max_waiting_messages = 64;  // received, not yet taken; more is a failure
};

// Belongs to one thread at a time; many of them share one background thread.
class WebSocket {
 public:
  // Connects to "ws://HOST:PORT/PATH". Throws kUsage (no address), kUnsupported (wss) or
  // kFailed (nobody there, no WebSocket, too late), naming the address.
  explicit WebSocket(const std::string& url, const WebSocketLimits& limits = {});
  // Closes it, politely where the server answers in time.
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // Sends a text message (valid UTF-8). Does not wait. Throws kFailed if the connection is gone.
  void Send(std::string_view text);
  // The next message, text or binary; nullopt if none comes in time: the connection stays
  // usable. Throws kFailed if the connection is gone and all messages are taken.
  std::optional<std::string> Receive(int timeout_ms);

 private:
  class Connection;
  std::shared_ptr<Connection> connection_;
};

}  // namespace agon::net
