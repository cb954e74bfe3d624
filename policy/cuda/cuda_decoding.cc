// The KV cache, and attention of decoded tokens, in the CUDA backend.
#include <algorithm>
#include <vector>

#include "policy/cuda/cuda_backend.h"
#include "policy/cuda/kv_cache.h"
#include "policy/cuda/prefixes.h"

namespace agon::policy::cuda {

std::unique_ptr<KvCache> CudaBackend::NewKvCache(int num_slots, int capacity) {
  auto cache = std::make_unique<CudaKvCache>(*space_);
  cache->slots = num_slots;
  cache->capacity_tokens = capacity;
  cache->num_layers = config_.num_layers;
  cache->slot_stride = static_cast<int64_t>(shape_.num_kv_heads) * capacity * shape_.head_dim;
  cache->layer_stride = num_slots * cache->slot_stride;
  cache->data = cache->memory.Get(
      static_cast<size_t>(2 * config_.num_layers * cache->layer_stride * ElementBytes()));
  if (compute_ == ComputeType::kFloat32) return cache;
  const auto scratch = ScratchOfKeySplits(PaddedRows(num_slots), shape_, capacity);
  if (scratch.arrivals == 0) return cache;
  cache->splits.parts = reinterpret_cast<float*>(
      cache->parts.Get(static_cast<size_t>(scratch.part_floats) * sizeof(float)));
  cache->splits.arrivals = reinterpret_cast<int32_t*>(
      cache->arrivals.Get(static_cast<size_t>(scratch.arrivals) * sizeof(int32_t)));
  return cache;
}

void CudaBackend::CopySlot(KvCache& cache, int from, int to, int num_tokens) {
  const auto& c = CudaKvCache::Of(cache);
  ForType([&]<typename T>() {
    cuda::CopySlot(c.Layer<T>(0), c.num_layers, c.layer_stride, shape_, from, to, num_tokens,
                   gpu_.stream());
  });
}

std::unique_ptr<SharedPrefixes> CudaBackend::NewPrefixes(const KvCache& cache) {
  if (compute_ == ComputeType::kFloat32) return nullptr;
  return std::make_unique<CudaPrefixes>(*space_, shape_, cache.num_slots());
}

bool CudaBackend::SetPrefixes(SharedPrefixes& prefixes, std::span<const SharedPrefix> shared) {
  auto& p = static_cast<CudaPrefixes&>(prefixes);
  const std::vector<int32_t> tables = p.Tables(shared);
  if (tables.empty()) return false;
  Upload(p.data(), tables.data(), tables.size() * sizeof(int32_t));
  return true;
}

void CudaBackend::AttentionDecode(const KvCache& cache, int layer, const void* qk,
                                  const int32_t* slots, const int32_t* positions, int rows,
                                  const SharedPrefixes* prefixes, void* out) {
  const auto& c = CudaKvCache::Of(cache);
  ForType([&]<typename T>() {
    PrefixTables tables;
    KeySplits splits;
    if constexpr (std::is_same_v<T, Bf16>) {
      splits = c.splits;
      splits.count = NumKeySplits(rows, shape_, c.capacity_tokens);
      if (prefixes) {
        const auto& p = static_cast<const CudaPrefixes&>(*prefixes);
        tables = p.tables();
        cuda::AttentionPrefix(c.Layer<T>(layer), shape_, static_cast<const T*>(qk), tables,
                              p.most_tiles(), gpu_.stream());
      }
    }
    cuda::AttentionDecode(c.Layer<T>(layer), shape_, static_cast<const T*>(qk), slots, positions,
                          rows, tables, splits, static_cast<T*>(out), gpu_.stream());
  });
}

}  // namespace agon::policy::cuda
