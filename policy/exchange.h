// How ranks exchange numbers that lie where their backends compute. Private to policy.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "policy/communicator.h"

namespace agon::policy {

class Backend;

class Exchange {
 public:
  virtual ~Exchange() = default;

  // sent[r] goes to rank r, received[r] comes from it: as many numbers as that rank sends to this
  // one. What a rank would send to itself is passed over. Both (ranks), in the backend's memory,
  // where what was queued before counts; waits. Collective. Throws Error(kFailed) if a rank can't
  // be reached.
  virtual void Run(std::span<const std::span<const float>> sent,
                   std::span<const std::span<float>> received) = 0;
  // "NCCL 2.28.9", "the host's memory".
  virtual std::string Name() const = 0;
  // Why it isn't a faster one that the device has; "" if there is nothing to say.
  virtual std::string Shortfall() const { return ""; }
};

// Host memory that an exchange through it takes at once.
inline constexpr int64_t kHostExchangeFloats = 32 << 20;

// The backend's own if it has one, else through the host. Keeps both references. Collective.
std::unique_ptr<Exchange> MakeExchange(Backend& backend, Communicator& ranks);

// Through the host, in pieces of `floats` in all.
std::unique_ptr<Exchange> MakeHostExchange(Backend& backend, Communicator& ranks,
                                           std::string shortfall,
                                           int64_t floats = kHostExchangeFloats);

}  // namespace agon::policy
