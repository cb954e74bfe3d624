// Sandboxes for the tests of this folder; they skip where the machine can't isolate.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "core/error.h"
#include "envs/sandbox/sandbox.h"

namespace agon::envs {

// A sandbox made at first use, and why there is none.
struct LazySandbox {
  explicit LazySandbox(SandboxOptions options) {
    try {
      sandbox = std::make_unique<Sandbox>(std::move(options));
    } catch (const Error& error) {
      why = error.what();
    }
  }
  std::unique_ptr<Sandbox> sandbox;
  std::string why;
};

class SandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Shared().sandbox) GTEST_SKIP() << "this machine has no sandbox: " << Shared().why;
  }

  static Sandbox& sandbox() { return *Shared().sandbox; }
  // The same as it is where the machine lends no cgroup.
  static Sandbox& no_cgroup() {
    static LazySandbox lazy([] {
      SandboxOptions options;
      options.use_cgroup = false;
      options.num_ready = 1;
      return options;
    }());
    return *lazy.sandbox;
  }
  // Without any walls: attacks must succeed here, or their tests test nothing.
  static Sandbox& leaky() {
    static LazySandbox lazy([] {
      SandboxOptions options;
      options.unsafe_no_isolation = true;
      options.num_ready = 1;
      return options;
    }());
    return *lazy.sandbox;
  }

  // For programs that shall come to their end on a machine that is busy with other things.
  static BoxLimits Patient() {
    BoxLimits limits;
    limits.wall_ms = 60000;
    limits.cpu_ms = 30000;
    return limits;
  }

  static BoxResult RunPython(const std::string& source, const BoxLimits& limits = Patient()) {
    return sandbox().Run(Program::Python(source), limits);
  }

  static Box::Clock::time_point In(int milliseconds) {
    return Box::Clock::now() + std::chrono::milliseconds(milliseconds);
  }

 private:
  static LazySandbox& Shared() {
    static LazySandbox lazy({});
    return lazy;
  }
};

// For failure messages: what a run came to.
inline std::string Tell(const BoxResult& result) {
  return std::string(BoxVerdictName(result.verdict)) + " (" + result.reason + ") exit " +
         std::to_string(result.exit_status) + "\n-- stdout\n" +
         result.stdout_bytes.substr(0, 2000) + "\n-- stderr\n" +
         result.stderr_bytes.substr(0, 2000);
}

}  // namespace agon::envs
