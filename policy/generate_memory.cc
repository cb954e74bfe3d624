// What generation takes of the backend's memory.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/error.h"
#include "policy/generate.h"

namespace agon::policy {

void Generator::Reserve(int max_rows, int max_tokens, int num_top) {
  const int num_slots = NumSlots(max_rows, backend_.StepsAtOnce());
  const auto slots = static_cast<size_t>(num_slots);
  // As Refill puts prompts together.
  const int64_t prompt_tokens = std::max<int64_t>(
      max_tokens, std::min<int64_t>(kPrefillTokens, int64_t{num_slots} * max_tokens));
  transformer_.ReserveDecoding(static_cast<int>(prompt_tokens), num_slots, num_slots);
  MakeCache(num_slots, max_tokens);
  ReserveMemory(num_slots);
  gathered_rows_.Reserve(slots);
  window_.Reserve(num_slots, max_rows, backend_.StepsAtOnce());
  top_memory_->Get(slots * static_cast<size_t>(num_top) * sizeof(TokenLogprob));
  is_planned_ = !backend_.SharesHostMemory();  // the host's may grow
}

void Generator::FailBeyondPlan(int num_slots, int max_tokens) const {
  const auto text = [](int slots, int tokens) {
    return std::to_string(slots) + " rows of " + std::to_string(tokens) + " tokens";
  };
  throw Error(ErrorKind::kFailed,
              "a KV cache for " + text(num_slots, max_tokens) + " was asked for, but " +
                  text(cache_->num_slots(), cache_->capacity()) + " were planned",
              "the GPU's memory", "this is a bug of the memory plan: please report the command");
}

void Generator::MakeCache(int num_slots, int max_tokens) {
  prefixes_.reset();
  cache_.reset();
  cache_ = backend_.NewKvCache(num_slots, max_tokens);
  prefixes_ = backend_.NewPrefixes(*cache_);
}

void Generator::ReserveMemory(int num_rows) {
  const size_t hidden_bytes = static_cast<size_t>(num_rows) * HiddenBytes();
  const size_t number_bytes = (static_cast<size_t>(num_rows) * sizeof(float) + 63) / 64 * 64;
  hidden_ = memory_->Get(2 * hidden_bytes + 3 * number_bytes);
  gathered_ = hidden_ + hidden_bytes;
  uniforms_ = reinterpret_cast<float*>(gathered_ + hidden_bytes);
  drawn_ = gathered_ + hidden_bytes + number_bytes;
}

MemoryUse Generator::Memory() const {
  MemoryUse use = memory_->Use();
  use.bytes += top_memory_->Use().bytes + gathered_rows_.Use().bytes + window_.Use().bytes;
  return use;
}

}  // namespace agon::policy
