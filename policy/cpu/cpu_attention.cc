// Attention and the KV cache of the CPU backend.
#include <cstring>
#include <map>

#include "core/error.h"
#include "policy/cpu/cpu_backend.h"
#include "policy/cpu/parallel.h"

namespace agon::policy::cpu {
namespace {

constexpr int kRowsPerChunk = 64;  // of partial sums

AttentionSegment Convert(const PackedBatch::Segment& s) {
  return {s.begin, s.length, s.prefix_begin, s.prefix_length};
}

int MaxKeys(std::span<const PackedBatch::Segment> segments) {
  int most = 1;
  for (const auto& s : segments) most = std::max(most, s.prefix_length + s.length);
  return most;
}

// Segments by the prefix they share, each list starting with the prefix's own segment: their
// gradients meet in the prefix's rows, so one thread takes a list whole and in order.
std::vector<std::vector<int>> BySharedPrefix(std::span<const PackedBatch::Segment> segments) {
  std::vector<std::vector<int>> lists;
  std::map<int32_t, size_t> list_of_begin;
  for (int i = 0; i < static_cast<int>(segments.size()); ++i) {
    const auto& s = segments[static_cast<size_t>(i)];
    const auto found =
        s.prefix_length > 0 ? list_of_begin.find(s.prefix_begin) : list_of_begin.end();
    if (found != list_of_begin.end()) {
      lists[found->second].push_back(i);
    } else {
      list_of_begin[s.begin] = lists.size();
      lists.push_back({i});
    }
  }
  return lists;
}

struct CpuKvCache final : KvCache {
  int slots, capacity_tokens, num_layers, num_kv_heads;
  int64_t panel_bytes;  // of keys, or of values, of one slot, layer and kv head
  Scratch storage{"KV cache"};
  char* data;

  int num_slots() const override { return slots; }
  int capacity() const override { return capacity_tokens; }

