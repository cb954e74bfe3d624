// Attention in training and in decoding, and what moves keys and rows.
#include "benchmarks/cuda/kernel_bench.h"
#include "policy/cuda/cuda_backend.h"
#include "policy/row_table.h"

namespace agon::benchmarks {

using namespace policy::cuda;

namespace {

template <typename T>
Array<T> OnDevice(const std::vector<T>& host) {
  return {static_cast<int64_t>(host.size()), host};
}

// Keys and values of `slots` sequences in every layer.
struct Cache {
  Cache(const Bench& s, int slots, int layers) : Cache(s, slots, layers, s.o.length / 2) {}
  Cache(const Bench& s, int slots, int layers, int tokens)
      : capacity(tokens),
        layer_stride(int64_t{slots} * 2 * s.kv * capacity),
        memory(Halves(layers * layer_stride)),
        layer{memory, memory + int64_t{s.kv} * capacity, int64_t{2} * s.kv * capacity, capacity} {}
  const int capacity;
  const int64_t layer_stride;
  const Array<Bf16> memory;
  const KvLayer<Bf16> layer;
};

void TimeCachedRows(const Bench& s, KernelClock& clock) {
  const int rows = s.o.rows, d = s.model.head_dim;
  const Cache cache(s, rows, 1);
  std::vector<int32_t> slot_of(static_cast<size_t>(rows)), last(slot_of);
  for (size_t i = 0; i < slot_of.size(); ++i) {
    slot_of[i] = static_cast<int32_t>(i);
    last[i] = cache.capacity - 1;
  }
  const auto slots = OnDevice(slot_of), positions = OnDevice(last);
  const auto qk = Halves(int64_t{rows} * (s.h + s.kv)),
             qkv = Halves(int64_t{rows} * (s.h + 2 * s.kv));
  const Array<Bf16> out(int64_t{rows} * s.h);
  const auto gain = Floats(d), angles = Floats(int64_t{s.model.max_positions} * d);
  clock.Time("QkNormRope", Times(rows, s.h + 2 * s.kv) + ", to a cache",
             {rows * (2 * s.b * (s.h + s.kv) + 4 * d + 3 * s.b * s.kv)}, [&] {
               QkNormRope<Bf16>(qkv, positions, rows, gain, gain, angles, angles, 1e-6f, s.heads,
                                qk, cache.layer, slots, nullptr);
             });
  const auto scratch = ScratchOfKeySplits(rows, s.heads, cache.capacity);
  const Array<float> parts(scratch.part_floats);
  const Array<int32_t> arrivals(scratch.arrivals,
                                std::vector<int32_t>(static_cast<size_t>(scratch.arrivals)));
  for (const int some : {rows, 1}) {
    const KeySplits splits{NumKeySplits(some, s.heads, cache.capacity), parts, arrivals};
    const double t = cache.capacity;
    clock.Time("AttentionDecode",
               std::to_string(some) + " rows, " + std::to_string(cache.capacity) +
                   " keys, head size " + std::to_string(d),
               {2 * s.b * s.kv * t * some, 4.0 * s.h * t * some}, [&] {
                 AttentionDecode<Bf16>(cache.layer, s.heads, qk, slots, positions, some, {}, splits,
                                       out, nullptr);
               });
  }
}

// As many samples of each prompt as in RL, whose prompts are half of what the cache holds.
void TimePrefixes(const Bench& s, KernelClock& clock) {
  constexpr int kSamples = 16;
  const int prompts = std::max(1, s.o.rows / kSamples), rows = prompts * kSamples;
  const int block = KeysPerBlock(s.model.head_dim);
  const int length = std::max(1, s.o.length / 4 / block) * block;
  const Cache cache(s, rows, 1, 2 * length);
  const int most = std::max(1, kPrefixRows * s.model.num_kv_heads / s.model.num_heads);
  std::vector<PrefixTile> on_host;
  std::vector<int32_t> each;
  for (int row = 0; row < rows; ++row) {
    each.push_back(row);
    const int sample = row % kSamples;
    if (sample % most > 0) continue;
    on_host.push_back({row - sample, length, row, std::min(most, kSamples - sample)});
  }
  const auto tiles = OnDevice(on_host);
  const auto num_tiles = OnDevice(std::vector{static_cast<int32_t>(on_host.size())});
  const auto members = OnDevice(each),
             lengths = OnDevice(std::vector<int32_t>(each.size(), length));
  const Array<float> parts(int64_t{rows} * s.model.num_heads * PartFloats(s.model.head_dim));
  const auto qk = Halves(int64_t{rows} * (s.h + s.kv));
  const PrefixTables tables{num_tiles, tiles, members, lengths, members, parts};
  const double part_bytes = 4.0 * rows * s.model.num_heads * PartFloats(s.model.head_dim);
  clock.Time("AttentionPrefix",
             std::to_string(prompts) + " x " + std::to_string(kSamples) + " rows, " +
                 std::to_string(length) + " keys, head size " + std::to_string(s.model.head_dim),
             {2 * s.b * s.kv * length * prompts + s.b * s.h * rows + part_bytes,
              4.0 * s.h * length * rows},
             [&] {
               AttentionPrefix(cache.layer, s.heads, qk, tables, static_cast<int>(on_host.size()),
                               nullptr);
             });
}

void TimeCopy(const Bench& s, KernelClock& clock) {
  const int layers = s.model.num_layers;
  const Cache cache(s, 2, layers);
  clock.Time("CopySlot",
             std::to_string(cache.capacity) + " tokens, " + std::to_string(layers) + " layers",
             {4 * s.b * s.kv * layers * cache.capacity}, [&] {
               CopySlot<Bf16>(cache.layer, layers, cache.layer_stride, s.heads, 0, 1,
                              cache.capacity, nullptr);
             });
}

// No row ends: each call keeps a token of every row and draws a random number.
void TimeAdvance(const Bench& s, KernelClock& clock) {
  CudaBackend backend(s.model, policy::ComputeType::kBfloat16, 0);
  policy::RowWindow window(backend);
  std::vector<policy::RowWindow::Row> rows(static_cast<size_t>(s.o.rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = {.task = i, .limit = 1 << 20, .position = 1, .slot = static_cast<int>(i)};
  }
  window.Send(rows, s.o.rows, 8, {}, {.run_seed = 1, .stream = RngStream::kSample});
  Check(cudaDeviceSynchronize(), "rows");
  clock.Time("AdvanceRows", std::to_string(s.o.rows) + " places", {60.0 * s.o.rows},
             [&] { AdvanceRows(window.table(), 0, nullptr); });
}

}  // namespace

void TimeAttention(const Bench& s, KernelClock& clock) {
  const int n = s.o.tokens, length = s.o.length;
  std::vector<policy::PackedBatch::Segment> segments;
  for (int begin = 0; begin < n; begin += length) {
    segments.push_back({begin, std::min(length, n - begin), 0, 0});
  }
  const auto on_host = MakeAttentionTiles(segments, s.heads);
  const KeyTiles keys = MakeKeyTiles(segments);
  const auto tiles = OnDevice(on_host);
  const auto key_tiles = OnDevice(keys.tiles);
  const auto ranges = OnDevice(keys.ranges);
  const auto qk = Halves(int64_t{n} * (s.h + s.kv)), qkv = Halves(int64_t{n} * (s.h + 2 * s.kv));
  const auto dout = Halves(int64_t{n} * s.h);
  const int num_heads = s.model.num_heads, num_tiles = static_cast<int>(on_host.size());
  const Array<Bf16> out(int64_t{n} * s.h);
  const Array<float> lse(int64_t{n} * num_heads), delta(int64_t{n} * num_heads);
  const Array<float> dqk(int64_t{n} * (s.h + s.kv)), dv(int64_t{n} * s.kv);
  const std::string shape = Times(n, s.h) + ", sequences of " + std::to_string(length);
  const double seen = (length + 1) / 2.0;  // keys, on average
  clock.Time("Attention", shape,
             {n * (s.b * (2 * s.h + 2 * s.kv) + 4 * num_heads), 4.0 * s.h * seen * n},
             [&] { Attention<Bf16>(tiles, num_tiles, s.heads, qk, qkv, out, lse, nullptr); });
  clock.Time("AttentionGradient", shape,
             {n * (s.b * (3 * s.h + 2 * s.kv) + 4.0 * (s.h + 2 * s.kv) + 12 * num_heads),
              14.0 * s.h * seen * n},
             [&] {
               AttentionGradient<Bf16>(tiles, num_tiles, key_tiles,
                                       static_cast<int>(keys.tiles.size()), ranges, s.heads, qk,
                                       qkv, out, lse, dout, n, delta, dqk, dv, nullptr);
             });
}

void TimeDecoding(const Bench& bench, KernelClock& clock) {
  TimeCachedRows(bench, clock);
  TimePrefixes(bench, clock);
  TimeCopy(bench, clock);
  TimeAdvance(bench, clock);
}

}  // namespace agon::benchmarks
