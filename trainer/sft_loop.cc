// SFT: imitate demonstrations written by labelers of mixed quality.
#include <cstdio>

#include "core/error.h"
#include "envs/demonstration.h"
#include "judge/episode.h"
#include "trainer/step_meter.h"
#include "trainer/supervised.h"
#include "trainer/trainer.h"

namespace agon::trainer {
namespace {

// What a labeler wrote for task `index`: a conversation for each seat. Each task has one
// labeler, drawn once.
void AppendDemonstration(const envs::Env& env, envs::Split split, uint64_t index,
                         const SftConfig& config, const datasets::ChatTemplate& chat,
                         int max_tokens, std::vector<MaskedSequence>& sequences) {
  const envs::Task task = env.Get(split, config.seed, index);
  const RngKey key{.run_seed = config.seed, .stream = RngStream::kLabeler, .task = index};
  const bool thinks = key.Uniform(0) < config.share_step_by_step;
  const auto labeler = thinks ? envs::Labeler::kStepByStep : envs::Labeler::kImmediate;
  const auto conversations = envs::DemonstrateConversations(env, task, labeler, key.Words(1)[0]);
  if (!conversations) {
    throw Error(ErrorKind::kUnsupported, "has no demonstrations to imitate", task.id.env,
                "choose another environment for sft.env");
  }
  for (const Messages& messages : *conversations) {
    datasets::Rendered rendered = chat.Render(messages);
    if (rendered.ids.size() > static_cast<size_t>(max_tokens)) {
      throw Error(ErrorKind::kUsage,
                  "the demonstration has " + std::to_string(rendered.ids.size()) +
                      " tokens, more than the model's context of " + std::to_string(max_tokens),
                  judge::TaskLabel(task.id), "choose easier tasks, or raise model.max_positions");
    }
    sequences.push_back({std::move(rendered.ids), std::move(rendered.loss_mask)});
  }
}

}  // namespace

void RunSft(const SftConfig& config, const StageContext& context) {
  policy::Policy& policy = context.policy;
  const auto env = envs::MakeEnv(config.env);
  const int max_tokens = policy.config().max_positions;
  std::vector<MaskedSequence> val_set;
  for (int i = 0; i < config.val_tasks; ++i) {
    AppendDemonstration(*env, envs::Split::kVal, static_cast<uint64_t>(i), config, context.chat,
                        max_tokens, val_set);
  }

  StepMeter meter("sft", config.num_steps, context);
  for (int step = context.first_step; step <= config.num_steps; ++step) {
    meter.Start();
    Rng draw(
        {.run_seed = config.seed, .stream = RngStream::kData, .step = static_cast<uint64_t>(step)});
    std::vector<MaskedSequence> batch;
    for (int i = 0; i < config.tasks_per_step; ++i) {
      const uint64_t index = draw.Below(static_cast<uint64_t>(config.num_tasks));
      AppendDemonstration(*env, envs::Split::kTrain, index, config, context.chat, max_tokens,
                          batch);
    }
    const float lr = config.schedule.At(step, config.num_steps);
    const SupervisedLoss loss = meter.In(
        step, [&] { return Learn(policy, batch, config.micro_batch_tokens, lr, context.team); });

    Numbers numbers = {{"loss", loss.loss},
                       {"lr", lr},
                       {"grad_norm", loss.grad_norm},
                       {"tokens", static_cast<double>(loss.num_tokens)}};
    char detail[64];
    std::snprintf(detail, sizeof detail, "loss %.3f", loss.loss);
    meter.Finish(step, static_cast<double>(loss.num_tokens), loss.flop, detail);
    const bool validate =
        step == config.num_steps || (config.val_every > 0 && step % config.val_every == 0);
    if (validate && !val_set.empty()) {
      numbers.emplace_back("val_loss", meter.In(step, [&] {
        return MeasureLoss(policy, val_set, config.micro_batch_tokens).loss;
      }));
    }
    context.log.Append("sft", step, numbers);
    SaveOrStop(step, config.num_steps, context);
  }
}

}  // namespace agon::trainer
