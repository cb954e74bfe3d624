#include "envs/scaffold.h"

#include <utility>

#include "core/error.h"
#include "core/file.h"

namespace agon::envs {
namespace {

constexpr const char* kCppSource = R"cpp(// @ID@: one line that says what it asks.
#include <memory>
#include <string>
#include <utility>

#include "envs/problem_env.h"

                                         namespace {

                                         using namespace agon;

                                         // One problem. All that varies comes from `rng`: then a
                                         // task is the same for ever.
                                         envs::Problem Draw(Rng& rng, int difficulty) {
                                           const int64_t high = difficulty == 0 ? 60 : 999;
                                           const int64_t a = rng.Between(2, high), b = rng.Between(2, high);
                                           envs::Problem problem;
                                           problem.question = "What is " + std::to_string(a) + " plus twice " + std::to_string(b) + "?";
                                           problem.answer = std::to_string(a + 2 * b);
                                           // What a labeler writes who thinks step by step, before
                                           // "Answer: ...".
                                           problem.steps = {"2*" + std::to_string(b) + "=" + std::to_string(2 * b)};
                                           // What is asked, whatever the wording: it decides
                                           // whether this is a train or a test task.
                                           problem.identity = problem.question;
                                           return problem;
                                         }

                                         std::unique_ptr<envs::Env> Make(std::string_view params) {
                                           envs::ProblemEnvSpec spec;
                                           spec.info.id = "@ID@";
                                           spec.info.summary = "A number plus twice another";
                                           spec.info.num_difficulties = 2;
                                           spec.families = {{"twice", Draw}};
                                           spec.verify = envs::VerifyNumber;  // or your own: see
                                                                              // envs/problem_env.h
                                           return envs::MakeProblemEnv(std::move(spec), params);
                                         }

                                         REGISTER_ENV("@ID@", Make);

                                         }  // namespace
)cpp";

constexpr const char* kCMakeLists = R"cmake(cmake_minimum_required(VERSION 3.25)
project(@FILE@ LANGUAGES CXX)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
find_package(agon REQUIRED)
agon_add_environment(@FILE@ @FILE@.cc)
)cmake";

constexpr const char* kPythonSource = R"py("""@ID@: one line that says what it asks."""
import agon_env


class Environment(agon_env.Env):
    id = "@ID@"
    summary = "A number plus twice another"
    families = ("twice",)
    num_difficulties = 2

    def make(self, rng, family, difficulty):
        """One problem. All that varies comes from `rng`: then a task is the same for ever."""
        high = 60 if difficulty == 0 else 999
        a, b = rng.randint(2, high), rng.randint(2, high)
        question = f"What is {a} plus twice {b}?"
        return agon_env.Task(question, answer=str(a + 2 * b), state=b)

    def grade(self, task, completion):
        right = agon_env.same_answer(agon_env.extract_answer(completion), task.answer)
        return right, "right" if right else f"wrong, it is {task.answer}"

    def demonstrate(self, task, session, labeler, variant):
        answer = f"Answer: {task.answer}"
        if labeler == "immediate":
            return answer
        return f"2*{task.state}={2 * task.state}\n{answer}"


if __name__ == "__main__":
    agon_env.serve(Environment)
)py";

std::string Filled(std::string text, const std::string& mark, const std::string& value) {
  for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size()) {
    text.replace(at, mark.size(), value);
  }
  return text;
}

bool IsFileName(std::string_view text) {
  if (text.empty() || text.front() < 'a' || text.front() > 'z') return false;
  for (const char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

// "clock" of "mine/clock".
std::string FileStem(const std::string& name) {
  const size_t slash = name.find('/');
  if (slash == std::string::npos || !IsFileName(name.substr(0, slash)) ||
      !IsFileName(name.substr(slash + 1))) {
    throw Error(ErrorKind::kUsage, "\"" + name + "\" is no name for an environment", "NAME",
                "write it like mine/clock: letters, digits and _, in lower case");
  }
  return name.substr(slash + 1);
}

}  // namespace

Scaffold WriteScaffold(const std::string& name, ScaffoldLanguage language, const fs::path& dir,
                       const fs::path& package_dir) {
  const std::string stem = FileStem(name), id = name + "-v1";
  const auto fill = [&](const char* text) {
    return Filled(Filled(text, "@ID@", id), "@FILE@", stem);
  };
  std::vector<std::pair<fs::path, std::string>> files;
  Scaffold scaffold;
  std::string plugin;
  if (language == ScaffoldLanguage::kCpp) {
    files = {{dir / (stem + ".cc"), fill(kCppSource)}, {dir / "CMakeLists.txt", fill(kCMakeLists)}};
    const fs::path build = dir / "build";
    std::string configure = "cmake -S " + dir.string() + " -B " + build.string();
    if (!package_dir.empty()) configure += " -Dagon_DIR=" + package_dir.string();
    scaffold.next_steps = {configure, "cmake --build " + build.string()};
    plugin = (build / (stem + ".so")).string();
  } else {
    files = {{dir / (stem + ".py"), fill(kPythonSource)}};
    plugin = files[0].first.string();
  }
  for (const auto& [path, text] : files) {
    if (fs::exists(path)) {
      throw Error(ErrorKind::kUsage, "is there already", path.string(),
                  "choose another name or --out");
    }
  }
  fs::create_directories(dir);
  for (const auto& [path, text] : files) {
    WriteFileAtomic(path, text);
    scaffold.files.push_back(path);
  }
  scaffold.next_steps.push_back("rl-env play " + name + " --plugin " + plugin);
  scaffold.next_steps.push_back("rl-env check " + name + " --plugin " + plugin);
  return scaffold;
}

fs::path PackageDir() {
  std::error_code error;
  const fs::path command = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const fs::path prefix = command.parent_path().parent_path();
  for (const char* place : {"", "lib/cmake/agon", "lib64/cmake/agon"}) {
    const fs::path dir = *place == 0 ? prefix : prefix / place;
    if (fs::exists(dir / "agon-config.cmake")) return dir;
  }
  return {};
}

}  // namespace agon::envs
