// Keys and values of decoded sequences on a GPU.
#pragma once

#include "policy/cuda/kernels.h"
#include "policy/cuda/space.h"

namespace agon::policy::cuda {

// Keys, then values: T (L, slots, KV, capacity, d) each.
struct CudaKvCache final : KvCache {
  explicit CudaKvCache(Space& space)
      : memory(space, "KV cache"),
        parts(space, "attention (scratch)"),
        arrivals(space, "attention (scratch)") {}
  static const CudaKvCache& Of(const KvCache& cache) {
    return static_cast<const CudaKvCache&>(cache);
  }
  int num_slots() const override { return slots; }
  int capacity() const override { return capacity_tokens; }

  template <typename T>
  KvLayer<T> Layer(int layer) const {
    T* keys = reinterpret_cast<T*>(data) + layer * layer_stride;
    return {keys, keys + num_layers * layer_stride, slot_stride, capacity_tokens};
  }

  CudaMemory memory, parts, arrivals;
  char* data = nullptr;
  KeySplits splits{};  // scratch of several; the count is the call's
  int slots = 0, capacity_tokens = 0, num_layers = 0;
  int64_t slot_stride = 0, layer_stride = 0;  // elements
};

}  // namespace agon::policy::cuda
