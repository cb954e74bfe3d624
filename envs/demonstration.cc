#include "envs/demonstration.h"

#include <string>
#include <utility>

#include "core/error.h"

namespace agon::envs {
namespace {

std::optional<std::string> Say(const Episode& episode, Labeler labeler, uint64_t variant) {
  if (auto text = episode.Demonstrate(labeler, variant)) return text;
  const Labeler other = labeler == Labeler::kImmediate ? Labeler::kStepByStep : Labeler::kImmediate;
  return episode.Demonstrate(other, variant);
}

}  // namespace

std::optional<Demonstration> DemonstrateEpisode(const Env& env, const Task& task, Labeler labeler,
                                                uint64_t variant) {
  const EnvInfo& info = env.info();
  Demonstration demonstration;
  demonstration.seats.resize(static_cast<size_t>(info.num_seats));
  demonstration.seats[0] = task.messages;
  const auto episode = env.Start(task);
  size_t seat = 0;
  for (int turn = 0; turn < info.max_turns * info.num_seats; ++turn) {
    const auto text = Say(*episode, labeler, variant);
    if (!text) return std::nullopt;
    demonstration.seats[seat].push_back({Role::kAssistant, *text});
    StepResult result = episode->Step(*text, /*truncated=*/false);
    if (auto* outcome = std::get_if<Outcome>(&result)) {
      if (outcome->masked) return std::nullopt;
      demonstration.outcome = std::move(*outcome);
      return demonstration;
    }
    Turn& next = std::get<Turn>(result);
    AGON_CHECK(next.seat >= 0 && next.seat < info.num_seats, info.id + " names no such seat");
    seat = static_cast<size_t>(next.seat);
    for (Message& message : next.messages) {
      demonstration.seats[seat].push_back(std::move(message));
    }
  }
  throw Error(ErrorKind::kFailed, "a demonstration doesn't end within max_turns", info.id,
              "raise EnvInfo::max_turns");
}

std::optional<std::vector<Messages>> DemonstrateConversations(const Env& env, const Task& task,
                                                              Labeler labeler, uint64_t variant) {
  if (env.info().max_turns == 1 && env.info().num_seats == 1) {
    const auto text = Say(*env.Start(task), labeler, variant);
    if (!text) return std::nullopt;
    Messages conversation = task.messages;
    conversation.push_back({Role::kAssistant, *text});
    return std::vector<Messages>{std::move(conversation)};
  }
  auto demonstration = DemonstrateEpisode(env, task, labeler, variant);
  if (!demonstration) return std::nullopt;
  return std::move(demonstration->seats);
}

}  // namespace agon::envs
