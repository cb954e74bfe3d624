// What ranks do together in an optimizer step. Private to policy.
//
// Each rank has a share of the arena (policy/shares.h): it sums the gradients of all shards over
// it, steps it with moments that nobody else has, and sends the new weights to all. Sums go in the
// order of shards and of fixed chunks, so their bits don't depend on the number of ranks. Source:
// Rajbhandari et al. 2020, "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models",
// section 5.1 (P_os).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "policy/backend.h"
#include "policy/communicator.h"
#include "policy/device_array.h"
#include "policy/exchange.h"
#include "policy/shares.h"

namespace agon::policy {

// Device memory in which pieces of other ranks' gradients wait to be summed.
inline constexpr int64_t kReceivedFloats = 16 << 20;

class SharedStep {
 public:
  // Keeps references. Pieces of gradients that are received at once have `received_floats` in all.
  // Collective.
  SharedStep(const WeightLayout& layout, const std::function<bool(const TensorSpec&)>& stays_whole,
             Backend& backend, Communicator& ranks, int64_t received_floats = kReceivedFloats);

  // Takes the memory that steps with gradients of `num_shards` shards need; without it the first
  // step does.
  void Reserve(int num_shards);

  const Share& share() const { return shares_[rank()]; }  // this rank's
  int num_ranks() const { return ranks_.size(); }
  bool leads() const { return ranks_.is_leader(); }
  // Null for one rank.
  const Exchange* exchange() const { return exchange_.get(); }

  // Every rank gives the gradient of a shard, in the order of ranks, and zeroes it. After the last
  // `gradients` holds the sum of all shards that were ever given, in order, over this rank's share,
  // and zeros elsewhere. Collective.
  void AddShard(DeviceFloats& gradients, bool is_last);
  // Of the whole arena, of which each rank has its share as AddShard leaves it. Waits. Collective.
  double SumOfSquares(DeviceFloats& gradients);
  // The largest number that a rank has. Collective.
  int64_t Largest(int64_t mine) const;
  // Every rank's share of `weights` goes to all. Collective.
  void GatherWeights(DeviceFloats& weights);
  // `whole` (layout.size()) of the leader gets what each rank has for its share; the others' isn't
  // looked at. Collective.
  void Collect(const DeviceFloats& of_share, std::span<float> whole) const;

  std::vector<MemoryUse> Memory() const { return {received_->Use(), sum_.Use()}; }

 private:
  size_t rank() const { return static_cast<size_t>(ranks_.rank()); }
  size_t ReceivedBytes() const {
    return static_cast<size_t>(piece_) * shares_.size() * sizeof(float);
  }
  // Elements of a rank's share from number `at` of them.
  Share Piece(size_t rank, int64_t at) const;
  // `received` (ranks, piece_): the others' gradients of this rank's piece `at`.
  void ReceivePieces(const float* gradients, int64_t at, float* received);
  // Fills up the chunk that this rank's share ends in from the shares behind it.
  void CompleteLastChunk(float* gradients);

  Backend& backend_;
  Communicator& ranks_;
  int64_t size_;
  std::vector<Share> shares_;
  std::unique_ptr<Exchange> exchange_;
  int64_t longest_ = 0, piece_ = 0;  // most elements of a share, and of what is summed at once
  std::unique_ptr<DeviceMemory> received_;
  DeviceFloats sum_;  // of the shards so far, if there are more to come
  bool has_sum_ = false;
};

}  // namespace agon::policy
