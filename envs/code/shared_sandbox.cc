#include "envs/code/shared_sandbox.h"

#include <algorithm>
#include <thread>

#include "core/error.h"

namespace agon::envs {
namespace {

SandboxOptions Options(bool unsafe) {
  SandboxOptions options;
  options.num_ready =
      static_cast<int>(std::clamp(2 * std::thread::hardware_concurrency(), 4u, 16u));
  options.unsafe_no_isolation = unsafe;
  return options;
}

}  // namespace

bool IsUnsafe(const TaskChoice& choice, const EnvInfo& info) {
  const auto found = choice.own.find(std::string(kUnsafeKey));
  if (found == choice.own.end() || found->second == "0") return false;
  if (found->second != "1") ThrowBadValue(kUnsafeKey, found->second, info, "0 or 1");
  return true;
}

Sandbox& SharedSandbox(bool unsafe) {
  if (unsafe) {
    static Sandbox sandbox(Options(true));
    return sandbox;
  }
  try {
    static Sandbox sandbox(Options(false));
    return sandbox;
  } catch (const Error& error) {
    throw Error(error.kind(), error.what(), "",
                "use another machine, or, where nothing is to be lost, the parameter " +
                    std::string(kUnsafeKey) + "=1");
  }
}

}  // namespace agon::envs
