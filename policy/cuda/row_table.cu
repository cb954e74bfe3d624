// Between two steps of decoding: what was drawn is kept, rows that stopped give their places to
// rows that wait, and each place gets its next random number. One block, for the order of places
// decides who takes which. Bound: latency.
#include "policy/cuda/chain.h"
#include "policy/cuda/device.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"

namespace agon::policy::cuda {
namespace {

constexpr int kThreads = 256;

struct PhiloxKey {
  uint32_t low, high;
};

// First word of core/rng.h's Philox4x32.
__device__ inline uint32_t Philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3,
                                  PhiloxKey key) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = static_cast<uint64_t>(0xD2511F53u) * c0;
    const uint64_t product1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
    c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ key.low;
    c1 = static_cast<uint32_t>(product1);
    c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ key.high;
    c3 = static_cast<uint32_t>(product0);
    key.low += 0x9E3779B9u;
    key.high += 0xBB67AE85u;
  }
  return c0;
}

// As RngKey::Uniform.
__device__ inline float Uniform(const RowTable& t, PhiloxKey key, int row) {
  const auto word = [](int32_t bits) { return static_cast<uint32_t>(bits); };
  const uint32_t drawn = Philox(word(t.counts[row]), word(t.samples[row]), word(t.task_low[row]),
                                word(t.task_high[row]), key);
  return static_cast<float>(drawn >> 8) * 0x1p-24f;
}

__device__ inline bool IsStop(const RowTable& t, int32_t token) {
  for (int i = 0; i < t.num_stops; ++i) {
    if (t.stops[i] == token) return true;
  }
  return false;
}

__global__ void AdvanceRowsKernel(RowTable t, int step, PhiloxKey key) {
  WaitForKernelBefore();
  int waiting = *t.next_waiting;
  for (int first = 0; first < t.num_places; first += kThreads) {
    const int place = first + static_cast<int>(threadIdx.x);
    const bool is_place = place < t.num_places;
    const int64_t at = static_cast<int64_t>(step) * t.num_places + place;
    int row = is_place ? t.occupants[place] : -1;
    int32_t token = row >= 0 ? t.fed[at] : -1;
    int ended = 0;
    if (is_place) {
      const bool draws = row >= 0 && token < 0;
      t.rows_drawn[at] = draws ? row : -1;
      if (draws) {
        token = t.tokens[place];
        t.tokens_drawn[at] = token;
        t.logprobs_drawn[at] = t.logprobs[place];
        const int count = t.counts[row] + 1;
        t.counts[row] = count;
        ended = count >= t.limits[row] || IsStop(t, token) ? 1 : 0;
      }
    }
    int num_ended;
    const int taken = waiting + BlockSumBefore(ended, &num_ended);
    waiting += num_ended;
    if (!is_place) continue;
    if (ended && t.slot_rows) t.slot_rows[t.slots[row]] = -1;
    const bool is_taken = ended && taken < t.num_rows;
    if (ended) row = is_taken ? taken : -1;
    t.occupants[place] = row;
    t.sources[place] = is_taken ? row : place;
    const bool decodes = row >= 0 && !ended;
    t.next_tokens[place] = decodes ? token : 0;
    t.next_slots[place] = decodes ? t.slots[row] : -1;
    t.next_positions[place] = decodes ? t.positions[row] : 0;
    if (decodes) t.positions[row] += 1;
    if (decodes && t.slot_rows) t.slot_rows[t.slots[row]] = place;
    if (row >= 0) t.uniforms[place] = Uniform(t, key, row);
  }
  if (threadIdx.x == 0) *t.next_waiting = waiting < t.num_rows ? waiting : t.num_rows;
}

}  // namespace

void AdvanceRows(const RowTable& table, int step, cudaStream_t stream) {
  const RngKey& key = table.key;
  const auto low = [](uint64_t x) { return static_cast<uint32_t>(x); };
  // As RngKey::Words: seed, stream and step are the Philox key, the rest is the counter.
  const auto mixed =
      Philox4x32({low(key.step), low(key.step >> 32), static_cast<uint32_t>(key.stream), 0},
                 {low(key.run_seed), low(key.run_seed >> 32)});
  LaunchInChain("AdvanceRows", {dim3(1), kThreads}, stream, AdvanceRowsKernel, table, step,
                PhiloxKey{mixed[0], mixed[1]});
}

}  // namespace agon::policy::cuda