  char* At(int layer, int slot, int kv_head) const {
    return data + ((static_cast<int64_t>(slot) * num_layers + layer) * num_kv_heads + kv_head) * 2 *
                      panel_bytes;
  }
  KvPanels Panels(int layer, int slot, int kv_head) const {
    char* keys = At(layer, slot, kv_head);
    return {keys, keys + panel_bytes, capacity_tokens};
  }
};

const CpuKvCache& Cast(const KvCache& cache) { return static_cast<const CpuKvCache&>(cache); }

struct CpuSegments final : PackedSegments {
  std::vector<PackedBatch::Segment> all;
};

const std::vector<PackedBatch::Segment>& All(const PackedSegments& segments) {
  return static_cast<const CpuSegments&>(segments).all;
}

}  // namespace

void CpuBackend::QkNormRope(const void* qkv, const int32_t* positions, int rows,
                            const float* q_gain, const float* k_gain, void* qk,
                            const KvPlaces& kept) {
  ParallelRanges(rows, 16, [&](int64_t begin, int64_t end) {
    kernels_.qk_norm_rope(qkv, positions, q_gain, k_gain, cosine_.data(), sine_.data(), qk,
                          static_cast<int>(begin), static_cast<int>(end), shape_,
                          config_.rms_norm_eps);
    if (!kept.cache) return;
    const auto& cache = Cast(*kept.cache);
    for (int64_t row = begin; row < end; ++row) {
      if (kept.slots[row] < 0) continue;
      for (int head = 0; head < shape_.num_kv_heads; ++head) {
        kernels_.append_kv(qk, qkv, row, head, positions[row],
                           cache.Panels(kept.layer, kept.slots[row], head), shape_);
      }
    }
  });
}

// Partial sums over fixed chunks of rows, added in order: the same for any thread count.
size_t CpuBackend::QkPartialBytes(int rows) const {
  const int chunks = (rows + kRowsPerChunk - 1) / kRowsPerChunk;
  return static_cast<size_t>(chunks) * 2 * shape_.head_dim * sizeof(float);
}

void CpuBackend::QkNormRopeGradient(const void* qkv, const int32_t* positions, int rows,
                                    const float* q_gain, const float* k_gain, const float* dqk,
                                    const float* dv, void* dqkv, float* dq_gain, float* dk_gain) {
  const int d = shape_.head_dim, chunks = (rows + kRowsPerChunk - 1) / kRowsPerChunk;
  const size_t bytes = QkPartialBytes(rows);
  float* partials = reinterpret_cast<float*>(partials_.Get(bytes));
  std::memset(partials, 0, bytes);
  ParallelItems(chunks, [&](int64_t chunk) {
    const int begin = static_cast<int>(chunk) * kRowsPerChunk;
    kernels_.qk_norm_rope_backward(qkv, positions, q_gain, k_gain, cosine_.data(), sine_.data(),
                                   dqk, dv, dqkv, partials + chunk * 2 * d, begin,
                                   std::min(rows, begin + kRowsPerChunk), shape_,
                                   config_.rms_norm_eps);
  });
  for (int chunk = 0; chunk < chunks; ++chunk) {
    for (int i = 0; i < d; ++i) {
      dq_gain[i] += partials[chunk * 2 * d + i];
      dk_gain[i] += partials[chunk * 2 * d + d + i];
    }
  }
}

std::unique_ptr<PackedSegments> CpuBackend::NewSegments() {
  return std::make_unique<CpuSegments>();
}

void CpuBackend::SetSegments(PackedSegments& packed,
                             std::span<const PackedBatch::Segment> segments) {
  static_cast<CpuSegments&>(packed).all.assign(segments.begin(), segments.end());
}

void CpuBackend::Attention(const PackedSegments& packed, const void* qk, const void* qkv, void* out,
                           float* lse) {
  const auto& segments = All(packed);
  ReserveThreadScratch(kernels_.attention_scratch_bytes(shape_, MaxKeys(segments)));
  const AttentionArrays arrays{qk, qkv, out, lse};
  ParallelItems(static_cast<int64_t>(segments.size()) * shape_.num_kv_heads, [&](int64_t item) {
    kernels_.attention_forward(
        arrays, Convert(segments[static_cast<size_t>(item / shape_.num_kv_heads)]),
        static_cast<int>(item % shape_.num_kv_heads), shape_, ThreadScratch());
  });
}

void CpuBackend::AttentionGradient(const PackedSegments& packed, const void* qk, const void* qkv,
                                   const void* out, const float* lse, const void* dout, int rows,
                                   float* dqk, float* dv) {
  const auto& segments = All(packed);
  ReserveThreadScratch(kernels_.attention_scratch_bytes(shape_, MaxKeys(segments)));
  const AttentionArrays arrays{qk, qkv, const_cast<void*>(out), const_cast<float*>(lse)};
  const AttentionGradients gradients{dout, dqk, dv};
  std::memset(dqk, 0, static_cast<size_t>(rows) * shape_.QkStride() * sizeof(float));
  std::memset(dv, 0,
              static_cast<size_t>(rows) * shape_.num_kv_heads * shape_.head_dim * sizeof(float));
  const auto lists = BySharedPrefix(segments);
  ParallelItems(static_cast<int64_t>(lists.size()) * shape_.num_kv_heads, [&](int64_t item) {
    char* scratch = ThreadScratch();
    for (int i : lists[static_cast<size_t>(item / shape_.num_kv_heads)]) {
      kernels_.attention_backward(arrays, gradients, Convert(segments[static_cast<size_t>(i)]),
                                  static_cast<int>(item % shape_.num_kv_heads), shape_, scratch);
    }
  });
}

std::unique_ptr<KvCache> CpuBackend::NewKvCache(int num_slots, int capacity) {
  auto cache = std::make_unique<CpuKvCache>();
  cache->slots = num_slots;
  cache->capacity_tokens = (capacity + 31) / 32 * 32;
  cache->num_layers = config_.num_layers;
  cache->num_kv_heads = shape_.num_kv_heads;
  cache->panel_bytes =
      static_cast<int64_t>(cache->capacity_tokens) * shape_.head_dim * kernels_.element_bytes;
  const size_t slot_bytes =
      static_cast<size_t>(config_.num_layers) * shape_.num_kv_heads * 2 * cache->panel_bytes;
  const size_t bytes = num_slots * slot_bytes;
  // A long slot is hardly ever full, and a huge page of it would be touched whole.
  cache->data =
      slot_bytes < kHugePageBytes ? cache->storage.Get(bytes) : cache->storage.GetSparse(bytes);
  kv_cache_bytes_ = std::max(kv_cache_bytes_, cache->storage.Use().bytes);
  return cache;
}

void CpuBackend::CopySlot(KvCache& cache, int from, int to, int num_tokens) {
  const auto& c = Cast(cache);
  const int64_t element = kernels_.element_bytes;
  const int64_t padded = (num_tokens + 31) / 32 * 32;
  const int64_t step_bytes = 128, pair = 4 / element;
  for (int layer = 0; layer < c.num_layers; ++layer) {
    for (int head = 0; head < c.num_kv_heads; ++head) {
      const KvPanels source = c.Panels(layer, from, head), target = c.Panels(layer, to, head);
      std::memcpy(target.keys, source.keys,
                  static_cast<size_t>(padded * shape_.head_dim * element));
      for (int panel = 0; panel < shape_.head_dim / 32; ++panel) {
        const int64_t at = panel * (c.capacity_tokens / pair) * step_bytes;
        std::memcpy(target.values + at, source.values + at,
                    static_cast<size_t>(padded / pair * step_bytes));
      }
    }
  }
}

void CpuBackend::AttentionDecode(const KvCache& cache, int layer, const void* qk,
                                 const int32_t* slots, const int32_t* positions, int rows,
                                 const SharedPrefixes* /*prefixes*/, void* out) {
  const auto& c = Cast(cache);
  ReserveThreadScratch(kernels_.attention_scratch_bytes(shape_, c.capacity_tokens));
  const AttentionArrays arrays{qk, nullptr, out, nullptr};
  ParallelItems((rows + 7) / 8, [&](int64_t item) {
    char* scratch = ThreadScratch();
    for (int64_t row = item * 8; row < std::min<int64_t>(rows, item * 8 + 8); ++row) {
      if (slots[row] < 0) continue;
      for (int head = 0; head < shape_.num_kv_heads; ++head) {
        kernels_.attention_decode(arrays, row, head, positions[row],
                                  c.Panels(layer, slots[row], head), shape_, scratch);
      }
    }
  });
}

}  // namespace agon::policy::cpu
