// One session with an OpenEnv server, over its WebSocket. Private to envs.
//
// The messages are those of OpenEnv's core/env_server (http_server.py, types.py): "reset",
// "step", "state" and "close" out, "observation", "state" and "error" in; strictly a reply
// for each request.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "core/json.h"
#include "envs/env.h"
#include "net/websocket.h"

namespace agon::envs {

struct OpenEnvLimits {
  int connect_ms = 10000;
  int message_ms = 60000;  // for a reply; for a free place at the server, too
};

struct OpenEnvObservation {
  Json observation;
  std::optional<double> reward;
  bool is_done = false;
};

// The server would not have the action: the policy's fault.
struct OpenEnvRefusal {
  std::string message;
};

// Or a Mask: the session is of no more use.
using OpenEnvReply = std::variant<OpenEnvObservation, OpenEnvRefusal, Mask>;

class OpenEnvSession {
 public:
  OpenEnvSession(std::string url, const OpenEnvLimits& limits);
  // Says "close", so that the server's place is free at once.
  ~OpenEnvSession();
  OpenEnvSession(const OpenEnvSession&) = delete;
  OpenEnvSession& operator=(const OpenEnvSession&) = delete;

  // Connects if it hasn't yet, and begins an episode. A server that has no place left is
  // asked again, at growing intervals, as long as the time for a message lasts; one that
  // can't be reached is tried twice.
  OpenEnvReply Reset(uint32_t seed);
  OpenEnvReply Step(const Json& action);

 private:
  using Clock = std::chrono::steady_clock;
  std::optional<Mask> Connect();
  OpenEnvReply Exchange(const Json& request, Clock::time_point deadline);
  OpenEnvReply ReadReply(const std::string& text);

  const std::string url_;
  const OpenEnvLimits limits_;
  std::unique_ptr<net::WebSocket> socket_;
  bool has_no_place_ = false;  // the last reply was CAPACITY_REACHED
};

}  // namespace agon::envs
