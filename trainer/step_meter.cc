#include "trainer/step_meter.h"

#include <cstdio>

namespace agon::trainer {

StepMeter::StepMeter(std::string_view stage, int num_steps, const StageContext& context)
    : stage_(stage), context_(context), progress_(stage, num_steps, "step") {}

void StepMeter::Start() { start_ = std::chrono::steady_clock::now(); }

double StepMeter::Seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void StepMeter::Finish(int step, double tokens, double flop, std::string_view detail,
                       const Numbers& extra) {
  const double seconds = Seconds();
  const double share =
      context_.ceiling_gflops > 0 ? 100.0 * flop / seconds * 1e-9 / context_.ceiling_gflops : 0.0;
  Numbers numbers = {
      {"seconds", seconds}, {"tokens_per_s", tokens / seconds}, {"percent_of_ceiling", share}};
  numbers.insert(numbers.end(), extra.begin(), extra.end());
  context_.log.AppendTiming(stage_, step, numbers);

  char ceiling[32] = "";
  if (share > 0) std::snprintf(ceiling, sizeof ceiling, "  %.0f%% of ceiling", share);
  const std::string line =
      std::string(detail) + "  " + FormatCount(tokens / seconds) + " tok/s" + ceiling;
  progress_.Update(step, line);
  if (context_.verbose) progress_.PrintLine(stage_ + " step " + std::to_string(step) + "  " + line);
}

void SaveOrStop(int step, int num_steps, const StageContext& context) {
  // All ranks stop after the same step, whoever was asked.
  const bool stop = context.team.ranks().Any(context.stop_requested && context.stop_requested());
  const bool due = step == num_steps || (context.save_every > 0 && step % context.save_every == 0);
  if ((due || stop) && context.save) {
    context.log.Sync();
    context.save(step);
  }
  if (stop) context.team.ranks().Barrier();  // nobody leaves before the leader has saved
  if (stop && step < num_steps) {
    throw Error(ErrorKind::kInterrupted, "stopped after step " + std::to_string(step), "",
                "run the same command with --resume to go on");
  }
}

}  // namespace agon::trainer
