// Pretraining: next token on documents.
#include <cmath>
#include <cstdio>

#include "trainer/step_meter.h"
#include "trainer/supervised.h"
#include "trainer/trainer.h"

namespace agon::trainer {
namespace {

std::vector<MaskedSequence> Masked(std::vector<std::vector<int32_t>> sequences) {
  std::vector<MaskedSequence> masked;
  for (auto& ids : sequences) {
    std::vector<uint8_t> mask(ids.size(), 1);
    masked.push_back({std::move(ids), std::move(mask)});
  }
  return masked;
}

}  // namespace

void RunPretrain(const PretrainConfig& config, const datasets::Corpus& train,
                 const datasets::Corpus& val, const StageContext& context) {
  policy::Policy& policy = context.policy;
  const RngKey key{.run_seed = config.seed, .stream = RngStream::kData};
  const auto val_set = Masked(val.Batch(key, 0, config.val_tokens, config.max_tokens));
  const double tokens_per_byte = static_cast<double>(val.num_tokens()) /
                                 static_cast<double>(std::max<int64_t>(1, val.num_bytes()));

  StepMeter meter("pretrain", config.num_steps, context);
  for (int step = context.first_step; step <= config.num_steps; ++step) {
    meter.Start();
    const auto batch = Masked(train.Batch(key, static_cast<uint64_t>(step - 1),
                                          config.tokens_per_step, config.max_tokens));
    const float lr = config.schedule.At(step, config.num_steps);
    const SupervisedLoss loss = meter.In(
        step, [&] { return Learn(policy, batch, config.micro_batch_tokens, lr, context.team); });

    Numbers numbers = {{"loss", loss.loss},
                       {"lr", lr},
                       {"grad_norm", loss.grad_norm},
                       {"tokens", static_cast<double>(step) * config.tokens_per_step}};
    char detail[96];
    int length = std::snprintf(detail, sizeof detail, "loss %.3f", loss.loss);
    const bool validate =
        step == config.num_steps || (config.val_every > 0 && step % config.val_every == 0);
    meter.Finish(step, static_cast<double>(loss.num_tokens), loss.flop,
                 {detail, static_cast<size_t>(length)});
    if (validate) {
      const double val_loss = meter.In(
          step, [&] { return MeasureLoss(policy, val_set, config.micro_batch_tokens).loss; });
      numbers.emplace_back("val_loss", val_loss);
      numbers.emplace_back("val_bpb", val_loss / std::log(2.0) * tokens_per_byte);
    }
    context.log.Append("pretrain", step, numbers);
    SaveOrStop(step, config.num_steps, context);
  }
}

}  // namespace agon::trainer
