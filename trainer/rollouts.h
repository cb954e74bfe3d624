// The episodes of an RL step, in groups of one task, and what models say of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "envs/env.h"
#include "judge/exploits.h"
#include "trainer/pack.h"
#include "trainer/trainer.h"

namespace agon::trainer {

// Tasks [first, first + count) of the train split.
struct TaskRange {
  uint64_t first = 0;
  int count = 0;
};

// Those of one step, refills included. No two steps share a task.
TaskRange TasksOfStep(const RlConfig& config, int step);

// Episodes that decode at once.
int RowsOf(const RlConfig& config);

// Of each step's tasks, how many the reference scores: all where KL is charged or limited, or a
// learned reward is watched; else those whose KL is only shown.
int TasksOfReference(const RlConfig& config);

struct Episodes {
  std::vector<Group> groups;             // by task
  std::vector<judge::Exploit> exploits;  // with learned rewards, of the step's first tasks
};

// Rolls out group_size episodes of each task, in a game one group for each seat that the policy
// plays. Ranks share the tasks and all get all groups. Rollouts then have `gold`, `scores`,
// `ref_logprobs` and `values`, no reward yet; a group too small to be compared within is left out.
// A pure function of (config, tasks, step, weights), for exploits also of context.rl, whatever the
// number of ranks.
Episodes RollOut(const RlConfig& config, const std::shared_ptr<const envs::Env>& env,
                 const std::optional<judge::Player>& opponent, const TaskRange& tasks, int step,
                 const StageContext& context);

}  // namespace agon::trainer
