// Attention of packed batches, and positions, in the CUDA backend.
#include <vector>

#include "core/error.h"
#include "policy/cuda/cuda_backend.h"
#include "policy/cuda/kv_cache.h"
#include "policy/cuda/region.h"

namespace agon::policy::cuda {
namespace {

// Tiles on the GPU.
struct CudaSegments final : PackedSegments {
  explicit CudaSegments(Space& space)
      : memory(space, "batch indexes"), keys{CudaMemory(space, "batch indexes")} {}

  CudaMemory memory;
  const AttentionTile* tiles = nullptr;
  int num_tiles = 0;
  std::vector<PackedBatch::Segment> segments;

  // Made when a gradient first asks for them.
  struct Keys {
    CudaMemory memory;
    bool are_set = false;
    const KeyTile* tiles = nullptr;
    const QueryRange* ranges = nullptr;
    int num_tiles = 0;
  };
  mutable Keys keys;
};

const CudaSegments& Cast(const PackedSegments& segments) {
  return static_cast<const CudaSegments&>(segments);
}

template <typename T>
size_t BytesOf(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

}  // namespace

void CudaBackend::QkNormRope(const void* qkv, const int32_t* positions, int rows,
                             const float* q_gain, const float* k_gain, void* qk,
                             const KvPlaces& kept) {
  ForType([&]<typename T>() {
    const auto cache =
        kept.cache ? CudaKvCache::Of(*kept.cache).Layer<T>(kept.layer) : KvLayer<T>{};
    cuda::QkNormRope(static_cast<const T*>(qkv), positions, rows, q_gain, k_gain, cosine_, sine_,
                     config_.rms_norm_eps, shape_, static_cast<T*>(qk), cache, kept.slots,
                     gpu_.stream());
  });
}

void CudaBackend::QkNormRopeGradient(const void* qkv, const int32_t* positions, int rows,
                                     const float* q_gain, const float* k_gain, const float* dqk,
                                     const float* dv, void* dqkv, float* dq_gain, float* dk_gain) {
  ForType([&]<typename T>() {
    cuda::QkNormRopeGradient(static_cast<const T*>(qkv), positions, rows, q_gain, k_gain, cosine_,
                             sine_, config_.rms_norm_eps, shape_, dqk, dv, static_cast<T*>(dqkv),
                             dq_gain, dk_gain, Partials<float>(QkNormRopePartials(rows, shape_)),
                             gpu_.stream());
  });
}

std::unique_ptr<PackedSegments> CudaBackend::NewSegments() {
  return std::make_unique<CudaSegments>(*space_);
}

void CudaBackend::ReserveSegments(PackedSegments& packed, int rows, int sharers) {
  auto& p = static_cast<CudaSegments&>(packed);
  const auto count = static_cast<size_t>(rows);
  p.memory.Get(count * sizeof(AttentionTile));  // each has a query
  if (sharers == 0) return;
  p.keys.memory.Get(RoundedUp(count * sizeof(KeyTile)) +
                    static_cast<size_t>(MostQueryRanges(rows, sharers)) * sizeof(QueryRange));
}

void CudaBackend::SetSegments(PackedSegments& packed,
                              std::span<const PackedBatch::Segment> segments) {
  auto& p = static_cast<CudaSegments&>(packed);
  const auto tiles = MakeAttentionTiles(segments, shape_);
  char* data = p.memory.Get(BytesOf(tiles));
  Upload(data, tiles.data(), BytesOf(tiles));
  p.tiles = reinterpret_cast<const AttentionTile*>(data);
  p.num_tiles = static_cast<int>(tiles.size());
  p.segments.assign(segments.begin(), segments.end());
  p.keys.are_set = false;
}

void CudaBackend::SetKeys(const PackedSegments& segments) {
  CudaSegments::Keys& keys = Cast(segments).keys;
  if (keys.are_set) return;
  const auto [tiles, ranges] = MakeKeyTiles(Cast(segments).segments);
  const size_t ranges_at = RoundedUp(BytesOf(tiles));
  char* data = keys.memory.Get(ranges_at + BytesOf(ranges));
  Upload(data, tiles.data(), BytesOf(tiles));
  Upload(data + ranges_at, ranges.data(), BytesOf(ranges));
  keys.tiles = reinterpret_cast<const KeyTile*>(data);
  keys.ranges = reinterpret_cast<const QueryRange*>(data + ranges_at);
  keys.num_tiles = static_cast<int>(tiles.size());
  keys.are_set = true;
}

void CudaBackend::Attention(const PackedSegments& segments, const void* qk, const void* qkv,
                            void* out, float* lse) {
  const auto& p = Cast(segments);
  ForType([&]<typename T>() {
    cuda::Attention(p.tiles, p.num_tiles, shape_, static_cast<const T*>(qk),
                    static_cast<const T*>(qkv), static_cast<T*>(out), lse, gpu_.stream());
  });
}

void CudaBackend::AttentionGradient(const PackedSegments& segments, const void* qk, const void* qkv,
                                    const void* out, const float* lse, const void* dout, int rows,
                                    float* dqk, float* dv) {
  SetKeys(segments);
  const auto& p = Cast(segments);
  auto* delta = reinterpret_cast<float*>(
      delta_.Get(static_cast<size_t>(rows) * static_cast<size_t>(shape_.num_heads) * 4));
  ForType([&]<typename T>() {
    cuda::AttentionGradient(p.tiles, p.num_tiles, p.keys.tiles, p.keys.num_tiles, p.keys.ranges,
                            shape_, static_cast<const T*>(qk), static_cast<const T*>(qkv),
                            static_cast<const T*>(out), lse, static_cast<const T*>(dout), rows,
                            delta, dqk, dv, gpu_.stream());
  });
}

}  // namespace agon::policy::cuda
