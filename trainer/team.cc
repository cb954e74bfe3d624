#include "trainer/team.h"

#include "core/error.h"

namespace agon::trainer {
namespace {

std::string Bytes(const std::vector<float>& values, const Range& range) {
  return {reinterpret_cast<const char*>(values.data() + range.begin), range.size() * sizeof(float)};
}

// Adds the floats in `bytes` to `sum`.
void AddBytes(std::string_view bytes, std::vector<float>& sum) {
  for (size_t i = 0; i < sum.size(); ++i) {
    float value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    sum[i] += value;
  }
}

// The sum of all ranks' shards in order, each rank summing its part of the elements.
// `shards` are this rank's; every rank has as many, all of one size.
std::vector<float> SumOf(const std::vector<std::vector<float>>& shards,
                         policy::Communicator& ranks) {
  const size_t size = shards[0].size();
  const auto num_ranks = static_cast<size_t>(ranks.size());
  std::vector<std::string> parts(num_ranks);
  for (size_t r = 0; r < num_ranks; ++r) {
    for (const auto& shard : shards) parts[r] += Bytes(shard, PartOf(size, r, num_ranks));
  }
  const auto received = ranks.Exchange(std::move(parts));

  const Range mine = PartOf(size, static_cast<size_t>(ranks.rank()), num_ranks);
  std::vector<float> sum(mine.size());
  const size_t bytes = mine.size() * sizeof(float);
  for (const std::string& of_rank : received) {
    for (size_t s = 0; s < shards.size(); ++s) {
      AddBytes(std::string_view(of_rank).substr(s * bytes, bytes), sum);
    }
  }
  std::string whole;
  for (const auto& part : ranks.AllGather(Bytes(sum, {0, sum.size()}))) whole += part;
  sum.resize(size);
  std::memcpy(sum.data(), whole.data(), whole.size());
  return sum;
}

}  // namespace

Range PartOf(size_t count, size_t index, size_t parts) {
  return {count * index / parts, count * (index + 1) / parts};
}

Team::Team(int num_shards)
    : solo_(policy::NewSoloCommunicator()),
      ranks_(solo_.get()),
      num_shards_(static_cast<size_t>(num_shards)) {}

Team::Team(policy::Communicator& ranks, int num_shards)
    : ranks_(&ranks), num_shards_(static_cast<size_t>(num_shards)) {
  if (num_shards % ranks.size() == 0) return;
  throw Error(ErrorKind::kUsage,
              std::to_string(num_shards) + " shards can't be dealt evenly to " +
                  std::to_string(ranks.size()) + " ranks",
              "run.num_shards", "make it a multiple of the number of processes");
}

Range Team::Mine(size_t count) const {
  return PartOf(count, static_cast<size_t>(ranks_->rank()), static_cast<size_t>(ranks_->size()));
}

void Team::Gradients(policy::Policy& policy, size_t count,
                     const std::function<void(const Range&)>& body) const {
  if (num_shards_ == 1) return body({0, count});
  const Range mine = Mine(num_shards_);
  std::vector<std::vector<float>> shards;
  for (size_t shard = mine.begin; shard < mine.end; ++shard) {
    body(PartOf(count, shard, num_shards_));
    shards.push_back(policy.TakeGradient());
  }
  policy.SetGradient(SumOf(shards, *ranks_));
}

}  // namespace agon::trainer
