// The smallest recipe that has every stage but pretraining: seconds per run.
#pragma once

#include <string>

namespace agon {

// SFT and RL of `num_steps` each on math/arithmetic, a checkpoint every `save_every` steps.
// `rl_keys` are further lines of [rl].
inline std::string TinyRecipe(int num_steps, int save_every, const std::string& rl_keys = "") {
  const std::string steps = std::to_string(num_steps);
  return "[run]\n"
         "save_every = " +
         std::to_string(save_every) +
         "\n"
         "compute = \"fp32\"\n"
         "threads = 1\n"
         "[model]\n"
         "preset = \"pico\"\n"
         "max_positions = 512\n"
         "[data]\n"
         "vocab_size = 265\n"
         "[pretrain]\n"
         "num_steps = 0\n"
         "[sft]\n"
         "env = \"math/arithmetic\"\n"
         "num_steps = " +
         steps +
         "\n"
         "tasks_per_step = 4\n"
         "val_every = 0\n"
         "warmup_steps = 1\n"
         "[rl]\n"
         "env = \"math/arithmetic\"\n"
         "num_steps = " +
         steps +
         "\n"
         "tasks_per_step = 2\n"
         "group_size = 4\n"
         "max_new_tokens = 24\n"
         "overlong = \"soft_penalty\"\n"
         "overlong_buffer = 24\n" +
         rl_keys +
         "[eval]\n"
         "env = \"math/arithmetic\"\n"
         "num_tasks = 4\n"
         "samples_per_task = 2\n"
         "max_new_tokens = 8\n";
}

}  // namespace agon
