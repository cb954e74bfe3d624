// Whatever a policy says in an environment with a verifier of its own, the episode goes on
// or ends with a reward in range; a call can be run or says why not.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envs/env.h"
#include "envs/game/move_text.h"
#include "envs/text/text_answer.h"
#include "envs/tool/tool_call.h"
#include "tests/fuzz/fuzz.h"

namespace agon {
namespace {

struct Asked {
  std::unique_ptr<envs::Env> env;
  envs::Task task;
};

const std::vector<Asked>& AllAsked() {
  static const std::vector<Asked> all = [] {
    std::vector<Asked> asked;
    for (const char* id :
         {"game/connect4", "tool/calculator", "tool/search", "text/spelling", "text/compare",
          "reason/fraction_simplification", "reason/knights_knaves", "reason/mini_sudoku",
          "reason/prime_factorization", "reason/time_intervals", "reason/tower_of_hanoi",
          "reason/word_sorting"}) {
      auto env = envs::MakeEnv(id);
      auto task = env->Get(envs::Split::kTrain, 0, 0);
      asked.push_back({std::move(env), std::move(task)});
    }
    return asked;
  }();
  return all;
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  if (const auto move = envs::ReadMove(bytes, 7); move.move) {
    AGON_CHECK(*move.move >= 0 && *move.move < 7 && move.problem.empty());
  }
  const envs::ExtractedAnswer answer = envs::ExtractText(bytes);
  AGON_CHECK(answer.text.empty() != answer.problem.empty());
  const auto& tools = AllAsked()[1].env->info().tools;
  if (const auto call = envs::FindToolCall(bytes, tools)) {
    AGON_CHECK(call->name.empty() != call->problem.empty());
    AGON_CHECK(call->problem.empty() == (call->arguments.count("expression") == 1));
  }
  for (const Asked& asked : AllAsked()) {
    for (const std::string& text : {std::string(bytes), "Answer: " + std::string(bytes)}) {
      const envs::StepResult result = asked.env->Start(asked.task)->Step(text, false);
      if (const auto* outcome = std::get_if<envs::Outcome>(&result)) {
        AGON_CHECK(outcome->Reward() >= 0 && outcome->Reward() <= asked.env->info().max_reward);
      }
    }
  }
}

}  // namespace agon
