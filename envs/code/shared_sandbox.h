// The process's one sandbox for the environments that run code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "envs/choice.h"
#include "envs/sandbox/sandbox.h"

namespace agon::envs {

// The parameter that allows to run model code as this user, without any walls: "=1". Named
// for its danger, as the commands' --unsafe-run-model-code-unsandboxed.
inline constexpr std::string_view kUnsafeKey = "unsafe_run_model_code_unsandboxed";

// Whether `own` parameters set it. Throws Error(kUsage) for another value than 0 or 1.
bool IsUnsafe(const TaskChoice& choice, const EnvInfo& info);

// Made at first use, one for each kind. Throws Error(kUnsupported) where the machine can't
// sandbox and `unsafe` doesn't allow to go without. Thread-safe.
Sandbox& SharedSandbox(bool unsafe = false);

}  // namespace agon::envs
