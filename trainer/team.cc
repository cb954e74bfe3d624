#include "trainer/team.h"

#include "core/error.h"

namespace agon::trainer {
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
  const auto num_ranks = static_cast<size_t>(ranks_->size());
  for (auto shard = static_cast<size_t>(ranks_->rank()); shard < num_shards_; shard += num_ranks) {
    body(PartOf(count, shard, num_shards_));
    policy.AddShard(/*is_last=*/shard + num_ranks >= num_shards_);
  }
}

}  // namespace agon::trainer
