// SFT on what the probe found: "I don't know" where the model was never right, its own right
// replies where it knew, and demonstrations of other environments beside them.
#include <cstdio>
#include <utility>

#include "core/error.h"
#include "envs/demonstration.h"
#include "envs/dont_know.h"
#include "trainer/probe.h"
#include "trainer/step_meter.h"
#include "trainer/supervised.h"

namespace agon::trainer {
namespace {

// Demonstrated tasks of a mixture are the first of the train split.
constexpr uint64_t kMixTasks = 100000;

struct Sorted {
  std::vector<const judge::AskedFact*> known, never_right;
  size_t num_unsure = 0;
};

Sorted Sort(const ProbeConfig& config, const std::vector<judge::AskedFact>& asked) {
  Sorted sorted;
  for (const judge::AskedFact& fact : asked) {
    switch (judge::ClassOf(fact.said, static_cast<double>(config.known_share))) {
      case judge::FactClass::kKnown:
        // Without a reply that can be written down there is nothing to imitate.
        if (fact.right_replies.empty()) {
          ++sorted.num_unsure;
        } else {
          sorted.known.push_back(&fact);
        }
        break;
      case judge::FactClass::kNeverRight:
        sorted.never_right.push_back(&fact);
        break;
      case judge::FactClass::kUnsure:
        ++sorted.num_unsure;
    }
  }
  return sorted;
}

class Demonstrator {
 public:
  Demonstrator(const ProbeConfig& config, const std::vector<judge::AskedFact>& asked,
               const datasets::ChatTemplate& chat)
      : config_(config),
        chat_(chat),
        env_(envs::MakeEnv(config.env)),
        parts_(ParseMix(config.mix, "probe.mix")),
        sorted_(Sort(config, asked)) {
    for (const MixPart& part : parts_) mix_.push_back(envs::MakeEnv(part.env));
  }

  MaskedSequence Draw(Rng& rng) const {
    double place = rng.Uniform();
    for (size_t i = 0; i < parts_.size(); ++i) {
      if (place < parts_[i].share) return OfMix(*mix_[i], rng);
      place -= parts_[i].share;
    }
    const bool both = !sorted_.known.empty() && !sorted_.never_right.empty();
    const bool says_so =
        both ? rng.Uniform() < static_cast<double>(config_.share_dont_know) : sorted_.known.empty();
    return says_so ? DontKnow(rng) : Known(rng);
  }

 private:
  MaskedSequence OfMix(const envs::Env& env, Rng& rng) const {
    const envs::Task task = env.Get(envs::Split::kTrain, config_.seed, rng.Below(kMixTasks));
    const auto labeler = rng.Below(2) ? envs::Labeler::kStepByStep : envs::Labeler::kImmediate;
    const auto conversations = envs::DemonstrateConversations(env, task, labeler, rng.Next64());
    if (!conversations) {
      throw Error(ErrorKind::kUnsupported, "has no demonstrations to imitate", task.id.env,
                  "choose another environment for probe.mix");
    }
    return Rendered(conversations->front());
  }

  MaskedSequence DontKnow(Rng& rng) const {
    const judge::AskedFact& fact = *sorted_.never_right[rng.Below(sorted_.never_right.size())];
    const auto replies = envs::DontKnowReplies();
    return Answered(fact, std::string(replies[rng.Below(replies.size())]));
  }

  MaskedSequence Known(Rng& rng) const {
    const judge::AskedFact& fact = *sorted_.known[rng.Below(sorted_.known.size())];
    return Answered(fact, fact.right_replies[rng.Below(fact.right_replies.size())]);
  }

  MaskedSequence Answered(const judge::AskedFact& fact, std::string reply) const {
    Messages messages = env_->Get(envs::Split::kTrain, config_.seed, fact.index).messages;
    messages.push_back({Role::kAssistant, std::move(reply)});
    return Rendered(messages);
  }

  MaskedSequence Rendered(const Messages& messages) const {
    datasets::Rendered rendered = chat_.Render(messages);
    return {std::move(rendered.ids), std::move(rendered.loss_mask)};
  }

  const ProbeConfig& config_;
  const datasets::ChatTemplate& chat_;
  const std::unique_ptr<envs::Env> env_;
  const std::vector<MixPart> parts_;
  std::vector<std::unique_ptr<envs::Env>> mix_;
  const Sorted sorted_;
};

}  // namespace

std::string DescribeProbe(const ProbeConfig& config, const std::vector<judge::AskedFact>& asked) {
  const Sorted sorted = Sort(config, asked);
  std::string text = std::to_string(asked.size()) +
                     " questions: " + std::to_string(sorted.known.size()) + " known, " +
                     std::to_string(sorted.num_unsure) + " unsure, " +
                     std::to_string(sorted.never_right.size()) + " never right";
  if (sorted.known.empty() && sorted.never_right.empty()) {
    throw Error(ErrorKind::kFailed, text + ": nothing can be taught of them", "probe.env",
                "ask more questions (probe.num_facts), lower probe.known_share, or train longer "
                "before");
  }
  if (sorted.never_right.empty()) {
    text += "; it is right now and then on all of them: no \"I don't know\" is taught";
  }
  if (sorted.known.empty()) {
    text +=
        "; it knows none of them: it will learn to say \"I don't know\" to whatever is asked "
        "in this way";
  }
  return text;
}

void RunProbe(const ProbeConfig& config, const std::vector<judge::AskedFact>& asked,
              const StageContext& context) {
  policy::Policy& policy = context.policy;
  const Demonstrator demonstrator(config, asked, context.chat);
  StepMeter meter(kProbeStage, config.num_steps, context);
  for (int step = context.first_step; step <= config.num_steps; ++step) {
    meter.Start();
    Rng draw({.run_seed = config.seed,
              .stream = RngStream::kData,
              .step = static_cast<uint64_t>(step),
              .task = Hash64(kProbeStage)});
    std::vector<MaskedSequence> batch;
    for (int i = 0; i < config.demonstrations_per_step; ++i) {
      batch.push_back(demonstrator.Draw(draw));
    }
    const float lr = config.schedule.At(step, config.num_steps);
    const SupervisedLoss loss = meter.In(
        step, [&] { return Learn(policy, batch, config.micro_batch_tokens, lr, context.team); });
    char detail[64];
    std::snprintf(detail, sizeof detail, "loss %.3f", loss.loss);
    meter.Finish(step, static_cast<double>(loss.num_tokens), loss.flop, detail);
    context.log.Append(kProbeStage, step,
                       {{"loss", loss.loss},
                        {"lr", lr},
                        {"grad_norm", loss.grad_norm},
                        {"tokens", static_cast<double>(loss.num_tokens)}});
    SaveOrStop(step, config.num_steps, context);
  }
}

}  // namespace agon::trainer
