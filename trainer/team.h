// One optimizer step by several processes, with the bits of one.
//
// A batch is cut into `num_shards` parts, whatever the number of ranks, which take them in turn.
// Gradients (policy::Policy::AddShard) and statistics are summed in the order of shards. So the
// result depends on num_shards and not on who computed what.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "policy/communicator.h"
#include "policy/policy.h"

namespace agon::trainer {

// [begin, end) of a list.
struct Range {
  size_t begin = 0, end = 0;

  size_t size() const { return end - begin; }
};

// Part `index` of `count` things cut into `parts` as equal as can be.
Range PartOf(size_t count, size_t index, size_t parts);

class Team {
 public:
  // This process alone.
  explicit Team(int num_shards = 1);
  // Keeps the pointer. Throws Error(kUsage) unless the ranks divide num_shards.
  Team(policy::Communicator& ranks, int num_shards);

  policy::Communicator& ranks() const { return *ranks_; }

  // What this rank does of `count` tasks that need no gradient.
  Range Mine(size_t count) const;

  // Calls body(range) for this rank's shards of [0, count): it adds gradients to `policy` and
  // returns the shard's statistics. Afterwards OptimizerStep takes the sum over all shards;
  // returned are the statistics of all shards, in order. Collective. REQUIRES: several ranks
  // have joined `policy`.
  template <typename Stats, typename Body>
  std::vector<Stats> Accumulate(policy::Policy& policy, size_t count, const Body& body) const {
    static_assert(std::is_trivially_copyable_v<Stats>);
    std::string mine;
    Gradients(policy, count, [&](const Range& range) {
      const Stats stats = body(range);
      mine.append(reinterpret_cast<const char*>(&stats), sizeof stats);
    });
    const std::vector<std::string> all = ranks_->AllGather(mine);
    std::vector<Stats> shards(num_shards_);
    for (size_t shard = 0; shard < num_shards_; ++shard) {
      std::memcpy(&shards[shard],
                  all[shard % all.size()].data() + shard / all.size() * sizeof(Stats),
                  sizeof(Stats));
    }
    return shards;
  }

 private:
  void Gradients(policy::Policy& policy, size_t count,
                 const std::function<void(const Range&)>& body) const;

  std::shared_ptr<policy::Communicator> solo_;  // if this team is of one
  policy::Communicator* ranks_;
  size_t num_shards_ = 1;
};

}  // namespace agon::trainer
