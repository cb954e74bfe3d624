#include "policy/shared_step.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/error.h"

namespace agon::policy {
namespace {

// Chunks of squares that begin before element `at`.
int64_t ChunksBefore(int64_t at) { return (at + kSquaresPerSum - 1) / kSquaresPerSum; }

// What a rank needs beyond its share: the rest of the last chunk that begins in it.
Share Beyond(const Share& share, int64_t size) {
  const int64_t chunks = ChunksBefore(share.end);
  if (ChunksBefore(share.begin) == chunks) return {share.end, share.end};
  return {share.end, std::min(chunks * kSquaresPerSum, size)};
}

Share Overlap(const Share& a, const Share& b) {
  const int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

size_t Bytes(int64_t count) { return static_cast<size_t>(count) * sizeof(float); }

size_t Number(int64_t count) { return static_cast<size_t>(count); }

}  // namespace

SharedStep::SharedStep(const WeightLayout& layout,
                       const std::function<bool(const TensorSpec&)>& stays_whole, Backend& backend,
                       Communicator& ranks, int64_t received_floats)
    : backend_(backend),
      ranks_(ranks),
      size_(layout.size()),
      shares_(CutShares(layout, ranks.size(), stays_whole)),
      exchange_(ranks.size() > 1 ? MakeExchange(backend, ranks) : nullptr),
      received_(backend.NewMemory("gradient exchange")),
      sum_(backend, "gradient sums", share().size()) {
  for (const Share& share : shares_) longest_ = std::max(longest_, share.size());
  piece_ = std::min(longest_, std::max<int64_t>(1, received_floats / ranks.size()));
}

void SharedStep::Reserve(int num_shards) {
  if (num_shards > 1) received_->Get(ReceivedBytes());
  if (num_shards > ranks_.size()) sum_.data();
}

Share SharedStep::Piece(size_t rank, int64_t at) const {
  const int64_t begin = std::min(shares_[rank].begin + at, shares_[rank].end);
  return {begin, std::min(begin + piece_, shares_[rank].end)};
}

void SharedStep::ReceivePieces(const float* gradients, int64_t at, float* received) {
  if (!exchange_) return;
  const int64_t mine = Piece(rank(), at).size();
  std::vector<std::span<const float>> sent;
  std::vector<std::span<float>> slots;
  for (size_t r = 0; r < shares_.size(); ++r) {
    const Share piece = Piece(r, at);
    sent.emplace_back(gradients + piece.begin, Number(piece.size()));
    slots.emplace_back(received + static_cast<int64_t>(r) * piece_, Number(mine));
  }
  exchange_->Run(sent, slots);
}

void SharedStep::AddShard(DeviceFloats& gradients, bool is_last) {
  float* const g = gradients.data();
  float* const received = reinterpret_cast<float*>(received_->Get(ReceivedBytes()));
  float* const sum = received + static_cast<int64_t>(rank()) * piece_;  // nobody writes there
  for (int64_t at = 0; at < longest_; at += piece_) {
    ReceivePieces(g, at, received);
    const Share piece = Piece(rank(), at);
    const int64_t count = piece.size();
    if (count == 0) continue;
    if (has_sum_) {
      backend_.Copy(sum, sum_.data() + at, Bytes(count));
    } else {
      backend_.Zero(sum, Bytes(count));
    }
    for (size_t r = 0; r < shares_.size(); ++r) {
      const float* shard =
          r == rank() ? g + piece.begin : received + static_cast<int64_t>(r) * piece_;
      backend_.Combine(1.0f, sum, 1.0f, shard, count, sum);
    }
    backend_.Copy(is_last ? g + piece.begin : sum_.data() + at, sum, Bytes(count));
  }
  has_sum_ = !is_last;
  if (is_last) {
    backend_.Zero(g, Bytes(share().begin));
    backend_.Zero(g + share().end, Bytes(size_ - share().end));
    gradients.Changed();
  } else {
    gradients.Zero();
  }
}

void SharedStep::CompleteLastChunk(float* gradients) {
  const bool is_needed = std::any_of(shares_.begin(), shares_.end(), [&](const Share& share) {
    return Beyond(share, size_).size() > 0;
  });
  if (!is_needed) return;
  std::vector<std::span<const float>> sent;
  std::vector<std::span<float>> received;
  for (const Share& other : shares_) {
    const Share give = Overlap(share(), Beyond(other, size_));
    const Share take = Overlap(other, Beyond(share(), size_));
    sent.emplace_back(gradients + give.begin, Number(give.size()));
    received.emplace_back(gradients + take.begin, Number(take.size()));
  }
  exchange_->Run(sent, received);
}

double SharedStep::SumOfSquares(DeviceFloats& gradients) {
  float* const g = gradients.data();
  CompleteLastChunk(g);
  const int64_t first = ChunksBefore(share().begin), end = ChunksBefore(share().end);
  std::vector<double> sums(Number(end - first));
  if (!sums.empty()) {
    const int64_t begin = first * kSquaresPerSum;
    backend_.SumsOfSquares(g + begin, std::min(end * kSquaresPerSum, size_) - begin, sums.data());
  }
  const Share beyond = Beyond(share(), size_);
  backend_.Zero(g + beyond.begin, Bytes(beyond.size()));

  const std::string_view mine(reinterpret_cast<const char*>(sums.data()),
                              sums.size() * sizeof(double));
  double total = 0.0;
  for (const std::string& part : ranks_.AllGather(mine)) {
    for (size_t at = 0; at < part.size(); at += sizeof(double)) {
      double sum;
      std::memcpy(&sum, part.data() + at, sizeof sum);
      total += sum;
    }
  }
  return total;
}

int64_t SharedStep::Largest(int64_t mine) const {
  int64_t largest = mine;
  for (const std::string& number : ranks_.AllGather(std::to_string(mine))) {
    largest = std::max<int64_t>(largest, std::stoll(number));
  }
  return largest;
}

void SharedStep::GatherWeights(DeviceFloats& weights) {
  if (!exchange_) return;
  float* const w = weights.data();
  const std::span<const float> mine(w + share().begin, Number(share().size()));
  const std::vector<std::span<const float>> sent(shares_.size(), mine);
  std::vector<std::span<float>> received;
  for (const Share& share : shares_) received.emplace_back(w + share.begin, Number(share.size()));
  exchange_->Run(sent, received);
  weights.Changed();
}

void SharedStep::Collect(const DeviceFloats& of_share, std::span<float> whole) const {
  constexpr size_t kLeader = 0;
  for (int64_t at = 0; at < longest_; at += piece_) {
    std::vector<std::string> parts(shares_.size());
    std::string& mine = parts[kLeader];
    mine.resize(Bytes(Piece(rank(), at).size()));
    if (!mine.empty()) backend_.Download(mine.data(), of_share.data() + at, mine.size());
    parts = ranks_.Exchange(std::move(parts));
    if (!leads()) continue;
    for (size_t r = 0; r < shares_.size(); ++r) {
      const Share piece = Piece(r, at);
      AGON_CHECK(parts[r].size() == Bytes(piece.size()), "ranks agree on their shares");
      std::memcpy(whole.data() + piece.begin, parts[r].data(), parts[r].size());
    }
  }
}

}  // namespace agon::policy
