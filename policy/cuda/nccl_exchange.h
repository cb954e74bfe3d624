// Ranks that exchange numbers between GPUs by NCCL.
#pragma once

#include <memory>
#include <string>

#include "policy/communicator.h"
#include "policy/cuda/gpu.h"
#include "policy/exchange.h"

namespace agon::policy::cuda {

// Grouped sends and receives on the GPU's stream: NCCL moves numbers and adds none, so that the
// order of sums stays ours. Keeps the reference. Null, on all ranks alike and with the reason, if
// any of them has no NCCL or two of them share a GPU. Throws kFailed if NCCL does. Collective.
std::unique_ptr<Exchange> NewNcclExchange(const Gpu& gpu, Communicator& ranks,
                                          std::string* shortfall);

}  // namespace agon::policy::cuda
