// Small programs that serve environments, well or badly, for the tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "core/file.h"
#include "envs/plugin/process_env.h"

namespace agon::envs {

inline fs::path WriteProgram(const std::string& name, const std::string& text) {
  const fs::path path = fs::path(testing::TempDir()) / (std::to_string(getpid()) + "_" + name);
  WriteFileAtomic(path, text);
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

// With the module: `methods` are those of the class, at four spaces.
inline std::string ModuleProgram(const std::string& methods, int timeout_ms = 60000) {
  return R"(import os, signal, sys, time
import agon_env
print("imported")
class Test(agon_env.Env):
    id = "zz_test/program-v1"
    summary = "For tests"
    step_timeout_ms = )" +
         std::to_string(timeout_ms) + R"(
    def make(self, rng, family, difficulty):
        number = rng.randrange(10**6)
        return agon_env.Task(f"Say {number}.", answer=str(number))
    def grade(self, task, completion):
        return completion == task.answer
    def demonstrate(self, task, session, labeler, variant):
        return task.answer
)" + methods +
         "\nagon_env.serve(Test)\n";
}

// Without it: `handle` is the body of a function of one request, at four spaces, that may
// call send(object), result(request, data) and serve(request), which behaves.
inline std::string RawProgram(const std::string& handle, int timeout_ms = 60000, int version = 1) {
  return R"(import json, os, sys, time
def write(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
def send(thing):
    write(json.dumps(thing))
def result(request, data):
    send({"id": request["id"], "type": "result", "data": data})
def serve(request):
    kind, data = request["type"], request.get("data")
    if kind == "hello":
        result(request, {"version": )" +
         std::to_string(version) +
         R"(, "environments": [{"id": "zz_test/program-v1", "summary": "For tests",
                                          "num_seats": 2, "step_timeout_ms": )" +
         std::to_string(timeout_ms) + R"(}]})
    elif kind == "get":
        result(request, {"id": {"env": "zz_test/program-v1", "split": data["split"],
                                "seed": data["seed"], "index": data["index"]},
                         "messages": [{"role": "user", "content": "Say 7."}], "answer": "7"})
    elif kind == "step":
        result(request, {"outcome": {"parts": [{"name": "right", "value": 1.0}]}})
    elif request["id"]:
        result(request, {})
def handle(request):
)" + handle +
         R"(
for line in sys.stdin:
    whole = json.loads(line)
    for request in whole.get("batch", [whole]):
        handle(request)
)";
}

inline ProcessOptions QuietOptions() {
  ProcessOptions options;
  options.warns = false;
  options.first_pause_ms = 1;
  return options;
}

// One program and its environment.
struct TestProgram {
  TestProgram(const std::string& name, const std::string& text, const std::string& params = "",
              const ProcessOptions& options = QuietOptions())
      : host(std::make_shared<ProcessHost>(WriteProgram(name, text), options)),
        env(MakeProcessEnv(host, "zz_test/program-v1", params)) {}

  std::unique_ptr<Episode> Start(uint64_t index = 0) const {
    return env->Start(env->Get(Split::kTrain, 1, index));
  }
  // The outcome of one step.
  Outcome Say(const std::string& completion = "7", uint64_t index = 0) const {
    const StepResult result = Start(index)->Step(completion, false);
    EXPECT_TRUE(std::holds_alternative<Outcome>(result));
    return std::holds_alternative<Outcome>(result) ? std::get<Outcome>(result) : Outcome();
  }

  std::shared_ptr<ProcessHost> host;
  std::unique_ptr<Env> env;
};

}  // namespace agon::envs
