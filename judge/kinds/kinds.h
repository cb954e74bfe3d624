// Judges that need no model. Private to judge.
#pragma once

#include <memory>
#include <string>

#include "judge/judge.h"

namespace agon::judge {

// "reference" or "reference:HOW" (envs/answer_match.h): 1 if the reply gives Question::reference.
std::unique_ptr<Judge> MakeReferenceJudge(const std::string& name, const std::string& how);

// "env:SPEC": what the environment's grader gives for Question::task, whose assistant turns are
// those of the conversation and the reply. The conversation must be the task's where it says
// anything before the first of them.
std::unique_ptr<Judge> MakeEnvironmentJudge(const std::string& name, const std::string& spec);

}  // namespace agon::judge
