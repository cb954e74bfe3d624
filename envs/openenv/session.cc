#include "envs/openenv/session.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

#include "core/error.h"
#include "envs/plugin/process_wire.h"
#include "envs/plugin/wire.h"

namespace agon::envs {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{50}, kMaxPause{2000};
constexpr int kFarewellMs = 1000;

Mask Broken(std::string reason) { return {"environment", std::move(reason)}; }

}  // namespace

OpenEnvSession::OpenEnvSession(std::string url, const OpenEnvLimits& limits)
    : url_(std::move(url)), limits_(limits) {}

OpenEnvSession::~OpenEnvSession() {
  if (socket_ == nullptr) return;
  try {
    socket_->Send(R"({"type":"close"})");
    // OpenEnv's server hangs up itself; two farewells at once make it complain.
    socket_->Receive(kFarewellMs);
  } catch (const Error&) {
    // Gone, as it should be.
  }
}

std::optional<Mask> OpenEnvSession::Connect() {
  constexpr int kAttempts = 2;
  net::WebSocketLimits limits;
  limits.connect_ms = limits_.connect_ms;
  for (int attempt = 1;; ++attempt) {
    try {
      socket_ = std::make_unique<net::WebSocket>(url_, limits);
      return std::nullopt;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kFailed) throw;
      if (attempt == kAttempts) return Broken(error.what());
    }
    std::this_thread::sleep_for(kFirstPause);
  }
}

OpenEnvReply OpenEnvSession::Reset(uint32_t seed) {
  const Json request{{"type", "reset"}, {"data", {{"seed", seed}}}};
  const auto deadline = Clock::now() + milliseconds(limits_.message_ms);
  for (milliseconds pause = kFirstPause;; pause = std::min(pause * 2, kMaxPause)) {
    if (socket_ == nullptr) {
      if (auto mask = Connect()) return std::move(*mask);
    }
    OpenEnvReply reply = Exchange(request, deadline);
    if (!has_no_place_ || Clock::now() + pause > deadline) return reply;
    socket_ = nullptr;
    std::this_thread::sleep_for(pause);
  }
}

OpenEnvReply OpenEnvSession::Step(const Json& action) {
  if (socket_ == nullptr) return Broken("there is no session");
  return Exchange({{"type", "step"}, {"data", action}},
                  Clock::now() + milliseconds(limits_.message_ms));
}

OpenEnvReply OpenEnvSession::Exchange(const Json& request, Clock::time_point deadline) {
  has_no_place_ = false;
  try {
    try {
      socket_->Send(DumpJson(request));
    } catch (const Error&) {
      // What the server said before it hung up tells more than that it did.
    }
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    const auto text = socket_->Receive(static_cast<int>(std::max(left, milliseconds(1)).count()));
    if (text) return ReadReply(*text);
    // A reply that comes late would be taken for the next one's.
    socket_ = nullptr;
    return Mask{"timeout", "no answer within " + std::to_string(limits_.message_ms) + " ms"};
  } catch (const Error& error) {
    socket_ = nullptr;
    return Broken(error.what());
  }
}

OpenEnvReply OpenEnvSession::ReadReply(const std::string& text) {
  const Json reply = ParseJson(text, url_);
  const auto type = JsonField<std::string>(reply, "type", url_);
  const auto data = JsonField<Json>(reply, "data", url_);
  if (type == "error") {
    const auto code = JsonField<std::string>(data, "code", url_);
    std::string message = code;
    if (data.contains("message") && data.at("message").is_string()) {
      message.append(": ").append(data.at("message").get<std::string>());
    }
    if (code == "VALIDATION_ERROR") {
      if (data.contains("errors")) message.append(" ").append(DumpJson(data.at("errors")));
      return OpenEnvRefusal{Shown(message)};
    }
    has_no_place_ = code == "CAPACITY_REACHED";
    return Broken("the server says " + Shown(message));
  }
  if (type != "observation") {
    return Broken("the server answered with \"" + Shown(type) + "\" instead of an observation");
  }
  OpenEnvObservation result;
  result.observation = JsonField<Json>(data, "observation", url_);
  result.is_done = JsonField<bool>(data, "done", url_);
  if (data.contains("reward") && !data.at("reward").is_null()) {
    result.reward = JsonField<double>(data, "reward", url_);
  }
  return result;
}

}  // namespace agon::envs
