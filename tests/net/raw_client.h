// A TCP connection to this machine: what a client sends, byte for byte.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace agon {

class RawClient {
 public:
  explicit RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool is_connected() const { return is_connected_; }
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void EndSending() { shutdown(socket_, SHUT_WR); }
  void Close() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

  // What arrives until `ending` is the end of it, or the server closes, or 10 s went by. The
  // bytes are taken.
  std::string Receive(std::string_view ending) {
    while (!std::string_view(received_).ends_with(ending) && Read()) {
    }
    return std::exchange(received_, "");
  }
  std::string ReceiveAll() {
    while (Read()) {
    }
    return std::exchange(received_, "");
  }

 private:
  bool Read() {
    pollfd poller = {socket_, POLLIN, 0};
    if (poll(&poller, 1, 10000) != 1) {
      ADD_FAILURE() << "nothing came; so far: " << received_;
      return false;
    }
    char chunk[4096];
    const ssize_t length = recv(socket_, chunk, sizeof chunk, 0);
    if (length <= 0) return false;
    received_.append(chunk, static_cast<size_t>(length));
    return true;
  }

  int socket_;
  bool is_connected_ = false;
  std::string received_;
};

}  // namespace agon
