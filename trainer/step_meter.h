// What a person sees of a stage: the bar, a line per step, timing.jsonl.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/error_place.h"
#include "core/progress.h"
#include "trainer/run_log.h"
#include "trainer/trainer.h"

namespace agon::trainer {

class StepMeter {
 public:
  // Keeps references. `stage` names the bar.
  StepMeter(std::string_view stage, int num_steps, const StageContext& context);

  void Start();            // a step begins
  double Seconds() const;  // since Start
  // What work() returns. An Error of it (no number, no memory, a prompt too long) says in which
  // step it was.
  template <typename Work>
  auto In(int step, const Work& work) const {
    return PlaceErrors(stage_ + " step " + std::to_string(step), work);
  }
  // A step is done: `tokens` were trained or sampled for `flop` model FLOP in all; `detail`
  // are its numbers for people. Extra timings go to timing.jsonl.
  void Finish(int step, double tokens, double flop, std::string_view detail,
              const Numbers& extra = {});

 private:
  std::string stage_;
  const StageContext& context_;
  Progress progress_;
  std::chrono::steady_clock::time_point start_;
};

// After a finished step: saves where the config says so, and stops where it was asked to.
void SaveOrStop(int step, int num_steps, const StageContext& context);

}  // namespace agon::trainer
