// One sandbox for the tests of this folder; they skip where the machine can't isolate.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "core/error.h"
#include "envs/sandbox/sandbox.h"

namespace agon::envs {

// nullptr where the machine lacks what boxes need; `why` says what.
inline std::unique_ptr<Sandbox> TryMakeSandbox(SandboxOptions options, std::string* why) {
  try {
    return std::make_unique<Sandbox>(std::move(options));
  } catch (const Error& error) {
    *why = error.what();
    return nullptr;
  }
}

class SandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Shared()) GTEST_SKIP() << "no sandbox on this machine: " << *Why();
  }

  static Sandbox& sandbox() { return *Shared(); }

  static BoxResult RunPython(const std::string& source, const BoxLimits& limits = {}) {
    return sandbox().Run(Program::Python(source), limits);
  }

  static Box::Clock::time_point In(int milliseconds) {
    return Box::Clock::now() + std::chrono::milliseconds(milliseconds);
  }

 private:
  static std::string* Why() {
    static std::string why;
    return &why;
  }
  // Made at the first test, ended before main returns.
  static Sandbox* Shared() {
    static std::unique_ptr<Sandbox> sandbox = TryMakeSandbox({}, Why());
    return sandbox.get();
  }
};

// For EXPECT_*: what a run came to, whole.
inline std::string Tell(const BoxResult& result) {
  return std::string(BoxVerdictName(result.verdict)) + " (" + result.reason + ") exit " +
         std::to_string(result.exit_status) + "\n-- stdout\n" +
         result.stdout_bytes.substr(0, 2000) + "\n-- stderr\n" +
         result.stderr_bytes.substr(0, 2000);
}

}  // namespace agon::envs
